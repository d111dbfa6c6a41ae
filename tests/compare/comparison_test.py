"""The arithmetic of scripts/compare-peers: curves, codings, sizes, and that finished points are kept."""
import importlib
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "compare"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module
    for name in [name for name, one in sys.modules.items() if str(SCRIPTS) in str(getattr(one, "__file__", ""))]:
        del sys.modules[name]


@pytest.fixture
def model(tmp_path):
    rng = numpy.random.default_rng(1)
    arrays = {"matrix": rng.standard_normal((24, 16)).astype(numpy.float32), "row": rng.random((1, 16)).astype(numpy.float32),
              "mask": numpy.zeros((24, 16), numpy.float32)}
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "matrix"], ["y"]), helper.make_node("Add", ["y", "row"], ["z"])], "g",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 24])],
                              [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 16])],
                              [numpy_helper.from_array(array, name) for name, array in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def test_a_power_law_is_interpolated_exactly(module):
    curves = module("curves")
    curve = [(size, 5000.0 / size**2) for size in (10, 100, 1000)]
    assert curves.bytes_at(curve, 5000.0 / 40**2) == pytest.approx(40)
    assert curves.loss_at(curve, 300) == pytest.approx(5000.0 / 300**2)


def test_what_no_point_reaches_has_no_value(module):
    curves = module("curves")
    assert curves.bytes_at([(10, 0.5), (20, 0.2)], 0.1) is None
    assert curves.loss_at([(10, 0.5)], 9) is None
    assert curves.loss_at([(10, 0.5)], 20) is None


def test_steps_count_only_what_was_measured(module):
    assert module("curves").bytes_at([(10, 0.5), (20, 0.01)], 0.1, steps=True) == 20


def test_the_front_leaves_out_what_a_smaller_file_beats(module):
    points = [{"bytes": size, "loss": loss} for size, loss in ((30, 0.1), (10, 0.5), (20, 0.6), (40, 0.1))]
    assert module("curves").front(points, "loss") == [(10, 0.5), (30, 0.1)]


def test_of_tt_only_the_last_version_counts(module, tmp_path):
    points = [{"peer": peer, "settings": "", "bytes": 1, "loss": loss} for peer, loss in (("tt old", 1), ("tt calibrated new", 2), ("tt new", 3))]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
    assert {name: found[0]["loss"] for name, found in module("curves").points_of(tmp_path / "m.jsonl").items()} == {"tt": 3, "tt calibrated": 2}


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_packed_codes_take_their_bits(module, bits):
    codes = numpy.arange(1000) % 2**bits
    packed = numpy.unpackbits(numpy.frombuffer(module("coders").packed_bytes(codes, bits), numpy.uint8))[:bits * 1000].reshape(-1, bits)
    assert (packed @ (1 << numpy.arange(bits)[::-1]) == codes).all()


def test_more_bits_round_better(module):
    array = numpy.random.default_rng(2).standard_normal((8, 100)).astype(numpy.float32)
    errors = [numpy.abs(module("coders").rounded(array, 0, bits)[2] - array).mean() for bits in (2, 4, 6, 8)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.02


def test_factors_multiply_to_the_weight(module):
    left, right = numpy.random.default_rng(3).standard_normal((2, 40, 3)).astype(numpy.float32)
    u, v = module("coders").truncated(left @ right.T, "relative error", 1e-3)
    assert u.shape == (40, 3) and numpy.allclose(u @ v, left @ right.T, atol=1e-4)


def test_weights_are_found_replaced_and_left_out(module, model):
    weights = module("weights")
    found = weights.Weights(model)
    assert set(found.arrays) == {"matrix", "row"} and found.axes["matrix"] == 1 and weights.is_vector(found.arrays["row"])
    assert found.skeleton < 400 < found.fp32_bytes == 4 * (24 * 16 + 16)
    changed = onnx.load_from_string(found.with_arrays({"matrix": 2 * found.arrays["matrix"]})).graph.initializer
    assert numpy.array_equal(numpy_helper.to_array(changed[0]), 2 * found.arrays["matrix"])
    assert numpy.array_equal(numpy_helper.to_array(changed[1]), found.arrays["row"])


def test_a_finished_point_is_not_measured_again(module, tmp_path):
    class Judge:
        def judge(self, _):
            return {"metric": "m", "loss": float("nan")}

    def broken():
        raise ValueError("no room in /some/folder/file.onnx")

    results = module("results")
    first = results.Results(tmp_path, "m", Judge)
    first.get("p", "1", lambda: (7, b"x"), tmp_path / "x")
    assert first.get("p", "2", broken, tmp_path / "x")["error"] == "ValueError: no room in file.onnx"
    again = results.Results(tmp_path, "m", Judge)
    assert again.get("p", "1", broken, tmp_path / "x")["bytes"] == 7 and again.points["p", "1"]["loss"] is None


@pytest.fixture
def written(module, tmp_path):
    """What the script writes from three programs, of which tt loses at the smaller of two sizes."""
    points = [{"peer": peer, "settings": str(size), "bytes": size, "loss": loss, "relative_error": loss}
              for peer, curve in {"NNCodec": ((1000, 0.25), (30000, 0.01)), "tt 1": ((1000, 0.3), (20000, 0.01)),
                                  "tt calibrated 1": ((1000, 0.2), (10000, 0.01)), "a new peer": ((2000, 0.4),)}.items()
              for size, loss in curve]
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "m.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
    module("tables").note_size(tmp_path, "m", 8000)
    module("tables").write(tmp_path)
    return tmp_path


def test_a_plot_has_a_line_for_every_program(written, module):
    picture = (written / "m.svg").read_text()
    root = ElementTree.fromstring(picture)
    lines = [item.get("stroke") for item in root.iter("{http://www.w3.org/2000/svg}polyline")]
    plots = module("plots")
    assert lines == [plots.COLOURS["NNCodec"], plots.OTHERS, plots.OWN["tt"], plots.OWN["tt calibrated"]]
    words = [item.text for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"m", "NNCodec", "a new peer", "tt, no calibration data", "tt, calibration data", "relative output error"} <= set(words)
    assert len(picture) < 10_000


def test_lost_comparisons_are_listed(written):
    lost = (written / "tables.md").read_text().split("## Where a peer is ahead\n", 1)[1]
    assert "| tt | m, 1.0 KiB: 0.3000, NNCodec 0.2500 | 1.20 |" in lost and "tt calibrated" not in lost


def test_nothing_lost_is_said(module):
    assert "Nowhere" in module("tables").exceptions({"tt": [(1.0, "a"), (0.5, "b")]})
