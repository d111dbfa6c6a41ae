"""Compares models before and after compression: sizes, and outputs in ONNX Runtime on the same fixed input.

usage: compare_outputs.py RATIO (ORIGINAL COMPRESSED DECOMPRESSED)...

Ends with status 1 if a file is larger than RATIO allows, or an output is not finite.
"""
import os
import sys

import numpy as np
import onnxruntime


# The largest value of a pixel, where it is not 1.
BRIGHTEST = {"mnist_winml.onnx": 255}


def picture(shape, brightest):
    """A fixed picture with values 0..brightest: soft waves, a bright square and a little noise."""
    height, width = shape[-2:]
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    image = 0.5 + 0.2 * np.sin(9 * x + 4 * y) + 0.2 * np.cos(7 * y - 3 * x * x)
    image[height // 4:height // 2, width // 3:width // 2] = 0.95
    image += np.random.default_rng(1).normal(0, 0.01, image.shape)
    return np.broadcast_to((brightest * np.clip(image, 0, 1)).astype(np.float32), shape)


def outputs(path):
    brightest = BRIGHTEST.get(os.path.basename(path), 1)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {}
    for argument in session.get_inputs():
        feed[argument.name] = picture([size if isinstance(size, int) else 1 for size in argument.shape], brightest)
    return [np.asarray(output, dtype=np.float64) for output in session.run(None, feed)]


def relative_error(original, candidate):
    """||y - y'|| / ||y|| over all outputs."""
    damage = sum(np.sum((y - z) ** 2) for y, z in zip(original, candidate, strict=True))
    return float(np.sqrt(damage / sum(np.sum(y**2) for y in original)))


def main():
    limit = float(sys.argv[1])
    paths = sys.argv[2:]
    good = True
    print("output error: ||y - y'|| / ||y|| of the model's outputs, decompressed against original, on one fixed picture")
    print(f"{'model':<24}{'original':>12}{'compressed':>12}{'ratio':>8}{'output error':>14}")
    for original, compressed, decompressed in zip(paths[0::3], paths[1::3], paths[2::3], strict=True):
        before, after = os.path.getsize(original), os.path.getsize(compressed)
        error = relative_error(outputs(original), outputs(decompressed))
        good = good and after <= limit * before and np.isfinite(error)
        print(f"{os.path.basename(original):<24}{before:>10,} B{after:>10,} B{after / before:>8.3f}{error:>14.2e}")
    if not good:
        sys.exit("a file is larger than allowed, or an output is not finite")


if __name__ == "__main__":
    main()
