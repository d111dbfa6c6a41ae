"""Limits on quality: kept by an independent measure, by the smallest file, or no file at all."""
import json

import numpy as np
import pytest

from conftest import check_error
from models import SHARED, session

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

MLP = SHARED / "mnist_mlp_1024.onnx"
IMAGES = ("--input", "input:scale=1/255,shape=N,784")


def model_of(data, name):
    return {"mnist": data / "mnist_winml.onnx", "walk": data / "unitree_velocity" / "policy.onnx",
            "enlarge": data / "super_resolution.onnx"}[name]


SHAPES = {"mnist": (40, 1, 28, 28), "walk": (64, 96), "enlarge": (8, 1, 224, 224)}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """name -> (path of a .npy, the array)."""
    folder = tmp_path_factory.mktemp("samples")
    made = {}
    for name, shape in SHAPES.items():
        array = np.random.default_rng(3).random(shape, np.float32) * (255 if name == "mnist" else 1)
        np.save(folder / f"{name}.npy", array)
        made[name] = (folder / f"{name}.npy", array)
    return made


def layer_outputs(graph):
    """What comes out of every layer, behind an Add of a constant that alone uses it; then the model's own outputs."""
    constants = {tensor.name for tensor in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    uses = {}
    for node in graph.node:
        for name in node.input:
            uses.setdefault(name, []).append(node)
    own = [value.name for value in graph.output]

    def constant(name):
        while name in producers and producers[name].op_type in ("Reshape", "Identity", "Transpose"):
            name = producers[name].input[0]
        return name in constants
    names = []
    for node in graph.node:
        if node.op_type not in ("Conv", "MatMul", "Gemm") or not constant(node.input[1]):
            continue
        name = node.output[0]
        if name not in own and len(uses.get(name, [])) == 1 and uses[name][0].op_type == "Add" and any(
                constant(other) for other in uses[name][0].input if other != name):
            name = uses[name][0].output[0]
        names.append(name)
    return list(dict.fromkeys(names + own))


def run(path, array, folder, names):
    """The outputs `names` of the model for the samples, one after the other where the graph says so."""
    model = onnx.load(str(path))
    present = {value.name for value in model.graph.output}
    for name in names:
        if name not in present:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.save(model, str(folder / "tapped.onnx"))
    ready = session(folder / "tapped.onnx")
    given = [item for item in ready.get_inputs() if item.name not in {i.name for i in ready.get_overridable_initializers()}]
    fixed = isinstance(given[0].shape[0], int)
    parts = [array[i:i + 1] for i in range(len(array))] if fixed else [array]
    results = [ready.run(names, {given[0].name: part}) for part in parts]
    return {name: np.concatenate([result[i] for result in results]).astype(np.float64) for i, name in enumerate(names)}


def figures(tt, original, compressed, array, folder):
    """The worst relative error and mean cosine of a layer, and the mean KL of the first output."""
    assert tt("decompress", compressed, "-o", folder / "dense.onnx", "--overwrite").status == 0
    names = layer_outputs(onnx.load(str(original), load_external_data=False).graph)
    y, z = run(original, array, folder, names), run(folder / "dense.onnx", array, folder, names)
    errors = [np.linalg.norm(y[name] - z[name]) / np.linalg.norm(y[name]) for name in names]

    def cosine(a, b):
        a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        same = (np.linalg.norm(a, axis=1) == 0) & (np.linalg.norm(b, axis=1) == 0)
        return np.where(same, 1, (a * b).sum(1) / np.where(norms == 0, 1, norms)).mean()

    def log_softmax(values):
        values = values - values.max(axis=-1, keepdims=True)
        return values - np.log(np.exp(values).sum(axis=-1, keepdims=True))
    p, q = log_softmax(y[names[-1]]), log_softmax(z[names[-1]])
    return {"max_error": max(errors), "min_quality": min(cosine(y[name], z[name]) for name in names),
            "max_kl": (np.exp(p) * (p - q)).sum(-1).mean()}


def compress(tt, model, out, *arguments):
    result = tt("compress", model, "-o", out, "--json", *arguments, timeout=300)
    assert result.status == 0, result
    return json.loads(result.stdout)


CASES = [("mnist", "max_error", 0.01), ("mnist", "min_quality", 0.9999), ("mnist", "max_kl", 0.001), ("walk", "max_error", 0.05),
         ("walk", "min_quality", 0.999), ("enlarge", "max_error", 0.02), ("enlarge", "min_quality", 0.9995)]


@pytest.mark.parametrize("name,limit,value", CASES)
def test_the_smallest_file_that_keeps_the_limit(tt, data, samples, tmp_path, name, limit, value):
    original, (path, array) = model_of(data, name), samples[name]
    option = "--" + limit.replace("_", "-")
    report = compress(tt, original, "a.tt", option, value, "--calib", path)
    held_out = array[len(array) - len(array) // 4:]
    kept, = report["quality"]["limits"]
    assert report["quality"]["samples"] == len(held_out)
    assert report["quality"]["measured_on"] == "held-out samples"
    assert (kept["name"], kept["limit"]) == (limit, value)
    assert report["budget_bytes"] is None

    def keeps(figure):
        return figure >= value if limit == "min_quality" else figure <= value
    measured = figures(tt, original, tmp_path / "a.tt", held_out, tmp_path)[limit]
    assert keeps(measured) and keeps(kept["value"])
    assert measured == pytest.approx(kept["value"], rel=2e-3, abs=2e-6)

    bytes_out = report["output"]["bytes"]
    assert (tmp_path / "a.tt").stat().st_size == bytes_out
    fewer = tt("compress", original, "-o", "b.tt", "--target-bytes", int(0.97 * bytes_out))
    assert fewer.status in (0, 1)
    if fewer.status == 0:
        assert not keeps(figures(tt, original, tmp_path / "b.tt", held_out, tmp_path)[limit])


@pytest.mark.parametrize("name", SHAPES)
def test_without_samples_the_limit_is_on_every_weight(tt, data, tmp_path, name):
    report = compress(tt, model_of(data, name), "a.tt", "--max-error", 0.01)
    errors = [weight["relative_error"] for weight in report["weights"]]
    kept, = report["quality"]["limits"]
    assert report["quality"]["measured_on"] == "weights" and report["quality"]["samples"] == 0
    assert 0 < max(errors) <= 0.01 and kept["value"] == max(errors)
    assert kept["where"].startswith("weight '")
    small = tt("compress", model_of(data, name), "-o", "b.tt", "--max-error", 0.01, "--target-bytes",
               int(0.97 * report["output"]["bytes"]))
    check_error(small, 1, "smallest")
    assert not (tmp_path / "b.tt").exists()


def test_an_error_of_zero_keeps_every_bit(tt, data, samples, tmp_path):
    for more in ([], ["--calib", samples["mnist"][0]]):
        report = compress(tt, model_of(data, "mnist"), "a.tt", "--max-error", 0, *more)
        assert report["stats"]["compressed_layers"] == 0
        assert report["quality"]["limits"][0]["value"] == 0


def test_size_goal_and_limit_both_hold(tt, data, samples, tmp_path):
    model, (path, _) = model_of(data, "walk"), samples["walk"]
    alone = compress(tt, model, "a.tt", "--max-error", 0.02, "--calib", path)["output"]["bytes"]
    goal = int(1.5 * alone)
    report = compress(tt, model, "b.tt", "--max-error", 0.02, "--calib", path, "--target-bytes", goal)
    assert 0.99 * goal <= report["output"]["bytes"] <= goal
    assert report["quality"]["limits"][0]["value"] <= 0.02

    (tmp_path / "c.tt").write_bytes(b"old")
    result = tt("compress", model, "-o", "c.tt", "--max-error", 0.02, "--calib", path, "--target-bytes", int(0.8 * alone))
    check_error(result, 1, "cannot keep the limits in", "max_error", "(limit 0.02)", "bytes")
    assert (tmp_path / "c.tt").read_bytes() == b"old"
    named = int(result.stderr.split("use --target-bytes ")[1].split()[0])
    assert compress(tt, model, "d.tt", "--max-error", 0.02, "--calib", path, "--target-bytes", named)["output"]["bytes"] <= named


def test_all_of_several_limits_hold(tt, data, samples):
    model, (path, _) = model_of(data, "mnist"), samples["mnist"]
    limits = {"max_error": 0.02, "min_quality": 0.99999, "max_kl": 0.01}
    arguments = [item for name, value in limits.items() for item in ("--" + name.replace("_", "-"), value)]
    report = compress(tt, model, "a.tt", *arguments, "--eval", path)
    assert report["quality"]["measured_on"] == "evaluation samples" and report["quality"]["samples"] == 40
    reached = {limit["name"]: limit["value"] for limit in report["quality"]["limits"]}
    assert list(reached) == list(limits)
    assert reached["max_error"] <= 0.02 and reached["min_quality"] >= 0.99999 and reached["max_kl"] <= 0.01
    sizes = [compress(tt, model, "b.tt", *arguments[i:i + 2], "--eval", path)["output"]["bytes"] for i in (0, 2, 4)]
    assert report["output"]["bytes"] >= 0.97 * max(sizes)  # each search ends near its smallest file


def test_the_text_says_what_was_kept(tt, data, samples):
    result = tt("compress", model_of(data, "mnist"), "-o", "a.tt", "--max-error", 0.01, "--calib", samples["mnist"][0])
    assert "kept on 10 held-out samples: max_error 0.0" in result.stderr
    assert "(limit 0.01)" in result.stderr and "of output '" in result.stderr


def test_a_limit_that_fixed_encodings_break(tt, data, samples, tmp_path):
    fixed = ["--tensor", "Parameter193=lowrank,rank=1"]
    for more, where in (([], "weight 'Parameter193'"), (["--calib", samples["mnist"][0]], "output 'Plus214_Output_0'")):
        result = tt("compress", model_of(data, "mnist"), "-o", "a.tt", "--max-error", 0.01, *fixed, *more)
        check_error(result, 1, "cannot keep the limits: at best max_error", where, "(limit 0.01)", "loosen the limit")
        assert not (tmp_path / "a.tt").exists()


def test_threads_do_not_change_the_file(tt, data, samples, tmp_path):
    for threads in (1, 4):
        compress(tt, model_of(data, "walk"), f"{threads}.tt", "--max-error", 0.03, "--calib", samples["walk"][0], "-j", threads)
    assert (tmp_path / "1.tt").read_bytes() == (tmp_path / "4.tt").read_bytes()


def test_a_limit_switches_off_inherited_size_goals(tt, data, samples, tmp_path):
    model, path = model_of(data, "mnist"), samples["mnist"][0]

    def budget(text, *arguments, env=None):
        (tmp_path / "c.toml").write_text("[compression]\n" + text)
        result = tt("compress", model, "-o", "a.tt", "--json", "--calib", path, "--config", "c.toml", *arguments, env=env)
        assert result.status == 0, result
        return json.loads(result.stdout)
    own = budget("max_error = 0.01\n")
    assert own["budget_bytes"] is None and own["quality"]["limits"][0]["limit"] == 0.01
    assert budget("target_ratio = 0.9\n", "--max-error", "0.01")["budget_bytes"] is None
    assert budget("max_error = 0.01\n", "--preset", "high")["budget_bytes"] is None
    bytes_in = model.stat().st_size
    assert budget("max_error = 0.01\ntarget_ratio = 0.9\n")["budget_bytes"] == int(0.9 * bytes_in)
    assert budget("max_error = 0.01\n", "--target-ratio", "0.8")["budget_bytes"] == int(0.8 * bytes_in)
    assert budget("max_error = 0.01\n", env={"TT_COMPRESSION_TARGET_RATIO": "0.7"})["budget_bytes"] == int(0.7 * bytes_in)
    (tmp_path / "c.toml").write_text("[compression]\nmax_error = 0.01\n")
    shown = json.loads(tt("config", "show", "--origin", "--json", "--config", "c.toml").stdout)["compression"]
    assert shown["target_ratio"] == {"value": None, "origin": "off by c.toml:2"}
    lossless = tt("compress", model, "-o", "a.tt", "--lossless", "--json", "--config", "c.toml")
    assert lossless.status == 0 and json.loads(lossless.stdout)["quality"] is None


def test_layers_that_cannot_be_seen_are_named(tt, tmp_path):
    rng = np.random.default_rng(0)

    def branch(name):
        weight = onnx.numpy_helper.from_array(rng.standard_normal((8, 6)).astype(np.float32), "w")
        return onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "w"], ["inner"])], name, [],
                                      [onnx.helper.make_tensor_value_info("inner", 1, [None, 6])], [weight])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("If", ["yes"], ["y"], then_branch=branch("then"), else_branch=branch("else"))], "g",
        [onnx.helper.make_tensor_value_info("x", 1, [None, 8])], [onnx.helper.make_tensor_value_info("y", 1, [None, 6])],
        [onnx.numpy_helper.from_array(np.array(True), "yes"),
         onnx.numpy_helper.from_array(np.zeros(4000, np.float32), "ballast")])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), str(tmp_path / "if.onnx"))
    np.save(tmp_path / "x.npy", rng.standard_normal((16, 8)).astype(np.float32))
    report = compress(tt, "if.onnx", "a.tt", "--max-error", 0.05, "--calib", "x.npy")
    assert report["quality"]["limits"][0]["where"] == "output 'y'"
    assert any("2 uses of weights are inside If" in warning for warning in report["warnings"])


# arguments, words of the message or hint
USAGE = [
    (["--max-kl", "1"], ["--max-kl needs samples", "--calib samples.npz"]),
    (["--min-quality", "0.9"], ["--min-quality needs samples"]),
    (["--max-error", "1", "--max-drop", "1", "--labels", "y.npy"], ["--max-drop needs samples"]),
    (["--max-drop", "1", "--calib", "x.npy"], ["--max-drop needs labels", "--labels y.npy"]),
    (["--max-kl", "1", "--calib", "x.npy", "--labels", "y.npy"], ["labels are given, but no limit that needs them"]),
    (["--eval", "x.npy"], ["samples are given, but no limit on quality", "--max-error"]),
    (["--labels", "y.npy"], ["labels are given, but no limit"]),
    (["--max-error", "0.1", "--calib", "x.npy", "--eval", "x.npy"], ["name the same samples"]),
    (["--max-error", "0.1", "--input", "Input3:scale=2"], ["--input needs samples"]),
    (["--max-error", "0.1", "--task", "lm"], ["--task needs samples"]),
    (["--max-error", "0.1", "--mask-input", "m"], ["--mask-input needs samples"]),
    (["--max-error", "0.1", "--lossless"], ["--lossless and --max-error exclude each other"]),
    (["--max-kl", "0.1", "--plan", "p.json"], ["--plan and --max-kl exclude each other"]),
    (["--max-error", "-0.1"], ["--max-error", "a number of at least 0"]),
    (["--min-quality", "1.1"], ["--min-quality", "a number from -1 to 1"]),
    (["--max-kl", "nan"], ["--max-kl", "a number of at least 0"]),
    (["--max-drop", "101"], ["--max-drop", "a number from 0 to 100"]),
    (["--max-kl", "1", "--calib", "x.npy", "--task", "poetry"], ["poetry", "classification"]),
    (["--max-kl", "1", "--calib", "-", "--eval", "-"], ["only one of the files can be standard input"]),
    (["--max-drop", "1", "--calib", "-", "--labels", "-"], ["only one of the files can be standard input"]),
    (["--max-error", "1", "--calib", "old.tt"], ["is the input file itself"]),
    (["--max-error", "1", "--calib", "x.npy", "--input", "nobody:scale=2"], ["'nobody'"]),
]


@pytest.fixture
def folder(data, tmp_path):
    """A model, good samples and labels, and an output that must stay."""
    (tmp_path / "m.onnx").write_bytes((data / "mnist_winml.onnx").read_bytes())
    rng = np.random.default_rng(5)
    np.save(tmp_path / "x.npy", rng.random((12, 1, 28, 28), np.float32))
    np.save(tmp_path / "y.npy", rng.integers(0, 10, 12))
    (tmp_path / "old.tt").write_bytes(b"old")
    return tmp_path


@pytest.mark.parametrize("arguments,words", USAGE)
def test_wrong_uses(expect_error, folder, arguments, words):
    expect_error(64, "usage", words, "compress", "m.onnx", "-o", "old.tt", *arguments)
    assert (folder / "old.tt").read_bytes() == b"old"


def spoiled(folder):
    """Samples and labels that cannot be used: name -> (arguments, words)."""
    x = np.load(folder / "x.npy")
    nan = x.copy()
    nan[11, 0, 3, 3] = np.nan
    saved = {"few": x[:3], "nan": nan, "shape": x[:, :, :14], "ints": (x * 255).astype(np.uint8), "none": x[:0],
             "y_long": np.zeros(13, np.int64), "y_big": np.full(12, 10), "y_nan": np.full(12, np.nan)}
    for name, array in saved.items():
        np.save(folder / f"{name}.npy", array)
    np.savez(folder / "name.npz", image=x)
    (folder / "text.npy").write_text("no array")
    kl, drop = ["--max-kl", "1", "--calib"], ["--max-drop", "1", "--calib", "x.npy", "--labels"]
    return [(kl + ["few.npy"], ["too few samples", "needs 4 and there are 3"]), (kl + ["nan.npy"], ["NaN"]), (kl + ["shape.npy"], ["1x1x28x28"]),
            (kl + ["ints.npy"], ["scale"]), (kl + ["none.npy"], ["no samples"]), (kl + ["name.npz"], ["'image'"]),
            (kl + ["text.npy"], ["text.npy"]), (drop + ["y_long.npy"], ["12 samples and labels for 13"]),
            (drop + ["y_big.npy"], ["10"]), (drop + ["y_nan.npy"], ["the labels of sample 0", "not finite"]),
            (drop + ["text.npy"], ["text.npy"]), (kl + ["x.npy", "--mask-input", "mask"], ["'mask' is no input"])]


@pytest.mark.parametrize("case", range(12))
def test_data_that_cannot_be_used(tt, folder, case):
    arguments, words = spoiled(folder)[case]
    result = tt("compress", "m.onnx", "-o", "old.tt", *arguments)
    check_error(result, 65, *words)
    assert (folder / "old.tt").read_bytes() == b"old"


def test_files_that_are_not_there(tt, folder):
    for arguments in (["--max-kl", "1", "--calib", "gone.npy"], ["--max-drop", "1", "--eval", "x.npy", "--labels", "gone.npy"]):
        check_error(tt("compress", "m.onnx", "-o", "old.tt", *arguments), 66, "gone.npy")


def test_a_file_without_a_graph_cannot_be_run(tt, folder):
    from safetensors.numpy import save_file
    save_file({"w": np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)}, folder / "m.safetensors")
    check_error(tt("compress", "m.safetensors", "-o", "a.tt", "--max-error", "0.1", "--calib", "x.npy"), 65, "without a graph",
                "without samples")
    report = compress(tt, "m.safetensors", "a.tt", "--max-error", "0.1")
    assert report["weights"][0]["relative_error"] <= 0.1


def accuracy(ready, images, labels):
    scores = ready.run(None, {"input": images.reshape(len(images), 784).astype(np.float32) / 255})[0]
    return 100 * np.mean(scores.argmax(1) == labels)


@pytest.mark.skipif(not MLP.is_file(), reason="mnist_mlp_1024.onnx is not here")
def test_the_drop_of_accuracy_holds_on_all_test_images(tt, data, tmp_path):
    archive, labels = np.load(data / "mnist" / "test.npz"), np.load(data / "mnist" / "labels.npy")
    images = archive[archive.files[0]]
    np.save(tmp_path / "x.npy", images[:5000])
    np.save(tmp_path / "y.npy", labels[:5000])
    report = compress(tt, MLP, "a.tt", "--max-drop", 0.2, "--eval", "x.npy", "--labels", "y.npy", *IMAGES)
    assert tt("decompress", "a.tt", "-o", "dense.onnx").status == 0
    original, dense = session(MLP), session(tmp_path / "dense.onnx")

    def drop(count):
        return accuracy(original, images[:count], labels[:count]) - accuracy(dense, images[:count], labels[:count])
    assert report["quality"]["limits"][0]["value"] == pytest.approx(drop(5000), abs=1e-9)
    assert drop(5000) <= 0.2 + 1e-9
    assert drop(10000) <= 0.2 + 0.1  # the other half was not seen: as far as chance goes
    assert report["ratio"] < 0.02
    fewer = tt("compress", MLP, "-o", "b.tt", "--target-bytes", int(0.97 * report["output"]["bytes"]))
    assert fewer.status == 0
    assert tt("decompress", "b.tt", "-o", "dense.onnx").status == 0
    dense = session(tmp_path / "dense.onnx")
    assert drop(5000) > 0.2
