"""decompress --form factored: two layers in place of one dense weight say the same, with fewer multiply-adds."""
import json

import numpy as np
import onnx
import pytest
from conftest import check_error
from onnx import TensorProto, helper, numpy_helper

import models

TOLERANCE = 1e-4       # relative, against the dense form of the same .tt
HALF_TOLERANCE = 3e-3  # float16 rounds the dense weight, or the value between the two layers
RANK = "^w0$=lowrank,rank=3"


class Graph:
    """Node by node; an input that is a tuple is the shape of a new weight w0, w1, ..."""

    def __init__(self, shape, dtype=np.float32, opset=17, ir_version=8, integers=False, constants=False):
        self.random = np.random.default_rng(0)
        self.nodes, self.weights = [], []
        self.dtype, self.opset, self.ir_version, self.constants = dtype, opset, ir_version, constants
        self.kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.shape, self.value = shape, "x"
        self.input = helper.make_tensor_value_info("x", TensorProto.INT64 if integers else self.kind, shape)

    def weight(self, *shape):
        name = f"w{len(self.weights)}"
        values = (self.random.standard_normal(shape) / np.sqrt(shape[-1])).astype(self.dtype)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op, *inputs, side=0, **attributes):
        inputs = [self.weight(*i) if isinstance(i, tuple) else i for i in inputs]
        inputs.insert(side, self.value)
        self.value = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [self.value], name=f"n{len(self.nodes)}", **attributes))
        return self

    def save(self, path):
        nodes, weights, declared = self.nodes, self.weights, [self.input]
        if self.constants:
            nodes = [helper.make_node("Constant", [], [t.name], value=t) for t in weights] + nodes
            weights = []
        if self.ir_version < 4:
            declared = declared + [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in weights]
        output = helper.make_tensor_value_info(self.value, self.kind, None)
        graph = helper.make_graph(nodes, "g", declared, [output], weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=self.ir_version)
        model = onnx.shape_inference.infer_shapes(model)
        model.doc_string = "x" * 20000  # room for the container: a .tt is never larger than its input
        onnx.save(model, path)
        return path


def gemm(trans_a, trans_b, behind=True, **options):
    """A weight of 24 x 40 beside a value of 7 rows or columns, scaled, with a scaled bias."""
    own, other = (trans_b, trans_a) if behind else (trans_a, trans_b)
    inner, outer = (24, 40) if behind != bool(own) else (40, 24)
    value = [7, inner] if behind != bool(other) else [inner, 7]
    bias = (outer,) if behind else (outer, 1)
    return Graph(value, **options).node("Gemm", (24, 40), bias, side=0 if behind else 1, transA=trans_a, transB=trans_b,
                                        alpha=0.6, beta=1.7)


def conv(shape, kernel, bias=True, attributes=None, **options):
    return Graph(shape, **options).node("Conv", kernel, *([kernel[:1]] if bias else []), **(attributes or {}))


IMAGE = [1, 8, 12, 11]
# name: a graph whose first weight is factored
LAYERS = {
    "product": lambda: Graph([2, 5, 24]).node("MatMul", (24, 40)),
    "product of a vector": lambda: Graph([24]).node("MatMul", (24, 40)),
    "product on the left": lambda: Graph([3, 40, 6]).node("MatMul", (24, 40), side=1),
    "product of doubles": lambda: Graph([5, 24], dtype=np.float64).node("MatMul", (24, 40)),
    "constant": lambda: Graph([5, 24], constants=True).node("MatMul", (24, 40)),
    "old product": lambda: Graph([5, 24], ir_version=3, opset=8).node("MatMul", (24, 40)),
    "old gemm": lambda: gemm(0, 1, ir_version=3, opset=9),
    "gemm 00": lambda: gemm(0, 0),
    "gemm 01": lambda: gemm(0, 1),
    "gemm 10": lambda: gemm(1, 0),
    "gemm 11": lambda: gemm(1, 1),
    "gemm on the left 00": lambda: gemm(0, 0, False),
    "gemm on the left 01": lambda: gemm(0, 1, False),
    "gemm on the left 10": lambda: gemm(1, 0, False),
    "gemm on the left 11": lambda: gemm(1, 1, False),
    "convolution": lambda: conv(IMAGE, (24, 8, 3, 3), attributes={"strides": [2, 1], "pads": [0, 1, 2, 1], "dilations": [1, 2]}),
    "convolution without bias": lambda: conv(IMAGE, (24, 8, 3, 3), False, {"kernel_shape": [3, 3], "group": 1}),
    "convolution of the same size": lambda: conv(IMAGE, (24, 8, 3, 4), attributes={"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "convolution of a point": lambda: conv([1, 40, 9, 7], (40, 40, 1, 1)),
    "convolution of a line": lambda: conv([1, 8, 30], (32, 8, 5), attributes={"pads": [2, 1]}),
    "convolution of a volume": lambda: conv([1, 4, 6, 6, 6], (24, 4, 3, 3, 3), attributes={"strides": [1, 2, 1]}),
    "old convolution": lambda: conv(IMAGE, (24, 8, 3, 3), ir_version=3, opset=8),
    "table": lambda: Graph([4, 7], integers=True).node("Gather", (70, 24), side=1),
    "table and one index": lambda: Graph([], integers=True).node("Gather", (70, 24), side=1, axis=0),
}


def form_maker(form, tt, tmp_path):
    """make(model, options of compress..., ratio=, options=of that form) -> (dense path, path of the form, its report)."""
    def make(model, *compress, ratio=1, options=()):
        out, dense, other = tmp_path / "out.tt", tmp_path / "dense.onnx", tmp_path / f"{form}.onnx"
        done = tt("compress", model, "-o", out, "--target-ratio", ratio, "--no-generate", *compress)
        assert done.status == 0, done
        assert tt("decompress", out, "-o", dense).status == 0
        done = tt("decompress", out, "-o", other, "--form", form, "--json", *options)
        assert done.status == 0, done
        report = json.loads(done.stdout)
        assert report["form"] == form
        return dense, other, report
    return make


@pytest.fixture
def forms(tt, tmp_path):
    return form_maker("factored", tt, tmp_path)


def difference(dense, factored, stem=""):
    before, after = models.session(dense), models.session(factored)
    inputs = models.inputs_of(before, stem)
    worst = 0
    for a, b in zip(before.run(None, inputs), after.run(None, inputs), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        norm = np.linalg.norm(a.astype(np.float64))
        assert norm > 0
        worst = max(worst, np.linalg.norm(a.astype(np.float64) - b.astype(np.float64)) / norm)
    return worst


def only(report):
    (weight,) = report["factored"]["weights"]
    return weight


@pytest.mark.parametrize("cores", ["", ",step=0.05"], ids=["plain", "coded"])
@pytest.mark.parametrize("name", LAYERS)
def test_layer(forms, tmp_path, name, cores):
    dense, factored, report = forms(LAYERS[name]().save(tmp_path / "model.onnx"), "--tensor", RANK + cores)
    weight = only(report)
    assert weight["factored"] and weight["rank"] == 3 and weight["why"] is None, weight
    assert weight["bytes"]["factored"] < weight["bytes"]["dense"]
    assert weight["op"] == "Gather" or weight["macs"]["factored"] < weight["macs"]["dense"]
    assert report["factored"]["count"] == 1 and report["factored"]["macs"] == weight["macs"]
    model = onnx.load(factored)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node if node.op_type != "Constant"].count(weight["op"]) >= 1
    stored = {t.name: list(t.dims) for t in model.graph.initializer}
    stored.update({n.output[0]: list(n.attribute[0].t.dims) for n in model.graph.node if n.op_type == "Constant"})
    assert "w0" not in stored and {"w0_left", "w0_right"} <= set(stored)
    assert difference(dense, factored) < TOLERANCE


@pytest.mark.parametrize("graph", [
    lambda: Graph([5, 24], dtype=np.float16).node("MatMul", (24, 40)).node("Add", (40,)),
    lambda: gemm(0, 1, dtype=np.float16),
    lambda: Graph([4, 7], dtype=np.float16, integers=True).node("Gather", (70, 24), side=1),
    lambda: conv(IMAGE, (24, 8, 3, 3), dtype=np.float16),
], ids=["product", "gemm", "table", "convolution"])
@pytest.mark.parametrize("cores", ["dtype=f16", "dtype=f32", "step=0.05"])
def test_half_precision(forms, tmp_path, graph, cores):
    dense, factored, report = forms(graph().save(tmp_path / "model.onnx"), "--tensor", f"{RANK},{cores}")
    assert only(report)["factored"]
    kinds = {t.name: t.data_type for t in onnx.load(factored).graph.initializer}
    assert kinds["w0_left"] == kinds["w0_right"] == TensorProto.FLOAT16
    assert difference(dense, factored) < HALF_TOLERANCE


@pytest.mark.parametrize("graph,spec", [
    (lambda: Graph([5, 24]).node("MatMul", (24, 40)), "tt,modes=4x6x5x8,ranks=3x3x4,dtype=f32"),
    (lambda: Graph([5, 8]).node("MatMul", (8, 120)), "tt,modes=2x4x10x12,ranks=2x3x6,dtype=f16"),  # the decoder cuts elsewhere
    (lambda: conv(IMAGE, (24, 8, 3, 3)), "tt,modes=4x6x8x9,ranks=3x5x4,dtype=f16"),
], ids=["square", "wide", "kernel"])
def test_tensor_train(forms, tmp_path, graph, spec):
    dense, factored, report = forms(graph().save(tmp_path / "model.onnx"), "--tensor", f"^w0$={spec}")
    assert only(report)["factored"], report
    assert difference(dense, factored) < TOLERANCE


def test_train_without_a_cut_between_rows_and_columns(forms, tmp_path):
    model = Graph([5, 24]).node("MatMul", (24, 40)).save(tmp_path / "model.onnx")
    dense, factored, report = forms(model, "--tensor", "^w0$=tt,modes=5x12x16,ranks=3x3")
    assert only(report)["why"] == "its tensor train has no rank between its rows and columns"
    assert factored.read_bytes() == dense.read_bytes()


DENSE = {
    "break even": (lambda: Graph([5, 6]).node("MatMul", (6, 12)), 4, "its two layers would take 72 multiply-adds, one takes 72"),
    "table": (lambda: Graph([3], integers=True).node("Gather", (60, 6), side=1), 6, "its factors have 396 elements, it has 360"),
    "blocks of channels": (lambda: conv(IMAGE, (16, 8, 3, 3)), 2, "its two layers would take 1408 multiply-adds in blocks of 16 channels, one takes 1152"),
    "groups": (lambda: conv(IMAGE, (16, 2, 3, 3), attributes={"group": 4}), 1, "its convolution has 4 groups"),
    "two uses": (lambda: Graph([5, 24]).node("MatMul", (24, 24)).node("MatMul", "w0"), 2, "2 nodes use it"),
    "transposed": (lambda: Graph([1, 8, 6, 6]).node("ConvTranspose", (8, 9, 3, 3)), 1, "it goes into 'ConvTranspose', which is not factored"),
    "old gemm": (lambda: gemm(1, 0, ir_version=3, opset=9), 2, "a Gemm with a transposed input needs opset 11 to be split"),
}


@pytest.mark.parametrize("name", DENSE)
def test_dense_where_it_does_not_pay(tt, forms, tmp_path, name):
    graph, rank, why = DENSE[name]
    dense, factored, report = forms(graph().save(tmp_path / "model.onnx"), "--tensor", f"^w0$=lowrank,rank={rank}")
    weight = only(report)
    assert not weight["factored"] and weight["why"] == why
    assert weight["macs"] is None and weight["bytes"] is None
    assert factored.read_bytes() == dense.read_bytes()
    text = tt("decompress", tmp_path / "out.tt", "-o", factored, "--form", "factored").stderr
    assert "factored 0 of 1 weight" in text and f"dense: 'w0', {why}" in text


def test_subgraph(forms, tmp_path):
    """A weight inside a branch stays dense, one outside does not."""
    g = Graph([5, 24]).node("MatMul", (24, 40))
    inside = numpy_helper.from_array(g.random.standard_normal((40, 30)).astype(np.float32), "inside")
    branches = {}
    for name in ("then_branch", "else_branch"):
        out = helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, None)
        branches[name] = helper.make_graph([helper.make_node("MatMul", ["v0", "inside"], [f"{name}_y"])], name, [], [out], [inside])
    g.nodes.append(helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))))
    g.nodes.append(helper.make_node("If", ["yes"], ["y"], **branches))
    g.value = "y"
    dense, factored, report = forms(g.save(tmp_path / "model.onnx"), "--tensor", "w0|inside=lowrank,rank=3", "--no-fold")
    fates = {weight["name"]: weight["why"] for weight in report["factored"]["weights"]}
    assert fates.pop("w0") is None
    assert len(fates) == 2 and set(fates.values()) == {"it lies inside a subgraph or function"}
    assert difference(dense, factored) < TOLERANCE


REAL = {
    "super_resolution.onnx": (1, ["--tensor", "conv=lowrank,rank=4"], 3),
    "mnist_winml.onnx": (1, ["--tensor", "Parameter193|Parameter87=lowrank,rank=4"], 1),
    "ppocr_cls.onnx": (0.5, ["--method", "svd"], 3),
    "unitree_velocity/policy.onnx": (0.3, ["--method", "svd"], 2),
}


@pytest.mark.parametrize("name", REAL)
def test_real_model(tt, forms, data, tmp_path, name):
    ratio, options, least = REAL[name]
    dense, factored, report = forms(data / name, *options, ratio=ratio)
    assert report["factored"]["count"] >= least, report
    assert factored.stat().st_size < dense.stat().st_size
    assert difference(dense, factored, (data / name).stem) < TOLERANCE
    shown = json.loads(tt("inspect", factored, "--json").stdout)
    shapes = {weight["name"]: weight["shape"] for weight in shown["weights"]}
    for weight in report["factored"]["weights"]:
        if not weight["factored"]:
            assert weight["why"] and weight["name"] in shapes
            continue
        left, right = shapes[weight["name"] + "_left"], shapes[weight["name"] + "_right"]
        assert np.prod(left) + np.prod(right) == weight["bytes"]["factored"] / 4
        assert weight["rank"] in left and weight["rank"] in right
    assert tt("verify", factored).status == 0


def test_verify_judges_it(tt, forms, data, tmp_path):
    """Against the dense form the outputs are the same, and the multiply-adds fall by what the report says."""
    original = data / "super_resolution.onnx"
    dense, factored, report = forms(original, "--tensor", "conv[23]=lowrank,rank=4")
    sample = tmp_path / "sample.npz"
    np.savez(sample, input=np.random.default_rng(0).random((1, 1, 224, 224)).astype(np.float32))
    done = tt("verify", dense, factored, "--data", sample, "--max-error", TOLERANCE, "--json")
    assert done.status == 0, done
    judged = json.loads(done.stdout)
    assert judged["passed"] and report["factored"]["count"] == 2
    saved = report["factored"]["macs"]["dense"] - report["factored"]["macs"]["factored"]
    assert judged["macs"]["original"] - judged["macs"]["candidate"] == 224 * 224 * saved
    judged = json.loads(tt("verify", original, factored, "--data", sample, "--json").stdout)
    assert judged["passed"] and judged["latency"]["candidate_ms"] > 0


def test_same_bytes_for_any_number_of_threads(tt, forms, data, tmp_path):
    _, factored, _ = forms(data / "super_resolution.onnx", "--tensor", "conv=lowrank,rank=4", options=["--threads", 3])
    assert tt("decompress", tmp_path / "out.tt", "-o", tmp_path / "one.onnx", "--form", "factored", "--threads", 1).status == 0
    assert (tmp_path / "one.onnx").read_bytes() == factored.read_bytes()


def test_standard_output(tt_path, forms, environment, data, tmp_path):
    import subprocess
    _, factored, _ = forms(data / "super_resolution.onnx", "--tensor", "conv=lowrank,rank=4")
    done = subprocess.run([tt_path, "decompress", tmp_path / "out.tt", "-o", "-", "--form", "factored", "-q"],
                          capture_output=True, env=environment, check=True)
    assert done.stdout == factored.read_bytes()


def test_external_data(tt, forms, tmp_path):
    g = Graph([5, 200]).node("MatMul", (200, 300)).node("Relu").node("MatMul", (300, 100)).node("Add", (100,))
    dense, factored, report = forms(g.save(tmp_path / "model.onnx"), "--tensor", "^w0$=lowrank,rank=20", options=["--external-data"])
    outside = tmp_path / "factored.onnx.data"
    assert report["files"] == [str(factored), str(outside)]
    assert report["output"]["bytes"] == factored.stat().st_size + outside.stat().st_size
    model = onnx.load(factored, load_external_data=False)
    assert {t.name for t in model.graph.initializer if t.external_data} == {"w0_left", "w0_right", "w1"}
    assert difference(dense, factored) < TOLERANCE
    again = ["decompress", tmp_path / "out.tt", "-o", factored, "--form", "factored", "--external-data"]
    assert tt(*again).status == 0  # the same content
    outside.write_bytes(b"other")
    before = factored.read_bytes()
    check_error(tt(*again), 73, "factored.onnx.data")
    assert outside.read_bytes() == b"other" and factored.read_bytes() == before
    assert tt(*again, "--overwrite").status == 0
    assert difference(dense, factored) < TOLERANCE


def test_optional_input_is_dropped_and_named(tt, forms, data):
    """super_resolution declares its initializers as inputs: what is factored can have no other value any more."""
    _, factored, report = forms(data / "super_resolution.onnx", "--tensor", "conv1=lowrank,rank=4")
    assert report["factored"]["dropped_inputs"] == ["conv1.weight"]
    assert "conv1.weight" not in {i.name for i in onnx.load(factored).graph.input}
    assert "conv2.weight" in {i.name for i in onnx.load(factored).graph.input}


def test_report_in_words(tt, forms, tmp_path):
    g = Graph([5, 24]).node("MatMul", (24, 40)).node("MatMul", (40, 24)).node("MatMul", "w1", side=1)
    forms(g.save(tmp_path / "model.onnx"), "--tensor", "^w[01]$=lowrank,rank=3")
    command = ["decompress", tmp_path / "out.tt", "-o", tmp_path / "o.onnx", "--form", "factored"]
    text = tt(*command).stderr
    assert "factored 1 of 2 weights: 960 -> 192 multiply-adds a position, 3.84 kB -> 768 B" in text
    assert "dense: 'w1', 2 nodes use it" in text
    verbose = tt(*command, "--verbose").stderr
    assert "960 -> 192" in verbose and "2 nodes use it" in verbose and "lowrank,rank=3,dtype=f16" in verbose
    assert tt(*command, "--quiet").stderr == ""
    dense = tt("decompress", tmp_path / "out.tt", "-o", tmp_path / "o.onnx", "--json")
    report = json.loads(dense.stdout)
    assert report["form"] == "dense" and report["factored"] is None


def test_nothing_stored_as_factors(tt, data, tmp_path):
    model, out, restored = data / "super_resolution.onnx", tmp_path / "o.tt", tmp_path / "o.onnx"
    assert tt("compress", model, "-o", out, "--lossless").status == 0
    done = tt("decompress", out, "-o", restored, "--form", "factored")
    assert done.status == 0 and "no weight is stored as factors" in done.stderr and "byte for byte" in done.stderr
    assert restored.read_bytes() == model.read_bytes()


@pytest.fixture
def compressed(tt, data, tmp_path):
    out = tmp_path / "out.tt"
    assert tt("compress", data / "super_resolution.onnx", "-o", out, "--target-ratio", 1, "--no-generate",
              "--tensor", "conv=lowrank,rank=4").status == 0
    return out


def test_safetensors_have_no_layers(tt, expect_error, tmp_path):
    import safetensors.numpy
    model, out = tmp_path / "m.safetensors", tmp_path / "m.tt"
    safetensors.numpy.save_file({"w": np.random.default_rng(0).standard_normal((200, 300)).astype(np.float32)}, model)
    assert tt("compress", model, "-o", out, "--target-ratio", 1, "--tensor", "w=lowrank,rank=4").status == 0
    expect_error(64, "usage", ["--form factored", "safetensors"], "decompress", out, "-o", tmp_path / "o.onnx", "--form", "factored")
    assert not (tmp_path / "o.onnx").exists()


def test_wrong_options(expect_error, compressed, tmp_path):
    out = tmp_path / "o.onnx"
    expect_error(64, "usage", ["--form", "dense", "factored"], "decompress", compressed, "-o", out, "--form", "sparse")
    expect_error(64, "usage", ["--layers", "--form"], "decompress", compressed, "-o", out, "--form", "factored", "--layers", "conv1")
    expect_error(64, "usage", ["standard output"], "decompress", compressed, "-o", "-", "--form", "factored", "--external-data")
    assert not out.exists()


def test_folder_that_does_not_exist(expect_error, compressed, tmp_path):
    expect_error(73, "cannot_create", ["nowhere/o.onnx'"], "decompress", compressed, "-o", tmp_path / "nowhere" / "o.onnx", "--form", "factored")


@pytest.mark.parametrize("where", [0.3, 0.5, 0.7, 0.9])
def test_corruption(tt, compressed, tmp_path, where):
    content = bytearray(compressed.read_bytes())
    content[int(len(content) * where)] ^= 0x10
    compressed.write_bytes(content)
    out = tmp_path / "o.onnx"
    out.write_bytes(b"old")
    done = tt("decompress", compressed, "-o", out, "--form", "factored")
    check_error(done, 65)
    assert out.read_bytes() == b"old"
