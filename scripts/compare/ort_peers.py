"""The quantisers of onnxruntime. Sizes are those of the file, as it is and after xz."""
import functools
import logging
import pathlib
import tempfile

import onnx

import weights

BLOCKS = (32, 64, 128)
# The quantisers warn about every model.
logging.disable(logging.WARNING)


def quantized_file(path, quantize):
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "quantized.onnx"
        quantize(path, target)
        return target.read_bytes()


def dynamic(path, per_channel, signed, as_xz):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    def quantize(source, target):
        quantize_dynamic(source, target, per_channel=per_channel, weight_type=QuantType.QInt8 if signed else QuantType.QUInt8)
    data = quantized_file(path, quantize)
    return len(weights.xz(data)) if as_xz else len(data), data


def blocks(path, bits, size, symmetric, as_xz):
    from onnxruntime.quantization import matmul_nbits_quantizer as quantizer

    def quantize(source, target):
        work = quantizer.MatMulNBitsQuantizer(onnx.load(source), bits=bits, block_size=size, is_symmetric=symmetric)
        work.process()
        if not any(node.op_type == "MatMulNBits" for node in work.model.model.graph.node):
            raise ValueError("no MatMul of a weight in this model")
        onnx.save(work.model.model, target)
    data = quantized_file(path, quantize)
    return len(weights.xz(data)) if as_xz else len(data), data


def ort_dynamic(path, _):
    for as_xz in (False, True):
        for per_channel in (False, True):
            for signed in (True, False):
                settings = f"{'per channel' if per_channel else 'per tensor'}, {'int8' if signed else 'uint8'}{', xz' if as_xz else ''}"
                yield [(settings, functools.partial(dynamic, path, per_channel, signed, as_xz))]


def ort_blocks(path, _):
    for as_xz in (False, True):
        for bits in (8, 4):
            for size in BLOCKS:
                settings = f"{bits} bits, blocks of {size}{', xz' if as_xz else ''}"
                yield [(settings, functools.partial(blocks, path, bits, size, False, as_xz))]
