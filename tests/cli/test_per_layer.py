"""tt verify --per-layer: the outputs of layers against those that ONNX Runtime gives when it is asked for them."""
import json

import numpy as np
import onnx
import pytest

from models import SHARED, session


@pytest.fixture
def folder(digits_folder):
    return digits_folder


@pytest.fixture
def layers(tt, tmp_path):
    """layers(original, candidate, data) -> the JSON report."""
    def verify(original, candidate, data, *options):
        done = tt("verify", original, candidate, "--data", data, "--per-layer", "--no-latency", "--json", *options)
        if "built without ONNX Runtime" in done.stderr:
            pytest.skip("tt is built without ONNX Runtime")
        assert done.status == 0, done
        return json.loads(done.stdout)
    return verify


def values_of(path, names, feeds):
    model = onnx.load(str(path))
    present = {item.name for item in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)
    changed = path.with_name("tapped.onnx")
    onnx.save(model, str(changed))
    return [array.astype(np.float64) for array in session(changed).run(list(names), feeds)]


def cosines(a, b):
    a, b = (array.reshape(-1, array.shape[-1]) for array in (a, b))
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    zeros = (np.linalg.norm(a, axis=1) == 0) & (np.linalg.norm(b, axis=1) == 0)
    return np.where(zeros, 1, (a * b).sum(1) / np.where(sizes == 0, 1, sizes))


def check_figures(report, original, candidate, feeds):
    """Every figure of every layer by numpy, from the values of both models."""
    names = list(dict.fromkeys(layer["output"] for layer in report["layers"]))
    pairs = dict(zip(names, zip(values_of(original, names, feeds), values_of(candidate, names, feeds), strict=True), strict=True))
    for layer in report["layers"]:
        y, other = pairs[layer["output"]]
        error = np.linalg.norm(y - other) / np.linalg.norm(y)
        assert layer["relative_error"] == pytest.approx(error, rel=1e-3, abs=1e-6)
        assert layer["activation_quality"] == pytest.approx(cosines(y, other).mean(), abs=1e-5)
        assert layer["cosine_min"] == pytest.approx(cosines(y, other).min(), abs=1e-4)
        if layer["input_error"] is not None:
            added = np.sqrt(max(0, layer["relative_error"]**2 - layer["input_error"]**2))
            assert layer["added_error"] == pytest.approx(added)


@pytest.fixture
def small(tt, tmp_path, folder):
    """The classifier at 1/30, dense."""
    assert tt("compress", folder / "digits.onnx", "-o", "small.tt", "--target-ratio", 1 / 30, "--no-generate").status == 0
    assert tt("decompress", "small.tt", "-o", "small.onnx").status == 0
    return tmp_path / "small.onnx"


def test_figures_of_a_classifier(layers, tmp_path, folder, small):
    report = layers(folder / "digits.onnx", "small.tt", folder / "test.npz")
    assert [layer["name"] for layer in report["layers"]] == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert report["layers_unseen"] == 0
    assert report["layers"][0]["input_error"] == 0, "the samples themselves"
    assert all(layer["relative_error"] > 0.01 for layer in report["layers"])
    check_figures(report, folder / "digits.onnx", small, {"x": np.load(folder / "test.npz")["x"]})
    last = report["layers"][-1]
    assert last["output"] == "y" and last["relative_error"] == pytest.approx(report["outputs"][0]["relative_error"], rel=1e-4)


def test_figures_of_a_language_model(layers, tt, tmp_path):
    model = SHARED / "shakespeare_gpt.onnx"
    if not model.exists():
        pytest.skip("shared/models is not here")
    tokens = np.random.default_rng(1).integers(0, 60, (4, 32))
    np.savez(tmp_path / "x.npz", input_ids=tokens)
    assert tt("compress", model, "-o", "g.tt", "--target-ratio", 0.1, "--no-generate").status == 0
    assert tt("decompress", "g.tt", "-o", "g.onnx").status == 0
    report = layers(model, "g.tt", "x.npz")
    assert len(report["layers"]) == 27 and report["layers_unseen"] == 0
    assert report["layers"][0]["role"] == "embedding" and report["layers"][0]["input_error"] is None, "integers"
    original = tmp_path / "original.onnx"
    original.write_bytes(model.read_bytes())
    check_figures(report, original, tmp_path / "g.onnx", {"input_ids": tokens})


def test_a_model_is_like_itself(layers, tt, folder):
    report = layers(folder / "digits.onnx", folder / "digits.onnx", folder / "test.npz")
    assert all(layer["activation_quality"] == 1 and layer["relative_error"] == 0 for layer in report["layers"])
    text = tt("verify", folder / "digits.onnx", folder / "digits.onnx", "--data", folder / "test.npz", "--per-layer").stdout
    assert "no layer is below a cosine of 0.99\n" in text and "adds most" not in text


def test_the_layer_that_was_spoilt_is_named(tt, layers, tmp_path, folder):
    model = onnx.load(str(folder / "digits.onnx"))
    tensor = next(t for t in model.graph.initializer if t.name == "fc2.weight")
    values = onnx.numpy_helper.to_array(tensor).copy()
    values[::3] = 0
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(model, str(tmp_path / "spoilt.onnx"))
    report = layers(folder / "digits.onnx", "spoilt.onnx", folder / "test.npz")
    first, second, third = report["layers"]
    assert first["relative_error"] == 0 and second["input_error"] == 0 and second["relative_error"] > 0.1
    assert third["added_error"] < second["added_error"]
    text = tt("verify", folder / "digits.onnx", "spoilt.onnx", "--data", folder / "test.npz", "--per-layer").stdout
    assert "first below a cosine of 0.99: fc2.weight" in text and "adds most: fc2.weight" in text


def test_a_factored_model_has_the_layers_of_its_original(tt, layers, tmp_path, folder):
    assert tt("compress", folder / "digits.onnx", "-o", "f.tt", "--method", "svd", "--max-rank", 12, "--target-ratio", 0.3).status == 0
    assert tt("decompress", "f.tt", "-o", "f.onnx", "--form", "factored").status == 0
    assert tt("decompress", "f.tt", "-o", "d.onnx").status == 0
    factored = layers(folder / "digits.onnx", "f.onnx", folder / "test.npz")
    dense = layers(folder / "digits.onnx", "d.onnx", folder / "test.npz")
    assert len({t.name for t in onnx.load(str(tmp_path / "f.onnx")).graph.initializer if "_left" in t.name}) > 0
    assert [layer["name"] for layer in factored["layers"]] == [layer["name"] for layer in dense["layers"]]
    for one, other in zip(factored["layers"], dense["layers"], strict=True):
        assert one["relative_error"] == pytest.approx(other["relative_error"], rel=1e-3)


def test_a_child_process_gives_the_same(layers, folder, small):
    plain, isolated = (layers(folder / "digits.onnx", "small.tt", folder / "test.npz", "--threads", 1, *options)
                       for options in ([], ["--isolate"]))
    assert plain["layers"] == isolated["layers"]


def test_a_mask_counts_for_layers(tt, layers, tmp_path):
    """Positions that are masked are wrong in the candidate, and none of the others."""
    def save(path, spoilt):
        table = np.random.default_rng(2).normal(size=(12, 8)).astype(np.float32)
        table[0] += spoilt
        nodes = [onnx.helper.make_node("Gather", ["table", "ids"], ["rows"], "look"),
                 onnx.helper.make_node("MatMul", ["rows", "w"], ["y"], "product"),
                 onnx.helper.make_node("Cast", ["mask"], ["unused"], "cast", to=1)]
        info = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph(
            nodes, "g", [info("ids", 7, ["N", "T"]), info("mask", 7, ["N", "T"])], [info("y", 1, ["N", "T", 8]), info("unused", 1, ["N", "T"])],
            [onnx.numpy_helper.from_array(table, "table"), onnx.numpy_helper.from_array(np.eye(8, dtype=np.float32) + 1, "w")])
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), str(path))
    save(tmp_path / "a.onnx", 0)
    save(tmp_path / "b.onnx", 1)
    ids = np.random.default_rng(3).integers(0, 12, (6, 10))
    np.savez(tmp_path / "x.npz", ids=ids, mask=(ids != 0).astype(np.int64))
    whole, masked = (layers("a.onnx", "b.onnx", "x.npz", *options) for options in ([], ["--mask-input", "mask"]))
    assert all(layer["relative_error"] > 0 for layer in whole["layers"])
    assert [layer["relative_error"] for layer in masked["layers"]] == [0, 0]


def test_layers_inside_if_are_counted(layers, tmp_path):
    rng = np.random.default_rng(0)
    tensor, info, node = onnx.numpy_helper.from_array, onnx.helper.make_tensor_value_info, onnx.helper.make_node

    def branch(name):
        weight = tensor(rng.standard_normal((8, 6)).astype(np.float32), "w")
        return onnx.helper.make_graph([node("MatMul", ["h", "w"], ["inner"])], name, [], [info("inner", 1, [None, 6])], [weight])
    graph = onnx.helper.make_graph(
        [node("MatMul", ["x", "v"], ["h"], "seen"), node("If", ["yes"], ["y"], then_branch=branch("then"), else_branch=branch("else"))],
        "g", [info("x", 1, [None, 8])], [info("y", 1, [None, 6])],
        [tensor(np.array(True), "yes"), tensor(rng.standard_normal((8, 8)).astype(np.float32), "v")])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), str(tmp_path / "if.onnx"))
    np.save(tmp_path / "x.npy", rng.standard_normal((16, 8)).astype(np.float32))
    report = layers("if.onnx", "if.onnx", "x.npy")
    assert [layer["node"] for layer in report["layers"]] == ["seen"] and report["layers_unseen"] == 2


def dense(path, nodes, weights, shape=("N", 8), outputs=(("y", ("N", 6)),)):
    """A model of float32 whose nodes are (op, inputs, output, attributes)."""
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, given, [output], **attributes) for op, given, output, attributes in nodes], "g",
        [info("x", 1, shape)], [info(name, 1, dims) for name, dims in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), str(path))


def clipped(path, infinite=False, width=8):
    """Two layers; what the first one gives is clipped, so that infinity ends there."""
    rng = np.random.default_rng(5)
    first = rng.standard_normal((8, 12)).astype(np.float32)[:, :width]
    if infinite:
        first[:, 0] = 3e38
    dense(path, [("MatMul", ["x", "v"], "h", {}), ("Clip", ["h", "low", "high"], "c", {}), ("MatMul", ["c", "w"], "y", {})],
          {"v": first, "w": rng.standard_normal((12, 6)).astype(np.float32)[:width], "low": np.float32(-1), "high": np.float32(1)})


@pytest.fixture
def rows(tmp_path):
    np.save(tmp_path / "x.npy", 1 + np.random.default_rng(6).random((16, 8), np.float32))
    return "x.npy"


def test_an_original_that_is_infinite_inside(layers, tmp_path, rows):
    clipped(tmp_path / "a.onnx", infinite=True)
    report = layers("a.onnx", "a.onnx", rows)
    assert [layer["name"] for layer in report["layers"]] == ["w"] and report["layers_unseen"] == 1
    assert report["layers"][0]["activation_quality"] == 1
    assert report["warnings"] == ["layer 'v' is not compared, output 'h' of the original is not finite on these samples"]


def test_a_candidate_that_is_infinite_inside(layers, tt, tmp_path, rows):
    clipped(tmp_path / "a.onnx")
    clipped(tmp_path / "b.onnx", infinite=True)
    first, second = layers("a.onnx", "b.onnx", rows)["layers"]
    assert first["activation_quality"] is None and first["relative_error"] is None and second["relative_error"] > 0
    done = tt("verify", "a.onnx", "b.onnx", "--data", rows, "--per-layer", "--plot", "p.svg", "--report", "r.html")
    assert done.status == 0 and "first below a cosine of 0.99: v (NaN)" in done.stdout


def test_a_layer_of_another_width(layers, tmp_path, rows):
    clipped(tmp_path / "a.onnx")
    clipped(tmp_path / "b.onnx", width=5)
    report = layers("a.onnx", "b.onnx", rows)
    assert [layer["name"] for layer in report["layers"]] == ["w"] and report["layers_unseen"] == 1
    assert report["layers"][0]["input_error"] is None
    assert "output 'h' of the candidate has the shape" in report["warnings"][-1]


def test_no_name_in_common(tt, layers, tmp_path, rows):
    for name in "ab":
        dense(tmp_path / f"{name}.onnx", [("MatMul", ["x", "w"], name, {}), ("Relu", [name], "y", {})],
              {"w": np.eye(8, 6, dtype=np.float32)})
    report = layers("a.onnx", "b.onnx", rows)
    assert report["layers"] == [] and report["layers_unseen"] == 1
    done = tt("verify", "a.onnx", "b.onnx", "--data", rows, "--per-layer", "--plot", "p.svg", "--report", "r.html")
    assert done.status == 0 and "1 layer cannot be compared\n" in done.stdout and "no layer is below" not in done.stdout


def test_a_model_without_layers(tt, layers, tmp_path, rows):
    dense(tmp_path / "a.onnx", [("Relu", ["x"], "y", {})], {}, outputs=(("y", ("N", 8)),))
    report = layers("a.onnx", "a.onnx", rows)
    assert report["layers"] == [] and report["layers_unseen"] == 0
    text = tt("verify", "a.onnx", "a.onnx", "--data", rows, "--per-layer").stdout
    assert "there are no layers to compare\n" in text and "cosine of 0.99" not in text


def test_a_layer_that_gives_nothing(layers, tmp_path):
    number = lambda *values: np.array(values, np.int64)
    dense(tmp_path / "a.onnx", [("Slice", ["x", "zero", "zero", "one"], "none", {}), ("MatMul", ["none", "w"], "h", {}),
                                ("Concat", ["h", "x"], "y", {"axis": 1})],
          {"w": np.eye(8, dtype=np.float32), "zero": number(0), "one": number(1)}, ("N", 3, 8), (("y", ("N", 3, 8)),))
    np.save(tmp_path / "x.npy", np.ones((4, 3, 8), np.float32))
    report = layers("a.onnx", "a.onnx", "x.npy")
    assert report["layers"] == [] and report["layers_unseen"] == 1 and "nothing of output 'h' was compared" in report["warnings"][-1]


def test_no_samples_at_all(expect_error, tmp_path):
    clipped(tmp_path / "a.onnx")
    np.save(tmp_path / "x.npy", np.ones((0, 8), np.float32))
    expect_error(65, "bad_data", ["no samples"], "verify", "a.onnx", "a.onnx", "--data", "x.npy", "--per-layer")


def test_without_samples(expect_error, folder):
    expect_error(64, "usage", ["layers are compared on samples", "--data samples.npz"], "verify", folder / "digits.onnx",
                 folder / "digits.onnx", "--per-layer", "--eval-cmd", "true")


def test_without_the_option_there_is_no_table(tt, folder):
    done = tt("verify", folder / "digits.onnx", folder / "digits.onnx", "--data", folder / "test.npz", "--json", "--no-latency")
    report = json.loads(done.stdout)
    assert report["layers"] is None and report["layers_unseen"] is None
