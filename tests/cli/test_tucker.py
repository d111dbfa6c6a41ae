"""Kernels of convolutions as functions of the tap, as a user meets them."""
import importlib.util
import json

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models import ROOT

spec = importlib.util.spec_from_file_location("tt_reader", ROOT / "docs" / "formats" / "tt_reader.py")
tt_reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tt_reader)

MODEL = ROOT / "tests" / "data" / "super_resolution.onnx"
KERNEL = "conv2.weight"


def weights_of(done):
    assert done.status == 0, done.stderr
    return {weight["name"]: weight for weight in json.loads(done.stdout)["weights"]}


def initializers(path):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(path)).graph.initializer}


def test_what_is_told_is_what_comes_back(tt, tmp_path):
    weights = weights_of(tt("compress", "--json", MODEL, "-o", "x.tt", "--no-generate", "--tensor", f"^{KERNEL}$=tucker,step=0.1", "--target-ratio", "1"))
    kernel = weights[KERNEL]
    assert kernel["encoding"] == {"format": "tucker", "step": 0.1}
    assert "tucker,step=0.1" in tt("inspect", "x.tt").stdout
    assert tt("verify", "x.tt").status == 0
    assert tt("decompress", "x.tt", "-o", "y.onnx").status == 0
    back, original = initializers(tmp_path / "y.onnx")[KERNEL], initializers(MODEL)[KERNEL]
    assert numpy.linalg.norm(back - original) / numpy.linalg.norm(original) == pytest.approx(kernel["relative_error"], rel=1e-5)
    read = tt_reader.read(tmp_path / "x.tt")[KERNEL]
    assert read.tobytes() == back.tobytes()


def test_a_rate_is_met(tt):
    weights = weights_of(tt("compress", "--json", MODEL, "-o", "x.tt", "--no-generate", "--tensor", f"^{KERNEL}$=tucker,rate=2", "--target-ratio", "1"))
    assert weights[KERNEL]["bits_per_weight"] == pytest.approx(2, rel=0.03)


@pytest.fixture
def smooth(tmp_path):
    """Conv 3x3, its neighbouring taps alike, and Conv 1x1."""
    rng = numpy.random.default_rng(3)
    taps = rng.standard_normal((64, 16, 9))
    for t in range(1, 9):
        taps[:, :, t] = 0.9 * taps[:, :, t - 1] + 0.2 * taps[:, :, t]
    arrays = {"a": taps.reshape(64, 16, 3, 3), "b": rng.standard_normal((32, 64, 1, 1))}
    nodes = [helper.make_node("Conv", ["x", "a"], ["h"]), helper.make_node("Conv", ["h", "b"], ["y"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 8, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 32, 6, 6])],
                              [numpy_helper.from_array(array.astype(numpy.float32), name) for name, array in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "smooth.onnx")
    return tmp_path / "smooth.onnx"


def test_the_planner_takes_it_where_it_pays(tt, smooth):
    weights = weights_of(tt("compress", "--json", smooth, "-o", "x.tt", "--no-generate", "--target-ratio", "0.12"))
    assert weights["a"]["encoding"]["format"] == "tucker"
    assert weights["b"]["encoding"]["format"] != "tucker"


@pytest.mark.parametrize("spec, words", [("tucker", "rate"), ("tucker,rank=3,step=0.1", "rank"), ("tucker,rate=1,step=0.1", "exclude each other")])
def test_bad_specs_are_refused(spec, words, expect_error, tmp_path):
    expect_error(64, "usage", [words], "compress", MODEL, "-o", "x.tt", "--tensor", f"^{KERNEL}$={spec}", "--target-ratio", "1")
    assert not (tmp_path / "x.tt").exists()


def test_a_kernel_of_one_tap_is_refused(expect_error, smooth, tmp_path):
    expect_error(64, "usage", ["no kernel"], "compress", smooth, "-o", "x.tt", "--tensor", "^b$=tucker,step=0.1", "--target-ratio", "1")
    assert not (tmp_path / "x.tt").exists()
