"""tt compress --calib: what it refuses, and what it says of layers that no sample reached."""
import json
import re

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

RANDOM = numpy.random.default_rng(9)


def weights(*shape):
    return (RANDOM.standard_normal(shape) / numpy.sqrt(shape[-1])).astype(numpy.float32)


def samples_of(*shape):
    return RANDOM.standard_normal(shape).astype(numpy.float32)


def save(path, nodes, inputs, outputs, arrays):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(*i) for i in inputs],
                              [helper.make_tensor_value_info(*o) for o in outputs],
                              [numpy_helper.from_array(array, name) for name, array in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def mlp(tmp_path):
    """x -> Gemm -> Relu -> MatMul."""
    nodes = [helper.make_node("Gemm", ["x", "a", "b"], ["h"], transB=1), helper.make_node("Relu", ["h"], ["r"]),
             helper.make_node("MatMul", ["r", "c"], ["y"], "q")]
    return save(tmp_path / "mlp.onnx", nodes, [("x", TensorProto.FLOAT, ["N", 64])], [("y", TensorProto.FLOAT, ["N", 32])],
                {"a": weights(96, 64), "b": weights(96), "c": weights(96, 32)})


@pytest.fixture
def ready(tt, mlp, tmp_path):
    """The model, a calibration of it, and an older output; skips without ONNX Runtime."""
    numpy.savez(tmp_path / "good.npz", x=samples_of(200, 64))
    done = tt("calibrate", mlp, "good.npz", "-o", "good.ttcal")
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    assert done.status == 0, done
    (tmp_path / "old.tt").write_bytes(b"old")
    return mlp


@pytest.fixture
def refuse(expect_error, ready, tmp_path):
    """refuse(status, kind, words, calib, options...): no file, and what stood there stays."""
    def check(status, kind, words, calib, *options, model=ready):
        goal = [] if any(str(option).startswith("--target") for option in options) else ["--target-ratio", "0.4"]
        for out in ("new.tt", "old.tt"):
            message = expect_error(status, kind, words, "compress", model, "-o", out, "--calib", calib, *goal, *options)
        assert not (tmp_path / "new.tt").exists() and not list(tmp_path.glob(".*tt-tmp"))
        assert (tmp_path / "old.tt").read_bytes() == b"old"
        return message
    return check


GOOD = samples_of(12, 64)
WRONG = {
    "name": ({"y": GOOD}, ["'y'", "is no input"]),
    "a name more": ({"x": GOOD, "y": GOOD}, ["'y'", "is no input"]),
    "shape": ({"x": GOOD[:, :63]}, ["12x63", "Nx64"]),
    "type": ({"x": GOOD.astype(numpy.int64)}, ["int64", "scale=1/255"]),
    "complex": ({"x": GOOD.astype(numpy.complex64)}, ["'<c8'"]),
    "NaN": ({"x": numpy.where(numpy.arange(12)[:, None] == 7, numpy.nan, GOOD)}, ["NaN in sample 7"]),
    "infinite": ({"x": numpy.where(numpy.arange(12)[:, None] == 1, numpy.inf, GOOD)}, ["input 'x' of layer", "not finite"]),
    "overflow": ({"x": numpy.full((12, 64), 3e38, numpy.float32)}, ["input 'r' of layer 'q'", "not finite"]),
    "none": ({"x": GOOD[:0]}, ["no samples"]),
    "too few": ({"x": GOOD[:3]}, ["too few samples", "needs 4 and there are 3"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_samples(refuse, tmp_path, what):
    arrays, words = WRONG[what]
    numpy.savez(tmp_path / "s.npz", **arrays)
    refuse(65, "bad_data", words, "s.npz")


def test_wrong_files(refuse, tmp_path):
    (tmp_path / "text.npz").write_text("no arrays")
    refuse(65, "bad_data", ["text.npz"], "text.npz")
    refuse(66, "not_found", ["absent.npz"], "absent.npz")
    refuse(65, "bad_data", ["'mask'"], "good.npz", "--mask-input", "mask")
    refuse(64, "usage", ["'y'"], "good.npz", "--input", "y:scale=1")
    numpy.save(tmp_path / "y.npy", numpy.zeros(199, numpy.int64))
    refuse(65, "bad_data", ["200 samples", "199"], "good.npz", "--max-drop", "1", "--labels", "y.npy")


def test_a_calibration_of_something_else(refuse, ready, tt, tmp_path):
    other = onnx.load(str(ready))
    other.doc_string = "another file"
    onnx.save(other, str(tmp_path / "other.onnx"))
    refuse(65, "bad_data", ["good.ttcal", "another model"], "good.ttcal", model=tmp_path / "other.onnx")
    whole = (tmp_path / "good.ttcal").read_bytes()
    (tmp_path / "new.ttcal").write_bytes(whole.replace(b'"ttcal.format":"1"', b'"ttcal.format":"2"'))
    refuse(65, "unsupported", ["format version 2, this tt reads up to 1"], "new.ttcal")
    (tmp_path / "cut.ttcal").write_bytes(whole[:-1])
    refuse(65, "corrupt", ["cut off"], "cut.ttcal")
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    (tmp_path / "changed.ttcal").write_bytes(bytes(changed))
    refuse(65, "corrupt", ["changed.ttcal"], "changed.ttcal")


def test_a_limit_needs_held_out_samples(refuse, ready, tt):
    assert tt("calibrate", ready, "good.npz", "--no-samples", "-o", "bare.ttcal").status == 0
    refuse(64, "usage", ["bare.ttcal", "--eval"], "bare.ttcal", "--max-error", "0.1")


@pytest.mark.parametrize("calib", ["good.npz", "good.ttcal"])
def test_a_budget_below_the_smallest_file_names_it(refuse, ready, tt, tmp_path, calib):
    message = refuse(1, "goal_unreachable", ["smallest possible file"], calib, "--target-bytes", "400")
    smallest = re.search(r"smallest possible file has (\d+) bytes", message)[1]
    done = tt("compress", ready, "-o", "new.tt", "--calib", calib, "--target-bytes", smallest)
    assert done.status == 0 and (tmp_path / "new.tt").stat().st_size <= int(smallest), done


def reported(tt, model, *options):
    done = tt("compress", model, "-o", "new.tt", "--target-ratio", "0.4", "--json", *options)
    assert done.status == 0, done
    return json.loads(done.stdout)


def test_layers_that_saw_no_sample_keep_the_identity_and_the_report_says_so(tt, ready, tmp_path):
    """Every position is masked out: errors are those of the weights."""
    nodes = [helper.make_node("Gather", ["table", "ids"], ["e"]), helper.make_node("MatMul", ["e", "w"], ["h"]),
             helper.make_node("Cast", ["mask"], ["m"], to=TensorProto.FLOAT), helper.make_node("Unsqueeze", ["m", "axis"], ["u"]),
             helper.make_node("Mul", ["h", "u"], ["y"])]
    model = save(tmp_path / "t.onnx", nodes, [("ids", TensorProto.INT64, ["N", "T"]), ("mask", TensorProto.INT64, ["N", "T"])],
                 [("y", TensorProto.FLOAT, ["N", "T", 48])],
                 {"table": weights(80, 64), "w": weights(64, 48), "axis": numpy.array([2])})
    ids = RANDOM.integers(0, 80, (8, 6))
    numpy.savez(tmp_path / "s.npz", ids=ids, mask=0 * ids)
    bare = ["--mask-input", "mask", "--no-samples", "--no-sensitivity"]
    assert tt("calibrate", model, "s.npz", *bare, "-o", "s.ttcal").status == 0
    found = reported(tt, model, "--calib", "s.ttcal")
    for value, layer in (("ids", "e"), ("e", "h")):
        assert [w for w in found["warnings"] if f"input '{value}'" in w and "saw no sample, C = I is taken" in w], found["warnings"]
    assert all(w["output_error"] == pytest.approx(w["relative_error"], rel=1e-5) for w in found["weights"])


def test_layers_inside_subgraphs_keep_the_identity_and_the_report_says_so(tt, ready, tmp_path):
    branch = [helper.make_graph([helper.make_node("MatMul", ["x", name], [name + "o"])], name, [],
                                [helper.make_tensor_value_info(name + "o", TensorProto.FLOAT, ["N", 64])],
                                [numpy_helper.from_array(weights(64, 64), name)]) for name in ("p", "q")]
    nodes = [helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0), helper.make_node("Greater", ["s", "zero"], ["c"]),
             helper.make_node("If", ["c"], ["y"], "if", then_branch=branch[0], else_branch=branch[1])]
    model = save(tmp_path / "i.onnx", nodes, [("x", TensorProto.FLOAT, ["N", 64])], [("y", TensorProto.FLOAT, ["N", 64])],
                 {"zero": numpy.float32(0)})
    found = reported(tt, model, "--calib", "good.npz")
    for name in ("if/then_branch/p", "if/else_branch/q"):
        assert f"weight '{name}': C = I, its layer lies inside a subgraph or a function" in found["warnings"]


def test_too_few_rows_are_said(tt, ready, tmp_path):
    numpy.savez(tmp_path / "s.npz", x=samples_of(16, 64))
    done = tt("compress", ready, "-o", "new.tt", "--calib", "s.npz", "--target-ratio", "0.4")
    assert done.status == 0 and "has 12 rows for 64 features" in done.stderr, done
