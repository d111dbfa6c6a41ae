"""decompress --form quantized: layers that multiply with codes say the same as the dense form, in a file as small as the codes."""
import json

import numpy as np
import onnx
import pytest
from conftest import check_error
from onnx import TensorProto, helper, numpy_helper
from test_factored import IMAGE, Graph, conv, difference, form_maker, gemm

TOLERANCE = 1e-4       # relative, against the dense form of the same .tt
HALF_TOLERANCE = 3e-3


def block(bits, group, axis=None, pattern="^w0$"):
    return f"{pattern}=blockquant,bits={bits},group={group}" + ("" if axis is None else f",axis={axis}")


@pytest.fixture
def forms(tt, tmp_path):
    make = form_maker("quantized", tt, tmp_path)

    def forms(*arguments, **options):
        dense, quantised, report = make(*arguments, **options)
        assert report["factored"] is None
        return dense, quantised, report
    return forms


def only(report):
    (weight,) = report["quantized"]["weights"]
    return weight


def ops(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def two_uses():
    return Graph([5, 64]).node("MatMul", (64, 64)).node("Relu").node("MatMul", "w0")


def vector():
    return Graph([320]).node("MatMul", (320, 256))


# name: a graph whose first weight is quantised, and the operator that multiplies with codes of 4 bits
LAYERS = {
    "product": (lambda: Graph([2, 5, 320]).node("MatMul", (320, 256)), "MatMulNBits"),
    "product of a vector": (vector, "MatMulNBits"),
    "product of 100 inputs": (lambda: Graph([5, 100]).node("MatMul", (100, 700)), "MatMulNBits"),
    "product of odd sides": (lambda: Graph([5, 275]).node("MatMul", (275, 265)), "MatMulNBits"),
    "old product": (lambda: Graph([5, 320], ir_version=3, opset=8).node("MatMul", (320, 256)), "MatMulNBits"),
    "new product": (lambda: Graph([5, 320], ir_version=10, opset=21).node("MatMul", (320, 256)), "MatMulNBits"),
    "constant": (lambda: Graph([5, 320], constants=True).node("MatMul", (320, 256)), "MatMulNBits"),
    "product on the left": (lambda: Graph([3, 256, 6]).node("MatMul", (320, 256), side=1), "Mul"),
    "small product": (lambda: Graph([2, 5, 96]).node("MatMul", (96, 64)), "Mul"),
    "product of doubles": (lambda: Graph([5, 320], dtype=np.float64).node("MatMul", (320, 256)), "Mul"),
    "two uses": (two_uses, "Mul"),
    "gemm": (lambda: Graph([7, 320]).node("Gemm", (320, 256), (256,)), "MatMulNBits"),
    "gemm without bias": (lambda: Graph([7, 320]).node("Gemm", (320, 256)), "MatMulNBits"),
    "transposed gemm": (lambda: Graph([7, 320]).node("Gemm", (256, 320), (256,), transB=1), "MatMulNBits"),
    "old gemm": (lambda: Graph([7, 320], ir_version=3, opset=9).node("Gemm", (256, 320), (256,), transB=1), "MatMulNBits"),
    "scaled gemm": (lambda: Graph([7, 320]).node("Gemm", (320, 256), (256,), alpha=0.6, beta=1.7), "Mul"),
    "convolution": (lambda: conv(IMAGE, (96, 8, 3, 3), attributes={"strides": [2, 1], "pads": [0, 1, 2, 1]}), "Mul"),
    "new convolution": (lambda: conv(IMAGE, (96, 8, 3, 3), ir_version=10, opset=21), "Mul"),
    "old convolution": (lambda: conv(IMAGE, (96, 8, 3, 3), ir_version=3, opset=8), "Mul"),
    "odd convolution": (lambda: conv([1, 9, 12, 11], (95, 9, 3, 4)), "Mul"),
    "transposed convolution": (lambda: Graph(IMAGE).node("ConvTranspose", (8, 96, 3, 3)), "Mul"),
    "table": (lambda: Graph([4, 7], integers=True).node("Gather", (150, 64), side=1), "GatherBlockQuantized"),
    "old table": (lambda: Graph([4, 7], integers=True, ir_version=3, opset=8).node("Gather", (150, 64), side=1), "GatherBlockQuantized"),
    "table of odd rows": (lambda: Graph([4, 7], integers=True).node("Gather", (150, 63), side=1), "Mul"),
    "columns of a table": (lambda: Graph([4], integers=True).node("Gather", (64, 150), side=1, axis=1), "Mul"),
}


@pytest.mark.parametrize("form", [(4, 32), (4, 0), (4, 256), (8, 32), (8, 0)], ids=lambda form: f"{form[0]} bits in groups of {form[1]}")
@pytest.mark.parametrize("name", LAYERS)
def test_layer(forms, tmp_path, name, form):
    graph, op = LAYERS[name]
    dense, quantised, report = forms(graph().save(tmp_path / "model.onnx"), "--tensor", block(*form))
    weight = only(report)
    assert weight["quantized"] and weight["why"] is None, weight
    quick = form[0] == 4 and op == "MatMulNBits" or op == "GatherBlockQuantized" or (name == "table of odd rows" and form[0] == 8)
    assert weight["op"] == ("GatherBlockQuantized" if name == "table of odd rows" and quick else op if quick else "Mul")
    assert weight["op"] in ops(quantised)
    assert weight["bytes"]["quantized"] < weight["bytes"]["dense"]
    model = onnx.load(quantised)
    assert len({(i.domain, i.version) for i in model.opset_import}) == len(model.opset_import) == (1 if weight["op"] == "Mul" else 2)
    if weight["op"] == "Mul":
        onnx.checker.check_model(model)
    stored = {t.name for t in model.graph.initializer}
    stored |= {n.output[0] for n in model.graph.node if n.op_type == "Constant"}
    assert "w0" not in stored and {"w0_codes", "w0_scales"} <= stored
    assert difference(dense, quantised) < TOLERANCE


@pytest.mark.parametrize("graph", [
    lambda: Graph([5, 96], dtype=np.float16).node("MatMul", (96, 64)).node("Add", (64,)),
    lambda: Graph([4, 7], dtype=np.float16, integers=True).node("Gather", (150, 64), side=1),
    lambda: conv(IMAGE, (96, 8, 3, 3), dtype=np.float16),
], ids=["product", "table", "convolution"])
@pytest.mark.parametrize("bits", [4, 8])
def test_half_precision(forms, tmp_path, graph, bits):
    dense, quantised, report = forms(graph().save(tmp_path / "model.onnx"), "--tensor", block(bits, 16))
    assert only(report)["op"] == "Mul"
    assert difference(dense, quantised) < HALF_TOLERANCE


@pytest.mark.parametrize("axis", [0, 1])
def test_groups_across_the_inputs_still_run(forms, tmp_path, axis):
    """A user may ask for the other axis: no operator takes it, constants do."""
    graph = Graph([5, 320]).node("MatMul", (320, 256))
    dense, quantised, report = forms(graph.save(tmp_path / "model.onnx"), "--tensor", block(4, 32, axis))
    assert only(report)["encoding"]["axis"] == axis
    assert only(report)["op"] == ("MatMulNBits" if axis == 0 else "Mul")
    assert difference(dense, quantised) < TOLERANCE


def test_two_weights_of_one_node(forms, tmp_path):
    """W and R of an LSTM: constants of both stand before it."""
    graph = Graph([5, 1, 32]).node("LSTM", (1, 128, 32), (1, 128, 32), hidden_size=32)
    dense, quantised, report = forms(graph.save(tmp_path / "model.onnx"), "--tensor", block(8, 0, pattern="^w[01]$"))
    assert report["quantized"]["count"] == 2
    assert difference(dense, quantised) < TOLERANCE


DENSE = {
    "small": (lambda: conv([1, 2, 9, 9], (4, 2, 2, 2)), (8, 0), "it would not become smaller"),
    "odd": (lambda: conv([1, 9, 12, 11], (95, 9, 3, 3)), (4, 0), "it has an odd number of codes of 4 bits"),
}


@pytest.mark.parametrize("name", DENSE)
def test_dense_where_it_does_not_go(tt, forms, tmp_path, name):
    graph, form, why = DENSE[name]
    dense, quantised, report = forms(graph().save(tmp_path / "model.onnx"), "--tensor", block(*form))
    weight = only(report)
    assert not weight["quantized"] and weight["why"] == why
    assert weight["bytes"] is None and weight["op"] is None
    assert quantised.read_bytes() == dense.read_bytes()
    text = tt("decompress", tmp_path / "out.tt", "-o", quantised, "--form", "quantized").stderr
    assert "quantised 0 of 1 weight" in text and f"dense: 'w0', {why}" in text


def with_branches(weight_inside):
    g = Graph([5, 96]).node("MatMul", (96, 64))
    inside = numpy_helper.from_array(g.random.standard_normal((64, 96)).astype(np.float32), "inside")
    if not weight_inside:
        g.weights.append(inside)
    branches = {}
    for name in ("then_branch", "else_branch"):
        out = helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, None)
        branches[name] = helper.make_graph([helper.make_node("MatMul", ["v0", "inside"], [f"{name}_y"])], name, [], [out],
                                           [inside] if weight_inside else [])
    g.nodes.append(helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))))
    g.nodes.append(helper.make_node("If", ["yes"], ["y"], **branches))
    g.value = "y"
    return g


@pytest.mark.parametrize("weight_inside,why", [(True, "it lies inside a subgraph or function"),
                                               (False, "a subgraph or an output of the model uses it, too")])
def test_subgraph(forms, tmp_path, weight_inside, why):
    dense, quantised, report = forms(with_branches(weight_inside).save(tmp_path / "model.onnx"),
                                     "--tensor", block(4, 32, pattern="w0|inside"), "--no-fold")
    fates = {weight["name"]: weight["why"] for weight in report["quantized"]["weights"]}
    assert fates.pop("w0") is None
    assert fates and set(fates.values()) == {why}
    assert difference(dense, quantised) < TOLERANCE


def payload_of(report, dense):
    """Bytes of all codes and float32 scales, and of what is dense."""
    total = dense.stat().st_size
    for weight in report["quantized"]["weights"]:
        if not weight["quantized"]:
            continue
        total += weight["bytes"]["quantized"] - weight["bytes"]["dense"]
    return total


# model: two ratios; the files are at most so much larger than the codes and what is dense
REAL = {
    "super_resolution.onnx": [0.16, 0.3],
    "mnist_winml.onnx": [0.22, 0.3],
    "ppocr_cls.onnx": [0.16, 0.3],
    "unitree_velocity/policy.onnx": [0.15, 0.3],
}


@pytest.mark.parametrize("plan", [0, 1])
@pytest.mark.parametrize("name", REAL)
def test_real_model(tt, forms, data, tmp_path, name, plan):
    dense, quantised, report = forms(data / name, "--runtime", "quantized", ratio=REAL[name][plan])
    assert report["quantized"]["count"] >= 2, report
    assert quantised.stat().st_size <= 1.15 * payload_of(report, dense) + 1024  # of small layers the nodes count, too
    assert quantised.stat().st_size < (0.6 if name == "mnist_winml.onnx" else 0.45) * dense.stat().st_size
    assert difference(dense, quantised, (data / name).stem) < TOLERANCE
    shown = {weight["name"] for weight in json.loads(tt("inspect", tmp_path / "out.tt", "--json").stdout)["weights"]
             if weight["encoding"]["format"] == "blockquant"}
    assert shown == {weight["name"] for weight in report["quantized"]["weights"]}
    assert tt("verify", quantised).status == 0


def test_same_bytes_for_any_number_of_threads_and_standard_output(tt, tt_path, forms, environment, data, tmp_path):
    import subprocess
    _, quantised, _ = forms(data / "super_resolution.onnx", "--runtime", "quantized", ratio=0.2, options=["--threads", 3])
    one = ["decompress", tmp_path / "out.tt", "--form", "quantized", "--threads", "1"]
    assert tt(*one, "-o", tmp_path / "one.onnx").status == 0
    assert (tmp_path / "one.onnx").read_bytes() == quantised.read_bytes()
    done = subprocess.run([tt_path, *one, "-o", "-", "-q"], capture_output=True, env=environment, check=True)
    assert done.stdout == quantised.read_bytes()


def test_external_data(tt, forms, tmp_path):
    g = Graph([5, 256]).node("MatMul", (256, 300)).node("Relu").node("MatMul", (300, 100)).node("Add", (100,))
    dense, quantised, report = forms(g.save(tmp_path / "model.onnx"), "--tensor", block(4, 32), options=["--external-data"])
    outside = tmp_path / "quantized.onnx.data"
    assert report["files"] == [str(quantised), str(outside)]
    model = onnx.load(quantised, load_external_data=False)
    assert {t.name for t in model.graph.initializer if t.external_data} == {"w0_codes", "w0_scales", "w1"}
    assert difference(dense, quantised) < TOLERANCE


def test_optional_input_is_dropped_and_named(tt, forms, data):
    """super_resolution declares its initializers as inputs: what is quantised can have no other value any more."""
    _, quantised, report = forms(data / "super_resolution.onnx", "--tensor", block(8, 0, pattern="conv1"))
    assert report["quantized"]["dropped_inputs"] == ["conv1.weight"]
    names = {i.name for i in onnx.load(quantised).graph.input}
    assert "conv1.weight" not in names and "conv2.weight" in names


def test_report_in_words(tt, forms, tmp_path):
    g = Graph([5, 320]).node("MatMul", (320, 256)).node("MatMul", (256, 320))
    forms(g.save(tmp_path / "model.onnx"), "--tensor", block(4, 32, pattern="^w[01]$"))
    command = ["decompress", tmp_path / "out.tt", "-o", tmp_path / "o.onnx", "--form", "quantized"]
    assert "quantised 2 weights: 655.36 kB -> 102.40 kB" in tt(*command).stderr.replace("2 of 2", "2")
    verbose = tt(*command, "--verbose").stderr
    assert "327680 -> 51200" in verbose and "MatMulNBits" in verbose and "blockquant,bits=4,group=32,axis=0" in verbose
    assert tt(*command, "--quiet").stderr == ""
    dense = json.loads(tt("decompress", tmp_path / "out.tt", "-o", tmp_path / "o.onnx", "--json").stdout)
    assert dense["quantized"] is None


def test_nothing_stored_as_codes(tt, data, tmp_path):
    model, out, restored = data / "super_resolution.onnx", tmp_path / "o.tt", tmp_path / "o.onnx"
    assert tt("compress", model, "-o", out, "--lossless").status == 0
    done = tt("decompress", out, "-o", restored, "--form", "quantized")
    assert done.status == 0 and "no weight is stored as blockquant" in done.stderr and "byte for byte" in done.stderr
    assert restored.read_bytes() == model.read_bytes()


def test_safetensors_has_no_layers(tt, tmp_path):
    import safetensors.numpy
    safetensors.numpy.save_file({"w": np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)}, tmp_path / "m.safetensors")
    out = tmp_path / "o.tt"
    assert tt("compress", tmp_path / "m.safetensors", "-o", out, "--target-ratio", 0.9, "--tensor", "w=blockquant").status == 0
    check_error(tt("decompress", out, "-o", tmp_path / "o.onnx", "--form", "quantized"), 64, "--form quantized is for ONNX models")
    assert not (tmp_path / "o.onnx").exists()
    assert tt("decompress", out, "-o", tmp_path / "o.safetensors").status == 0


def test_broken_codes(tt, forms, tmp_path):
    """A core that does not decode is found by its hash, and no file appears."""
    forms(Graph([5, 96]).node("MatMul", (96, 64)).save(tmp_path / "model.onnx"), "--tensor", block(4, 32))
    data = bytearray((tmp_path / "out.tt").read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:start])
    name = next(name for name in ("0.0", "tt.cores") if name in entry)
    data[start + entry[name]["data_offsets"][0] + 9] ^= 1
    (tmp_path / "bad.tt").write_bytes(data)
    check_error(tt("decompress", tmp_path / "bad.tt", "-o", tmp_path / "bad.onnx", "--form", "quantized"), 65, "w0")
    assert not (tmp_path / "bad.onnx").exists()
