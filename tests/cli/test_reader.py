"""No lock-in: every .tt opens as safetensors, and the numpy reader of docs/formats decodes it to the bits of `tt decompress`."""
import importlib.util
import json
import struct

import numpy as np
import onnx
import pytest
import safetensors

from models import ROOT

spec = importlib.util.spec_from_file_location("tt_reader", ROOT / "docs" / "formats" / "tt_reader.py")
tt_reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tt_reader)

MODELS = ["mnist_winml.onnx", "super_resolution.onnx", "ppocr_cls.onnx"]
WAYS = {"budget": ["--target-ratio", "0.45"], "lossless": ["--lossless"],
        "svd": ["--method", "svd", "--target-ratio", "0.6"], "tt": ["--method", "tt", "--target-ratio", "0.6"],
        "quant": ["--tensor", ".=quant,rate=2.5", "--target-ratio", "1"],
        "factors": ["--tensor", ".=lowrank,step=0.3", "--target-ratio", "1"],
        "f16": ["--tensor", ".=f16", "--target-ratio", "1"],
        "blockquant4": ["--tensor", ".=blockquant,bits=4,group=16", "--target-ratio", "1"],
        "blockquant8": ["--tensor", ".=blockquant,bits=8,group=0,axis=0", "--target-ratio", "1"], "raw": ["--tensor", ".=raw", "--target-ratio", "1"]}


@pytest.fixture(params=[(model, way) for model in MODELS for way in WAYS], ids=lambda pair: f"{pair[0]}-{pair[1]}")
def compressed(request, tt, tmp_path):
    model, way = request.param
    out = tmp_path / "x.tt"
    done = tt("compress", ROOT / "tests" / "data" / model, "-o", out, *WAYS[way])
    if way == "raw" and done.status == 1:
        pytest.skip("plain weights do not fit below the size of the model")
    assert done.status == 0, done.stderr
    return out


def payload_of(tensor):
    """The bytes of an initializer, whichever field holds them."""
    if tensor.raw_data:
        return tensor.raw_data
    if tensor.data_type == onnx.TensorProto.FLOAT:
        return np.asarray(tensor.float_data, "<f4").tobytes()
    if tensor.data_type == onnx.TensorProto.DOUBLE:
        return np.asarray(tensor.double_data, "<f8").tobytes()
    return np.asarray(tensor.int32_data, "<u2").tobytes()


def initializers(path):
    model = onnx.load(str(path))
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensors.update({node.output[0]: entry.t for entry in node.attribute if entry.name == "value"})
    return tensors


def test_safetensors_opens_it(compressed):
    with safetensors.safe_open(str(compressed), "numpy") as file:
        names = list(file.keys())
        assert "tt.manifest" in names
        assert file.metadata()["tt.format"] == "1"
        total = sum(file.get_tensor(name).nbytes for name in names)
    assert total + 8 + struct.unpack("<Q", compressed.read_bytes()[:8])[0] == compressed.stat().st_size


def test_typed_cores_are_aligned_and_usable_in_place(compressed):
    data = compressed.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    for name, entry in header.items():
        if not name.startswith(("tt.", "__")):
            assert (8 + length + entry["data_offsets"][0]) % 64 == 0
            assert entry["data_offsets"][1] - entry["data_offsets"][0] >= 16384


def test_overhead_is_bounded(compressed):
    manifest, weights, _ = tt_reader.open_tt(compressed)
    with safetensors.safe_open(str(compressed), "numpy") as file:
        skeleton = file.get_tensor("tt.skeleton").nbytes if "tt.skeleton" in file.keys() else 0
    cores = sum(len(core) for weight in weights for core in weight.cores)
    assert compressed.stat().st_size - cores - skeleton <= 64 * len(weights) + 4096


def test_reader_decodes_to_the_same_bits(compressed, tt, tmp_path):
    out = tmp_path / "out.onnx"
    done = tt("decompress", compressed, "-o", out)
    assert done.status == 0, done.stderr
    expected = initializers(out)
    arrays = tt_reader.read(compressed)
    assert arrays
    found = [name for name in arrays if name in expected]
    assert found
    for name in found:
        assert arrays[name].tobytes() == payload_of(expected[name]), name
        assert list(arrays[name].shape) == list(expected[name].dims), name
    assert tt_reader.restore(compressed)[""] == out.read_bytes()


def test_reader_refuses_damage(compressed, tmp_path):
    data = bytearray(compressed.read_bytes())
    for at in (9, len(data) // 2, len(data) - 1):
        bad = bytearray(data)
        bad[at] ^= 1
        (tmp_path / "bad.tt").write_bytes(bad)
        with pytest.raises(ValueError):
            tt_reader.read(tmp_path / "bad.tt")


@pytest.mark.parametrize("way", [["--lossless"], ["--tensor", ".=f16", "--target-ratio", "1"],
                                 ["--tensor", ".=quant,step=0.1", "--target-ratio", "1"],
                                 ["--tensor", ".=lowrank,rank=3,dtype=f32", "--target-ratio", "1"],
                                 ["--tensor", ".=lowrank,step=0.5", "--target-ratio", "1"],
                                 ["--tensor", ".=tt,modes=8x65x16x33,ranks=2x5x3,dtype=f16", "--target-ratio", "1"]],
                         ids=["lossless", "f16", "quant", "lowrank", "factors", "tt"])
def test_reader_knows_every_dtype_and_several_blocks(way, tt, tmp_path):
    """520 x 528 elements are more than one block of planes."""
    rng, header, data = np.random.default_rng(1), {}, b""
    for name, dtype in {"F32": "<f4", "F16": "<f2", "F64": "<f8", "BF16": "<f4"}.items():
        values = (rng.standard_normal((520, 528)) * np.exp(rng.standard_normal((520, 1)))).astype(dtype)
        payload = values.view("<u2")[:, 1::2].tobytes() if name == "BF16" else values.tobytes()
        header["weight." + name] = {"dtype": name, "shape": [520, 528], "data_offsets": [len(data), len(data) + len(payload)]}
        data += payload
    text = json.dumps(header).encode()
    source, compressed, out = tmp_path / "m.safetensors", tmp_path / "m.tt", tmp_path / "out.safetensors"
    source.write_bytes(struct.pack("<Q", len(text)) + text + data)
    for done in (tt("compress", source, "-o", compressed, *way), tt("decompress", compressed, "-o", out)):
        assert done.status == 0, done.stderr
    assert {weight.format for weight in tt_reader.open_tt(compressed)[1]} == {way[1].split(",")[0][2:] if len(way) > 1 else "lossless"}
    assert tt_reader.restore(compressed)[""] == out.read_bytes()
    if way == ["--lossless"]:
        assert out.read_bytes() == source.read_bytes()
