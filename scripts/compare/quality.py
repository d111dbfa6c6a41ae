"""How much worse a model has become, by the protocol of that model, in ONNX Runtime.

usage: quality.py MODEL ORIGINAL.onnx CANDIDATE.onnx [--data FOLDER]
       quality.py --list

Prints one JSON object. `loss` is what the comparison looks at, 0 for the original, smaller is better:
  shakespeare_gpt   perplexity / the original's - 1, on every 2nd window of 64 characters of the last 10 % of the text
  minilm            mean 1 - cosine of the embeddings, 400 sentences
  mnist_mlp_1024    accuracy lost, in points, on the 10,000 test images (may be negative)
  others            relative error: norm(y - y') / norm(y) over all samples, mean over the outputs
"""
import argparse
import json
import pathlib

import numpy as np
import onnxruntime

import samples

METRICS = {"shakespeare_gpt": "perplexity", "minilm": "1 - cos", "mnist_mlp_1024": "points"}
BATCH = 64


def open_session(path, threads=2):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(session, feed):
    """Outputs over all samples, float32; a graph with a fixed batch is fed one sample at a time."""
    first = session.get_inputs()[0].shape[0]
    small = max(int(np.prod(array.shape[1:])) for array in feed.values()) < 100_000
    size = first if isinstance(first, int) else BATCH if small else 1
    count = len(next(iter(feed.values())))
    batches = [session.run(None, {name: array[i:i + size] for name, array in feed.items()}) for i in range(0, count, size)]
    return [np.concatenate(parts).astype(np.float32) for parts in zip(*batches, strict=True)]


class Judge:
    """Runs the original once; then judges candidates."""

    def __init__(self, model, original, data):
        self.model, self.data = model, data
        self.feed = samples.samples(model, "evaluation", data)
        self.expected = self.outputs(original)
        self.score = self.absolute(self.expected)

    def outputs(self, path):
        session = open_session(path)
        if self.model == "silero_vad_op18_ifless":
            runs = samples.frame_by_frame(session, self.feed)
            return [np.stack(parts) for parts in zip(*((output[0], state[:, 0]) for _, output, state in runs), strict=True)]
        if self.model == "shakespeare_gpt":
            return run(session, {"input_ids": self.feed["input_ids"][:, :-1]})
        return run(session, self.feed)

    def absolute(self, outputs):
        """The figure that users know: perplexity or accuracy, None where there is none."""
        if self.model == "shakespeare_gpt":
            logits = outputs[0].astype(np.float64)
            logits -= logits.max(-1, keepdims=True)
            log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            return float(np.exp(-np.take_along_axis(log_p, self.feed["input_ids"][:, 1:, None], -1).mean()))
        if self.model == "mnist_mlp_1024":
            return float(100 * np.mean(outputs[0].argmax(1) == np.load(self.data / "mnist_test_y.npy")))
        return None

    def relative_error(self, outputs):
        errors = [np.linalg.norm((y - z).ravel().astype(np.float64)) / np.linalg.norm(y.ravel().astype(np.float64))
                  for y, z in zip(self.expected, outputs, strict=True)]
        return float(np.mean(errors))

    def loss(self, outputs, error):
        if self.model == "shakespeare_gpt":
            return self.absolute(outputs) / self.score - 1
        if self.model == "mnist_mlp_1024":
            return round(self.score - self.absolute(outputs), 6)  # 0.1 points are 10 images, not 0.1 + 1e-14
        if self.model == "minilm":
            y, z = self.expected[0].astype(np.float64), outputs[0].astype(np.float64)
            cosine = (y * z).sum(1) / (np.linalg.norm(y, axis=1) * np.linalg.norm(z, axis=1))
            return float(1 - cosine.mean())
        return error

    def judge(self, candidate):
        outputs = self.outputs(candidate)
        error = self.relative_error(outputs)
        result = {"metric": METRICS.get(self.model, "relative error"), "loss": self.loss(outputs, error), "relative_error": error}
        if self.score is not None:
            result |= {"score": self.absolute(outputs), "original_score": self.score}
        return result


def default_data():
    """The folder `data` of the shared files beside the checkout, if there are any."""
    return pathlib.Path(__file__).resolve().parent.parent.parent.parent / "shared" / "data"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the names of the models")
    parser.add_argument("--data", type=pathlib.Path, default=default_data())
    parser.add_argument("paths", nargs="*", metavar="MODEL ORIGINAL CANDIDATE")
    arguments = parser.parse_args()
    if arguments.list:
        return print("\n".join(samples.SAMPLES))
    if len(arguments.paths) != 3 or arguments.paths[0] not in samples.SAMPLES:
        parser.error("needs MODEL ORIGINAL CANDIDATE; --list names the models")
    model, original, candidate = arguments.paths
    print(json.dumps(Judge(model, original, arguments.data).judge(candidate)))


if __name__ == "__main__":
    main()
