"""Folding of BatchNormalization and constants: the model that comes out says the same with fewer nodes."""
import hashlib
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import models

OPSET = 15


class Graph:
    """A model with random weights, node by node; every node gives the next value."""

    def __init__(self, shape, seed=0, ir_version=8, opset=OPSET):
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers, self.declared = [], [], []
        self.shape, self.value, self.ir_version, self.opset = shape, "x", ir_version, opset

    def weight(self, *shape, low=-1.0, high=1.0):
        name = f"w{len(self.initializers)}"
        values = self.random.uniform(low, high, shape).astype(np.float32)
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op, *inputs, side=0, **attributes):
        """`side`: which input is the last node's value."""
        inputs = list(inputs)
        inputs.insert(side, self.value)
        self.value = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [self.value], **attributes))
        return self

    def norm(self, channels, **attributes):
        parameters = [self.weight(channels), self.weight(channels), self.weight(channels), self.weight(channels, low=0.1)]
        return self.node("BatchNormalization", *parameters, **attributes)

    def constant(self, op, *inputs, **attributes):
        name = f"c{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def save(self, path):
        declared = [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)]
        if self.ir_version < 4:
            declared += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in self.initializers]
        output = helper.make_tensor_value_info(self.value, TensorProto.FLOAT, [None] * len(self.shape))
        graph = helper.make_graph(self.nodes, "g", declared, [output], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = self.ir_version
        onnx.save(model, path)
        return path


def image(channels=8, **options):
    return Graph([2, channels, 9, 9], **options)


def conv_bias(g):
    return g.node("Conv", g.weight(16, 8, 3, 3), g.weight(16), pads=[1, 1, 1, 1]).norm(16).node("Relu")


def gemm(g, **attributes):
    transposed = attributes.get("transB", 0)
    return g.node("Gemm", g.weight(*((12, 20) if transposed else (20, 12))), g.weight(12), **attributes).norm(12)


# name: (graph, nodes of BatchNormalization, nodes of constants that are folded)
PATTERNS = {
    "conv": (lambda: conv_bias(image()), 1, 0),
    "conv without bias": (lambda: (lambda g: g.node("Conv", g.weight(16, 8, 3, 3)).norm(16))(image()), 1, 0),
    "epsilon": (lambda: (lambda g: g.node("Conv", g.weight(16, 8, 3, 3)).norm(16, epsilon=0.3))(image()), 1, 0),
    "grouped": (lambda: (lambda g: g.node("Conv", g.weight(16, 2, 3, 3), group=4).norm(16))(image()), 1, 0),
    "depthwise": (lambda: (lambda g: g.node("Conv", g.weight(8, 1, 3, 3), group=8).norm(8))(image()), 1, 0),
    "transposed": (lambda: (lambda g: g.node("ConvTranspose", g.weight(8, 6, 3, 3), strides=[2, 2]).norm(6))(image()), 1, 0),
    "transposed in groups": (lambda: (lambda g: g.node("ConvTranspose", g.weight(8, 3, 3, 3), group=4).norm(12))(image()), 1, 0),
    "added bias": (lambda: (lambda g: g.node("Conv", g.weight(16, 8, 3, 3)).node("Add", g.weight(1, 16, 1, 1)).norm(16))(image()), 1, 0),
    "two biases": (lambda: (lambda g: g.node("Conv", g.weight(16, 8, 3, 3), g.weight(16))
                            .node("Add", g.weight(16, 1, 1), side=1).norm(16))(image()), 1, 0),
    "gemm": (lambda: gemm(Graph([5, 20])), 1, 0),
    "gemm with factors": (lambda: gemm(Graph([5, 20]), alpha=0.7, beta=1.9, transB=1), 1, 0),
    "product": (lambda: (lambda g: g.node("MatMul", g.weight(20, 12)).norm(12))(Graph([5, 20])), 1, 0),
    "product with bias": (lambda: (lambda g: g.node("MatMul", g.weight(20, 12)).node("Add", g.weight(12)).norm(12))(Graph([5, 20])), 1, 0),
    "before conv": (lambda: (lambda g: g.norm(8).node("Conv", g.weight(16, 8, 3, 3)))(image()), 1, 0),
    "before conv in groups": (lambda: (lambda g: g.norm(8).node("Conv", g.weight(16, 2, 3, 3), g.weight(16), group=4))(image()), 1, 0),
    "before padding": (lambda: (lambda g: g.norm(8).node("Conv", g.weight(16, 8, 3, 3), pads=[1, 1, 1, 1]))(image()), 0, 0),
    "before gemm": (lambda: (lambda g: g.norm(20).node("Gemm", g.weight(20, 12), g.weight(12), alpha=0.7, beta=1.9))(Graph([5, 20])), 1, 0),
    "on both sides": (lambda: (lambda g: g.norm(8).node("Conv", g.weight(16, 8, 3, 3)).norm(16))(image()), 2, 0),
    "old file": (lambda: conv_bias(image(ir_version=3, opset=8)), 1, 0),
    "old file without bias": (lambda: (lambda g: g.node("Conv", g.weight(16, 8, 3, 3)).norm(16))(image(ir_version=3, opset=8)), 1, 0),
    "constants": (lambda: (lambda g: g.node("MatMul", g.constant(
        "Mul", g.constant("Transpose", g.weight(12, 20), perm=[1, 0]), g.weight(12))))(Graph([3, 5, 20])), 0, 2),
    "constants and norm": (lambda: (lambda g: g.node("Gemm", g.constant("Concat", g.weight(20, 5), g.weight(20, 7), axis=1)).norm(12))
                           (Graph([5, 20])), 1, 1),
    "old constants": (lambda: (lambda g: g.node("MatMul", g.constant("Div", g.weight(20, 12), g.weight(20, 1, low=0.5))))
                      (Graph([5, 20], ir_version=3, opset=8)), 0, 1),
}


@pytest.fixture
def fold(tt, tmp_path):
    """fold(model, options...) -> (path of what comes out with every weight exact, report)."""
    def fold(model, *options):
        out, restored = tmp_path / "out.tt", tmp_path / "restored.onnx"
        done = tt("compress", model, "-o", out, "--target-ratio", 1, "--tensor", ".=lossless", "--json", *options)
        assert done.status == 0, done
        assert tt("decompress", out, "-o", restored).status == 0
        return restored, json.loads(done.stdout)["folded"]
    return fold


def pad(path):
    """Room for the container: a field that the model ignores but that a .tt stores in less."""
    model = onnx.load(path)
    model.doc_string = "x" * 20000
    onnx.save(model, path)
    return path


def run(path, inputs):
    return models.session(path).run(None, inputs)


def check_same(original, candidate, inputs):
    for before, after in zip(run(original, inputs), run(candidate, inputs), strict=True):
        if before.dtype.kind != "f":
            continue
        before, after = before.astype(np.float64), after.astype(np.float64)
        # Values next to zero come out of sigmoids with an absolute error.
        assert np.linalg.norm(before - after) <= 1e-5 * np.linalg.norm(before) + 1e-7 * np.sqrt(before.size)


@pytest.mark.parametrize("name", PATTERNS)
def test_folded_says_the_same(name, fold, tmp_path):
    make, norms, constants = PATTERNS[name]
    graph = make()
    path = pad(graph.save(tmp_path / "model.onnx"))
    restored, report = fold(path)
    assert (report["batch_normalizations"], report["constant_nodes"]) == (norms, constants)
    model = onnx.load(restored)
    onnx.checker.check_model(model)
    left = sum(node.op_type == "BatchNormalization" for node in model.graph.node)
    assert left == sum(node.op_type == "BatchNormalization" for node in graph.nodes) - norms
    x = np.random.default_rng(1).standard_normal(graph.shape).astype(np.float32)
    check_same(path, restored, {"x": x})


@pytest.mark.parametrize("path", models.all_models(), ids=models.ids(models.all_models()))
def test_real_models_say_the_same(path, fold):
    restored, report = fold(path)
    norms = sum(node.op_type == "BatchNormalization" for node in onnx.load(path).graph.node)
    assert report["batch_normalizations"] + sum(report["left"].values()) == norms
    check_same(path, restored, models.inputs_of(models.session(path), path.stem))


def test_without_folding_nothing_changes(tt, tmp_path):
    path = pad(conv_bias(image()).save(tmp_path / "model.onnx"))
    original = path.read_bytes()
    goal = ["--target-ratio", "1"]
    for number, options in enumerate([["--no-fold", "--tensor", ".=raw", *goal], ["--lossless"], ["--preserve", ".", *goal],
                                      ["--exclude", "w0|w1", *goal]]):
        out, restored = tmp_path / f"{number}.tt", tmp_path / f"{number}.onnx"
        assert tt("compress", path, "-o", out, *options).status == 0
        assert tt("decompress", out, "-o", restored).status == 0
        nodes = [node.op_type for node in onnx.load(restored).graph.node]
        assert "BatchNormalization" in nodes, options
        if number < 3:
            assert restored.read_bytes() == original, options


def test_the_setting_turns_it_off(tt, tmp_path):
    path = pad(conv_bias(image()).save(tmp_path / "model.onnx"))
    (tmp_path / "tt.toml").write_text("[compression]\nfold = false\n")
    done = tt("compress", path, "--dry-run", "--target-ratio", 1, "--json")
    assert done.status == 0, done
    assert json.loads(done.stdout)["folded"]["batch_normalizations"] == 0


def test_the_report_names_it_and_the_rollback_is_exact(tt, tmp_path):
    path = pad(conv_bias(image()).save(tmp_path / "model.onnx"))
    done = tt("compress", path, "-o", tmp_path / "a.tt", "--rollback", tmp_path / "r.tt", "--target-ratio", 1)
    assert done.status == 0, done
    assert "folded 1 BatchNormalization node\n" in done.stderr
    assert "warning" not in done.stderr
    assert tt("decompress", tmp_path / "r.tt", "-o", tmp_path / "r.onnx").status == 0
    assert (tmp_path / "r.onnx").read_bytes() == path.read_bytes()
    # The file says which model it is from: that one, not the folded one.
    inspected = json.loads(tt("inspect", tmp_path / "a.tt", "--json").stdout)
    assert inspected["container"]["sources"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
