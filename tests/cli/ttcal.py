"""Reads .ttcal files as docs/formats/ttcal.md says, and sums layer inputs with NumPy."""
import hashlib
import json
import struct

import numpy
import zstandard

DTYPES = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


class Calibration:
    def __init__(self, path):
        data = path.read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        self.header = json.loads(data[8:8 + size])
        self.tensors = {name: data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]]
                        for name, entry in self.header.items() if name != "__metadata__"}
        packed = self.tensors["ttcal.manifest"]
        assert hashlib.sha256(packed).hexdigest() == self.header["__metadata__"]["ttcal.root"]
        self.manifest = json.loads(zstandard.decompress(packed[4:]))
        assert len(json.dumps(self.manifest)) > 0 and struct.unpack("<I", packed[:4])[0] > 0
        self.inputs = self.manifest["inputs"]
        self.weights = {weight["name"]: weight for weight in self.manifest["weights"]}

    def input(self, value, kind):
        return next(i for i, entry in enumerate(self.inputs) if entry["value"] == value and entry["kind"] == kind)

    def sum(self, index):
        """(Gram, sum, rows) or a vector."""
        entry = self.inputs[index]
        vector = entry["kind"] in ("tokens", "energies")
        axes = entry["size"] + (not vector)
        content = self.tensors[f"sum.{index}"]
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        if entry["coding"] == "zstd":
            content = zstandard.decompress(content)
        exponents = numpy.frombuffer(content, "<i2", axes).astype(int)
        entries = axes if vector else axes * (axes + 1) // 2
        planes = numpy.frombuffer(content, "u1", 16 * entries, 2 * axes).reshape(2, 8, entries)
        codes = [numpy.ascontiguousarray(part.T).view("<u8").ravel() for part in planes]
        hi, lo = [((code >> numpy.uint64(1)).astype(numpy.int64) ^ -(code & numpy.uint64(1)).astype(numpy.int64)).astype(float)
                  for code in codes]
        first, second = (numpy.arange(axes),) * 2 if vector else numpy.triu_indices(axes)
        unit = 2.0 ** (40 * ((exponents[first] + exponents[second] - 1) // 40))
        values = unit * (hi + lo * 2.0 ** -40)
        if vector:
            return values
        full = numpy.zeros((axes, axes))
        full[first, second] = full[second, first] = values
        return full[:-1, :-1], full[:-1, -1], full[-1, -1]


def used_rows(count, hold_out=True):
    """The samples that are summed."""
    rows = []
    for first in range(0, count, 256):
        block = min(256, count - first)
        rows += range(first, first + block - (block // 4 if hold_out else 0))
    return rows


def gram(rows):
    rows = numpy.asarray(rows, dtype=numpy.float64)
    return rows.T @ rows, rows.sum(axis=0), len(rows)


def patches(images, kernel, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1):
    """im2col: one row a position and group, channels / group x kernel."""
    images = numpy.pad(numpy.asarray(images, dtype=numpy.float64), ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    count, channels, height, width = images.shape
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilations)]
    rows = []
    for y in range(0, height - reach[0] + 1, strides[0]):
        for x in range(0, width - reach[1] + 1, strides[1]):
            cut = images[:, :, y:y + reach[0]:dilations[0], x:x + reach[1]:dilations[1]]
            rows.append(cut.reshape(count, group, channels // group * kernel[0] * kernel[1]))
    return numpy.concatenate(rows).reshape(-1, channels // group * kernel[0] * kernel[1])


def tapped(model, names, feeds, batch=None):
    """Values of the graph by Python's onnxruntime, joined over the samples."""
    import onnx
    import onnxruntime
    graph = onnx.load(str(model))
    present = {output.name for output in graph.graph.output}
    given = {name for node in graph.graph.node for name in node.output}
    graph.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names if name in given - present)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = [name for name in names if name in given]
    count = len(next(iter(feeds.values())))
    step = batch or count
    runs = [session.run(wanted, {name: array[i:i + step] for name, array in feeds.items()}) for i in range(0, count, step)]
    values = dict(zip(wanted, map(numpy.concatenate, zip(*runs))))
    return values | {name: feeds[name] for name in names if name in feeds}
