"""ONNX models as raw protobuf wire, so that anything can be said. Field numbers: onnx.proto of ONNX 1.12."""
import struct

FLOAT, UINT8, INT8, INT32, INT64, STRING, FLOAT16, DOUBLE, BFLOAT16, FP8, INT4 = 1, 2, 3, 6, 7, 8, 10, 11, 16, 17, 22


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def tag(field, wire_type):
    return varint(field << 3 | wire_type)


def integer(field, value):
    return tag(field, 0) + varint(value)


def data(field, payload):
    payload = payload.encode() if isinstance(payload, str) else payload
    return tag(field, 2) + varint(len(payload)) + payload


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def entry(key, value):
    """StringStringEntryProto of external_data."""
    return data(13, data(1, key) + data(2, value))


def tensor(name, dims, raw=None, dtype=FLOAT, extra=b""):
    body = b"".join(integer(1, d) for d in dims) + (b"" if dtype is None else integer(2, dtype)) + data(8, name)
    return body + (b"" if raw is None else data(9, raw)) + extra


def external(name, dims, location=None, offset=None, length=None, dtype=FLOAT):
    entries = [("location", location), ("offset", offset), ("length", length)]
    return tensor(name, dims, dtype=dtype, extra=b"".join(entry(k, v) for k, v in entries if v is not None) + integer(14, 1))


def attribute_graph(name, graph):
    return data(5, data(1, name) + data(6, graph) + integer(20, 5))


def attribute_tensor(name, value, kind=4, field=5):
    return data(5, data(1, name) + data(field, value) + integer(20, kind))


def node(op, inputs=(), outputs=(), extra=b"", name=""):
    return (b"".join(data(1, i) for i in inputs) + b"".join(data(2, o) for o in outputs) + (data(3, name) if name else b"") +
            data(4, op) + extra)


def value_info(name, dims):
    shape = b"".join(data(1, integer(1, d)) for d in dims)
    return data(1, name) + data(2, data(1, integer(1, FLOAT) + data(2, shape)))


def graph(tensors=(), nodes=(), extra=b"", name="g", inputs=(), outputs=()):
    return (b"".join(data(1, n) for n in nodes) + data(2, name) + b"".join(data(5, t) for t in tensors) +
            b"".join(data(11, i) for i in inputs) + b"".join(data(12, o) for o in outputs) + extra)


def model(body, extra=b""):
    return integer(1, 8) + data(8, integer(2, 17)) + data(7, body) + extra


W = floats([0.25 * i for i in range(16)])
# Zeros that compress to nothing: a file with them is always smaller as a .tt file, so it can be written.
BALLAST = tensor("ballast", [64, 128], bytes(4 * 64 * 128))


def one(weight, nodes=None, extra=b""):
    """A model around one weight, `w` of 4x4 in the usual case, that a MatMul uses."""
    nodes = [node("MatMul", ["x", "w"], ["y"])] if nodes is None else nodes
    return model(graph([BALLAST, weight], nodes, extra, inputs=[value_info("x", [1, 4])], outputs=[value_info("y", [1, 4])]))
