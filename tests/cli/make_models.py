"""Small models of every kind that the tools of today write, with weights that look trained: see test_model_kinds.py.

Every maker is named after its kind, takes a fresh Graph and fills it; KINDS lists them. The Graph remembers what `tt inspect` has
to say about every weight. The same bytes in every run.
"""
import json
import struct
import zlib

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LATEST_OPSET = onnx.defs.onnx_opset_version()
FLOATS = {"f32": (TensorProto.FLOAT, np.float32), "f16": (TensorProto.FLOAT16, np.float16),
          "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16), "f64": (TensorProto.DOUBLE, np.float64)}
MIN_ELEMENTS = 16


def trained(name, shape, dtype="f32", scale=None):
    """Normal values whose columns decay, on top of a few strong directions: the spectra of trained layers."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    columns = shape[-1] if shape else 1
    rows = int(np.prod(shape)) // max(columns, 1)
    values = random.normal(size=(rows, columns)) * (1 + np.arange(columns)) ** -0.25
    strong = min(4, rows, columns)
    values += 2 * random.normal(size=(rows, strong)) @ random.normal(size=(strong, columns)) / np.sqrt(columns or 1)
    fan_in = int(np.prod(shape[1:])) if len(shape) > 2 else shape[0] if shape else 1
    values *= scale if scale is not None else 1 / np.sqrt(max(fan_in, 1))
    return values.reshape(shape).astype(FLOATS[dtype][1])


def raw_tensor(name, values):
    return numpy_helper.from_array(np.array(values, order="C"), name)


def typed_tensor(name, values):
    """The same in float_data, double_data or int32_data."""
    kind = next(kind for kind, dtype in FLOATS.values() if dtype == values.dtype)
    tensor = TensorProto(name=name, data_type=kind, dims=values.shape)
    if kind == TensorProto.FLOAT:
        tensor.float_data.extend(values.ravel().tolist())
    elif kind == TensorProto.DOUBLE:
        tensor.double_data.extend(values.ravel().tolist())
    else:
        tensor.int32_data.extend(values.view(np.uint16).ravel().tolist())
    return tensor


class Graph:
    """A graph while it is built, and what `tt` has to find in it."""

    def __init__(self, opset=17, ir=8, parent=None, prefix="", dtype="f32"):
        self.opset, self.ir, self.dtype, self.prefix = opset, ir, dtype, prefix
        self.expected = parent.expected if parent else {}      # name -> (shape, dtype, role)
        self.nodes, self.initializers, self.inputs, self.outputs, self.sparse, self.value_info = [], [], [], [], [], []
        self.domains, self.functions, self.files, self.feeds = {}, [], {}, {}
        self.reachable = True   # the goal 0.45
        self.restorable = True  # lossless saves anything
        self.runs = True        # in ONNX Runtime
        self.tolerance = 0.2    # of the outputs
        self.finish = lambda model: model
        self.raw_bytes = None   # instead of the model's own serialisation
        self.count = 0

    def name(self, stem):
        self.count += 1
        return f"{stem}_{self.count}"

    def expect(self, name, values, role):
        if values.size >= MIN_ELEMENTS and values.ndim > 0:
            dtype = next(key for key, (_, kind) in FLOATS.items() if kind == values.dtype)
            self.expected[self.prefix + name] = (list(values.shape), dtype, role)

    def tensor(self, name, values, role=None, make=raw_tensor):
        values = np.asarray(values)
        self.initializers.append(make(name, values))
        if role:
            self.expect(name, values, role)
        return name

    def weight(self, name, shape, role, dtype=None, make=raw_tensor, scale=None):
        return self.tensor(name, trained(name, shape, dtype or self.dtype, scale), role, make)

    def ints(self, *values, name=None):
        return self.tensor(name or self.name("ints"), np.array(values, np.int64))

    def scalar(self, value):
        return self.tensor(self.name("scalar"), np.array(value, FLOATS[self.dtype][1]))

    def node(self, op, *inputs, outputs=1, out=None, domain="", name=None, **attributes):
        names = [out] if isinstance(out, str) else out or [self.name(op.lower()) for _ in range(outputs)]
        if domain:
            self.domains[domain] = 1
        self.nodes.append(helper.make_node(op, inputs, names, name=name or self.name("node_" + op), domain=domain, **attributes))
        return names[0] if len(names) == 1 else names

    def input(self, name, *shape, kind=None):
        self.inputs.append(helper.make_tensor_value_info(name, kind or FLOATS[self.dtype][0], shape))
        return name

    def output(self, name, shape=None, kind=None):
        self.outputs.append(helper.make_tensor_value_info(name, kind or FLOATS[self.dtype][0], shape))

    def linear(self, x, name, rows, columns, role, bias=True):
        y = self.node("MatMul", x, self.weight(f"{name}.weight", (rows, columns), role))
        return self.node("Add", self.weight(f"{name}.bias", (columns,), "bias", scale=0.1), y) if bias else y

    def layer_norm(self, x, name, size):
        return self.node("LayerNormalization", x, self.weight(f"{name}.weight", (size,), "norm", scale=1.0),
                         self.weight(f"{name}.bias", (size,), "norm", scale=0.1), axis=-1)

    def conv(self, x, name, shape, role="conv", op="Conv", bias=True, **attributes):
        channels = shape[0] if op == "Conv" else shape[1] * attributes.get("group", 1)
        inputs = [x, self.weight(f"{name}.weight", shape, role)]
        if bias:
            inputs.append(self.weight(f"{name}.bias", (channels,), "bias", scale=0.1))
        return self.node(op, *inputs, **attributes)

    def batch_norm(self, x, name, channels):
        parts = [self.weight(f"{name}.{part}", (channels,), "norm", scale=0.2) for part in ("weight", "bias", "mean")]
        variance = np.abs(trained(f"{name}.var", (channels,), self.dtype)) + np.ones(1, FLOATS[self.dtype][1])
        return self.node("BatchNormalization", x, *parts, self.tensor(f"{name}.var", variance, "norm"))

    def split_heads(self, x, heads, size, order=(0, 2, 1, 3)):
        return self.node("Transpose", self.node("Reshape", x, self.ints(0, 0, heads, size)), perm=list(order))

    def attention(self, x, name, width, heads):
        q, k, v = (self.linear(x, f"{name}.{part}", width, width, f"attention.{part}") for part in "qkv")
        return self.attend(q, k, v, name, width, heads)

    def attend(self, q, k, v, name, width, heads, mask=None):
        size = width // heads
        q, v = self.split_heads(q, heads, size), self.split_heads(v, heads, size)
        k = self.split_heads(k, heads, size, (0, 2, 3, 1))
        scores = self.node("Div", self.node("MatMul", q, k), self.scalar(size ** 0.5))
        if mask:
            scores = self.node("Add", scores, mask)
        mixed = self.node("MatMul", self.node("Softmax", scores, axis=-1), v)
        merged = self.node("Reshape", self.node("Transpose", mixed, perm=[0, 2, 1, 3]), self.ints(0, 0, width))
        return self.linear(merged, f"{name}.out", width, width, "attention.out")

    def graph(self, name="g"):
        return helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.initializers, value_info=self.value_info,
                                 sparse_initializer=self.sparse)

    def model(self):
        imports = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(*item) for item in self.domains.items())]
        model = helper.make_model(self.graph(), opset_imports=imports, ir_version=self.ir, functions=self.functions,
                                  producer_name="kinds")
        inferred = onnx.shape_inference.infer_shapes(model)
        for output, known in zip(model.graph.output, inferred.graph.output):
            output.CopyFrom(known)
        return self.finish(model)

    def write(self, folder):
        """Writes model.onnx and its data files; returns their contents by location."""
        content = self.raw_bytes or self.model().SerializeToString(deterministic=True)
        files = {"model.onnx": content, **self.files}
        for location, data in files.items():
            path = folder / location
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return files


# --- dense layers ---

def matmul_right(g):
    x = g.input("x", 2, 96)
    x = g.node("Relu", g.linear(x, "fc1", 96, 256, "dense"))
    x = g.node("Relu", g.linear(x, "fc2", 256, 128, "dense"))
    g.output(g.linear(x, "fc3", 128, 64, "head"))


def matmul_left(g):
    x = g.input("x", 96, 3)
    x = g.node("Add", g.node("MatMul", g.weight("a", (200, 96), "dense"), x), g.weight("a_bias", (200, 1), "bias", scale=0.1))
    g.output(g.node("MatMul", g.weight("b", (80, 200), "head"), g.node("Tanh", x)))


def matmul_nd(g):
    x = g.input("x", 4, 5, 64)
    x = g.node("Relu", g.node("MatMul", x, g.weight("experts", (4, 64, 96), "dense")))
    x = g.node("MatMul", g.node("Unsqueeze", x, g.ints(0)), g.weight("batched", (2, 4, 96, 48), "head"))
    g.output(x)


def matmul_of_two_constants(g):
    """What no optimiser has folded yet: neither side is a layer's weight."""
    x = g.input("x", 2, 64)
    product = g.node("MatMul", g.weight("u", (64, 40), "other"), g.weight("v", (40, 64), "other"))
    g.output(g.node("MatMul", g.node("MatMul", x, product), g.weight("w", (64, 64), "head")))


def gemm_variants(g):
    x = g.input("x", 3, 64)
    a = g.node("Gemm", x, g.weight("plain", (64, 100), "dense"), g.weight("plain_c", (100,), "bias"))
    a = g.node("Relu", a)
    b = g.node("Gemm", a, g.weight("trans_b", (120, 100), "dense"), g.weight("c2", (1, 120), "bias"), transB=1, alpha=0.5, beta=2.0)
    b = g.node("Transpose", g.node("Relu", b), perm=[1, 0])
    c = g.node("Gemm", b, g.weight("trans_a", (120, 90), "dense"), transA=1, alpha=1.5)
    d = g.node("Gemm", g.weight("left", (70, 90), "head"), g.node("Relu", c), transA=0, transB=1)
    g.output(d)


def gemm_left_transposed(g):
    x = g.input("x", 80, 3)
    g.output(g.node("Gemm", g.weight("w", (80, 150), "head"), x, g.weight("c", (150, 1), "bias"), transA=1))


# --- convolutions ---

def conv_1d(g):
    x = g.input("x", 1, 40, 60)
    x = g.node("Relu", g.conv(x, "c1", (96, 40, 5), pads=[2, 2]))
    g.output(g.conv(x, "c2", (64, 96, 3), dilations=[2], strides=[2]))


def conv_2d(g):
    x = g.input("x", 1, 3, 24, 24)
    x = g.node("Relu", g.conv(x, "c1", (32, 3, 7, 7), strides=[2, 2], pads=[3, 3, 3, 3]))
    x = g.node("LeakyRelu", g.conv(x, "c2", (64, 32, 3, 3), auto_pad="SAME_UPPER"), alpha=0.1)
    g.output(g.conv(x, "c3", (48, 64, 1, 1), bias=False))


def conv_3d(g):
    x = g.input("x", 1, 4, 6, 8, 8)
    x = g.node("Relu", g.conv(x, "c1", (24, 4, 3, 3, 3), pads=[1] * 6))
    g.output(g.conv(x, "c2", (32, 24, 2, 3, 3)))


def conv_groups(g):
    x = g.input("x", 1, 32, 16, 16)
    x = g.node("Relu", g.conv(x, "grouped", (64, 8, 3, 3), group=4, dilations=[2, 2]))
    x = g.node("Relu", g.conv(x, "depthwise", (64, 1, 5, 5), "depthwise", group=64, pads=[2] * 4))
    x = g.node("Relu", g.conv(x, "multiplier", (128, 1, 3, 3), "depthwise", group=64, pads=[1] * 4))
    g.output(g.conv(x, "pointwise", (96, 128, 1, 1)))


def conv_transpose(g):
    x = g.conv(g.input("a", 1, 32, 20), "t1", (32, 24, 4), op="ConvTranspose", strides=[2])
    g.output(x)
    x = g.conv(g.input("b", 1, 32, 8, 8), "t2", (32, 8, 3, 3), op="ConvTranspose", strides=[2, 2], group=4, output_padding=[1, 1])
    g.output(g.conv(x, "t2dw", (32, 1, 3, 3), "depthwise", op="ConvTranspose", group=32))
    g.output(g.conv(g.input("c", 1, 8, 3, 4, 4), "t3", (8, 12, 2, 2, 2), op="ConvTranspose", strides=[2, 2, 2]))


def residual(g, x, name, width):
    y = g.node("Relu", g.batch_norm(g.conv(x, f"{name}.conv1", (width, width, 3, 3), bias=False, pads=[1] * 4), f"{name}.bn1", width))
    y = g.batch_norm(g.conv(y, f"{name}.conv2", (width, width, 3, 3), bias=False, pads=[1] * 4), f"{name}.bn2", width)
    return g.node("Relu", g.node("Add", x, y))


def resnet(g):
    x = g.input("x", 1, 3, 32, 32)
    x = g.node("Relu", g.batch_norm(g.conv(x, "stem", (32, 3, 3, 3), bias=False, pads=[1] * 4, strides=[2, 2]), "bn", 32))
    x = residual(g, residual(g, x, "layer1", 32), "layer2", 32)
    x = g.node("Flatten", g.node("GlobalAveragePool", x))
    g.output(g.node("Gemm", x, g.weight("fc.weight", (100, 32), "head"), g.weight("fc.bias", (100,), "bias"), transB=1))


def mobilenet(g):
    x = g.node("Clip", g.conv(g.input("x", 1, 3, 32, 32), "stem", (16, 3, 3, 3), strides=[2, 2]), g.scalar(0), g.scalar(6))
    for i, (inside, outside) in enumerate([(16, 32), (32, 64)]):
        wide = inside * 4
        y = g.node("HardSwish", g.conv(x, f"b{i}.expand", (wide, inside, 1, 1)))
        y = g.node("HardSwish", g.conv(y, f"b{i}.dw", (wide, 1, 3, 3), "depthwise", group=wide, pads=[1] * 4))
        squeezed = g.node("Relu", g.conv(g.node("GlobalAveragePool", y), f"b{i}.se1", (wide // 4, wide, 1, 1)))
        y = g.node("Mul", y, g.node("HardSigmoid", g.conv(squeezed, f"b{i}.se2", (wide, wide // 4, 1, 1))))
        x = g.conv(y, f"b{i}.project", (outside, wide, 1, 1))
    g.output(g.linear(g.node("ReduceMean", x, axes=[2, 3], keepdims=0), "classifier", 64, 100, "head"))


def unet(g):
    x = g.input("x", 1, 3, 32, 32)
    one = g.node("Relu", g.conv(x, "down1", (24, 3, 3, 3), pads=[1] * 4))
    two = g.node("Relu", g.conv(g.node("MaxPool", one, kernel_shape=[2, 2], strides=[2, 2]), "down2", (48, 24, 3, 3), pads=[1] * 4))
    up = g.conv(two, "up", (48, 24, 2, 2), op="ConvTranspose", strides=[2, 2])
    sizes = g.tensor("scales", np.array([1, 1, 2, 2], np.float32))
    resized = g.conv(g.node("Resize", two, "", sizes, mode="nearest"), "smooth", (24, 48, 1, 1))
    y = g.node("Relu", g.conv(g.node("Concat", one, up, resized, axis=1), "fuse", (24, 72, 3, 3), pads=[1] * 4))
    g.output(g.node("Sigmoid", g.conv(y, "mask", (2, 24, 1, 1))))


def detector(g):
    """Two scales with their anchors, and NonMaxSuppression at the end."""
    x = g.node("Relu", g.conv(g.input("x", 1, 3, 32, 32), "stem", (32, 3, 3, 3), strides=[2, 2], pads=[1] * 4))
    x = g.node("Relu", g.conv(x, "body", (64, 32, 3, 3), strides=[2, 2], pads=[1] * 4))
    boxes = g.node("Reshape", g.conv(x, "box", (8, 64, 1, 1)), g.ints(1, 128, 4))
    anchors = g.tensor("anchors", np.abs(trained("anchors", (1, 128, 4), scale=1.0)), "other")
    boxes = g.node("Add", boxes, anchors)
    scores = g.node("Reshape", g.node("Sigmoid", g.conv(x, "score", (6, 64, 3, 3), pads=[1] * 4)), g.ints(1, 3, 128))
    g.output(boxes)
    g.output(scores)
    picked = g.node("NonMaxSuppression", boxes, scores, g.ints(10), g.tensor("iou", np.float32(0.5)))
    g.output(g.node("Shape", picked), kind=TensorProto.INT64)


def conv_kernel_through_views(g):
    """tf2onnx: HWIO kernels and a Transpose."""
    x = g.input("x", 1, 16, 12, 12)
    kernel = g.node("Transpose", g.weight("hwio", (3, 3, 16, 64), "conv"), perm=[3, 2, 0, 1])
    x = g.node("Relu", g.node("Conv", x, kernel, g.weight("bias", (64,), "bias")))
    flat = g.weight("flat", (64 * 64,), "conv")
    g.output(g.node("Conv", x, g.node("Reshape", flat, g.ints(64, 64, 1, 1))))


# --- recurrent ---

def lstm(g):
    x = g.input("x", 6, 1, 40)
    y, *_ = g.node("LSTM", x, g.weight("w", (1, 192, 40), "recurrent"), g.weight("r", (1, 192, 48), "recurrent"),
                   g.weight("b", (1, 384), "bias", scale=0.1), outputs=3, hidden_size=48)
    y = g.node("Squeeze", y, g.ints(1))
    y, *_ = g.node("LSTM", y, g.weight("w2", (2, 128, 48), "recurrent"), g.weight("r2", (2, 128, 32), "recurrent"),
                   g.weight("b2", (2, 256), "bias", scale=0.1), "", "", "", g.weight("peephole", (2, 96), "other"), outputs=3,
                   hidden_size=32, direction="bidirectional")
    g.output(y)


def gru_and_rnn(g):
    x = g.input("x", 6, 1, 40)
    y, _ = g.node("GRU", x, g.weight("w", (2, 144, 40), "recurrent"), g.weight("r", (2, 144, 48), "recurrent"),
                  g.weight("b", (2, 288), "bias", scale=0.1), outputs=2, hidden_size=48, direction="bidirectional", linear_before_reset=1)
    g.output(y)
    _, h = g.node("RNN", x, g.weight("w2", (1, 64, 40), "recurrent"), g.weight("r2", (1, 64, 64), "recurrent"), outputs=2,
                  hidden_size=64, direction="reverse")
    g.output(h)


# --- transformers ---

def layer_norm_decomposed(g):
    x = g.input("x", 2, 5, 64)
    for i in range(2):
        y = g.linear(x, f"fc{i}", 64, 64, "dense")
        centred = g.node("Sub", y, g.node("ReduceMean", y, axes=[-1]))
        variance = g.node("ReduceMean", g.node("Pow", centred, g.scalar(2)), axes=[-1])
        y = g.node("Div", centred, g.node("Sqrt", g.node("Add", variance, g.scalar(1e-5))))
        y = g.node("Mul", y, g.weight(f"gamma{i}", (64,), "norm", scale=1.0))
        x = g.node("Add", y, g.weight(f"beta{i}", (64,), "norm", scale=0.1))
    g.output(x)


def encoder(g):
    x = g.input("x", 1, 10, 64)
    x = g.layer_norm(g.node("Add", x, g.attention(x, "attention", 64, 4)), "norm1", 64)
    up = g.linear(x, "up", 64, 256, "ffn.up")
    gelu = g.node("Mul", up, g.node("Add", g.node("Erf", g.node("Div", up, g.scalar(2 ** 0.5))), g.scalar(1)))
    x = g.layer_norm(g.node("Add", x, g.linear(g.node("Mul", gelu, g.scalar(0.5)), "down", 256, 64, "ffn.down")), "norm2", 64)
    g.output(g.linear(x, "classifier", 64, 20, "head"))


def encoder_with_large_vocabulary(g):
    """The table is nearly the whole file, as in sentence encoders."""
    ids = g.input("ids", 1, 8, kind=TensorProto.INT64)
    x = g.node("Gather", g.weight("word_embeddings", (6000, 32), "embedding", scale=0.5), ids)
    x = g.node("Add", x, g.node("Gather", g.weight("position_embeddings", (64, 32), "embedding", scale=0.1), g.ints(*range(8))))
    x = g.layer_norm(x, "norm", 32)
    g.output(g.node("ReduceMean", g.node("Add", x, g.attention(x, "attention", 32, 2)), axes=[1]))


def tied_embedding(g):
    ids = g.input("ids", 1, 8, kind=TensorProto.INT64)
    table = g.weight("wte", (2000, 48), "embedding", scale=0.2)
    x = g.node("Tanh", g.linear(g.node("Gather", table, ids), "fc", 48, 48, "dense"))
    g.output(g.node("MatMul", x, g.node("Transpose", table, perm=[1, 0])))


def gpt(g):
    """Pre-norm blocks with one fused projection, a causal mask and a head."""
    ids = g.input("ids", 1, 16, kind=TensorProto.INT64)
    x = g.node("Gather", g.weight("wte.weight", (500, 64), "embedding", scale=0.3), ids)
    x = g.node("Add", x, g.node("Gather", g.weight("wpe.weight", (32, 64), "embedding", scale=0.1), g.ints(*range(16))))
    mask = g.tensor("mask", np.triu(np.full((1, 1, 16, 16), -1e4, np.float32), 1), "other")
    for i in range(2):
        qkv = g.linear(g.layer_norm(x, f"h.{i}.ln_1", 64), f"h.{i}.c_attn", 64, 192, "attention.v")
        q, k, v = g.node("Split", qkv, g.ints(64, 64, 64), outputs=3, axis=2)
        x = g.node("Add", x, g.attend(q, k, v, f"h.{i}.attn", 64, 4, mask))
        up = g.linear(g.layer_norm(x, f"h.{i}.ln_2", 64), f"h.{i}.mlp.c_fc", 64, 256, "ffn.up")
        cube = g.node("Mul", g.scalar(0.0447), g.node("Pow", up, g.scalar(3)))
        tanh = g.node("Tanh", g.node("Mul", g.scalar(0.798), g.node("Add", up, cube)))
        gelu = g.node("Mul", g.node("Mul", up, g.scalar(0.5)), g.node("Add", tanh, g.scalar(1)))
        x = g.node("Add", x, g.linear(gelu, f"h.{i}.mlp.c_proj", 256, 64, "ffn.down"))
    g.output(g.linear(g.layer_norm(x, "ln_f", 64), "lm_head", 64, 500, "head", bias=False))


def llama_block(g):
    """RMSNorm written out, rotary tables, SwiGLU."""
    x = g.input("x", 1, 8, 64)

    def norm(value, name):
        mean = g.node("ReduceMean", g.node("Pow", value, g.scalar(2)), axes=[-1])
        scaled = g.node("Mul", value, g.node("Reciprocal", g.node("Sqrt", g.node("Add", mean, g.scalar(1e-6)))))
        return g.node("Mul", scaled, g.weight(name, (64,), "norm", scale=1.0))

    def rotate(value):
        half, other = g.node("Split", value, g.ints(8, 8), outputs=2, axis=3)
        turned = g.node("Concat", g.node("Neg", other), half, axis=3)
        return g.node("Add", g.node("Mul", value, "cos"), g.node("Mul", turned, "sin"))

    angles = np.outer(np.arange(8), 1e4 ** (-np.arange(16) % 8 / 8))
    g.tensor("cos", np.cos(angles).astype(np.float32), "other")
    g.tensor("sin", np.sin(angles).astype(np.float32), "other")
    y = norm(x, "input_layernorm")
    q, k, v = (g.linear(y, f"{part}_proj", 64, 64, f"attention.{part}", bias=False) for part in "qkv")
    q, k, v = (g.split_heads(part, 4, 16) for part in (q, k, v))
    scores = g.node("MatMul", rotate(q), g.node("Transpose", rotate(k), perm=[0, 1, 3, 2]))
    mixed = g.node("MatMul", g.node("Softmax", g.node("Mul", scores, g.scalar(0.25)), axis=-1), v)
    mixed = g.node("Reshape", g.node("Transpose", mixed, perm=[0, 2, 1, 3]), g.ints(0, 0, 64))
    x = g.node("Add", x, g.linear(mixed, "o_proj", 64, 64, "attention.out", bias=False))
    y = norm(x, "post_layernorm")
    gate, up = g.linear(y, "gate_proj", 64, 176, "ffn.gate", bias=False), g.linear(y, "up_proj", 64, 176, "ffn.up", bias=False)
    silu = g.node("Mul", gate, g.node("Sigmoid", gate))
    g.output(g.node("Add", x, g.linear(g.node("Mul", silu, up), "down_proj", 176, 64, "ffn.down", bias=False)))


def latest_operators(g):
    """Attention, RMSNormalization and Swish of the newest operator sets."""
    x = g.input("x", 1, 8, 64)
    y = g.node("RMSNormalization", x, g.weight("norm", (64,), "norm", scale=1.0), axis=-1)
    q, k, v = (g.linear(y, f"{part}_proj", 64, 64, f"attention.{part}", bias=False) for part in "qkv")
    mixed = g.node("Attention", q, k, v, q_num_heads=4, kv_num_heads=4)
    x = g.node("Add", x, g.linear(mixed, "o_proj", 64, 64, "attention.out", bias=False))
    up = g.node("Gelu", g.linear(x, "fc1", 64, 256, "ffn.up"))
    g.output(g.node("Add", x, g.linear(up, "fc2", 256, 64, "ffn.down")))


def microsoft_operators(g):
    ms = "com.microsoft"
    ids = g.input("ids", 1, 8, kind=TensorProto.INT32)
    x, _ = g.node("EmbedLayerNormalization", ids, "", g.weight("words", (500, 64), "embedding"), g.weight("positions", (32, 64), "embedding"),
                  "", g.weight("gamma", (64,), "norm", scale=1.0), g.weight("beta", (64,), "norm"), domain=ms, outputs=2)
    a = g.node("Attention", x, g.weight("qkv", (64, 192), "attention.v"), g.weight("qkv_bias", (192,), "bias"), domain=ms, num_heads=4)
    a = g.linear(a, "out", 64, 64, "attention.out", bias=False)
    x = g.node("SkipLayerNormalization", x, a, g.weight("gamma1", (64,), "norm", scale=1.0), g.weight("beta1", (64,), "norm"),
               g.weight("skip_bias", (64,), "bias"), domain=ms)
    up = g.node("FastGelu", g.linear(x, "up", 64, 256, "ffn.up", bias=False), g.weight("up_bias", (256,), "bias"), domain=ms)
    down = g.node("FusedMatMul", up, g.weight("down", (64, 256), "ffn.down"), domain=ms, transB=1, alpha=0.5)
    g.output(g.node("FusedMatMul", down, g.weight("head", (40, 64), "head"), domain=ms, transB=1))


# --- graphs inside graphs ---

def branch(g, name, build):
    inner = Graph(g.opset, parent=g, prefix=name)
    build(inner)
    return inner.graph("body")


def if_bodies(g):
    x = g.input("x", 2, 64)
    flag = g.node("Greater", g.node("ReduceSum", x, keepdims=0), g.scalar(0))
    g.weight("captured", (64, 96), "dense")
    graphs = {}
    for which in ("then_branch", "else_branch"):
        def build(inner):
            y = inner.node("MatMul", x, "captured", out=f"{which}_y")
            z = inner.node("MatMul", x, inner.weight("own", (64, 96), "dense", scale=0.1 if which == "then_branch" else 0.2), out=f"{which}_z")
            inner.output(inner.node("Add", y, z, out=f"{which}_out"))
        graphs[which] = branch(g, f"choose/{which}/", build)
    g.output(g.node("If", flag, name="choose", **graphs))


def loop_body(g):
    x = g.input("x", 1, 64)
    g.weight("outside", (64, 64), "dense")

    def build(inner):
        inner.input("i", kind=TensorProto.INT64)
        inner.input("go", kind=TensorProto.BOOL)
        inner.input("state", 1, 64)
        y = inner.node("Relu", inner.node("MatMul", "state", "outside"))
        y = inner.node("MatMul", y, inner.weight("inside", (64, 64), "head"))
        inner.output(inner.node("Identity", "go", out="go_on"), (), kind=TensorProto.BOOL)
        inner.output(inner.node("Tanh", y, out="next"), (1, 64))
        inner.output(inner.node("Identity", "next", out="scanned"), (1, 64))
    body = branch(g, "repeat/body/", build)
    rounds = g.tensor("rounds", np.array(3, np.int64))
    final, all_states = g.node("Loop", rounds, g.tensor("yes", np.array(True)), x, outputs=2, name="repeat", body=body)
    g.output(g.linear(final, "fc", 64, 32, "head"))
    g.output(all_states)


def scan_body(g):
    x = g.input("x", 5, 48)
    start = g.tensor("start", trained("start", (48,), scale=0.1), "other")

    def build(inner):
        inner.input("state", 48)
        inner.input("frame", 48)
        y = inner.node("Add", inner.node("MatMul", "state", inner.weight("hh", (48, 48), "dense")),
                       inner.node("MatMul", "frame", inner.weight("ih", (48, 48), "dense")))
        inner.output(inner.node("Tanh", y, out="new_state"))
        inner.output(inner.node("Identity", "new_state", out="shown"))
    g.weight("unused", (40, 40), "other")
    _, ys = g.node("Scan", start, x, outputs=2, num_scan_inputs=1, name="scan", body=branch(g, "scan/body/", build))
    g.output(g.linear(ys, "fc", 48, 100, "head"))


def nested_bodies(g):
    """A Loop in an If, names that hide outer ones, Constant nodes inside."""
    x = g.input("x", 1, 64)
    flag = g.node("Greater", g.node("ReduceSum", x, keepdims=0), g.scalar(1e9))
    g.weight("w", (64, 64), "dense")
    x2 = g.node("Relu", g.node("MatMul", x, "w"))

    def loop(inner):
        inner.input("i", kind=TensorProto.INT64)
        inner.input("go", kind=TensorProto.BOOL)
        inner.input("state", 1, 64)
        values = trained("constant", (64, 64))
        inner.node("Constant", out="k", value=raw_tensor("", values))
        inner.expect("k", values, "head")
        inner.output(inner.node("Identity", "go", out="go_on"), (), kind=TensorProto.BOOL)
        inner.output(inner.node("Tanh", inner.node("MatMul", "state", "k"), out="next"))

    def then(inner):
        inner.output(inner.node("MatMul", x2, inner.weight("w2", (64, 64), "head"), out="t"))

    def other(inner):
        body = branch(g, "outer/else_branch/inner/body/", loop)
        inner.initializers.append(raw_tensor("two", np.array(2, np.int64)))
        inner.output(inner.node("Loop", "two", "", x2, out="e", name="inner", body=body))
    g.output(g.node("If", flag, name="outer", then_branch=branch(g, "outer/then_branch/", then),
                    else_branch=branch(g, "outer/else_branch/", other)))


def local_functions(g):
    """A function with a weight inside, and one that takes its weight as an input: what it is for stands in the function only."""
    domain = "local"
    x = g.input("x", 2, 64)
    values = trained("inside", (64, 96))
    inner = [helper.make_node("Constant", [], ["k"], value=raw_tensor("", values)),
             helper.make_node("MatMul", ["a", "k"], ["b"]), helper.make_node("Relu", ["b"], ["c"])]
    g.expected["Dense/k"] = ([64, 96], "f32", "dense")
    takes = [helper.make_node("MatMul", ["a", "w"], ["m"]), helper.make_node("Add", ["m", "bias"], ["c"])]
    opsets = [helper.make_opsetid("", g.opset)]
    g.functions = [helper.make_function(domain, "Dense", ["a"], ["c"], inner, opsets),
                   helper.make_function(domain, "Linear", ["a", "w", "bias"], ["c"], takes, opsets)]
    x = g.node("Dense", x, domain=domain)
    x = g.node("Linear", x, g.weight("w1", (96, 96), "dense"), g.weight("b1", (96,), "bias"), domain=domain)
    g.output(g.node("Linear", x, g.weight("w2", (96, 40), "head"), g.weight("b2", (40,), "bias"), domain=domain))


# --- where weights lie ---

def shared_weights(g):
    x = g.input("x", 2, 64)
    w = g.weight("w", (64, 64), "dense")
    b = g.weight("b", (64,), "bias", scale=0.1)
    for _ in range(4):
        x = g.node("Tanh", g.node("Add", g.node("MatMul", x, w), b))
    g.output(g.node("Gemm", x, w, transB=1))


def initializers_in_inputs(g):
    g.ir, g.opset = 3, 7
    matmul_right(g)
    g.inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in g.initializers]


def constant_nodes(g):
    x = g.input("x", 2, 64)
    for i in range(3):
        values = trained(f"constant{i}", (64, 64))
        # The tensor of a Constant has no name, its output's, or another one.
        name = g.node("Constant", out=f"w{i}", value=raw_tensor(["", "w1", "of_another_name"][i], values))
        g.expect(["w0", "w1", "of_another_name"][i], values, "head" if i == 2 else "dense")
        x = g.node("MatMul", x, name)
        x = g.node("Add", x, g.node("Constant", value_floats=[0.5] * 64)) if i == 1 else x
    g.output(x)


def views_between(g):
    x = g.input("x", 2, 64)
    w = g.node("Identity", g.node("Identity", g.weight("identity", (64, 80), "dense")))
    x = g.node("Relu", g.node("MatMul", x, w))
    w = g.node("Transpose", g.weight("transposed", (96, 80), "dense"), perm=[1, 0])
    x = g.node("Relu", g.node("MatMul", x, w))
    w = g.node("Cast", g.weight("half", (96, 100), "dense", "f16"), to=TensorProto.FLOAT)
    x = g.node("Relu", g.node("MatMul", x, w))
    w = g.node("Reshape", g.weight("flat", (100 * 50,), "other"), g.ints(100, 50))
    x = g.node("Relu", g.node("MatMul", x, w))
    w = g.node("Squeeze", g.weight("extra", (1, 50, 64), "head"), g.ints(0))
    g.output(g.node("MatMul", x, w))


def whole_model(dtype, make):
    """An MLP of one element type; `make` puts the elements into a field."""
    def build(g):
        # ONNX Runtime's CPU provider multiplies no bfloat16: stored so, computed in float32.
        x = g.input("x", 2, 96, kind=TensorProto.FLOAT if dtype == "bf16" else FLOATS[dtype][0])
        for i, (rows, columns) in enumerate([(96, 200), (200, 120), (120, 64)]):
            w = g.weight(f"w{i}", (rows, columns), "head" if i == 2 else "dense", dtype, make)
            b = g.weight(f"b{i}", (columns,), "bias", dtype, make, scale=0.1)
            if dtype == "bf16":
                w, b = (g.node("Cast", part, to=TensorProto.FLOAT) for part in (w, b))
            x = g.node("Add", g.node("MatMul", x, w), b)
            x = g.node("Relu", x) if i < 2 else x
        g.output(x, kind=TensorProto.FLOAT if dtype == "bf16" else FLOATS[dtype][0])
    return build


def unpacked_float_data(g):
    """An old writer: one field an element. The payload is in pieces, so it stays in the skeleton."""
    x = g.input("x", 2, 64)
    pieces = trained("pieces", (64, 20))
    g.tensor("pieces", pieces)
    g.output(g.linear(g.node("MatMul", x, "pieces"), "fc", 20, 3000, "head"))

    def finish(model):
        model.graph.initializer[0].ClearField("raw_data")
        return model
    g.finish = finish
    # By hand, because the installed writer packs.
    content = g.model().SerializeToString(deterministic=True)
    fields = b"".join(b"\x25" + struct.pack("<f", value) for value in pieces.ravel())
    g.raw_bytes = splice_initializer(content, "pieces", fields)


def float16_network(g):
    g.dtype = "f16"
    x = g.input("x", 1, 8, 64)
    x = g.node("Add", x, g.attention(x, "attention", 64, 4))
    up = g.node("Relu", g.linear(x, "up", 64, 256, "ffn.up"))
    g.output(g.node("Add", x, g.linear(up, "down", 256, 64, "ffn.down")))


def mixed_precision(g):
    x = g.input("x", 1, 16, 12, 12)
    half = g.node("Cast", x, to=TensorProto.FLOAT16)
    half = g.node("Conv", half, g.weight("c1", (64, 16, 3, 3), "conv", "f16"), g.weight("c1b", (64,), "bias", "f16"))
    full = g.node("Cast", half, to=TensorProto.FLOAT)
    g.output(g.conv(full, "c2", (64, 64, 3, 3)))


# --- external data ---

def externalise(g, model, place):
    """Moves every initializer's bytes as `place(index, tensor)` -> (location, gap before, write offset and length)."""
    files = {}
    for index, tensor in enumerate(model.graph.initializer):
        where = place(index, tensor)
        if where is None:
            continue
        location, gap, tells = where
        content = files.setdefault(location, bytearray())
        content += bytes(-len(content) % gap) if gap else b""
        entries = {"location": location}
        if tells:
            entries.update(offset=str(len(content)), length=str(len(tensor.raw_data)))
        content += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)
    g.files = {location: bytes(content) for location, content in files.items()}
    return model


def external_one_file(g):
    matmul_right(g)
    g.ints(*range(50), name="not_a_weight")
    g.nodes.append(helper.make_node("Cast", ["not_a_weight"], ["numbers"], to=TensorProto.FLOAT))
    g.output("numbers")
    g.finish = lambda model: externalise(g, model, lambda i, t: ("model.onnx.data", 4096, True))


def external_several_files(g):
    conv_2d(g)
    g.finish = lambda model: externalise(
        g, model, lambda i, t: (f"weights/part {i % 2}/é_{i}.bin", 0, False) if i % 3 else ("flat.bin", 64, True))


def external_shared_range(g):
    x = g.input("x", 2, 96)
    x = g.node("Relu", g.node("MatMul", x, g.weight("one", (96, 96), "dense")))
    g.initializers.append(raw_tensor("two", trained("one", (96, 96))))  # one weight, under the first name
    x = g.node("Relu", g.node("MatMul", x, "two"))
    g.expected["one"] = ([96, 96], "f32", "dense")
    g.output(g.linear(x, "fc", 96, 40, "head"))

    def finish(model):
        externalise(g, model, lambda i, t: ("shared.bin", 0, True))
        first, second = model.graph.initializer[0], model.graph.initializer[1]
        for a, b in zip(first.external_data, second.external_data):
            b.value = a.value
        return model
    g.finish = finish


def external_with_checksum(g):
    """Further keys beside location, offset and length, and a gap at both ends of the file."""
    matmul_left(g)

    def finish(model):
        externalise(g, model, lambda i, t: ("data.bin", 256, True))
        for tensor in model.graph.initializer:
            tensor.external_data.add(key="checksum", value="0" * 40)
        g.files["data.bin"] += b"tail of nobody"
        return model
    g.finish = finish


# --- quantised and odd types ---

def quantised(g, name, values):
    scale = np.float32(np.abs(values).max() / 127)
    g.tensor(f"{name}_q", np.clip(np.round(values / scale), -127, 127).astype(np.int8))
    return g.node("DequantizeLinear", f"{name}_q", g.tensor(f"{name}_scale", scale), g.tensor(f"{name}_zero", np.int8(0)))


def qdq_int8(g):
    g.reachable = g.restorable = False
    x = g.input("x", 2, 96)
    for i in range(2):
        scale, zero = g.tensor(f"s{i}", np.float32(0.05)), g.tensor(f"z{i}", np.int8(3))
        x = g.node("DequantizeLinear", g.node("QuantizeLinear", x, scale, zero), scale, zero)
        x = g.node("Add", g.node("MatMul", x, quantised(g, f"w{i}", trained(f"w{i}", (96, 96)))), g.weight(f"b{i}", (96,), "other"))
    g.output(x)


def dynamic_int8(g):
    """onnxruntime's dynamic quantiser: integers in the large layers, float32 in the rest."""
    g.reachable = False
    x = g.input("x", 2, 64)
    q, scale, zero = g.node("DynamicQuantizeLinear", x, outputs=3)
    weight = np.clip(np.round(trained("w", (64, 256)) * 400), -127, 127).astype(np.int8)
    y = g.node("Cast", g.node("MatMulInteger", q, g.tensor("w_q", weight), zero), to=TensorProto.FLOAT)
    y = g.node("Mul", y, g.node("Mul", scale, g.scalar(1 / 400)))
    g.output(g.linear(y, "fc", 256, 40, "head"))


def qlinear_conv(g):
    g.reachable = g.restorable = False
    x = g.input("x", 1, 16, 10, 10, kind=TensorProto.UINT8)
    scale, zero = g.tensor("s", np.float32(0.02)), g.tensor("z", np.uint8(128))
    w = np.clip(np.round(trained("w", (64, 16, 3, 3)) * 500), -127, 127).astype(np.int8)
    scales = g.tensor("w_s", np.abs(trained("w_s", (64,), scale=0.002)) + np.float32(1e-4), "other")
    y = g.node("QLinearConv", x, scale, zero, g.tensor("w_q", w), scales, g.tensor("w_z", np.zeros(64, np.int8)), scale, zero)
    g.output(y, kind=TensorProto.UINT8)


def small_types(g):
    """Every type below a byte, and the 8-bit floats."""
    g.ir, g.opset, g.runs = max(10, g.ir), 21, False
    x = g.input("x", 2, 64)
    kinds = [TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2, TensorProto.FLOAT8E4M3FNUZ]
    kinds += [getattr(TensorProto, name) for name in ("FLOAT4E2M1", "FLOAT8E8M0", "INT2", "UINT2") if hasattr(TensorProto, name)]
    for kind in kinds:
        values = np.random.default_rng(kind).integers(0, 255, 99, np.uint8)
        dims = {TensorProto.INT4: 198, TensorProto.UINT4: 197}.get(kind, 99)
        name = TensorProto.DataType.Name(kind)
        dims = 197 if name == "FLOAT4E2M1" else 395 if name in ("INT2", "UINT2") else dims
        g.initializers.append(TensorProto(name=name, data_type=kind, dims=[dims], raw_data=values.tobytes()))
        g.initializers.append(TensorProto(name=name + "_typed", data_type=kind, dims=[dims], int32_data=values.tolist()))
    g.output(g.linear(x, "fc", 64, 500, "head"))


def other_types(g):
    """Integers, complex numbers, booleans and strings, raw and typed."""
    g.runs = False
    x = g.input("x", 2, 64)
    for dtype in (np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint32, np.uint64, np.bool_, np.complex64, np.complex128):
        values = np.arange(40).reshape(5, 8).astype(dtype)
        g.tensor(dtype.__name__, values)
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        g.initializers.append(helper.make_tensor(dtype.__name__ + "_typed", kind, values.shape, values.ravel().tolist()))
    words = [f"word {i} ü".encode() for i in range(100)]
    g.initializers.append(helper.make_tensor("vocabulary", TensorProto.STRING, [100], words))
    g.output(g.linear(x, "fc", 64, 500, "head"))


def sparse_initializer(g):
    x = g.input("x", 2, 64)
    values = trained("sparse", (300,), scale=0.1)
    places = np.sort(np.random.default_rng(3).choice(64 * 64, 300, replace=False)).astype(np.int64)
    g.sparse.append(helper.make_sparse_tensor(raw_tensor("sparse", values), raw_tensor("sparse_indices", places), [64, 64]))
    g.output(g.linear(g.node("MatMul", x, "sparse"), "fc", 64, 400, "head"))


def sequences_and_optionals(g):
    x = g.input("x", 2, 64)
    parts = g.node("SequenceConstruct", x, g.node("Relu", x))
    optional = g.node("Optional", g.node("SequenceAt", parts, g.tensor("one", np.array(1, np.int64))))
    g.output(g.linear(g.node("OptionalGetElement", optional), "fc", 64, 300, "head"))
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [2, 64]))
    g.outputs.append(helper.make_value_info(parts, kind))


def strings(g):
    """A tokeniser's table beside an embedding."""
    words = g.input("words", 1, 4, kind=TensorProto.STRING)
    ids = g.node("LabelEncoder", words, domain="ai.onnx.ml", keys_strings=[f"w{i}" for i in range(200)], values_int64s=list(range(200)),
                 default_int64=0)
    g.domains["ai.onnx.ml"] = 3
    g.feeds["words"] = np.array([["w3", "w77", "nobody", "w199"]], object)
    g.output(g.node("Gather", g.weight("table", (200, 64), "embedding", scale=1.0), ids))


# --- sizes and values ---

def empty_graph(g):
    g.reachable = g.restorable = False
    g.runs = False


def no_weights(g):
    g.reachable = g.restorable = False
    g.output(g.node("Softmax", g.node("Relu", g.input("x", 2, 64))))


def tiny_model(g):
    g.reachable = g.restorable = False
    g.output(g.linear(g.input("x", 2, 4), "fc", 4, 8, "head"))


def one_huge_many_tiny(g):
    x = g.input("x", 2, 300)
    x = g.node("MatMul", x, g.weight("huge", (300, 400), "head"))
    for i in range(250):
        g.weight(f"tiny{i}", (20,), "other")
    g.output(x)


def odd_values(g):
    x = g.input("x", 2, 64)
    g.tolerance = None  # the outputs of such weights say nothing
    random = np.random.default_rng(5)
    values = {"nan": trained("nan", (64, 64)), "constant": np.full((64, 64), 0.37, np.float32), "zero": np.zeros((64, 64), np.float32),
              "denormal": (random.normal(size=(64, 64)) * 1e-40).astype(np.float32),
              "huge": (random.normal(size=(64, 64)) * 5e37).astype(np.float32),
              "one_huge": trained("one_huge", (64, 64)), "minus_zero": np.full((64, 64), -0.0, np.float32),
              "two_values": random.choice([-1, 1], (64, 64)).astype(np.float32)}
    values["nan"][3, 4], values["one_huge"][0, 0] = np.nan, 1e30
    for name, value in values.items():
        g.output(g.node("MatMul", x, g.tensor(name, value, "head")))
    g.output(g.linear(x, "fc", 64, 400, "head"))


def empty_and_scalar_tensors(g):
    x = g.input("x", 2, 64)
    g.tensor("nothing", np.zeros((0, 64), np.float32))
    g.tensor("zero_d", np.float32(2))
    g.tensor("nothing_half", np.zeros((3, 0), np.float16))
    g.initializers.append(TensorProto(name="nothing_typed", data_type=TensorProto.FLOAT, dims=[0]))
    y = g.linear(g.node("Mul", x, "zero_d"), "fc", 64, 300, "head")
    g.output(y)
    g.output(g.node("Shape", g.node("Concat", x, "nothing", axis=0)), kind=TensorProto.INT64)


def long_thin_shapes(g):
    x = g.input("x", 2, 3000)
    x = g.node("MatMul", x, g.weight("column", (3000, 1), "dense"))
    x = g.node("MatMul", x, g.weight("row", (1, 3000), "dense"))
    x = g.node("MatMul", x, g.weight("narrow", (3000, 3), "dense"))
    g.output(g.node("MatMul", x, g.weight("wide", (3, 4001), "head")))


# --- what surrounds the weights ---

def metadata_and_docs(g):
    conv_2d(g)

    def finish(model):
        model.doc_string = "a model\nwith lines"
        model.graph.doc_string = "ü" * 300
        model.producer_version, model.domain, model.model_version = "1.2", "org.example", 7
        helper.set_model_props(model, {"names": json.dumps({i: f"class {i}" for i in range(60)}), "stride": "32"})
        for item in (*model.graph.node, *model.graph.initializer, *model.graph.input):
            item.doc_string = "documented " + item.name
        for item in (model.graph, *model.graph.node, *model.graph.initializer):
            if hasattr(item, "metadata_props"):
                item.metadata_props.add(key="from", value="exporter")
        annotation = model.graph.quantization_annotation.add(tensor_name="c1.weight")
        annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="c1.bias")
        return model
    g.finish = finish


def training_info(g):
    matmul_right(g)
    g.runs = False

    def finish(model):
        training = model.training_info.add()
        training.initialization.name = "initialise"
        training.algorithm.name = "step"
        training.algorithm.initializer.append(raw_tensor("momentum", trained("momentum", (64, 64))))
        training.algorithm.node.append(helper.make_node("Mul", ["momentum", "momentum"], ["squares"]))
        training.update_binding.add(key="fc1.weight", value="squares")
        return model
    g.finish = finish


def custom_domain(g):
    """Operators that nobody here knows, with weights as inputs and as attributes of type tensor."""
    g.runs = False
    x = g.input("x", 2, 64)
    x = g.node("Fancy", x, g.weight("unknown", (64, 64), "other"), domain="org.example", table=raw_tensor("t", trained("t", (30, 30))),
               tables=[raw_tensor("a", trained("a", (4, 5)))], text="a" * 50, floats=[0.1] * 20)
    g.output(g.linear(x, "fc", 64, 400, "head"))


def nameless_nodes(g):
    matmul_right(g)

    def finish(model):
        for node in model.graph.node:
            node.name = ""
        model.graph.name = "x"
        return model
    g.finish = finish


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return value, at


def wire_fields(data):
    """(number, wire type, bytes of the field, payload of a length-delimited one)."""
    at = 0
    while at < len(data):
        begin = at
        tag, at = read_varint(data, at)
        payload = None
        if tag & 7 == 0:
            _, at = read_varint(data, at)
        elif tag & 7 == 2:
            size, at = read_varint(data, at)
            payload = data[at:at + size]
            at += size
        else:
            at += {1: 8, 5: 4}[tag & 7]
        yield tag >> 3, tag & 7, data[begin:at], payload


UNKNOWN = (varint(1000 << 3) + varint(1 << 60) + varint(1001 << 3 | 2) + varint(7) + b"future!" +
           varint(1002 << 3 | 5) + b"\x01\x02\x03\x04" + varint(1003 << 3 | 1) + bytes(range(8)))


def with_unknown_fields(data, descriptor):
    """Every message ends with fields that no version of ONNX knows."""
    out = bytearray()
    for number, kind, whole, payload in wire_fields(data):
        field = descriptor.fields_by_number.get(number)
        if field is not None and field.message_type is not None and kind == 2:
            inner = with_unknown_fields(payload, field.message_type)
            whole = varint(number << 3 | 2) + varint(len(inner)) + inner
        out += whole
    return bytes(out) + UNKNOWN


def splice_initializer(data, name, extra):
    """Appends raw fields to the initializer `name` of a serialised model."""
    def rewrite(message, path):
        out = bytearray()
        for number, kind, whole, payload in wire_fields(message):
            if kind == 2 and path and number == path[0]:
                if path == (5,) and TensorProto.FromString(payload).name == name:
                    inner = payload + extra
                else:
                    inner = rewrite(payload, path[1:])
                whole = varint(number << 3 | 2) + varint(len(inner)) + inner
            out += whole
        return bytes(out)
    return rewrite(data, (7, 5))


def unknown_fields(g):
    if_bodies(g)
    g.weight("big", (64, 500), "head")
    g.output(g.node("MatMul", "x", "big"))
    domain = "local"
    body = [helper.make_node("Relu", ["a"], ["b"])]
    g.functions = [helper.make_function(domain, "Activate", ["a"], ["b"], body, [helper.make_opsetid("", g.opset)])]
    g.output(g.node("Activate", "x", domain=domain))
    model = g.model()
    helper.set_model_props(model, {"key": "value"})
    g.raw_bytes = with_unknown_fields(model.SerializeToString(deterministic=True), onnx.ModelProto.DESCRIPTOR)


def fields_in_another_order(g):
    """A writer that puts names behind payloads and the graph before the versions."""
    encoder(g)

    def reverse(data, descriptor):
        out = []
        for number, kind, whole, payload in wire_fields(data):
            field = descriptor.fields_by_number.get(number)
            if field.message_type is not None:
                inner = reverse(payload, field.message_type)
                whole = varint(number << 3 | 2) + varint(len(inner)) + inner
            out.append((number, whole))
        # Only whole groups of a field turn round: the order of repeated fields has a meaning.
        numbers = list(dict.fromkeys(number for number, _ in out))
        return b"".join(whole for wanted in reversed(numbers) for number, whole in out if number == wanted)
    g.raw_bytes = reverse(g.model().SerializeToString(deterministic=True), onnx.ModelProto.DESCRIPTOR)


def of_version(opset, ir):
    def build(g):
        g.opset, g.ir = opset, ir
        x = g.input("x", 1, 16, 10, 10)
        x = g.node("Relu", g.conv(x, "conv", (64, 16, 3, 3)))
        x = g.node("Flatten", g.node("GlobalAveragePool", x))
        x = g.node("Gemm", x, g.weight("fc", (64, 300), "head"), g.weight("fc_bias", (300,), "bias"))
        if ir < 4:
            g.inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in g.initializers]
        g.output(x)
    return build


KINDS = {maker.__name__: maker for maker in (
    matmul_right, matmul_left, matmul_nd, matmul_of_two_constants, gemm_variants, gemm_left_transposed, conv_1d, conv_2d, conv_3d,
    conv_groups, conv_transpose, resnet, mobilenet, unet, detector, conv_kernel_through_views, lstm, gru_and_rnn,
    layer_norm_decomposed, encoder, encoder_with_large_vocabulary, tied_embedding, gpt, llama_block, latest_operators,
    microsoft_operators, if_bodies, loop_body, scan_body, nested_bodies, local_functions, shared_weights, initializers_in_inputs,
    constant_nodes, views_between, unpacked_float_data, float16_network, mixed_precision, external_one_file, external_several_files,
    external_shared_range, external_with_checksum, qdq_int8, dynamic_int8, qlinear_conv, small_types, other_types, sparse_initializer,
    sequences_and_optionals, strings, empty_graph, no_weights, tiny_model, one_huge_many_tiny, odd_values, empty_and_scalar_tensors,
    long_thin_shapes, metadata_and_docs, training_info, custom_domain, nameless_nodes, unknown_fields, fields_in_another_order)}
KINDS.update({f"{dtype}_{name}": whole_model(dtype, make) for dtype in FLOATS
              for name, make in (("raw", raw_tensor), ("typed", typed_tensor))})
VERSIONS = [(7, 3), (8, 3), (9, 4), (10, 5), (11, 6), (12, 7), (13, 7), (15, 8), (18, 8), (19, 9), (21, 10), (22, 10), (23, 11),
            (LATEST_OPSET, onnx.IR_VERSION), (LATEST_OPSET + 5, onnx.IR_VERSION + 5)]
KINDS.update({f"opset{opset}_ir{ir}": of_version(opset, ir) for opset, ir in VERSIONS})
OPSETS = {"latest_operators": (24, 11)}


def make(kind):
    opset, ir = OPSETS.get(kind, (17, 8))
    graph = Graph(opset, ir)
    KINDS[kind](graph)
    if kind.startswith("opset") and graph.ir > 11:
        graph.runs = False  # newer than the installed runtime
    return graph
