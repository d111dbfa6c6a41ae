"""tt merge --average: the mean against NumPy, and models that do not go together."""
import hashlib
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

import models
from test_analyze import random_weight

WALKER = models.ROOT / "tests" / "data" / "unitree_velocity" / "policy.onnx"
SHAPES = {"a": (40, 64), "b": (64, 48), "c": (48, 10)}


def network(path, seed=0, bias=True, number=2, extra=None, shapes=SHAPES, dtype=np.float32):
    """MatMul, Add and one integer; the last bias is too small to be a weight."""
    weights = {name: random_weight(*shape, seed=seed + i).astype(dtype) for i, (name, shape) in enumerate(shapes.items())}
    if bias:
        weights["small"] = random_weight(10, seed=seed + 9).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [helper.make_node("MatMul", ["x", "a"], ["h1"]), helper.make_node("MatMul", ["h1", "b"], ["h2"]), helper.make_node("MatMul", ["h2", "c"], ["h3"]),
             helper.make_node("Add", ["h3", "small"], ["h4"]) if bias else helper.make_node("Identity", ["h3"], ["h4"]),
             helper.make_node("Unsqueeze", ["h4", "axis"], ["y"]), *([extra] if extra else [])]
    weights["axis"] = np.array([number], np.int64)
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", kind, ["N", shapes["a"][0]])], [helper.make_tensor_value_info("y", kind, None)],
                              [numpy_helper.from_array(value, name) for name, value in weights.items()])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return {name: value for name, value in weights.items() if name != "axis"}


def compress(tt, model, out, *options):
    done = tt("compress", model, "-o", out, "--no-generate", *options)
    assert done.status == 0, done
    return out


def merge(tt, *arguments, out="out.tt"):
    done = tt("--json", "merge", "--average", *arguments, "-o", out, "--no-generate")
    assert done.status == 0, done
    return json.loads(done.stdout)


def tensors_of(tt, path, tmp_path):
    done = tt("decompress", path, "-o", "dense.onnx", "--overwrite")
    assert done.status == 0, done
    return {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in onnx.load(tmp_path / "dense.onnx").graph.initializer}


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def errors_of(report):
    return {weight["name"]: weight["relative_error"] for weight in report["compressed"]["weights"]}


def test_the_mean_of_decoded_weights(tt, tmp_path):
    for i, name in enumerate(("m0", "m1", "m2")):
        network(tmp_path / f"{name}.onnx", seed=20 * i)
        compress(tt, f"{name}.onnx", f"{name}.tt", "--tensor", "^[abc]=quant,rate=6")
    parts = [tensors_of(tt, f"m{i}.tt", tmp_path) for i in range(3)]
    report = merge(tt, "m0.tt", "m1.tt", "m2.tt", "--weights", "3,1,0.5")
    found, errors = tensors_of(tt, "out.tt", tmp_path), errors_of(report)
    for name in "abc":
        mean = sum(share / 4.5 * part[name] for share, part in zip((3, 1, 0.5), parts))
        assert distance(found[name], mean) == pytest.approx(errors[name], rel=1e-2, abs=1e-7)
    # Ten numbers are no weight: their mean is exact up to its type.
    mean = sum(share / 4.5 * part["small"] for share, part in zip((3, 1, 0.5), parts))
    np.testing.assert_allclose(found["small"], mean, rtol=2e-7, atol=1e-9)
    assert report["averaged"] == 4 and report["equal"] == []
    assert [input["share"] for input in report["inputs"]] == pytest.approx([3 / 4.5, 1 / 4.5, 0.5 / 4.5])
    sizes = [(tmp_path / f"m{i}.tt").stat().st_size for i in range(3)]
    assert [input["bytes"] for input in report["inputs"]] == sizes
    assert report["compressed"]["budget_bytes"] == max(sizes) >= (tmp_path / "out.tt").stat().st_size
    assert report["compressed"]["input"]["path"] is None


def test_a_model_with_itself_is_that_model(tt, tmp_path):
    network(tmp_path / "m.onnx")
    compress(tt, "m.onnx", "m.tt", "--target-ratio", "0.4")
    before = tensors_of(tt, "m.tt", tmp_path)
    report = merge(tt, "m.tt", "m.tt")
    assert report["averaged"] == 0 and sorted(report["equal"]) == ["a", "b", "c", "small"]
    after, errors = tensors_of(tt, "out.tt", tmp_path), errors_of(report)
    for name in "abc":
        assert distance(after[name], before[name]) <= 1.01 * errors[name] + 1e-7
    assert np.array_equal(after["small"], before["small"]) and np.array_equal(after["axis"], [2])


@pytest.mark.parametrize("weights, model", [("1,0", "m0"), ("0,2", "m1")])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_all_of_the_share_gives_that_model(tt, tmp_path, weights, model, dtype):
    expected = {name: network(tmp_path / f"{name}.onnx", seed=seed, dtype=dtype) for name, seed in (("m0", 0), ("m1", 30))}[model]
    merge(tt, "m0.onnx", "m1.onnx", "--weights", weights, "--target-bytes", "1MB")
    after = tensors_of(tt, "out.tt", tmp_path)
    for name, value in expected.items():
        if name == "small":
            assert np.array_equal(after[name], value.astype(np.float64))
        else:
            assert distance(after[name], value.astype(np.float64)) < 2e-3


def test_equal_tensors_stay_bit_for_bit(tt, tmp_path):
    for seed in (0, 50):
        weights = {"w": random_weight(32, 64, seed=seed), "same": random_weight(4, 3, seed=1), "long": np.arange(2000, dtype=np.float64).reshape(40, 50)}
        save_file(dict(weights, count=np.arange(5)), tmp_path / f"{seed}.safetensors")
    report = merge(tt, "0.safetensors", "50.safetensors", "--target-ratio", "0.9", "--weights", "0.3,0.7")
    assert report["averaged"] == 1 and sorted(report["equal"]) == ["long", "same"]
    assert tt("decompress", "out.tt", "-o", "out.safetensors").status == 0
    found = load_file(tmp_path / "out.safetensors")
    assert np.array_equal(found["same"], random_weight(4, 3, seed=1).astype(found["same"].dtype)) and np.array_equal(found["count"], np.arange(5))


def test_float64_is_averaged_in_double(tt, tmp_path):
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=12) for _ in range(2))
    for name, value in ("a", a), ("b", b):
        save_file({"small": value, "w": np.zeros((64, 64), np.float32)}, tmp_path / f"{name}.safetensors")
    merge(tt, "a.safetensors", "b.safetensors", "--weights", "1,3")
    assert tt("decompress", "out.tt", "-o", "out.safetensors").status == 0
    np.testing.assert_allclose(load_file(tmp_path / "out.safetensors")["small"], a / 4 + 3 * b / 4, rtol=1e-15, atol=1e-16)


def test_files_of_both_kinds_of_compression_and_external_data(tt, tmp_path):
    compress(tt, WALKER, "walker.tt", "--lossless")
    report = merge(tt, WALKER, "walker.tt", "--target-ratio", "0.5")
    assert [input["kind"] for input in report["inputs"]] == ["onnx", "tt"] and report["averaged"] == 0
    assert (tmp_path / "out.tt").stat().st_size <= 0.5 * report["compressed"]["input"]["bytes"]


def test_the_manifest_names_the_parents(tt, tmp_path):
    for i in range(2):
        network(tmp_path / f"m{i}.onnx", seed=20 * i)
        compress(tt, f"m{i}.onnx", f"m{i}.tt", "--target-ratio", "0.5")
    report = merge(tt, "m0.tt", "m1.tt", "--weights", "1,3")
    hashes = [hashlib.sha256((tmp_path / f"m{i}.tt").read_bytes()).hexdigest() for i in range(2)]
    merged = json.loads(tt("--json", "inspect", "out.tt").stdout)["container"]["options"]["merged"]
    assert merged == [{"sha256": hashes[0], "share": 0.25}, {"sha256": hashes[1], "share": 0.75}]
    assert [input["sha256"] for input in report["inputs"]] == hashes
    assert tt("verify", "out.tt").status == 0
    first = (tmp_path / "out.tt").read_bytes()
    for threads in ("1", "4"):
        merge(tt, "m0.tt", "m1.tt", "--weights", "1,3", "--threads", threads)
        assert (tmp_path / "out.tt").read_bytes() == first
    text = tt("merge", "--average", "m0.tt", "m1.tt", "-o", "again.tt", "--no-generate", "-v")
    assert text.status == 0 and "4 tensors averaged, 0 the same in all" in text.stderr and "50.00" in text.stderr
    piped = tt("merge", "--average", "m0.tt", "m1.tt", "-o", "-", "--no-generate", "-q")
    assert piped.status == 0


def test_other_architectures_are_refused(tt, expect_error, tmp_path):
    network(tmp_path / "m.onnx")
    other = {
        "shape": (dict(shapes=dict(SHAPES, b=(64, 32), c=(32, 10))), ["tensor 'b' is f32 64x32 instead of f32 64x48"]),
        "missing": (dict(bias=False), ["it has no tensor 'small'"]),
        "integer": (dict(number=1), ["its graph, names, integers or scalars differ"]),
        "type": (dict(dtype=np.float16), ["tensor 'a' is f16 40x64 instead of f32 40x64"]),
        "node": (dict(extra=helper.make_node("Relu", ["h1"], ["unused"])), ["its graph"]),
    }
    for name, (options, words) in other.items():
        network(tmp_path / f"{name}.onnx", **options)
        expect_error(65, "bad_data", [f"'{name}.onnx' is of another architecture than 'm.onnx'", *words], "merge", "--average", "m.onnx", f"{name}.onnx", "-o", "out.tt")
    expect_error(65, "bad_data", ["it has tensor 'small' more"], "merge", "--average", "missing.onnx", "m.onnx", "-o", "out.tt")
    save_file({"a": random_weight(40, 64)}, tmp_path / "m.safetensors")
    expect_error(65, "bad_data", ["it is a safetensors file instead of an ONNX model"], "merge", "--average", "m.onnx", "m.safetensors", "-o", "out.tt")
    assert not (tmp_path / "out.tt").exists()


@pytest.mark.parametrize("name, value", [("small", np.nan), ("a", np.inf)])
def test_values_that_are_not_finite_are_refused(tt, expect_error, tmp_path, name, value):
    network(tmp_path / "m.onnx")
    network(tmp_path / "bad.onnx", seed=5)
    model = onnx.load(tmp_path / "bad.onnx")
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[3] = value
    tensor.CopyFrom(numpy_helper.from_array(values, name))
    onnx.save(model, tmp_path / "bad.onnx")
    for weights in ("1,1", "1,0"):
        expect_error(65, "bad_data", [f"tensor '{name}' of 'bad.onnx'", "not finite", "leave that model out"], "merge", "--average", "m.onnx", "bad.onnx",
                     "-o", "out.tt", "--weights", weights)
    assert not (tmp_path / "out.tt").exists()


def test_wrong_uses(tt, expect_error, tmp_path):
    network(tmp_path / "m.onnx")
    base = ["merge", "--average", "m.onnx", "m.onnx", "-o", "out.tt"]
    for words, arguments in [
        (["--average is the only way"], ["merge", "m.onnx", "m.onnx", "-o", "out.tt"]),
        (["at least two models"], ["merge", "--average", "m.onnx", "-o", "out.tt"]),
        (["at least two models"], ["merge", "--average", "-o", "out.tt"]),
        (["no output"], ["merge", "--average", "m.onnx", "m.onnx"]),
        (["3 weights are given for 2 models"], [*base, "--weights", "1,2,3"]),
        (["not all 0"], [*base, "--weights", "0,0"]),
        (["--weights", "as 3,1"], [*base, "--weights", "1,-1"]), (["as 3,1"], [*base, "--weights", "1,"]), (["as 3,1"], [*base, "--weights", "1,nan"]),
        (["not standard input"], ["merge", "--average", "m.onnx", "-", "-o", "out.tt"]),
        (["is the input file itself"], ["merge", "--average", "m.onnx", "m.onnx", "-o", "m.onnx"]),
        (["--input needs --calib"], [*base, "--input", "x:scale=2"]), (["--task needs --calib"], [*base, "--task", "lm"]),
        (["target"], [*base, "--target-ratio", "2"]), (["target-bytes"], [*base, "--target-bytes", "none"]),
    ]:
        expect_error(64, "usage", words, *arguments)
    expect_error(66, "not_found", ["none.tt"], "merge", "--average", "m.onnx", "none.tt", "-o", "out.tt")
    expect_error(1, "goal_unreachable", [], *base, "--target-bytes", "10")
    (tmp_path / "broken.tt").write_bytes(b"nothing")
    expect_error(65, "bad_data", [], "merge", "--average", "m.onnx", "broken.tt", "-o", "out.tt")
    assert not (tmp_path / "out.tt").exists()


def test_samples_show_what_the_layers_of_the_mean_see(tt, tmp_path):
    for i in range(2):
        network(tmp_path / f"m{i}.onnx", seed=20 * i)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 40)) * np.repeat([3, 0.05], 20)
    np.save(tmp_path / "x.npy", x.astype(np.float32))
    arguments = ("merge", "--average", "m0.onnx", "m1.onnx", "--target-ratio", "0.15", "--no-generate")
    done = tt("--json", *arguments, "-o", "seen.tt", "--calib", "x.npy")
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    assert done.status == 0, done
    assert json.loads(done.stdout)["compressed"]["calibrated"] is True
    assert tt(*arguments, "-o", "blind.tt").status == 0
    mean = [(tensors_of(tt, path, tmp_path)) for path in ("seen.tt", "blind.tt")]
    compress(tt, "m0.onnx", "l0.tt", "--lossless"), compress(tt, "m1.onnx", "l1.tt", "--lossless")
    dense = [tensors_of(tt, f"l{i}.tt", tmp_path)["a"] for i in range(2)]
    a = (dense[0] + dense[1]) / 2
    seen, blind = (np.linalg.norm(x @ (found["a"] - a)) for found in mean)
    assert seen < blind
