"""The float weights of an ONNX model: read, replaced, and what is left of the file without them."""
import lzma

import numpy as np
import onnx
from onnx import numpy_helper

FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
# The axis of the output channels; a Gemm's depends on transB, a MatMul's on which side the weight stands.
CHANNEL_AXIS = {"Conv": 0, "ConvTranspose": 1, "Gather": 0, "LSTM": 1, "GRU": 1, "RNN": 1}
SMALLEST = 16
FEWEST_VALUES = 5
LARGEST_VALUE = 6e4


def graphs_of(graph):
    """The graph and those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs_of(attribute.g)


def tensors_of(model):
    """(name, tensor) of every initializer and Constant node; the name is made unique."""
    for i, graph in enumerate(graphs_of(model.graph)):
        prefix = f"{i}/" if i else ""
        for tensor in graph.initializer:
            yield prefix + tensor.name, tensor
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].type == onnx.AttributeProto.TENSOR:
                yield prefix + node.output[0], node.attribute[0].t


def is_weight(tensor):
    """Masks, scalars and shapes stay in the skeleton, exact: every peer gets this help."""
    if tensor.data_type not in FLOATS or np.prod(tensor.dims) < SMALLEST:
        return False
    values = numpy_helper.to_array(tensor)
    return bool(np.isfinite(values).all() and np.abs(values).max() < LARGEST_VALUE and len(np.unique(values)) >= FEWEST_VALUES)


def channel_axis(node, place, dimensions):
    if node.op_type == "Gemm":
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        return 0 if transposed == (place == 1) else 1
    if node.op_type == "MatMul":
        return dimensions - 1 if place == 1 else dimensions - 2
    return CHANNEL_AXIS.get(node.op_type, 0)


def is_vector(array):
    """Biases, norms, normalisers: also those with a shape such as [1, 96] or [64, 1, 1]."""
    return array.size == max(array.shape)


class Weights:
    """arrays: {name: float32}, axes: {name: axis of the channels}, skeleton: compressed size of the rest of the file."""

    def __init__(self, path):
        self.model = onnx.load(path)
        self.tensors = {name: tensor for name, tensor in tensors_of(self.model) if is_weight(tensor)}
        self.arrays = {name: numpy_helper.to_array(t).astype(np.float32) for name, t in self.tensors.items()}
        self.axes = self.find_axes()
        self.skeleton = self.skeleton_bytes()
        self.fp32_bytes = 4 * sum(array.size for array in self.arrays.values())

    def find_axes(self):
        axes = {}
        for graph in graphs_of(self.model.graph):
            for node in graph.node:
                for place, name in enumerate(node.input):
                    if name in self.arrays and self.arrays[name].ndim > 1:
                        axes.setdefault(name, channel_axis(node, place, self.arrays[name].ndim))
        return axes

    def skeleton_bytes(self):
        rest = onnx.ModelProto()
        rest.CopyFrom(self.model)
        for name, tensor in tensors_of(rest):
            if name in self.tensors:
                tensor.ClearField("raw_data")
                tensor.ClearField("float_data")
                tensor.ClearField("int32_data")
        return len(xz(rest.SerializeToString()))

    def with_arrays(self, arrays):
        """The bytes of the model with other values, in the original types."""
        changed = onnx.ModelProto()
        changed.CopyFrom(self.model)
        for name, tensor in tensors_of(changed):
            if name in arrays:
                dtype = np.float16 if tensor.data_type == onnx.TensorProto.FLOAT16 else np.float32
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(arrays[name], dtype), tensor.name))
        return changed.SerializeToString()


def xz(data):
    return lzma.compress(bytes(data), preset=9)
