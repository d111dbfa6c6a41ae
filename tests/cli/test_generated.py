"""Compression without samples: the model is run on inputs that are made up, where its inputs say what they are."""
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import models

DATA = models.ROOT / "tests" / "data"


PICTURES = DATA / "mnist_winml.onnx"


def compress(tt, tmp_path, model, name, *options, ratio="0.2"):
    done = tt("--json", "compress", model, "-o", tmp_path / name, "--target-ratio", ratio, *options)
    assert done.status == 0, done
    return json.loads(done.stdout)


def smooth_pictures(count=6):
    """Pictures that are neither what tt draws nor noise: a few waves each, from 0 to 1."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[0:224, 0:224] / 224
    waves = [sum(random.uniform(0.2, 1) * np.sin(2 * np.pi * (random.uniform(0, 12) * x + random.uniform(0, 12) * y) + k) for k in range(5))
             for _ in range(count)]
    return np.stack([(w - w.min()) / (w.max() - w.min()) for w in waves])[:, None].astype(np.float32)


def relative_error(original, candidate, feed):
    y, z = (models.session(path).run(None, feed)[0] for path in (original, candidate))
    return np.linalg.norm(y - z) / np.linalg.norm(y)


def test_pictures_that_tt_never_saw_lose_far_less_at_equal_bytes(tt, tmp_path):
    model, errors = DATA / "super_resolution.onnx", {}
    for name, options in (("plain", ["--no-generate"]), ("generated", [])):
        report = compress(tt, tmp_path, model, f"{name}.tt", *options, ratio="0.1")
        assert report["output"]["bytes"] <= report["budget_bytes"]
        assert report["calibrated"] is False
        assert tt("decompress", f"{name}.tt", "-o", f"{name}.onnx").status == 0
        errors[name] = relative_error(model, tmp_path / f"{name}.onnx", {"input": smooth_pictures()})
    assert errors["generated"] < 0.5 * errors["plain"], errors


def test_the_report_says_what_was_generated(tt, tmp_path):
    report = compress(tt, tmp_path, PICTURES, "x.tt")
    assert report["generated"]["samples"] >= 3 and report["generated"]["why_not"] is None
    assert report["choice"]["samples"] >= 1
    text = tt("compress", PICTURES, "-o", "y.tt", "--target-ratio", "0.2")
    assert f"planned on {report['generated']['samples']} generated inputs, real ones (--calib) are better" in text.stderr
    assert (tmp_path / "x.tt").read_bytes() == (tmp_path / "y.tt").read_bytes()


def test_the_same_bytes_for_any_number_of_threads(tt, tmp_path):
    files = []
    for threads in ("1", "4"):
        compress(tt, tmp_path, PICTURES, "x.tt", "--threads", threads)
        files.append((tmp_path / "x.tt").read_bytes())
    assert files[0] == files[1]


def test_inputs_that_say_nothing_are_named(tt, tmp_path):
    model = next((DATA / "unitree_velocity").glob("*.onnx"))
    report = compress(tt, tmp_path, model, "x.tt")
    assert report["generated"]["samples"] == 0
    assert "'obs' (1x96)" in report["generated"]["why_not"]
    assert report["choice"] is None


@pytest.mark.parametrize("options", [["--no-generate"], ["--effort", "fast"], ["--method", "svd"]])
def test_nothing_is_generated_unasked(tt, tmp_path, options):
    assert compress(tt, tmp_path, PICTURES, "x.tt", *options)["generated"] is None


def test_the_configuration_switches_it_off(tt, tmp_path):
    (tmp_path / "c.toml").write_text("[compression]\ngenerate = false\n")
    assert compress(tt, tmp_path, PICTURES, "x.tt", "--config", tmp_path / "c.toml")["generated"] is None


def test_lossless_runs_no_model(tt, tmp_path):
    done = tt("--json", "compress", PICTURES, "-o", "x.tt", "--lossless")
    assert json.loads(done.stdout)["generated"] is None


def test_without_a_runtime_the_reason_is_told_and_the_file_is_written(tt, tmp_path):
    done = tt("--json", "compress", PICTURES, "-o", "x.tt", "--target-ratio", "0.2",
              env={"TT_ONNXRUNTIME": "/nowhere/libonnxruntime.so"})
    assert done.status == 0, done
    assert "ONNX Runtime" in json.loads(done.stdout)["generated"]["why_not"] or "libonnxruntime" in done.stdout
    assert (tmp_path / "x.tt").exists()


def token_model(path, rows=50, positions=None):
    """ids -> table -> dense; `positions`: a table of so many is added, so that longer sequences fail."""
    random = np.random.default_rng(0)
    weights = {"table": (rows, 32), "w1": (32, 96), "w2": (96, rows)}
    nodes = [helper.make_node("Gather", ["table", "ids"], ["e"])]
    last = "e"
    if positions:
        weights["places"] = (positions, 32)
        nodes += [helper.make_node("Shape", ["ids"], ["shape"]),
                  helper.make_node("Gather", ["shape", "one"], ["length"]),
                  helper.make_node("Range", ["zero", "length", "one"], ["at"]),
                  helper.make_node("Gather", ["places", "at"], ["p"]), helper.make_node("Add", ["e", "p"], ["s"])]
        last = "s"
    nodes += [helper.make_node("MatMul", [last, "w1"], ["h"]), helper.make_node("Relu", ["h"], ["r"]),
              helper.make_node("MatMul", ["r", "w2"], ["logits"])]
    tensors = [numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name) for name, shape in weights.items()]
    tensors += [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in (("zero", 0), ("one", 1))]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", "t"])],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "t", rows])], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("positions", [None, 20])
def test_token_models_run_on_ids(tt, tmp_path, positions):
    report = compress(tt, tmp_path, token_model(tmp_path / "m.onnx", positions=positions), "x.tt", ratio="0.2")
    assert report["generated"] == {"samples": 48, "why_not": None}


def test_a_model_that_cannot_run_is_compressed_all_the_same(tt, tmp_path):
    report = compress(tt, tmp_path, token_model(tmp_path / "m.onnx", positions=3), "x.tt", ratio="0.2")
    assert report["generated"]["samples"] == 0
    assert report["generated"]["why_not"]


def test_a_model_that_never_ends_costs_seconds(tt, tmp_path):
    """A picture model with a loop of 2^62 rounds behind it: it is compressed with C = I."""
    random = np.random.default_rng(0)
    number = [helper.make_tensor_value_info(name, kind, []) for name, kind in (("i", TensorProto.INT64), ("c", TensorProto.BOOL))]
    value = helper.make_tensor_value_info("v", TensorProto.FLOAT, None)
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["go"]), helper.make_node("Relu", ["v"], ["w"])], "body", [*number, value],
                             [helper.make_tensor_value_info("go", TensorProto.BOOL, []), helper.make_tensor_value_info("w", TensorProto.FLOAT, None)])
    nodes = [helper.make_node("Conv", ["x", "k"], ["f"]), helper.make_node("Loop", ["rounds", "yes", "f"], ["y"], body=body)]
    tensors = [numpy_helper.from_array(random.standard_normal((64, 3, 3, 3)).astype(np.float32), "k"),
               numpy_helper.from_array(np.array(2**62, np.int64), "rounds"), numpy_helper.from_array(np.array(True), "yes")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "m.onnx")
    report = compress(tt, tmp_path, tmp_path / "m.onnx", "x.tt", ratio="0.24")
    assert report["generated"]["samples"] == 0
    assert "10 s" in report["generated"]["why_not"] or "time" in report["generated"]["why_not"]
    assert report["seconds"] < 40
