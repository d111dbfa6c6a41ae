"""The `lossless` encoding against ZipNN, zstd -19 and xz -9 on the float weights of real models.

Everything runs in one thread in memory, on the same bytes in the same run. tt codes weight by weight, as in a file; its
peers get all weights of one type of a model as one buffer.
"""
import collections
import json
import lzma
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest.mock

import zstandard

import common
sys.path.insert(0, str(common.ROOT / "tests" / "cli"))
import models  # noqa: E402

RUNS = 3
XZ_LIMIT = 8 * common.MB  # beyond it xz takes minutes
Result = collections.namedtuple("Result", "size encode decode")


def zipnn_module():
    """zipnn, or None with the reason printed. It imports torch at once, but takes bytes without it."""
    for name in ("torch", "safetensors.torch"):
        sys.modules.setdefault(name, unittest.mock.MagicMock())
    try:
        import zipnn
        return zipnn
    except ImportError as error:
        print(f"ZipNN is left out: {error}")
        return None


def float_weights(path):
    """(type, rows, columns, bytes) of every float initializer that is not empty."""
    import onnx
    names = {onnx.TensorProto.FLOAT: "f32", onnx.TensorProto.FLOAT16: "f16", onnx.TensorProto.BFLOAT16: "bf16",
             onnx.TensorProto.DOUBLE: "f64"}
    for tensor in onnx.load(str(path)).graph.initializer:
        payload = onnx.numpy_helper.to_array(tensor).tobytes()
        if tensor.data_type in names and payload:
            rows = tensor.dims[0] if len(tensor.dims) > 1 else 1
            yield names[tensor.data_type], rows, math.prod(tensor.dims) // rows, payload


def run_tt(weights):
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for i, (dtype, rows, cols, payload) in enumerate(weights):
            path = pathlib.Path(folder) / str(i)
            path.write_bytes(payload)
            arguments += [dtype, str(rows), str(cols), str(path)]
        program = common.BUILD / "tests" / "benchmark" / "lossless_benchmark"
        done = subprocess.run([program, str(RUNS), *arguments], stdout=subprocess.PIPE, check=True)
    result = json.loads(done.stdout)
    assert result["exact"]
    return Result(result["bytes_out"], result["encode"], result["decode"])


def run_peer(buffers, encode, decode, runs):
    """Sums over the buffers of a model; encode and decode take (type, bytes)."""
    total = Result(0, 0, 0)
    for dtype, payload in buffers.items():
        coded, encoding = common.fastest(runs, lambda: encode(dtype, payload))
        decoded, decoding = common.fastest(RUNS, lambda: decode(dtype, coded))
        assert bytes(decoded) == payload
        total = Result(total.size + len(coded), total.encode + encoding, total.decode + decoding)
    return total


def peers_of(zipnn):
    """name -> (encode, decode, runs of encode)."""
    peers = {}
    if zipnn:
        names = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
        def coder(dtype):
            return zipnn.ZipNN(input_format="byte", bytearray_dtype=names[dtype], threads=1)
        # It changes the buffer that it compresses.
        peers["ZipNN"] = (lambda dtype, payload: bytes(coder(dtype).compress(bytearray(payload))),
                          lambda dtype, coded: coder(dtype).decompress(coded), RUNS)
    peers["zstd -19"] = (lambda _, payload: zstandard.ZstdCompressor(level=19).compress(payload),
                         lambda _, coded: zstandard.ZstdDecompressor().decompress(coded), 1)
    peers["xz -9"] = (lambda _, payload: lzma.compress(payload, preset=9), lambda _, coded: lzma.decompress(coded), 1)
    return peers


def rows_of(name, weights, peers):
    buffers = collections.defaultdict(bytearray)
    for dtype, _, _, payload in weights:
        buffers[dtype] += payload
    buffers = {dtype: bytes(buffer) for dtype, buffer in buffers.items()}
    size = sum(map(len, buffers.values()))
    results = {"tt": run_tt(weights)}
    for peer, (encode, decode, runs) in peers.items():
        if (peer == "ZipNN" and "f64" in buffers) or (peer == "xz -9" and size > XZ_LIMIT):
            continue
        results[peer] = run_peer(buffers, encode, decode, runs)
    for coder, result in results.items():
        yield [name if coder == "tt" else "", f"{size / common.MB:.2f}", coder, f"{size / result.size:.4f}",
               f"{size / common.MB / result.encode:.1f}", f"{size / common.MB / result.decode:.1f}"]


def main():
    peers = peers_of(zipnn_module())
    paths = models.all_models() + [pathlib.Path(path) for path in os.environ.get("TT_BENCHMARK_MODELS", "").split() if path]
    rows = []
    for path in paths:
        weights = list(float_weights(path))
        if weights:
            rows += rows_of(path.stem, weights, peers)
    common.table(["model", "MB", "coder", "ratio", "encode MB/s", "decode MB/s"], rows)


if __name__ == "__main__":
    main()
