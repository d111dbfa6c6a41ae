"""tt calibrate against NumPy and Python's ONNX Runtime, and what it refuses."""
import json
import pathlib
import signal
import subprocess
import time

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from models import SHARED
from ttcal import Calibration, gram, patches, tapped, used_rows

RANDOM = numpy.random.default_rng(5)


def shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return path


@pytest.fixture
def calibrate(tt, tmp_path):
    """calibrate(model, {name: array}, options...) -> Calibration"""
    def run(model, feeds, *options, out="o.ttcal"):
        numpy.savez(tmp_path / "samples.npz", **feeds)
        done = tt("calibrate", model, "samples.npz", "-o", out, *options)
        if "built without ONNX Runtime" in done.stderr:
            pytest.skip("tt is built without ONNX Runtime")
        assert done.status == 0, done
        return Calibration(tmp_path / out)
    return run


def check_gram(got, rows):
    want = gram(rows)
    scale = numpy.sqrt(numpy.outer(*(numpy.diag(want[0]),) * 2)) + 1e-300
    assert got[2] == want[2]
    assert (numpy.abs(got[0] - want[0]) <= 1e-9 * scale).all()
    numpy.testing.assert_allclose(got[1], want[1], rtol=1e-9, atol=1e-9 * numpy.abs(want[1]).max())


def save(path, nodes, inputs, outputs, weights, opset=17):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(*i) for i in inputs],
                              [helper.make_tensor_value_info(*o) for o in outputs],
                              [numpy_helper.from_array(array, name) for name, array in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def weights(*shape, dtype=numpy.float32):
    return (RANDOM.standard_normal(shape) / numpy.sqrt(shape[-1])).astype(dtype)


@pytest.fixture
def mlp(tmp_path):
    """x -> Gemm (out x in) -> Relu -> two MatMuls (in x out) of the same input -> Add."""
    nodes = [helper.make_node("Gemm", ["x", "a", "b"], ["h"], transB=1), helper.make_node("Relu", ["h"], ["r"]),
             helper.make_node("MatMul", ["r", "c"], ["y"], "q"), helper.make_node("MatMul", ["r", "d"], ["z"], "k"),
             helper.make_node("Add", ["y", "z"], ["out"])]
    return save(tmp_path / "mlp.onnx", nodes, [("x", TensorProto.FLOAT, ["N", 12])], [("out", TensorProto.FLOAT, ["N", 7])],
                {"a": weights(20, 12), "b": weights(20), "c": weights(20, 7), "d": weights(20, 7)})


def samples_of(*shape):
    return RANDOM.standard_normal(shape).astype(numpy.float32)


# What is summed


def test_one_gram_for_each_input(calibrate, mlp):
    x = samples_of(300, 12)
    found = calibrate(mlp, {"x": x})
    values = tapped(mlp, ["x", "r"], {"x": x})
    assert [entry["value"] for entry in found.inputs] == ["x", "r"]
    for index, name in enumerate(["x", "r"]):
        check_gram(found.sum(index), values[name][used_rows(300)])
    assert found.weights["a"]["inputs"] == [0] and found.weights["a"]["axis"] == 1
    assert found.weights["c"]["inputs"] == found.weights["d"]["inputs"] == [1] and found.weights["c"]["axis"] == 0
    assert found.manifest["samples"] == len(used_rows(300)) and len(found.manifest["held_out"]) == 300 - len(used_rows(300))


def test_the_held_out_samples_are_those_that_are_not_summed(calibrate, mlp):
    x = samples_of(300, 12)
    found = calibrate(mlp, {"x": x})
    kept = numpy.frombuffer(found.tensors["sample.0"], "<f4").reshape(-1, 12)
    held = numpy.delete(x, used_rows(300), axis=0)
    assert sorted(map(bytes, kept)) == sorted(map(bytes, held))
    none = calibrate(mlp, {"x": x}, "--no-samples")
    assert none.manifest["held_out"] == [] and none.manifest["samples"] == 300 and "sample.0" not in none.tensors
    check_gram(none.sum(0), x)


CONVS = {
    "plain": (1, dict(kernel_shape=[3, 3]), (5, 4, 3, 3)),
    "stride and pads": (1, dict(strides=[2, 1], pads=[1, 0, 2, 1]), (5, 4, 3, 2)),
    "groups": (2, dict(pads=[1, 1, 1, 1]), (6, 2, 3, 3)),
    "dilations": (1, dict(dilations=[2, 3]), (5, 4, 2, 2)),
    "1x1": (1, {}, (8, 4, 1, 1)),
}


@pytest.mark.parametrize("name", CONVS)
def test_patches_of_convolutions(calibrate, tmp_path, name):
    group, attributes, shape = CONVS[name]
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=group, **attributes)
    model = save(tmp_path / "c.onnx", [node], [("x", TensorProto.FLOAT, ["N", 4, 9, 8])],
                 [("y", TensorProto.FLOAT, ["N", shape[0], "H", "W"])], {"w": weights(*shape)})
    x = samples_of(20, 4, 9, 8)
    found = calibrate(model, {"x": x})
    used = x[used_rows(20)]
    check_gram(found.sum(0), patches(used, shape[2:], attributes.get("strides", (1, 1)), attributes.get("pads", (0,) * 4),
                                     attributes.get("dilations", (1, 1)), group))


@pytest.mark.parametrize("padding", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_padding_by_name(calibrate, tmp_path, padding):
    node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad=padding, strides=[2, 2])
    model = save(tmp_path / "c.onnx", [node], [("x", TensorProto.FLOAT, ["N", 3, 9, 8])],
                 [("y", TensorProto.FLOAT, ["N", 4, "H", "W"])], {"w": weights(4, 3, 3, 3)})
    x = samples_of(8, 3, 9, 8)
    # 9 rows, stride 2: 5 outputs of reach 11, so one row on either side; 8 columns: 4 outputs of reach 9, one column.
    pads = {"SAME_UPPER": (1, 0, 1, 1), "SAME_LOWER": (1, 1, 1, 0), "VALID": (0, 0, 0, 0)}[padding]
    check_gram(calibrate(model, {"x": x}).sum(0), patches(x[used_rows(8)], (3, 3), (2, 2), pads))


def test_depthwise_and_transposed_convolutions(calibrate, tmp_path):
    nodes = [helper.make_node("Conv", ["x", "d"], ["h"], group=4, pads=[1, 1, 1, 1]),
             helper.make_node("ConvTranspose", ["h", "t"], ["y"], strides=[2, 2])]
    model = save(tmp_path / "c.onnx", nodes, [("x", TensorProto.FLOAT, ["N", 4, 6, 6])],
                 [("y", TensorProto.FLOAT, ["N", 3, "H", "W"])], {"d": weights(4, 1, 3, 3), "t": weights(4, 3, 2, 2)})
    x = samples_of(12, 4, 6, 6)
    found, used = calibrate(model, {"x": x}), used_rows(12)
    energy = (patches(x[used], (3, 3), pads=(1, 1, 1, 1), group=4) ** 2).mean(axis=1).reshape(-1, 4).sum(axis=0)
    numpy.testing.assert_allclose(found.sum(found.input("x", "energies")), energy, rtol=1e-6)
    pixels = tapped(model, ["h"], {"x": x})["h"][used].transpose(0, 2, 3, 1).reshape(-1, 4)
    check_gram(found.sum(found.input("h", "channels")), pixels)
    assert found.weights["d"]["axis"] == found.weights["t"]["axis"] == 0


def test_a_sample_of_patches_where_there_are_very_many(calibrate, tmp_path):
    model = save(tmp_path / "c.onnx", [helper.make_node("Conv", ["x", "w"], ["y"])], [("x", TensorProto.FLOAT, ["N", 1, 80, 80])],
                 [("y", TensorProto.FLOAT, ["N", 2, "H", "W"])], {"w": weights(2, 1, 3, 3)})
    x = samples_of(4, 1, 80, 80)
    first, other = calibrate(model, {"x": x}, "--no-samples"), calibrate(model, {"x": x}, "--no-samples", "--seed", "1")
    assert first.inputs[0]["rows"] == 4 * 4096 < 4 * 78 * 78
    assert not (first.sum(0)[0] == other.sum(0)[0]).all()
    whole = gram(patches(x, (3, 3)))
    numpy.testing.assert_allclose(first.sum(0)[0] / first.sum(0)[2], whole[0] / whole[2], atol=0.05)


def test_tables_count_tokens(calibrate, tmp_path):
    nodes = [helper.make_node("Gather", ["table", "ids"], ["e"]), helper.make_node("MatMul", ["e", "w"], ["y"])]
    model = save(tmp_path / "t.onnx", nodes, [("ids", TensorProto.INT64, ["N", "T"])], [("y", TensorProto.FLOAT, ["N", "T", 5])],
                 {"table": weights(30, 8), "w": weights(8, 5)})
    ids = RANDOM.integers(-30, 20, (40, 6))
    found, used = calibrate(model, {"ids": ids}), used_rows(40)
    assert (found.sum(found.input("ids", "tokens")) == numpy.bincount(ids[used].ravel() % 30, minlength=30)).all()
    assert found.weights["table"]["axis"] == 0


def test_masked_positions_do_not_count(calibrate, tmp_path):
    nodes = [helper.make_node("Gather", ["table", "ids"], ["e"]), helper.make_node("MatMul", ["e", "w"], ["h"]),
             helper.make_node("Cast", ["mask"], ["m"], to=TensorProto.FLOAT), helper.make_node("Unsqueeze", ["m", "axis"], ["u"]),
             helper.make_node("Mul", ["h", "u"], ["y"])]
    model = save(tmp_path / "t.onnx", nodes, [("ids", TensorProto.INT64, ["N", "T"]), ("mask", TensorProto.INT64, ["N", "T"])],
                 [("y", TensorProto.FLOAT, ["N", "T", 5])],
                 {"table": weights(30, 8), "w": weights(8, 5), "axis": numpy.array([2])})
    ids, mask = RANDOM.integers(0, 30, (40, 6)), RANDOM.integers(0, 2, (40, 6))
    found = calibrate(model, {"ids": ids, "mask": mask}, "--mask-input", "mask")
    used = numpy.asarray(used_rows(40))
    kept = ids[used][mask[used] != 0]
    assert (found.sum(found.input("ids", "tokens")) == numpy.bincount(kept, minlength=30)).all()
    table = numpy_helper.to_array(onnx.load(model).graph.initializer[0])
    check_gram(found.sum(found.input("e", "rows")), table[kept])


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_recurrent_layers(calibrate, tmp_path, op, direction):
    gates, ways = {"LSTM": 4, "GRU": 3}[op], 2 if direction == "bidirectional" else 1
    nodes = [helper.make_node("Transpose", ["x"], ["s"], perm=[1, 0, 2]),
             helper.make_node(op, ["s", "W", "R"], ["Y"], hidden_size=6, direction=direction)]
    model = save(tmp_path / "r.onnx", nodes, [("x", TensorProto.FLOAT, ["N", 7, 5])], [("Y", TensorProto.FLOAT, [7, ways, "N", 6])],
                 {"W": weights(ways, gates * 6, 5), "R": weights(ways, gates * 6, 6)})
    x = samples_of(20, 7, 5)
    found, used = calibrate(model, {"x": x}), used_rows(20)
    check_gram(found.sum(found.input("s", "rows")), x[used].reshape(-1, 5))
    states = tapped(model, ["Y"], {"x": x[used]})["Y"]
    rows = [states[:-1, 0].reshape(-1, 6)] + ([states[1:, 1].reshape(-1, 6)] if ways == 2 else [])
    got, want = found.sum(found.input("Y", "hidden")), gram(numpy.concatenate(rows))
    assert got[2] == want[2]
    numpy.testing.assert_allclose(got[0], want[0], rtol=1e-4, atol=1e-4)
    assert found.weights["R"]["axis"] == 1


def test_a_weight_on_the_left_and_a_shared_one(calibrate, tmp_path):
    nodes = [helper.make_node("MatMul", ["w", "x"], ["h"]), helper.make_node("MatMul", ["h", "v"], ["p"]),
             helper.make_node("MatMul", ["p", "v"], ["y"])]
    model = save(tmp_path / "l.onnx", nodes, [("x", TensorProto.FLOAT, ["N", 6, 8])], [("y", TensorProto.FLOAT, ["N", 5, 8])],
                 {"w": weights(5, 6), "v": weights(8, 8)})
    x = samples_of(16, 6, 8)
    found, used = calibrate(model, {"x": x}), used_rows(16)
    values = tapped(model, ["h", "p"], {"x": x[used]}, 12)
    check_gram(found.sum(found.input("x", "columns")), x[used].transpose(0, 2, 1).reshape(-1, 6))
    assert found.weights["v"]["inputs"] == [found.input("h", "rows"), found.input("p", "rows")]
    check_gram(found.sum(found.input("p", "rows")), values["p"].reshape(-1, 8))


def test_layers_inside_subgraphs_keep_the_identity(calibrate, tt, tmp_path):
    branch = [helper.make_graph([helper.make_node("MatMul", ["x", name], [name + "o"])], name, [],
                                [helper.make_tensor_value_info(name + "o", TensorProto.FLOAT, ["N", 6])],
                                [numpy_helper.from_array(weights(6, 6), name)]) for name in ("p", "q")]
    nodes = [helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0), helper.make_node("Greater", ["s", "zero"], ["c"]),
             helper.make_node("If", ["c"], ["y"], "if", then_branch=branch[0], else_branch=branch[1])]
    model = save(tmp_path / "i.onnx", nodes, [("x", TensorProto.FLOAT, ["N", 6])], [("y", TensorProto.FLOAT, ["N", 6])],
                 {"zero": numpy.float32(0)})
    found = calibrate(model, {"x": samples_of(8, 6)})
    assert found.inputs == [] and all("subgraph" in weight["note"] for weight in found.weights.values())
    shown = tt("inspect", "o.ttcal")
    assert shown.status == 0 and shown.stdout.count("C = I, its layer lies inside a subgraph") == 2
    # They are measured all the same, where the branch is taken.
    assert max(found.manifest["probes"][0]["damage"]) > 0


REAL = {"mnist_winml.onnx": {"Input3": (9, 1, 28, 28)}, "ppocr_cls.onnx": {"x": (3, 3, 48, 192)},
        "unitree_velocity/policy.onnx": {"obs": (40, 96)}}


@pytest.mark.parametrize("name", REAL)
def test_real_models(calibrate, data, name):
    feeds = {key: RANDOM.random(shape, dtype=numpy.float32) for key, shape in REAL[name].items()}
    found = calibrate(data / name, feeds, "--no-samples")
    model = onnx.load(str(data / name))
    values = tapped(data / name, sorted({entry["value"] for entry in found.inputs}), feeds, 1)
    nodes = {node.name or node.output[0]: node for node in model.graph.node}
    checked = 0
    for index, entry in enumerate(found.inputs):
        if entry["kind"] == "rows":
            rows = values[entry["value"]].reshape(-1, entry["size"])
        elif entry["kind"] == "patches":
            node = nodes[entry["layer"]]
            given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            pads = given.get("pads", (0,) * 4)
            if given.get("auto_pad") == b"SAME_UPPER" and given["strides"] == [1, 1]:
                pads = [(size - 1) // 2 for size in given["kernel_shape"]] + [size // 2 for size in given["kernel_shape"]]
            rows = patches(values[entry["value"]], given["kernel_shape"], given.get("strides", (1, 1)), pads,
                           group=given.get("group", 1))
            if len(rows) != entry["rows"]:
                continue
        else:
            continue
        want, got = gram(rows), found.sum(index)
        scale = numpy.sqrt(numpy.outer(*(numpy.diag(want[0]),) * 2)) + 1e-6 * numpy.diag(want[0]).max() + 1e-300
        assert got[2] == want[2] and (numpy.abs(got[0] - want[0]) <= 1e-4 * scale).all(), entry
        checked += 1
    assert checked > 0


def test_a_float16_model_with_a_fixed_batch(calibrate):
    model = shared("squeezenet_fp16.onnx")
    found = calibrate(model, {"data_0": RANDOM.random((4, 3, 224, 224)).astype(numpy.float16)}, "--no-samples", "--no-sensitivity")
    kinds = {entry["kind"] for entry in found.inputs}
    assert kinds == {"patches"} and len(found.inputs) >= 17 and all(entry["rows"] > 0 for entry in found.inputs)


def test_the_head_of_a_language_model_is_the_most_sensitive_matrix(calibrate, tmp_path):
    model = shared("shakespeare_gpt.onnx")
    text = (SHARED.parent / "data" / "tinyshakespeare.txt").read_text()
    chars = json.loads((SHARED / "shakespeare_gpt.chars.json").read_text())
    index = {c: i for i, c in enumerate(chars)} if isinstance(chars, list) else chars
    ids = numpy.array([index[c] for c in text[:32 * 64]]).reshape(32, 64)
    found = calibrate(model, {"input_ids": ids})
    probe, names = found.manifest["probes"][0], list(found.weights)
    assert probe["measure"] == "kl" and probe["samples"] == 24
    matrices = {name: probe["damage"][i] / probe["error"][i] for i, name in enumerate(names)
                if found.weights[name]["role"] not in ("embedding", "norm", "bias", "other")}
    head = next(name for name in matrices if found.weights[name]["role"] == "head")
    assert matrices[head] == max(matrices.values())


# The same bytes


def test_any_number_of_threads_gives_the_same_bytes(calibrate, tmp_path, data):
    x = RANDOM.random((70, 1, 28, 28), dtype=numpy.float32)
    files = []
    for options in [("-j", "1"), ("-j", "3"), ("-j", "8"), ("-j", "2", "--isolate")]:
        calibrate(data / "mnist_winml.onnx", {"Input3": x}, *options)
        files.append((tmp_path / "o.ttcal").read_bytes())
    assert all(file == files[0] for file in files)


@pytest.mark.parametrize("cut", [256, 512])
def test_merging_is_exact_in_any_order(calibrate, tt, tmp_path, mlp, cut):
    x = samples_of(700, 12)
    whole = calibrate(mlp, {"x": x}, out="whole.ttcal")
    calibrate(mlp, {"x": x[:cut]}, out="a.ttcal")
    calibrate(mlp, {"x": x[cut:]}, out="b.ttcal")
    assert tt("calibrate", "--merge", "a.ttcal", "b.ttcal", "-o", "ab.ttcal").status == 0
    assert tt("calibrate", "--merge", "b.ttcal", "a.ttcal", "-o", "ba.ttcal").status == 0
    assert (tmp_path / "ab.ttcal").read_bytes() == (tmp_path / "ba.ttcal").read_bytes()
    merged = Calibration(tmp_path / "ab.ttcal")
    assert merged.inputs == whole.inputs
    for name, content in whole.tensors.items():
        assert name == "ttcal.manifest" or merged.tensors[name] == content, name
    same = ("model", "samples", "blocks", "weights", "held_out", "samples_arrays")
    assert all(merged.manifest[key] == whole.manifest[key] for key in same)
    assert len(merged.manifest["probes"]) == 2


def test_three_parts_merge_in_any_grouping(calibrate, tt, tmp_path, mlp):
    scales = [1, 1e-3, 1e6]  # the bins of the sums move
    for i, scale in enumerate(scales):
        calibrate(mlp, {"x": samples_of(300, 12) * numpy.float32(scale)}, "--no-sensitivity", out=f"{i}.ttcal")
    merged = []
    for order in [(0, 1, 2), (2, 0, 1), (1, 2, 0)]:
        first, *rest = (f"{i}.ttcal" for i in order)
        assert tt("calibrate", "--merge", first, rest[0], "-o", "two.ttcal").status == 0
        assert tt("calibrate", "--merge", "two.ttcal", rest[1], "-o", "three.ttcal").status == 0
        merged.append((tmp_path / "three.ttcal").read_bytes())
    assert tt("calibrate", "--merge", "0.ttcal", "1.ttcal", "2.ttcal", "-o", "three.ttcal").status == 0
    assert merged == [(tmp_path / "three.ttcal").read_bytes()] * 3


def test_an_interrupted_calibration_goes_on(calibrate, tt, tt_path, environment, tmp_path, data):
    x = RANDOM.random((20, 3, 48, 192), dtype=numpy.float32)
    calibrate(data / "ppocr_cls.onnx", {"x": x}, out="whole.ttcal")
    command = [str(tt_path), "calibrate", str(data / "ppocr_cls.onnx"), "samples.npz", "-o", "o.ttcal", "--checkpoint", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "o.ttcal.part").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 143
    assert not (tmp_path / "o.ttcal").exists() and Calibration(tmp_path / "o.ttcal.part").manifest["part"]
    shown = tt("inspect", "o.ttcal.part")
    assert shown.status == 0 and "unfinished" in shown.stdout
    done = tt("calibrate", *command[2:], "--resume")
    assert done.status == 0 and not (tmp_path / "o.ttcal.part").exists()
    assert (tmp_path / "o.ttcal").read_bytes() == (tmp_path / "whole.ttcal").read_bytes()


def test_a_part_of_other_samples_is_refused(calibrate, tt, expect_error, tt_path, environment, tmp_path, data):
    x = RANDOM.random((20, 3, 48, 192), dtype=numpy.float32)
    numpy.savez(tmp_path / "s.npz", x=x)
    command = ["calibrate", str(data / "ppocr_cls.onnx"), "s.npz", "-o", "o.ttcal", "--checkpoint", "0"]
    process = subprocess.Popen([str(tt_path), *command], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    while not (tmp_path / "o.ttcal.part").exists() and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.wait()
    numpy.savez(tmp_path / "s.npz", x=x[::-1])
    expect_error(65, "bad_data", ["unfinished", "other samples"], *command, "--resume")
    expect_error(65, "bad_data", ["unfinished"], "calibrate", "--merge", "o.ttcal.part", "o.ttcal.part", "-o", "m.ttcal")
    numpy.savez(tmp_path / "s.npz", x=x)
    assert tt(*command, "--resume").status == 0


# What is refused


def test_wrong_samples(expect_error, mlp, tmp_path):
    def refuse(status, kind, words, arrays, *options):
        numpy.savez(tmp_path / "s.npz", **arrays)
        expect_error(status, kind, words, "calibrate", mlp, "s.npz", "-o", "o.ttcal", *options)
        assert not (tmp_path / "o.ttcal").exists() and not list(tmp_path.glob(".*tt-tmp"))
    good = samples_of(8, 12)
    refuse(65, "bad_data", ["'y'"], {"y": good})
    refuse(65, "bad_data", ["8x11"], {"x": good[:, :11]})
    refuse(65, "bad_data", ["int64", "scale=1/255"], {"x": good.astype(numpy.int64)})
    refuse(65, "bad_data", ["no samples"], {"x": good[:0]})
    refuse(65, "bad_data", ["too few samples", "needs 4 and there are 3"], {"x": good[:3]})
    refuse(65, "bad_data", ["NaN in sample 1"], {"x": numpy.where(numpy.arange(8)[:, None] == 1, numpy.nan, good)})
    refuse(65, "bad_data", ["input 'x' of layer", "not finite"], {"x": numpy.where(numpy.arange(8)[:, None] == 1, numpy.inf, good)})
    refuse(65, "bad_data", ["'<c8'"], {"x": good.astype(numpy.complex64)})
    refuse(65, "bad_data", ["'mask'"], {"x": good}, "--mask-input", "mask")
    refuse(64, "usage", ["'y'"], {"x": good}, "--input", "y:scale=1")


def test_samples_of_several_inputs_that_do_not_fit_together(calibrate, tt, expect_error, tmp_path):
    nodes = [helper.make_node("Gather", ["table", "ids"], ["e"]), helper.make_node("MatMul", ["e", "w"], ["h"]),
             helper.make_node("Cast", ["mask"], ["m"], to=TensorProto.FLOAT), helper.make_node("Unsqueeze", ["m", "axis"], ["u"]),
             helper.make_node("Mul", ["h", "u"], ["y"])]
    model = save(tmp_path / "t.onnx", nodes, [("ids", TensorProto.INT64, ["N", "T"]), ("mask", TensorProto.INT64, ["N", "T"])],
                 [("y", TensorProto.FLOAT, ["N", "T", 5])],
                 {"table": weights(30, 8), "w": weights(8, 5), "axis": numpy.array([2])})
    ids, mask = RANDOM.integers(0, 30, (8, 6)), numpy.ones((8, 6), numpy.int64)

    def refuse(words, **arrays):
        numpy.savez(tmp_path / "s.npz", **arrays)
        expect_error(65, "bad_data", words, "calibrate", model, "s.npz", "--mask-input", "mask", "-o", "o.ttcal")
        assert not (tmp_path / "o.ttcal").exists()
    refuse(["no samples for input 'mask'"], ids=ids)
    refuse(["7 samples", "8"], ids=ids, mask=mask[:7])
    refuse(["30"], ids=ids + 30, mask=mask)
    # Nothing counts: every layer keeps C = I, and the report says so.
    found = calibrate(model, {"ids": ids, "mask": 0 * mask}, "--mask-input", "mask", "--no-samples", "--no-sensitivity")
    assert [entry["rows"] for entry in found.inputs] == [0, 0]
    shown = tt("inspect", "o.ttcal")
    assert shown.status == 0 and shown.stdout.count("saw no sample") >= 2, shown.stdout


def test_configured_inputs_and_task(calibrate, mlp, tmp_path):
    x = samples_of(8, 12)
    (tmp_path / "tt.toml").write_text('[inputs.x]\nscale = "1/4"\n[verify]\ntask = "embedding"\n')
    found = calibrate(mlp, {"x": x}, "--no-samples")
    check_gram(found.sum(0), x / 4)
    assert found.manifest["probes"][0]["measure"] == "cosine"
    given = calibrate(mlp, {"x": x}, "--no-samples", "--input", "x:scale=1", "--task", "auto")
    check_gram(given.sum(0), x)
    assert given.manifest["probes"][0]["measure"] == "relative"


def test_a_file_without_a_graph(expect_error, tmp_path):
    from safetensors.numpy import save_file
    save_file({"w": weights(8, 8)}, tmp_path / "w.safetensors")
    numpy.savez(tmp_path / "s.npz", x=samples_of(8, 8))
    expect_error(65, "unsupported", ["without a graph"], "calibrate", "w.safetensors", "s.npz", "-o", "o.ttcal")
    assert not (tmp_path / "o.ttcal").exists()


def test_an_overflow_between_layers_names_the_layer(expect_error, mlp, tmp_path):
    numpy.savez(tmp_path / "s.npz", x=numpy.full((8, 12), 3e38, numpy.float32))
    expect_error(65, "bad_data", ["not finite", "input 'r' of layer 'q'"], "calibrate", mlp, "s.npz", "-o", "o.ttcal")


def test_a_fixed_batch_that_does_not_divide_the_samples(expect_error, tmp_path):
    model = save(tmp_path / "b.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", TensorProto.FLOAT, [3, 6])],
                 [("y", TensorProto.FLOAT, [3, 6])], {"w": weights(6, 6)})
    numpy.savez(tmp_path / "s.npz", x=samples_of(8, 6))
    expect_error(65, "bad_data", ["multiple", "3", "--max-samples 6"], "calibrate", model, "s.npz", "-o", "o.ttcal")


def test_wrong_use(expect_error, mlp, tmp_path):
    numpy.savez(tmp_path / "s.npz", x=samples_of(8, 12))
    usage = lambda words, *arguments: expect_error(64, "usage", words, "calibrate", *arguments)
    usage(["output"], mlp, "s.npz")
    usage(["SAMPLES"], mlp, "-o", "o.ttcal")
    usage(["unexpected", "'c'"], mlp, "s.npz", "c", "-o", "o.ttcal")
    usage(["two or more"], "--merge", "a.ttcal", "-o", "o.ttcal")
    usage(["--merge", "--seed"], "--merge", "a.ttcal", "b.ttcal", "--seed", "1", "-o", "o.ttcal")
    usage(["more than once", "'x'"], mlp, "s.npz", "--input", "x:scale=1", "--input", "x:mean=1", "-o", "o.ttcal")
    usage(["--max-samples"], mlp, "s.npz", "--max-samples", "0", "-o", "o.ttcal")
    usage(["--task"], mlp, "s.npz", "--task", "chess", "-o", "o.ttcal")
    usage(["input file itself"], mlp, "s.npz", "-o", "s.npz")
    usage(["--resume"], mlp, "s.npz", "-o", "-", "--resume")
    expect_error(66, "not_found", ["absent.npz"], "calibrate", mlp, "absent.npz", "-o", "o.ttcal")
    expect_error(66, "not_found", ["absent.onnx"], "calibrate", "absent.onnx", "s.npz", "-o", "o.ttcal")
    expect_error(73, "cannot_create", ["nowhere"], "calibrate", mlp, "s.npz", "-o", "nowhere/o.ttcal")


def test_calibrations_that_do_not_go_together(calibrate, expect_error, mlp, tmp_path):
    x = samples_of(300, 12)
    calibrate(mlp, {"x": x}, out="a.ttcal")
    calibrate(mlp, {"x": x[:256]}, out="same.ttcal")
    calibrate(mlp, {"x": samples_of(300, 12)}, "--seed", "3", out="seed.ttcal")
    model = onnx.load(str(mlp))
    model.doc_string = "another file"
    onnx.save(model, str(tmp_path / "other.onnx"))
    calibrate(tmp_path / "other.onnx", {"x": samples_of(300, 12)}, out="other.ttcal")
    for name, words in {"same": ["the same samples"], "seed": ["--seed"], "other": ["different models"]}.items():
        expect_error(65, "bad_data", words, "calibrate", "--merge", "a.ttcal", f"{name}.ttcal", "-o", "m.ttcal")
        assert not (tmp_path / "m.ttcal").exists()


def test_too_few_rows_are_said(calibrate, tt, mlp):
    calibrate(mlp, {"x": samples_of(16, 12)})
    shown = tt("inspect", "o.ttcal")
    assert "has 12 rows for 20 features" in shown.stdout and "has 12 rows for 12" not in shown.stdout
    report = json.loads(tt("inspect", "o.ttcal", "--json").stdout)
    assert report["kind"] == "ttcal" and report["samples"] == 12 and report["held_out"] == 4
    assert len(report["warnings"]) == 1 and 1 <= report["inputs"][0]["effective_rank"] <= 12


# Files from strangers


@pytest.fixture
def small(calibrate, tmp_path, mlp):
    calibrate(mlp, {"x": samples_of(8, 12)})
    return tmp_path / "o.ttcal"


def refused(tt, path, data):
    path.write_bytes(data)
    shown = tt("calibrate", "--merge", path, path, "-o", "m.ttcal")
    assert shown.status == 65 and "Traceback" not in shown.stderr, shown
    assert shown.stderr.startswith("tt: error: ")
    return shown.stderr


def test_a_file_that_is_cut_off(tt, small, tmp_path):
    whole = small.read_bytes()
    for size in [0, 7, 8, 9, 100, 1000, len(whole) // 2, len(whole) - 1]:
        refused(tt, tmp_path / "cut.ttcal", whole[:size])
    assert "cut off" in refused(tt, tmp_path / "cut.ttcal", whole[:-1])
    refused(tt, tmp_path / "long.ttcal", whole + b"\0")


def test_every_byte_counts(tt, small, tmp_path):
    whole = small.read_bytes()
    for place in RANDOM.choice(len(whole), 60, replace=False):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(RANDOM.integers(8))
        message = refused(tt, tmp_path / "changed.ttcal", bytes(changed))
        assert "the same samples" not in message, place


def rebuilt(path, change):
    """The file with another manifest, hashed and framed as if it were right."""
    import hashlib
    import struct
    import zstandard
    found = Calibration(path)
    change(found.manifest, found.tensors)
    text = json.dumps(found.manifest, separators=(",", ":")).encode()
    packed = struct.pack("<I", len(text)) + zstandard.ZstdCompressor(write_checksum=True, write_content_size=True).compress(text)
    header, at = {"__metadata__": dict(found.header["__metadata__"], **{"ttcal.root": hashlib.sha256(packed).hexdigest()})}, 0
    for name, content in {**{k: v for k, v in found.tensors.items() if k != "ttcal.manifest"}, "ttcal.manifest": packed}.items():
        entry = found.header[name]
        shape = entry["shape"] if name.startswith("sample") else [len(content)]
        header[name] = {"dtype": entry["dtype"], "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
    found.tensors["ttcal.manifest"] = packed
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-(8 + len(head)) % 64)
    return struct.pack("<Q", len(head)) + head + b"".join(found.tensors[name] for name in header if name != "__metadata__")


HOSTILE = {
    "huge size": lambda m, t: m["inputs"][0].update(size=10**9),
    "overflowing size": lambda m, t: m["inputs"][0].update(size=2**63),
    "unknown kind": lambda m, t: m["inputs"][0].update(kind="x"),
    "unknown coding": lambda m, t: m["inputs"][0].update(coding="x"),
    "another coding": lambda m, t: m["inputs"][0].update(coding="raw"),
    "no input": lambda m, t: m["weights"][0].update(inputs=[99]),
    "no axis": lambda m, t: m["weights"][0].update(axis=2),
    "another axis": lambda m, t: m["weights"][0].update(axis=0),
    "no group": lambda m, t: m["weights"][0].update(group=0),
    "another view": lambda m, t: m["weights"][0].update(rows=7),
    "more rows": lambda m, t: m["inputs"][0].update(rows=7),
    "negative": lambda m, t: m.update(samples=-1),
    "unknown key": lambda m, t: m.update(more=1),
    "missing key": lambda m, t: m.pop("seed"),
    "short probe": lambda m, t: m["probes"][0]["damage"].pop(),
    "bad probe": lambda m, t: m["probes"][0].update(error=[-1] * len(m["weights"])),
    "unknown measure": lambda m, t: m["probes"][0].update(measure="x"),
    "blocks not ascending": lambda m, t: m.update(blocks=m["blocks"] * 2),
    "a sample more": lambda m, t: m["held_out"].append("f" * 64),
    "unknown dtype": lambda m, t: m["samples_arrays"][0].update(dtype="x"),
    "huge sample": lambda m, t: m["samples_arrays"][0].update(shape=[2, 2**62]),
    "too many blocks": lambda m, t: m["inputs"][0].update(blocks=10**6),
    "a sum that is none": lambda m, t: m["inputs"][0].update(coding="none"),
    "infinite rank": lambda m, t: m["inputs"][0].update(effective_rank=-1.0),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_manifests(tt, small, tmp_path, name):
    same = rebuilt(small, lambda m, t: None)
    assert "the same samples" in refused(tt, tmp_path / "same.ttcal", same)  # the builder itself is right
    message = refused(tt, tmp_path / "hostile.ttcal", rebuilt(small, HOSTILE[name]))
    assert "the same samples" not in message


def with_sum(change):
    """A sum whose numbers are wrong, with the right hash."""
    import hashlib
    import zstandard

    def apply(manifest, tensors):
        content = bytearray(zstandard.decompress(tensors["sum.0"]))
        change(content, 13, 13 * 14 // 2)
        tensors["sum.0"] = zstandard.ZstdCompressor(write_checksum=True).compress(bytes(content))
        manifest["inputs"][0].update(bytes=len(tensors["sum.0"]), sha256=hashlib.sha256(tensors["sum.0"]).hexdigest())
    return apply


def test_hostile_sums(tt, small, tmp_path):
    def huge_exponent(content, axes, entries):
        content[0:2] = (511).to_bytes(2, "little")

    def negative_square(content, axes, entries):
        content[2 * axes] |= 1

    def too_large(content, axes, entries):
        content[2 * axes + 7 * entries] = 0x7F

    def off_the_diagonal(content, axes, entries):
        for plane in range(1, 5):
            content[2 * axes + plane * entries + 1] = 0xFF

    def longer(content, axes, entries):
        content.append(0)
    for change in (huge_exponent, negative_square, too_large, off_the_diagonal, longer):
        message = refused(tt, tmp_path / "hostile.ttcal", rebuilt(small, with_sum(change)))
        assert "the same samples" not in message and ("sum 0" in message or "zstd" in message or "frame" in message), (change, message)


def test_a_newer_version_is_named(tt, small, tmp_path):
    data = small.read_bytes().replace(b'"ttcal.format":"1"', b'"ttcal.format":"2"')
    assert "format version 2, this tt reads up to 1" in refused(tt, tmp_path / "new.ttcal", data)
