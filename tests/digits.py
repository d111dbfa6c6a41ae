"""Trains the classifier 64-256-256-10 on scikit-learn's digits, in plain numpy.

usage: digits.py FOLDER

Writes digits.onnx, calibration.npz (the 1,257 training images), test.npz and labels.npy (540 images that training never saw).
"""
import gzip
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DATA = pathlib.Path(__file__).resolve().parent / "data" / "digits" / "digits.csv.gz"
WIDTHS = (64, 256, 256, 10)
TEST_IMAGES, SPLIT = 540, 42  # the images that scikit-learn's train_test_split(test_size=0.3, random_state=42) keeps for the test
EPOCHS, BATCH, RATE = 60, 32, 1e-3
DECAYS = 0.9, 0.999  # Adam's
# Parameters stay on a grid far finer than any step of training: the last bits in which one BLAS differs from the next would
# otherwise grow into another model on another machine.
GRID = 2.0**20


def images():
    """(test, training) of pairs (images in 0..1, labels)."""
    with gzip.open(DATA, "rt") as file:
        rows = np.loadtxt(file, delimiter=",")
    rows = rows[np.random.RandomState(SPLIT).permutation(len(rows))]
    parts = rows[:TEST_IMAGES], rows[TEST_IMAGES:]
    return [(part[:, :64] / 16, part[:, 64].astype(int)) for part in parts]


def activations(parameters, x):
    """The inputs of every layer, and the logits last."""
    found = [x]
    for i, (weight, bias) in enumerate(parameters):
        found.append(found[-1] @ weight.T + bias)
        if i + 1 < len(parameters):
            found[-1] = np.maximum(found[-1], 0)
    return found


def gradients(parameters, x, labels):
    """Of the mean cross entropy, a pair a layer."""
    inputs = activations(parameters, x)
    logits = inputs.pop()
    slope = np.exp(logits - logits.max(1, keepdims=True))
    slope /= slope.sum(1, keepdims=True)
    slope[np.arange(len(x)), labels] -= 1
    slope /= len(x)
    found = []
    for (weight, _), layer_input in zip(reversed(parameters), reversed(inputs), strict=True):
        found.append((slope.T @ layer_input, slope.sum(0)))
        slope = (slope @ weight) * (layer_input > 0)
    return found[::-1]


def train(x, labels):
    """Adam; the same parameters every time."""
    random = np.random.default_rng(0)
    parameters = [tuple(np.round(random.uniform(-1, 1, shape) / np.sqrt(fan_in) * GRID) / GRID for shape in ((width, fan_in), width))
                  for fan_in, width in zip(WIDTHS, WIDTHS[1:])]
    means = [[np.zeros_like(array) for array in layer] for layer in parameters]
    squares = [[np.zeros_like(array) for array in layer] for layer in parameters]
    steps = 0
    for _ in range(EPOCHS):
        order = random.permutation(len(x))
        for first in range(0, len(order), BATCH):
            batch = order[first:first + BATCH]
            steps += 1
            for layer, slopes in enumerate(gradients(parameters, x[batch], labels[batch])):
                moved = []
                for i, (array, slope) in enumerate(zip(parameters[layer], slopes, strict=True)):
                    mean, square = means[layer][i], squares[layer][i]
                    mean += (1 - DECAYS[0]) * (slope - mean)
                    square += (1 - DECAYS[1]) * (slope**2 - square)
                    step = RATE * mean / (1 - DECAYS[0]**steps) / (np.sqrt(square / (1 - DECAYS[1]**steps)) + 1e-8)
                    moved.append(np.round((array - step) * GRID) / GRID)
                parameters[layer] = tuple(moved)
    return parameters


def model_of(parameters):
    """Gemm, Relu, Gemm, Relu, Gemm."""
    nodes, arrays, value = [], {}, "x"
    for i, (weight, bias) in enumerate(parameters):
        last = i + 1 == len(parameters)
        arrays |= {f"fc{i + 1}.weight": weight, f"fc{i + 1}.bias": bias}
        nodes.append(helper.make_node("Gemm", [value, f"fc{i + 1}.weight", f"fc{i + 1}.bias"], ["y" if last else f"h{i + 1}"], transB=1))
        if not last:
            nodes.append(helper.make_node("Relu", [f"h{i + 1}"], [f"r{i + 1}"]))
        value = f"r{i + 1}"
    graph = helper.make_graph(nodes, "digits", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", WIDTHS[0]])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", WIDTHS[-1]])],
                              [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write(folder):
    """The four files; returns the accuracy on the test images."""
    folder = pathlib.Path(folder)
    (x, labels), (seen, seen_labels) = images()
    parameters = train(seen, seen_labels)
    onnx.save(model_of(parameters), folder / "digits.onnx")
    np.savez(folder / "calibration.npz", x=seen.astype(np.float32))
    np.savez(folder / "test.npz", x=x.astype(np.float32))
    np.save(folder / "labels.npy", labels)
    return float((activations(parameters, x)[-1].argmax(1) == labels).mean())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[2])
    print(f"accuracy on {TEST_IMAGES} test images: {write(sys.argv[1]):.4f}")
