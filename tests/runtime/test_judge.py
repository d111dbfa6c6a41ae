"""The figures of a judgement, compared with NumPy on what Python's onnxruntime gives."""
import os
import subprocess

import numpy
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture(scope="session")
def driver(root):
    program = root / os.environ.get("TT_BUILD", "build") / "tests/unit/runtime/judge_models"
    assert program.exists(), f"{program} is missing: build it"
    return program


@pytest.fixture
def judge(driver):
    """judge(original, candidate, samples, mappings..., option=value...) -> figures by name, or the error's text."""
    def judge(*arguments, **options):
        given = [text for name, value in options.items() for text in ("--" + name, str(value))]
        done = subprocess.run([driver, *given, *arguments], capture_output=True, text=True, timeout=120)
        if "built without ONNX Runtime" in done.stderr:
            pytest.skip("tt is built without ONNX Runtime")
        if done.returncode:
            assert done.returncode == 1 and done.stderr, done
            return done.stderr
        assert done.stderr == ""
        figures = dict(line.split(" ", 1) for line in done.stdout.splitlines())
        return {name: text if name in ("task", "note") else float(text) for name, text in figures.items()}
    return judge


def noisy(source, target, share, seed=0):
    """The model with noise on every matrix and kernel: `share` of the standard deviation."""
    model = onnx.load(source)
    random = numpy.random.default_rng(seed)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) >= 2:
            array = numpy_helper.to_array(tensor)
            noise = share * array.std() * random.standard_normal(array.shape)
            tensor.CopyFrom(numpy_helper.from_array((array + noise).astype(numpy.float32), tensor.name))
    onnx.save(model, target)
    return target


def run(model, feeds, one_by_one=False):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    if not one_by_one:
        return dict(zip(names, session.run(None, feeds)))
    rows = len(next(iter(feeds.values())))
    runs = [session.run(None, {name: array[i:i + 1] for name, array in feeds.items()}) for i in range(rows)]
    return dict(zip(names, map(numpy.concatenate, zip(*runs))))


def output_figures(name, y, z, keep=None):
    y, z = numpy.float64(y), numpy.float64(z)
    width = y[0].size if y.shape[-1] == 1 else y.shape[-1]
    y, z = y.reshape(-1, width), z.reshape(-1, width)
    if keep is not None:
        y, z = y[keep], z[keep]
    error = y - z
    cosine = (y * z).sum(1) / numpy.sqrt((y * y).sum(1) * (z * z).sum(1))
    figures = {"values": y.size, "mse": (error ** 2).mean(), "mae": abs(error).mean(), "max_abs_error": abs(error).max(),
               "relative_error": numpy.linalg.norm(error) / numpy.linalg.norm(y),
               "pearson": numpy.corrcoef(y.ravel(), z.ravel())[0, 1],
               "cosine_mean": cosine.mean(), "cosine_min": cosine.min()}
    return {f"{name}.{key}": value for key, value in figures.items()}


def log_softmax(x):
    x = numpy.float64(x) - x.max(-1, keepdims=True)
    return x - numpy.log(numpy.exp(x).sum(-1, keepdims=True))


def prediction_figures(x, y):
    """Of logits [samples, rows, classes]."""
    p, q = log_softmax(x), log_softmax(y)
    kl = (numpy.exp(p) * (p - q)).sum(-1)
    best = x.argmax(-1)
    top5 = numpy.argsort(-y, axis=-1, kind="stable")[..., :5]
    figures = {f"kl.{name}": numpy.percentile(kl, percent, method="inverted_cdf")
               for name, percent in (("median", 50), ("p90", 90), ("p99", 99))}
    return figures | {"kl.mean": kl.mean(), "kl.se": kl.mean(1).std(ddof=1) / len(kl) ** 0.5,
                      "top1_agreement": (best == y.argmax(-1)).mean(),
                      "top5_agreement": (top5 == best[..., None]).any(-1).mean()}


def check(figures, expected, tolerance=1e-5):
    """Both runtimes are the same code, but may run other batches: five digits, not all."""
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, rel=tolerance, abs=1e-12), name


@pytest.mark.parametrize("options", [{}, {"batch": 1}, {"batch": 20000, "threads": 2}], ids=["default", "one", "some"])
def test_mnist_classifies(judge, data, tmp_path, options):
    original, candidate = data / "mnist_winml.onnx", noisy(data / "mnist_winml.onnx", tmp_path / "c.onnx", 0.4)
    images = numpy.load(data / "mnist/test.npz")
    x = next(array for array in images.values() if array.ndim > 1)[:200].reshape(-1, 1, 28, 28)
    labels = numpy.load(data / "mnist/labels.npy")[:200]
    numpy.save(tmp_path / "x.npy", x)
    numpy.save(tmp_path / "y.npy", labels)
    figures = judge(original, candidate, tmp_path / "x.npy", "Input3:scale=1", labels=tmp_path / "y.npy", **options)
    feeds = {"Input3": x.astype(numpy.float32)}
    (name, a), (_, b) = (*run(original, feeds, True).items(), *run(candidate, feeds, True).items())
    assert figures["task"] == "classification" and figures["samples"] == 200
    check(figures, output_figures(name, a, b) | prediction_figures(a[:, None], b[:, None]))
    right_a, right_b = a.argmax(1) == labels, b.argmax(1) == labels
    check(figures, {"accuracy.original": right_a.mean(), "accuracy.candidate": right_b.mean(),
                    "accuracy.drop": 100 * (right_a.mean() - right_b.mean())})
    assert figures["accuracy.low"] < figures["accuracy.drop"] < figures["accuracy.high"]


@pytest.mark.parametrize("name,shape", [("super_resolution.onnx", (5, 1, 224, 224)), ("unitree_velocity/policy.onnx", (50, 96))])
def test_plain_outputs(judge, data, tmp_path, name, shape):
    candidate = noisy(data / name, tmp_path / "c.onnx", 0.1)
    x = numpy.random.default_rng(1).random(shape, dtype=numpy.float32)
    numpy.save(tmp_path / "x.npy", x)
    figures = judge(data / name, candidate, tmp_path / "x.npy")
    session = onnxruntime.InferenceSession(str(data / name), providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: x}
    original, other = run(data / name, feeds, True), run(candidate, feeds, True)
    assert figures["task"] == "generic" and "kl.mean" not in figures
    for output in original:
        check(figures, output_figures(output, original[output], other[output]))


def test_softmax_is_a_distribution(judge, data, tmp_path):
    candidate = noisy(data / "ppocr_cls.onnx", tmp_path / "c.onnx", 0.05)
    x = numpy.random.default_rng(2).standard_normal((9, 3, 48, 192), dtype=numpy.float32)
    numpy.save(tmp_path / "x.npy", x)
    figures = judge(data / "ppocr_cls.onnx", candidate, tmp_path / "x.npy")
    (_, p), (_, q) = (*run(data / "ppocr_cls.onnx", {"x": x}).items(), *run(candidate, {"x": x}).items())
    assert figures["task"] == "classification"
    check(figures, prediction_figures(numpy.log(p)[:, None], numpy.log(q)[:, None]), 1e-4)


@pytest.fixture
def language_model(tmp_path):
    """Scores [N, T, 30] of tokens [N, T]: a table of 30 rows, a tanh layer, a head."""
    random = numpy.random.default_rng(3)
    weights = {"table": (30, 16), "hidden": (16, 16), "head": (16, 30)}
    initializers = [numpy_helper.from_array(random.standard_normal(shape).astype(numpy.float32), name)
                    for name, shape in weights.items()]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["x"]), helper.make_node("MatMul", ["x", "hidden"], ["h"]),
             helper.make_node("Tanh", ["h"], ["t"]), helper.make_node("MatMul", ["t", "head"], ["logits"]),
             helper.make_node("CastLike", ["attention_mask", "attention_mask"], ["seen"])]
    tokens = [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", "T"]) for name in ("attention_mask", "input_ids")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", "T", 30]),
               helper.make_tensor_value_info("seen", TensorProto.INT64, ["N", "T"])]
    graph = helper.make_graph(nodes, "g", tokens, outputs, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "lm.onnx")
    return tmp_path / "lm.onnx", noisy(tmp_path / "lm.onnx", tmp_path / "c.onnx", 0.2)


def perplexity(logits, labels, counts):
    loss = -numpy.take_along_axis(log_softmax(logits), labels[..., None], -1)[..., 0]
    return numpy.exp(loss[counts].mean())


@pytest.mark.parametrize("batch", [1, 3000, 1 << 23])
def test_perplexity_of_the_next_token_and_of_labels(judge, language_model, tmp_path, batch):
    original, candidate = language_model
    random = numpy.random.default_rng(4)
    ids, labels = random.integers(0, 30, (2, 40, 12))
    mask = (numpy.arange(12) < random.integers(3, 13, (40, 1))).astype(numpy.int64)
    feeds = {"input_ids": ids, "attention_mask": mask}
    numpy.savez(tmp_path / "x.npz", **feeds)
    numpy.save(tmp_path / "y.npy", numpy.where(mask == 1, labels, -100))
    a, b = run(original, feeds)["logits"], run(candidate, feeds)["logits"]
    figures = judge(original, candidate, tmp_path / "x.npz", batch=batch)
    assert figures["task"] == "lm"
    everywhere = numpy.ones_like(mask[:, 1:], dtype=bool)
    check(figures, prediction_figures(a, b) | output_figures("logits", a, b) | {
        "perplexity.original": perplexity(a[:, :-1], ids[:, 1:], everywhere),
        "perplexity.candidate": perplexity(b[:, :-1], ids[:, 1:], everywhere)})
    # Padding has neither a prediction nor a label.
    figures = judge(original, candidate, tmp_path / "x.npz", mask="attention_mask", batch=batch)
    counts = mask[:, 1:] == 1
    keep = (mask == 1).ravel()
    check(figures, output_figures("logits", a, b, keep) | {
        "perplexity.original": perplexity(a[:, :-1], ids[:, 1:], counts),
        "perplexity.candidate": perplexity(b[:, :-1], ids[:, 1:], counts)})
    p, q = (log_softmax(logits).reshape(-1, 30)[keep] for logits in (a, b))
    check(figures, {"kl.mean": (numpy.exp(p) * (p - q)).sum(1).mean()})
    figures = judge(original, candidate, tmp_path / "x.npz", labels=tmp_path / "y.npy", batch=batch)
    check(figures, {"perplexity.original": perplexity(a, labels, mask == 1),
                    "perplexity.candidate": perplexity(b, labels, mask == 1),
                    "accuracy.original": (a.argmax(-1) == labels)[mask == 1].mean(),
                    "accuracy.candidate": (b.argmax(-1) == labels)[mask == 1].mean()})


def test_regression(judge, data, tmp_path):
    policy = data / "unitree_velocity/policy.onnx"
    candidate = noisy(policy, tmp_path / "c.onnx", 0.1)
    random = numpy.random.default_rng(5)
    x = random.random((20, 96), dtype=numpy.float32)
    a, b = (next(iter(run(model, {"obs": x}, True).values())) for model in (policy, candidate))
    y = a + random.standard_normal(a.shape)
    numpy.save(tmp_path / "x.npy", x)
    numpy.save(tmp_path / "y.npy", y)
    figures = judge(policy, candidate, tmp_path / "x.npy", labels=tmp_path / "y.npy")
    assert figures["task"] == "regression"
    check(figures, {"label_error.original": ((a - y) ** 2).mean(), "label_error.candidate": ((b - y) ** 2).mean()})
    numpy.save(tmp_path / "y.npy", y[:, :5])
    assert "5 values a sample" in judge(policy, candidate, tmp_path / "x.npy", labels=tmp_path / "y.npy")


def test_batches_and_threads_give_the_same_figures(judge, language_model, tmp_path):
    original, candidate = language_model
    ids = numpy.random.default_rng(6).integers(0, 30, (300, 8))
    numpy.savez(tmp_path / "x.npz", input_ids=ids, attention_mask=numpy.ones_like(ids))
    once = judge(original, candidate, tmp_path / "x.npz")
    assert judge(original, candidate, tmp_path / "x.npz", threads=2) == once
    assert judge(original, candidate, tmp_path / "x.npz", batch=9000).keys() == once.keys()
    assert judge(original, original, tmp_path / "x.npz")["kl.mean"] == 0
