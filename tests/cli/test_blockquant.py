"""blockquant: --tensor and --runtime quantized, certificates, and everything that can be asked for wrongly."""
import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from test_factored import Graph, conv
from test_reader import tt_reader


@pytest.fixture
def compressed(tt, tmp_path):
    """compressed(model, options...) -> (path, report of compress, weights of inspect by name)."""
    def compressed(model, *options):
        out = tmp_path / "out.tt"
        done = tt("compress", model, "-o", out, "--no-generate", "--json", *options)
        assert done.status == 0, done
        shown = json.loads(tt("inspect", out, "--json").stdout)
        return out, json.loads(done.stdout), {weight["name"]: weight for weight in shown["weights"]}
    return compressed


def model_of(tmp_path, inputs=96, outputs=64, **options):
    return Graph([5, inputs], **options).node("MatMul", (inputs, outputs)).node("Add", (outputs,)).save(tmp_path / "model.onnx")


@pytest.mark.parametrize("spec,expected", [
    ("blockquant", {"bits": 4, "group": 32, "axis": 0}),
    ("blockquant,bits=8", {"bits": 8, "group": 32, "axis": 0}),
    ("blockquant,bits=4,group=0", {"bits": 4, "group": 0, "axis": 0}),
    ("blockquant,group=64,axis=1", {"bits": 4, "group": 64, "axis": 1}),
    ("blockquant,axis=0,group=65536,bits=8", {"bits": 8, "group": 65536, "axis": 0}),
])
def test_tensor(tt, compressed, tmp_path, spec, expected):
    out, report, weights = compressed(model_of(tmp_path), "--target-ratio", 0.9, "--tensor", f"w={spec}")
    assert weights["w0"]["encoding"] == {"format": "blockquant", **expected}
    assert weights["w1"]["encoding"]["format"] != "blockquant"  # a bias has no matrix
    assert tt("decompress", out, "-o", tmp_path / "back.onnx").status == 0
    back = numpy_helper.to_array(next(t for t in onnx.load(tmp_path / "back.onnx").graph.initializer if t.name == "w0"))
    original = numpy_helper.to_array(next(t for t in onnx.load(tmp_path / "model.onnx").graph.initializer if t.name == "w0"))
    error = np.linalg.norm(back - original) / np.linalg.norm(original)
    assert error == pytest.approx(weights["w0"]["relative_error"], rel=1e-3)
    assert 0 < error < (0.2 if expected["bits"] == 4 else 0.02)
    groups = np.split(back, range(expected["group"] or back.shape[expected["axis"]], back.shape[expected["axis"]],
                                  expected["group"] or back.shape[expected["axis"]]), axis=expected["axis"])
    for group in groups:  # whole multiples of one scale: at most 2^bits values
        for line in (group.T if expected["axis"] == 0 else group):
            assert len(set(line.tolist())) <= 2 ** expected["bits"]
    assert np.array_equal(tt_reader.read(out)["w0"], back)


def test_axis_of_each_layer(compressed, tmp_path):
    """Groups run along the inputs: rows of a MatMul's matrix, columns of a transposed Gemm's, of a kernel, of a table."""
    g = Graph([5, 96]).node("MatMul", (96, 64)).node("Gemm", (48, 64), transB=1).node("Gemm", (48, 32))
    _, _, weights = compressed(g.save(tmp_path / "model.onnx"), "--target-ratio", 0.9, "--tensor", "w=blockquant,group=16")
    assert [weights[f"w{i}"]["encoding"]["axis"] for i in range(3)] == [0, 1, 0]
    table = Graph([4], integers=True).node("Gather", (150, 64), side=1)
    _, _, weights = compressed(table.save(tmp_path / "model.onnx"), "--target-ratio", 0.9, "--tensor", "w=blockquant")
    assert weights["w0"]["encoding"]["axis"] == 1
    kernel = conv([1, 8, 9, 9], (48, 8, 3, 3))
    _, _, weights = compressed(kernel.save(tmp_path / "model.onnx"), "--target-ratio", 0.9, "--tensor", "w=blockquant")
    assert weights["w0"]["encoding"]["axis"] == 1


@pytest.mark.parametrize("name,ratios", [("super_resolution.onnx", (0.16, 0.2, 0.3)), ("ppocr_cls.onnx", (0.16, 0.3)),
                                         ("unitree_velocity/policy.onnx", (0.15, 0.2, 0.3))])
def test_runtime_quantized(compressed, data, name, ratios):
    """Every layer is blockquant, the size goal holds, and more bytes mean less error."""
    errors = []
    for ratio in ratios:
        out, report, weights = compressed(data / name, "--runtime", "quantized", "--target-ratio", ratio)
        assert out.stat().st_size == report["output"]["bytes"] <= ratio * report["input"]["bytes"]
        layers = [w for w in weights.values() if w["encoding"]["format"] == "blockquant"]
        assert len(layers) >= 4
        assert all(w["encoding"]["format"] == "blockquant" for w in weights.values() if len(w["shape"]) > 1 and w["role"] != "other")
        errors.append(np.mean([w["relative_error"] for w in layers]))
    assert errors == sorted(errors, reverse=True)


def test_calibrated_codes_are_better(tt, tmp_path):
    """Inputs that depend on each other: the output's error falls at equal forms, the weight's does not."""
    random = np.random.default_rng(1)
    model = model_of(tmp_path)
    mix = random.standard_normal((12, 96)) + 0.1 * random.standard_normal((12, 96))
    samples = (random.standard_normal((400, 12)) @ mix + 0.1 * random.standard_normal((400, 96))).astype(np.float32)
    np.savez(tmp_path / "calib.npz", x=samples[:300].reshape(60, 5, 96))
    np.savez(tmp_path / "test.npz", x=samples[300:].reshape(20, 5, 96))
    errors = {}
    for way, options in {"plain": [], "calibrated": ["--calib", tmp_path / "calib.npz"]}.items():
        out = tmp_path / f"{way}.tt"
        done = tt("compress", model, "-o", out, "--no-generate", "--target-ratio", 0.9, "--tensor", "^w0$=blockquant,bits=4,group=32",
                  "--preserve", "^w1$", *options)
        assert done.status == 0, done
        judged = json.loads(tt("verify", model, out, "--data", tmp_path / "test.npz", "--json").stdout)
        errors[way] = judged["outputs"][0]["relative_error"]
    assert errors["calibrated"] < 0.8 * errors["plain"]


def test_plan_keeps_the_axis(tt, compressed, data, tmp_path):
    plan = tmp_path / "p.json"
    out, _, weights = compressed(data / "super_resolution.onnx", "--runtime", "quantized", "--target-ratio", 0.2, "--plan-out", plan)
    again = tmp_path / "again.tt"
    assert tt("compress", data / "super_resolution.onnx", "-o", again, "--plan", plan).status == 0
    shown = json.loads(tt("inspect", again, "--json").stdout)["weights"]
    assert {w["name"]: w["encoding"] for w in shown} == {name: w["encoding"] for name, w in weights.items()}


def test_preserved_weights_stay(compressed, data):
    _, _, weights = compressed(data / "super_resolution.onnx", "--runtime", "quantized", "--target-ratio", 0.5, "--preserve", "conv1")
    assert weights["conv1.weight"]["encoding"]["format"] in ("raw", "lossless")
    assert weights["conv2.weight"]["encoding"]["format"] == "blockquant"


def test_same_bytes_for_any_number_of_threads(tt, data, tmp_path):
    for threads in (1, 3):
        done = tt("compress", data / "ppocr_cls.onnx", "-o", tmp_path / f"{threads}.tt", "--runtime", "quantized",
                  "--target-ratio", 0.2, "--no-generate", "--threads", threads)
        assert done.status == 0, done
    assert (tmp_path / "1.tt").read_bytes() == (tmp_path / "3.tt").read_bytes()


@pytest.mark.parametrize("spec,words", [
    ("blockquant,bits=5", ["codes have 4 or 8 bits"]),
    ("blockquant,group=24", ["a power of two from 16 to 65536"]),
    ("blockquant,group=8", ["a power of two from 16 to 65536"]),
    ("blockquant,axis=2", ["axis 0 (rows) or 1 (columns)"]),
    ("blockquant,rate=3", ["allowed keys: bits, group, axis"]),
])
def test_wrong_specs(expect_error, data, tmp_path, spec, words):
    expect_error(64, "usage", words, "compress", data / "super_resolution.onnx", "-o", tmp_path / "x.tt", "--tensor", f"conv={spec}")


@pytest.mark.parametrize("options,words", [
    (["--runtime", "quantised"], ["--runtime", "one of any, quantized"]),
    (["--runtime", "quantized", "--lossless"], ["--lossless and --runtime exclude each other"]),
    (["--runtime", "quantized", "--plan", "p.json"], ["--plan and --runtime exclude each other"]),
    (["--runtime", "quantized", "--method", "svd"], ["--runtime quantized needs --method auto"]),
])
def test_wrong_options(expect_error, data, tmp_path, options, words):
    expect_error(64, "usage", words, "compress", data / "super_resolution.onnx", "-o", tmp_path / "x.tt", *options)


def test_smaller_than_four_bits_is_out_of_reach(expect_error, data, tmp_path):
    message = expect_error(1, "goal_unreachable", ["smallest possible file"], "compress", data / "super_resolution.onnx", "-o",
                           tmp_path / "x.tt", "--runtime", "quantized", "--target-ratio", "0.02", "--no-generate")
    assert not (tmp_path / "x.tt").exists() and "0.02" not in message


def test_safetensors_does_not_run(expect_error, tmp_path):
    import safetensors.numpy
    safetensors.numpy.save_file({"w": np.ones((64, 64), np.float32)}, tmp_path / "m.safetensors")
    expect_error(64, "usage", ["--runtime quantized is for ONNX models"], "compress", tmp_path / "m.safetensors", "-o",
                 tmp_path / "x.tt", "--runtime", "quantized")


def test_values_that_are_not_finite_stay_exact(tt, tmp_path):
    g = Graph([5, 96]).node("MatMul", (96, 64)).node("MatMul", (64, 96))
    values = numpy_helper.to_array(g.weights[0]).copy()
    values[3, 4] = np.nan
    g.weights[0] = numpy_helper.from_array(values, "w0")
    done = tt("compress", g.save(tmp_path / "m.onnx"), "-o", tmp_path / "x.tt", "--runtime", "quantized", "--target-ratio", 0.9,
              "--no-generate")
    assert done.status == 0 and "not finite" in done.stderr, done
    shown = {w["name"]: w["encoding"]["format"] for w in json.loads(tt("inspect", tmp_path / "x.tt", "--json").stdout)["weights"]}
    assert shown["w0"] in ("raw", "lossless") and shown["w1"] == "blockquant"
