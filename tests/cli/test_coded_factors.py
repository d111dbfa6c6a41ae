"""Low rank with coded factors, as a user meets it."""
import json

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

RNG = numpy.random.default_rng(11)


def learned(rows, cols, rank):
    """Strong components over a floor of noise, as in a layer that is wider than it need be."""
    strong = (RNG.standard_normal((rows, rank)) / (1 + numpy.arange(rank))) @ RNG.standard_normal((rank, cols))
    return (0.05 * strong + 0.01 * RNG.standard_normal((rows, cols))).astype(numpy.float32)


@pytest.fixture
def wide(tmp_path):
    """x -> Gemm -> Relu -> MatMul, 128 -> 256 -> 96."""
    nodes = [helper.make_node("Gemm", ["x", "a", "b"], ["h"], transB=1), helper.make_node("Relu", ["h"], ["r"]),
             helper.make_node("MatMul", ["r", "c"], ["y"])]
    arrays = {"a": learned(256, 128, 6), "b": learned(1, 256, 1)[0], "c": learned(256, 96, 6)}
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 128])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 96])],
                              [numpy_helper.from_array(array, name) for name, array in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "wide.onnx")
    return tmp_path / "wide.onnx"


def weights_of(done):
    assert done.status == 0, done.stderr
    return {weight["name"]: weight for weight in json.loads(done.stdout)["weights"]}


def test_the_rank_that_came_out_is_told(tt, wide, tmp_path):
    weights = weights_of(tt("compress", "--json", wide, "-o", "x.tt", "--tensor", "^a$=lowrank,step=0.3", "--target-ratio", "1"))
    encoding = weights["a"]["encoding"]
    assert encoding["format"] == "lowrank" and encoding["step"] == 0.3 and "dtype" not in encoding
    assert 2 <= encoding["rank"] <= 12
    shown = tt("inspect", "x.tt")
    assert f"lowrank,rank={encoding['rank']},step=0.3" in shown.stdout
    assert tt("verify", "x.tt").status == 0
    assert tt("decompress", "x.tt", "-o", "y.onnx").status == 0
    back, original = ({t.name: numpy_helper.to_array(t) for t in onnx.load(str(path)).graph.initializer} for path in (tmp_path / "y.onnx", wide))
    error = numpy.linalg.norm(back["a"] - original["a"]) / numpy.linalg.norm(original["a"])
    assert error == pytest.approx(weights["a"]["relative_error"], rel=1e-5)
    assert numpy.linalg.matrix_rank(back["a"].astype(float), tol=1e-5) == encoding["rank"]


def test_a_rate_and_a_cap_are_kept(tt, wide):
    weights = weights_of(tt("compress", "--json", wide, "-o", "x.tt", "--tensor", "^a$=lowrank,rate=1.5",
                            "--tensor", "^c$=lowrank,rank=3,step=0.05", "--target-ratio", "1"))
    assert weights["a"]["bits_per_weight"] == pytest.approx(1.5, rel=0.03)
    assert weights["c"]["encoding"]["rank"] == 3


def test_the_planner_takes_them_where_they_pay(tt, wide, tmp_path):
    numpy.savez(tmp_path / "s.npz", x=numpy.maximum(RNG.standard_normal((300, 128)), 0).astype(numpy.float32))
    for calib in ([], ["--calib", "s.npz"]):
        done = tt("compress", "--json", wide, "-o", "x.tt", "--target-ratio", "0.06", *calib)
        if "built without ONNX Runtime" in done.stderr:
            pytest.skip("tt is built without ONNX Runtime")
        weights = weights_of(done)
        assert any(weight["encoding"].get("rank", 0) > 0 and "step" in weight["encoding"] for weight in weights.values())
        (tmp_path / "x.tt").unlink()


@pytest.mark.parametrize("spec, words", [("lowrank,step=0.1,dtype=f16", "dtype"), ("lowrank,rate=1,step=0.1", "exclude each other"),
                                         ("lowrank,rank=97,step=0.1", "give 1 to 96"), ("lowrank,step=0", "step")])
def test_bad_specs_are_refused(spec, words, expect_error, wide, tmp_path):
    expect_error(64, "usage", [words], "compress", wide, "-o", "x.tt", "--tensor", f"^c$={spec}", "--target-ratio", "1")
    assert not (tmp_path / "x.tt").exists()


def test_values_that_would_overflow_are_refused(expect_error, tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "c"], ["y"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8])],
                              [numpy_helper.from_array(numpy.full((8, 8), 1e38, numpy.float32), "c")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "huge.onnx")
    expect_error(64, "usage", ["too large"], "compress", tmp_path / "huge.onnx", "-o", "x.tt", "--min-size", "1", "--tensor",
                 "^c$=lowrank,step=0.1", "--target-ratio", "1")
    assert not (tmp_path / "x.tt").exists()
