"""tt verify: figures against an independent computation, limits that never pass by accident, judges of the user."""
import json
import math
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import check_error
from models import ROOT, SHARED, session

sys.path.insert(0, str(ROOT / "tests" / "hostile"))
import tt_file

SAMPLES = SHARED.parent / "data"


@pytest.fixture(scope="session", autouse=True)
def runtime_or_skip(tt_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    path, samples = folder / "m.onnx", folder / "x.npy"
    save(path, np.eye(4, 3))
    np.save(samples, np.ones((1, 4), np.float32))
    done = subprocess.run([tt_path, "verify", path, path, "--data", samples], capture_output=True, text=True)
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")


def save(path, weight, bias=None, names=("x", "scores")):
    """A classifier: scores = x W + b."""
    weight = np.asarray(weight, np.float32)
    bias = np.zeros(weight.shape[1], np.float32) if bias is None else np.asarray(bias, np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", [names[0], "w", "b"], [names[1]], name="layer")], "g",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, ["N", weight.shape[0]])],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, ["N", weight.shape[1]])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())


@pytest.fixture
def small(tmp_path):
    """a.onnx, a candidate b.onnx that is a little off, 200 samples in x.npz, labels y.npy (a's own mostly)."""
    random = np.random.default_rng(3)
    weight = random.normal(size=(8, 5))
    save(tmp_path / "a.onnx", weight)
    save(tmp_path / "b.onnx", weight + 0.05 * random.normal(size=weight.shape))
    x = random.normal(size=(200, 8)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    y = (x @ weight.astype(np.float32)).argmax(1)
    y[:20] = (y[:20] + 1) % 5
    np.save(tmp_path / "y.npy", y)
    return tmp_path


PAIR = ["verify", "a.onnx", "b.onnx"]
DATA = [*PAIR, "--no-latency", "--data", "x.npz"]


def report_of(result, status=0):
    assert result.status == status, result
    return json.loads(result.stdout)


# --- figures ---------------------------------------------------------------------------------------------------

def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def expected_outputs(y, z):
    """y, z: one array an output, samples first."""
    y, z = y.astype(np.float64), z.astype(np.float64)
    rows = (-1, y.shape[-1]) if y.shape[-1] > 1 else (len(y), -1)
    a, b = y.reshape(rows), z.reshape(rows)
    cosine = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
    error = y - z
    return {"mse": (error ** 2).mean(), "mae": abs(error).mean(), "max_abs_error": abs(error).max(),
            "relative_error": np.linalg.norm(error) / np.linalg.norm(y), "pearson": np.corrcoef(y.ravel(), z.ravel())[0, 1],
            "cosine_mean": cosine.mean(), "cosine_min": cosine.min(), "values": y.size, "non_finite": 0}


def expected_predictions(y, z, labels):
    y, z = (np.asarray(a, np.float64).reshape(-1, a.shape[-1]) for a in (y, z))
    p, q = log_softmax(y), log_softmax(z)
    kl = np.sort((np.exp(p) * (p - q)).sum(1))
    rank = lambda share: kl[math.ceil(share * len(kl)) - 1]
    first = y.argmax(1)
    five = np.argsort(-z, axis=1, kind="stable")[:, :5]
    figures = {"kl": {"mean": kl.mean(), "median": rank(0.5), "p90": rank(0.9), "p99": rank(0.99)},
               "top1_agreement": (first == z.argmax(1)).mean(), "top5_agreement": (five == first[:, None]).any(1).mean()}
    if labels is not None:
        labels = labels.ravel()
        right = [(a.argmax(1) == labels).mean() for a in (y, z)]
        figures["accuracy"] = {"original": right[0], "candidate": right[1], "drop": 100 * (right[0] - right[1])}
        rows = np.arange(len(labels))
        figures["perplexity"] = {"original": np.exp(-p[rows, labels].mean()), "candidate": np.exp(-q[rows, labels].mean())}
    return figures


def run_reference(path, feeds, whole):
    """Python's ONNX Runtime; `whole`: one sample at a time, without the first axis."""
    run = session(path)
    names = [output.name for output in run.get_outputs()]
    if not whole:
        return dict(zip(names, run.run(None, feeds)))
    count = max(len(array) for array in feeds.values() if array.ndim)
    parts = [run.run(None, {name: array[i] if array.ndim else array for name, array in feeds.items()}) for i in range(count)]
    return dict(zip(names, map(np.stack, zip(*parts))))


def close(found, wanted, path="", scale=0.0):
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            close(found[key], value, f"{path}.{key}", scale)
    else:
        assert found == pytest.approx(wanted, rel=1e-5, abs=scale), path


def mnist():
    x = np.load(SAMPLES / "mnist_test_x.npy")
    return ({"input": x}, {"input": (x.reshape(len(x), -1) * np.float64(1 / 255)).astype(np.float32)},
            np.load(SAMPLES / "mnist_test_y.npy"), ["--input", "input:scale=1/255,shape=N,784"], False)


def shakespeare():
    text = (SAMPLES / "tinyshakespeare.txt").read_text()
    letters = json.loads((SHARED / "shakespeare_gpt.chars.json").read_text())
    ids = np.array([letters.index(letter) for letter in text[int(0.9 * len(text)):]], np.int64)
    starts = np.arange(0, len(ids) - 64, 64)[::2]
    x, y = (np.stack([ids[start + shift:start + shift + 64] for start in starts]) for shift in (0, 1))
    return {"input_ids": x}, {"input_ids": x}, y, [], False


def plausible(shapes, count, whole=True):
    def make():
        random = np.random.default_rng(11)
        feeds = {name: random.random((count, *shape), dtype=np.float32) for name, shape in shapes.items()}
        return feeds, feeds, None, [], whole
    return make


def silero():
    import wave
    with wave.open(str(SAMPLES / "silero_test.wav")) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16)[:576 * 40].astype(np.float32) / 32768
    state = 0.1 * np.random.default_rng(5).normal(size=(40, 2, 1, 128)).astype(np.float32)
    feeds = {"input": sound.reshape(40, 1, 576), "state": state, "sr": np.array(16000, np.int64)}
    return feeds, feeds, None, [], True


REAL = {
    "mnist_mlp_1024": (SHARED / "mnist_mlp_1024.onnx", mnist, "classification"),
    "shakespeare_gpt": (SHARED / "shakespeare_gpt.onnx", shakespeare, "lm"),
    "vttrack": (SHARED / "vttrack.onnx", plausible({"template": (1, 3, 128, 128), "search": (1, 3, 256, 256)}, 3), "generic"),
    "silero": (SHARED / "silero_vad_op18_ifless.onnx", silero, "generic"),
    "super_resolution": (ROOT / "tests/data/super_resolution.onnx", plausible({"input": (1, 224, 224)}, 3, False), "generic"),
    "unitree_velocity": (ROOT / "tests/data/unitree_velocity/policy.onnx", plausible({"obs": (1, 96)}, 32), "generic"),
}


@pytest.mark.parametrize("name", REAL)
def test_figures_of_real_models(tt, tmp_path, name):
    path, make, task = REAL[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    samples, feeds, labels, options, whole = make()
    np.savez(tmp_path / "x.npz", **samples)
    if labels is not None:
        np.save(tmp_path / "y.npy", labels)
        options = [*options, "--labels", "y.npy"]
    ratio = 0.3 if name == "mnist_mlp_1024" else 0.45
    assert tt("compress", path, "-o", "c.tt", "--target-ratio", ratio).status == 0
    assert tt("decompress", "c.tt", "-o", "c.onnx").status == 0
    result = tt("verify", path, "c.tt", "--data", "x.npz", "--json", "--no-latency", *options, timeout=300)
    report = report_of(result)
    assert report["passed"] and report["task"] == task, report
    assert bool(report["warnings"]) == (name == "silero"), "layers inside If cannot be counted"
    original, candidate = (run_reference(model, feeds, whole) for model in (path, tmp_path / "c.onnx"))
    assert [output["name"] for output in report["outputs"]] == list(original)
    for output in report["outputs"]:
        y, z = original[output["name"]], candidate[output["name"]]
        # Single values carry the rounding of float32 sums, which differs from batch to batch.
        expected = expected_outputs(y, z)
        close(output["max_abs_error"], expected.pop("max_abs_error"), output["name"], 4e-7 * float(abs(y).max()))
        close(output, expected, output["name"], 1e-9 * float(abs(y).max()))
    if labels is not None:
        expected = expected_predictions(original["logits"], candidate["logits"], labels)
        close(report, expected if task == "lm" else {key: expected[key] for key in expected if key != "perplexity"}, scale=1e-12)
    if name == "mnist_mlp_1024":
        assert report["accuracy"]["original"] == 0.9807
        macs = sum(w.size for w in map(numpy_helper.to_array, onnx.load(str(path)).graph.initializer) if w.ndim == 2)
        assert report["macs"] == {"original": macs, "candidate": macs}
    if name == "shakespeare_gpt":
        assert report["perplexity"]["original"] == pytest.approx(5.284, abs=5e-4)


def test_a_model_against_itself(tt, small):
    report = report_of(tt("verify", "a.onnx", "a.onnx", "--data", "x.npz", "--labels", "y.npy", "--json", "--max-kl", "0",
                          "--max-error", "0", "--max-abs-error", "0", "--min-cosine", "1", "--max-drop", "0"))
    assert [gate["passed"] for gate in report["gates"]] == [True] * 5
    assert report["outputs"][0]["relative_error"] == 0 and report["accuracy"]["ci95"][0] <= 0 <= report["accuracy"]["ci95"][1]
    assert report["latency"]["original_ms"] > 0 and report["latency"]["runs"] >= 5
    assert report["macs"] == {"original": 40, "candidate": 40}


def test_text_has_no_kl_of_rounding_alone(tt, small):
    model = onnx.load(str(small / "a.onnx"))
    weight = numpy_helper.to_array(model.graph.initializer[0])
    save(small / "b.onnx", weight * np.float32(1 + 1e-7))
    kl = report_of(tt(*DATA, "--task", "classification", "--json"))["kl"]
    assert 0 < kl["p99"] < 1e-12
    assert "KL 0 +- 0 nats (median 0, p90 0, p99 0)" in tt(*DATA, "--task", "classification").stdout


def test_isolated_figures_are_the_same(tt, small):
    plain, isolated = (report_of(tt(*DATA, "--labels", "y.npy", "--json", *options)) for options in ([], ["--isolate", "--max-memory", "1GiB"]))
    assert isolated["macs"] is None
    for key in ("outputs", "kl", "accuracy", "top1_agreement"):
        assert plain[key] == isolated[key], key


def test_text_and_keys(tt, root, small):
    text = tt(*PAIR, "--data", "x.npz", "--labels", "y.npy", "--max-kl", "1").stdout
    for words in ("200 samples, task classification (", "relative error", "accuracy", "latency", "max_kl", "b.onnx: passed"):
        assert words in text
    assert "compared, no limits given" in tt(*DATA).stdout
    page = (root / "docs" / "cli.md").read_text()
    known = page[page.index("`tt verify ORIGINAL CANDIDATE --json`"):]
    report = report_of(tt(*DATA, "--json"))
    labelled = report_of(tt(*DATA, "--labels", "y.npy", "--max-kl", "1", "--json"))
    for key in [*report, *report["outputs"][0], *labelled["kl"], *labelled["accuracy"], *labelled["gates"][0], *labelled["macs"]]:
        assert key in known, key


# --- limits ----------------------------------------------------------------------------------------------------

LIMITS = [("--max-drop", "100", "0"), ("--max-kl", "1", "1e-9"), ("--max-error", "1", "1e-6"), ("--max-abs-error", "9", "1e-6"),
          ("--min-cosine", "0.5", "0.99999")]


@pytest.mark.parametrize("option,loose,tight", LIMITS, ids=[case[0] for case in LIMITS])
def test_limits(tt, small, option, loose, tight):
    name = option[2:].replace("-", "_")
    np.save(small / "y.npy", (np.load(small / "x.npz")["x"] @ onnx_weight(small / "a.onnx")).argmax(1))
    labels = ["--labels", "y.npy"]
    good = report_of(tt(*DATA, *labels, option, loose, "--json"))
    assert good["passed"] and good["gates"][0]["passed"] and good["gates"][0]["name"] == name and good["gates"][0]["reason"] is None
    result = tt(*DATA, *labels, option, tight, "--json")
    bad = report_of(result, 1)
    assert not bad["passed"] and not bad["gates"][0]["passed"] and bad["gates"][0]["value"] == good["gates"][0]["value"]
    message = check_error(result, 1, "1 of 1 gates failed")
    assert bad["gates"][0]["reason"] in message
    assert "FAILED" in tt(*DATA, *labels, option, tight).stdout


def onnx_weight(path):
    return numpy_helper.to_array(onnx.load(str(path)).graph.initializer[0])


def test_confidence_takes_the_upper_bound(tt, small):
    for option, bound in (("--max-drop", lambda report: report["accuracy"]["ci95"][1]),
                          ("--max-kl", lambda report: report["kl"]["mean"] + 1.959963984540054 * report["kl"]["se"])):
        report = report_of(tt(*DATA, "--labels", "y.npy", option, "50", "--confidence", "95", "--json"))
        assert report["gates"][0]["value"] == pytest.approx(bound(report), rel=1e-9)
        point = report_of(tt(*DATA, "--labels", "y.npy", option, "50", "--json"))["gates"][0]["value"]
        assert report["gates"][0]["value"] > point


def test_one_sample_has_no_bound(tt, small):
    np.savez(small / "x.npz", x=np.ones((1, 8), np.float32))
    result = tt(*DATA, "--max-kl", "100", "--confidence", "95")
    check_error(result, 1, "not a number")


USAGE = [
    (PAIR, "--data"),
    ([*PAIR, "--max-kl", "1"], "--data"),
    ([*PAIR, "--labels", "y.npy"], "--data"),
    ([*PAIR, "--eval-cmd", "true", "--max-error", "1"], "--data"),
    ([*DATA, "--max-drop", "1"], "--labels"),
    ([*DATA, "--max-eval-drop", "1"], "--eval-cmd"),
    ([*DATA, "--confidence", "95", "--max-error", "1"], "--max-error"),
    ([*DATA, "--confidence", "95", "--max-abs-error", "1"], "--max-abs-error"),
    ([*DATA, "--confidence", "95", "--min-cosine", "0"], "--min-cosine"),
    ([*DATA, "--confidence", "95", "--eval-cmd", "true", "--max-eval-drop", "1"], "--max-eval-drop"),
    ([*DATA, "--confidence", "100"], "99.99"),
    ([*DATA, "--max-kl", "nan"], "--max-kl"),
    ([*DATA, "--max-kl", "-1"], "--max-kl"),
    ([*DATA, "--min-cosine", "1.1"], "--min-cosine"),
    ([*DATA, "--task", "vision"], "--task"),
    ([*DATA, "--input", "x"], "input mapping"),
    ([*DATA, "--input", "x:scale=1", "--input", "x:mean=1"], "more than once"),
    ([*DATA, "--input", "z:scale=1"], "'z'"),
    ([*DATA, "--eval-cmd", "a 'b"], "quotes"),
    ([*DATA, "--junit", "-"], "--junit"),
    ([*DATA, "--junit", "a.onnx"], "--junit"),
    ([*DATA, "--junit", "x.npz"], "--junit"),
    (["verify", "-", "b.onnx", "--data", "-"], "standard input"),
    (["verify"], "no FILE"),
    (["verify", "a.onnx", "b.onnx", "c.onnx"], "'c.onnx'"),
    (["verify", "a.onnx", "--data", "x.npz"], "--data needs two models"),
    (["verify", "a.onnx", "--max-kl", "1"], "--max-kl needs two models"),
]


@pytest.mark.parametrize("arguments,words", USAGE, ids=[" ".join(case[0]) for case in USAGE])
def test_wrong_use(expect_error, small, arguments, words):
    before = {path.name: path.read_bytes() for path in small.iterdir()}
    expect_error(64, "usage", [words], *arguments)
    assert {path.name: path.read_bytes() for path in small.iterdir()} == before


ALL = ["--max-kl", "1e9", "--max-error", "1e9", "--max-abs-error", "1e9", "--min-cosine", "-1"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("limits", [[], ALL, [*ALL, "--labels", "y.npy", "--max-drop", "100"]], ids=["no limits", "limits", "labels"])
def test_a_candidate_that_is_not_finite_fails(tt, small, value, limits):
    save(small / "b.onnx", onnx_weight(small / "a.onnx"), [0, 0, value, 0, 0])
    result = tt(*DATA, *limits, "--json", "--junit", "g.xml")
    report = report_of(result, 1)
    check_error(result, 1, "NaN or infinity")
    assert not report["passed"] and not report["finite"] and report["outputs"][0]["non_finite"] > 0
    assert not any(gate["passed"] for gate in report["gates"])
    assert len(report["gates"]) == len(limits) // 2 - ("--labels" in limits)
    assert int(xml.parse(small / "g.xml").getroot().get("failures")) == len(report["gates"]) + 1


def test_an_original_that_is_not_finite_is_an_error(expect_error, small):
    save(small / "a.onnx", onnx_weight(small / "a.onnx"), [0, 0, np.nan, 0, 0])
    expect_error(65, "bad_data", ["original"], *DATA)


def labels_file(name):
    """Labels that are wrong, and words of the error."""
    good = np.arange(200) % 5
    return {"too few": (good[:199], "199"), "too many": (np.append(good, 0), "201"), "floats": (good / 2.0, "label"),
            "nan": (np.full(200, np.nan), "finite"), "class too large": (good + 1, "5"), "negative": (good - 1, "-1"),
            "empty": (good[:0], "empty"), "scalar": (np.int64(3), "single"), "two a sample": (np.stack([good, good], 1), "label")}[name]


@pytest.mark.parametrize("name", ["too few", "too many", "floats", "nan", "class too large", "negative", "empty", "scalar", "two a sample"])
def test_wrong_labels_never_pass(expect_error, small, name):
    labels, words = labels_file(name)
    np.save(small / "y.npy", labels)
    expect_error(65, "bad_data", [words], *DATA, "--labels", "y.npy", "--max-drop", "100")


@pytest.mark.parametrize("name,samples,words", [
    ("none", np.zeros((0, 8), np.float32), "sample"), ("nan", np.full((3, 8), np.nan, np.float32), ""),
    ("width", np.zeros((3, 7), np.float32), "x"), ("integers", np.zeros((3, 8), np.uint8), "--input")], ids=["none", "nan", "width", "integers"])
def test_wrong_samples_never_pass(expect_error, small, name, samples, words):
    np.savez(small / "x.npz", x=samples)
    expect_error(65, "bad_data", [words], *DATA, "--max-error", "1e9")


def test_missing_files(expect_error, small):
    for arguments in (["verify", "a.onnx", "no.tt", "--data", "x.npz"], [*PAIR, "--data", "no.npz"], [*DATA, "--labels", "no.npy"],
                      [*DATA, "--baseline", "no.json"], ["verify", "no.tt"]):
        expect_error(66, "not_found", ["no."], *arguments)
    expect_error(73, "cannot_create", ["no/g.xml"], *DATA, "--junit", "no/g.xml")


def test_a_limit_on_classes_needs_classes(expect_error, small):
    for file in ("a.onnx", "b.onnx"):
        save(small / file, np.ones((8, 1)))
    np.save(small / "y.npy", np.zeros(200, np.int64))
    expect_error(65, "bad_data", ["two classes"], *DATA, "--max-kl", "1")
    expect_error(65, "bad_data", ["two classes"], *DATA, "--max-drop", "1", "--labels", "y.npy")


@pytest.mark.parametrize("names,shape,words", [(("z", "scores"), (8, 5), "'z'"), (("x", "other"), (8, 5), "'other'"),
                                              (("x", "scores"), (7, 5), "Nx7"), (("x", "scores"), (8, 4), "Nx4")],
                         ids=["input", "output", "width", "classes"])
def test_models_that_differ(expect_error, small, names, shape, words):
    save(small / "b.onnx", np.ones(shape), names=names)
    expect_error(65, "bad_data", ["cannot be compared", words], *DATA, "--max-error", "1e9")


def compress_wide(tt, small, *names):
    """Models that are large enough for a .tt file, made of the samples' width."""
    random = np.random.default_rng(8)
    for name in names:
        save(small / f"{name}.onnx", random.normal(size=(8, 500)).round(1))
        assert tt("compress", f"{name}.onnx", "-o", f"{name}.tt", "--lossless").status == 0


def test_a_candidate_of_another_original_is_warned_about(tt, small):
    compress_wide(tt, small, "a", "b")
    result = tt("verify", "a.onnx", "b.tt", "--data", "x.npz", "--json", "--no-latency")
    assert "tt: warning: 'b.tt' was not made from 'a.onnx'" in result.stderr and len(report_of(result)["warnings"]) == 1
    for pair in (("a.onnx", "a.tt"), ("a.tt", "a.tt"), ("b.tt", "b.onnx")):
        result = tt("verify", *pair, "--data", "x.npz", "--json", "--no-latency")
        assert report_of(result)["warnings"] == [] and result.stderr == ""
    assert tt("verify", "a.onnx", "b.tt", "--data", "x.npz", "--quiet").stderr == ""


def test_safetensors_cannot_be_run(expect_error, small):
    from safetensors.numpy import save_file
    save_file({"w": np.ones((8, 8), np.float32)}, small / "w.safetensors")
    expect_error(65, "unsupported", ["safetensors"], "verify", "w.safetensors", "b.onnx", "--data", "x.npz")


def test_regression_labels(tt, small):
    x, w = np.load(small / "x.npz")["x"].astype(np.float64), [onnx_weight(small / f"{name}.onnx") for name in "ab"]
    y = x @ w[0] + 1
    np.save(small / "y.npy", y)
    report = report_of(tt(*DATA, "--labels", "y.npy", "--json"))
    assert report["task"] == "regression"
    close(report["label_error"], {"original": 1.0, "candidate": ((x @ w[1] - y) ** 2).mean()})


# --- reports ---------------------------------------------------------------------------------------------------

def test_junit(tt, small):
    (small / "a&<\">'\u00e9.onnx").write_bytes((small / "b.onnx").read_bytes())
    result = tt("verify", "a.onnx", "a&<\">'\u00e9.onnx", "--data", "x.npz", "--max-kl", "0", "--max-error", "1", "--junit", "g.xml")
    assert result.status == 1
    root = xml.parse(small / "g.xml").getroot()
    suite = root[0]
    assert (root.get("tests"), root.get("failures")) == ("3", "1") == (suite.get("tests"), suite.get("failures"))
    assert suite.get("name") == "tt verify a&<\">'\u00e9.onnx"
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert cases == {"finite_outputs": [], "max_kl": ["failure"], "max_error": []}
    assert "mean KL" in suite.find(".//failure").get("message")


def test_junit_is_as_before_after_an_error(tt, small):
    (small / "g.xml").write_text("old")
    assert tt(*DATA, "--labels", "x.npz", "--max-drop", "1", "--junit", "g.xml").status != 0
    assert (small / "g.xml").read_text() == "old"
    assert sorted(path.name for path in small.iterdir()) == ["a.onnx", "b.onnx", "g.xml", "x.npz", "y.npy"]


def test_baseline(tt, expect_error, small):
    labels = ["--labels", "y.npy"]
    (small / "base.json").write_text(tt(*DATA, *labels, "--json").stdout)
    same = report_of(tt(*DATA, *labels, "--baseline", "base.json", "--json"))
    assert same["passed"] and {gate["name"] for gate in same["gates"]} == {
        "baseline drop", "baseline kl_mean", *(f"baseline {figure} of 'scores'" for figure in ("relative_error", "max_abs_error", "cosine_min"))}
    better = tt("verify", "a.onnx", "a.onnx", "--data", "x.npz", *labels, "--baseline", "base.json", "--no-latency")
    assert better.status == 0
    save(small / "b.onnx", 2 * onnx_weight(small / "b.onnx") - onnx_weight(small / "a.onnx"))
    worse = tt(*DATA, *labels, "--baseline", "base.json", "--json")
    failed = {gate["name"] for gate in report_of(worse, 1)["gates"] if not gate["passed"]}
    assert {"baseline kl_mean", "baseline relative_error of 'scores'"} <= failed
    check_error(worse, 1, "gates failed", "kl_mean")
    assert tt(*DATA, *labels, "--baseline", "base.json", "--baseline-tolerance", "1").status in (0, 1)
    expect_error(65, "bad_data", ["drop"], *DATA, "--task", "classification", "--baseline", "base.json")
    expect_error(65, "bad_data", ["task"], *DATA, "--baseline", "base.json")


@pytest.mark.parametrize("change,words", [
    ({"samples": 199}, "199 samples instead of 200"), ({"task": "lm"}, "'lm'"), ({"kl": None}, "kl_mean"), ({"kl": {"mean": None}}, "kl_mean"),
    ({"outputs": []}, "relative_error"), ({"perplexity": {"candidate": 1}}, "perplexity"), ({"eval": {"drop": 1}}, "eval_drop")],
    ids=lambda value: str(value)[:30])
def test_a_baseline_that_proves_nothing(tt, expect_error, small, change, words):
    base = json.loads(tt(*DATA, "--task", "classification", "--json").stdout)
    (small / "base.json").write_text(json.dumps({**base, **change}))
    expect_error(65, "bad_data", ["baseline", words], *DATA, "--task", "classification", "--baseline", "base.json")


@pytest.mark.parametrize("text", ["", "{}", "[]", "no", '{"passed": true}', '{"gates": [], "passed": 1, "outputs": 3, "task": null, "samples": 0}'])
def test_a_file_that_is_no_baseline(expect_error, small, text):
    (small / "base.json").write_text(text)
    expect_error(65, "bad_data", ["base"], *DATA, "--baseline", "base.json")


# --- the user's own judge --------------------------------------------------------------------------------------

EVAL = """import sys, pathlib, onnx, os
path = pathlib.Path(sys.argv[-1])
assert oct(path.parent.parent.stat().st_mode & 0o777) == "0o700"
weights = onnx.load(path).graph.initializer
print("talk", file=sys.stderr)
print("loading")
print(100 - 10 * (path.name == "candidate.onnx"), "  ")
print()
"""


@pytest.fixture
def judge(small):
    (small / "eval me.py").write_text(EVAL)
    (small / "temporary").mkdir()
    return small


def command(*words):
    return " ".join(f'"{word}"' for word in (sys.executable, *words))


def run_judge(tt, judge, line, *options, env=None, **more):
    result = tt(*PAIR, "--eval-cmd", line, *options, env={"TMPDIR": str(judge / "temporary"), **(env or {})}, **more)
    assert list((judge / "temporary").glob("tt*")) == []
    return result


def test_eval_command(tt, judge):
    for line in (command("eval me.py", "{}"), command("eval me.py"), command("eval me.py", "--model={}", "{}")):
        result = run_judge(tt, judge, line, "--json", "--max-eval-drop", "10")
        report = report_of(result)
        assert report["eval"] == {"original": 100, "candidate": 90, "drop": 10} and report["outputs"] == [] and report["samples"] == 0
        assert result.stderr == "talk\ntalk\n"
    assert run_judge(tt, judge, line, "--max-eval-drop", "9.99").status == 1
    assert run_judge(tt, judge, line, "--max-eval-drop", "0", "--eval-goal", "min").status == 0
    assert "drop 10" in run_judge(tt, judge, line).stdout
    both = report_of(run_judge(tt, judge, line, "--json", "--data", "x.npz", "--no-latency", "--max-kl", "9", "--max-eval-drop", "10"))
    assert [gate["name"] for gate in both["gates"]] == ["max_kl", "max_eval_drop"]


def test_the_command_gets_dense_models(tt, judge, small):
    compress_wide(tt, small, "a")
    script = "import onnx,sys; print(len(onnx.load(sys.argv[1]).graph.initializer[0].raw_data))"
    result = tt("verify", "a.onnx", "a.tt", "--json", "--eval-cmd", f"{sys.executable} -c '{script}' {{}}")
    assert report_of(result)["eval"]["drop"] == 0


@pytest.mark.parametrize("script,status,kind,words", [
    ("exit 3", 65, "bad_data", "exit status 3"), ("kill -9 $$", 65, "bad_data", "signal 9"), (":", 65, "bad_data", "no finite number"),
    ("echo nan", 65, "bad_data", "no finite number"), ("echo inf", 65, "bad_data", "no finite number"), ("echo 1e999", 65, "bad_data", "no finite number"),
    ("echo 3 apples", 65, "bad_data", "no finite number"), ("echo 5; echo done", 65, "bad_data", "no finite number"),
    ("echo 0x10", 65, "bad_data", "no finite number"), ("echo 1,5", 65, "bad_data", "no finite number")], ids=lambda value: str(value))
def test_a_command_that_gives_nothing(expect_error, judge, script, status, kind, words):
    expect_error(status, kind, ["--eval-cmd on the original", words], *PAIR, "--eval-cmd", f"sh -c '{script}'", "--max-eval-drop", "1e9",
                 env={"TMPDIR": str(judge / "temporary")})
    assert list((judge / "temporary").glob("tt*")) == []


def test_a_command_that_is_not_there_or_too_slow(expect_error, judge):
    environment = {"TMPDIR": str(judge / "temporary")}
    expect_error(66, "not_found", ["no-such-program"], *PAIR, "--eval-cmd", "no-such-program {}", env=environment)
    start = time.monotonic()
    expect_error(65, "resource_limit", ["time limit"], *PAIR, "--eval-cmd", "sh -c 'sleep 60; echo 1'", "--eval-timeout", "0.3", env=environment)
    assert time.monotonic() - start < 30
    assert list((judge / "temporary").glob("tt*")) == []


def test_no_shell_runs(tt, judge):
    result = run_judge(tt, judge, "echo 7; touch evil $(touch evil) `touch evil` > evil", "--json")
    assert not (judge / "evil").exists()
    check_error(result, 65, "no finite number")


@pytest.mark.parametrize("number,status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_and_removes_the_models(tt_path, judge, environment, number, status):
    line = f"sh -c 'echo $$ > {judge}/pid; sleep 60'"
    run = subprocess.Popen([tt_path, *PAIR, "--eval-cmd", line], cwd=judge, stderr=subprocess.PIPE,
                           env=dict(environment, TMPDIR=str(judge / "temporary")))
    deadline = time.monotonic() + 30
    while not ((judge / "pid").exists() and (judge / "pid").read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int((judge / "pid").read_text())
    run.send_signal(number)
    assert run.wait(30) == status
    run.stderr.close()
    assert list((judge / "temporary").glob("tt*")) == []
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_strangers_folder_cannot_name_a_command(tt, expect_error, judge):
    (judge / "tt.toml").write_text(f"[verify]\neval_cmd = 'touch {judge}/evil'\n")
    expect_error(78, "config", ["./tt.toml:2", "verify.eval_cmd"], *DATA)
    assert not (judge / "evil").exists()
    (judge / "tt.toml").write_text("[verify]\neval_cmd = 'sh -c \"echo 4\"'\nmax_eval_drop = 0\n")
    assert report_of(tt(*DATA, "--config", "tt.toml", "--json"))["eval"]["drop"] == 0


def test_configuration_gives_limits_and_inputs(tt, small):
    np.savez(small / "x.npz", x=(np.random.default_rng(1).random((50, 2, 4)) * 255).astype(np.uint8))
    (small / "tt.toml").write_text("[verify]\nmax_kl = 0\ntask = 'generic'\nlatency = false\n[inputs.x]\nscale = '1/255'\nshape = 'N,8'\n")
    result = tt(*PAIR, "--data", "x.npz", "--json")
    report = report_of(result, 1)
    assert report["gates"][0]["name"] == "max_kl" and report["latency"] is None
    flags = report_of(tt(*PAIR, "--data", "x.npz", "--json", "--no-config", "--no-latency", "--input", "x:scale=1/255,shape=N,8"))
    assert flags["outputs"] == report["outputs"]
    assert tt(*PAIR, "--data", "x.npz", "--max-kl", "9").status == 0
    assert tt("verify", "a.onnx").status == 0


# --- one file --------------------------------------------------------------------------------------------------

def test_integrity(tt, expect_error, data, tmp_path):
    model = data / "unitree_velocity" / "policy.onnx"
    assert tt("compress", model, "-o", "p.tt").status == 0
    report = report_of(tt("verify", "p.tt", "--json"))
    size = (tmp_path / "p.tt").stat().st_size
    assert report["passed"] and report["kind"] == "tt" and report["bytes"] == report["checked_bytes"] == size and report["weights"] > 3
    assert "every hash right, every weight decoded" in tt("verify", "p.tt").stdout and not report["exact"]
    good = (tmp_path / "p.tt").read_bytes()
    for at in range(40, size, size // 23):
        (tmp_path / "bad.tt").write_bytes(good[:at] + bytes([good[at] ^ 16]) + good[at + 1:])
        assert tt("verify", "bad.tt").status == 65, at
    (tmp_path / "cut.tt").write_bytes(good[:-1])
    assert tt("verify", "cut.tt").status == 65
    onnx_report = report_of(tt("verify", model, "--json"))
    assert onnx_report["kind"] == "onnx" and onnx_report["weights"] > 3
    assert report_of(tt("verify", "-", "--json", stdin=good))["bytes"] == size
    (tmp_path / "cut.onnx").write_bytes((data / "mnist_winml.onnx").read_bytes()[:-100])
    expect_error(65, "bad_data", [], "verify", "cut.onnx")


def test_an_exact_file_restores_its_original(tt, expect_error, data, tmp_path):
    (tmp_path / "m.onnx").write_bytes((data / "super_resolution.onnx").read_bytes())
    onnx.save(onnx.load(str(tmp_path / "m.onnx")), str(tmp_path / "two.onnx"), save_as_external_data=True, location="two.bin", size_threshold=0)
    for name, place in (("m", "the restored model"), ("two", "the restored file 'two.bin'")):
        assert tt("compress", f"{name}.onnx", "-o", "good.tt", "--lossless").status == 0
        found = tt("verify", "good.tt")
        assert found.status == 0 and "the original restored byte for byte" in found.stdout, found
        assert report_of(tt("verify", "good.tt", "--json"))["exact"]
        before = sorted(path.name for path in tmp_path.iterdir())
        # Every hash of the container is right, but the last source is another.
        file = tt_file.TtFile((tmp_path / "good.tt").read_bytes())
        last = len(file.json["source_bytes"])
        file.hashes[last] = tt_file.sha(b"another file")
        (tmp_path / "bad.tt").write_bytes(file.build())
        expect_error(65, "corrupt", [place, "differs from the original"], "verify", "bad.tt")
        expect_error(65, "corrupt", [place, "differs from the original"], "decompress", "bad.tt", "-o", "out.onnx")
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "bad.tt"])
        (tmp_path / "bad.tt").unlink()
