"""Every kind of model through inspect, compress and decompress: see make_models.py for the kinds."""
import collections
import json
import re
import struct
import subprocess

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import make_models
import models
from make_models import UNKNOWN, trained

Packed = collections.namedtuple("Packed", "graph folder files bytes lossy lossless lossy_report lossless_report")
RATIO = 0.45
# Encodings whose error is that of the chosen rank, not of rounding.
FACTORED = ("lowrank", "tt")


def start(tt, *arguments):
    """The program as it runs; several at once."""
    return subprocess.Popen([str(tt), "--no-config", "--json", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process, status=(0,)):
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode in status, stderr.decode(errors="replace")
    return json.loads(stdout)


def compress(tt, folder, model, size):
    """Both files, each with one and with three threads; reports in the place of what does not go."""
    # What folding changes beside the weights is test_fold.py's.
    goals = {"lossy": ["--target-ratio", str(RATIO), "--no-fold"], "lossless": ["--lossless"]}
    running = {(goal, threads): start(tt, "compress", model, "-o", folder / f"{goal}{threads}.tt", *options, "--threads", threads)
               for goal, options in goals.items() for threads in (1, 3)}
    reports = {key: finish(process, (0, 1)) for key, process in running.items()}
    paths = {}
    for goal in goals:
        one, three = folder / f"{goal}1.tt", folder / f"{goal}3.tt"
        if "error" in reports[goal, 1]:
            assert reports[goal, 1] == reports[goal, 3]
            assert reports[goal, 1]["error"]["kind"] == "goal_unreachable"
            assert not one.exists() and not three.exists()
        else:
            assert one.read_bytes() == three.read_bytes()
            assert one.stat().st_size == reports[goal, 1]["output"]["bytes"] <= size
            paths[goal] = one
    return paths, reports["lossy", 1], reports["lossless", 1]


@pytest.fixture(scope="module")
def packed(tt_path, tmp_path_factory):
    """packed(kind): the model, its files and what compress made of it, once."""
    done = {}

    def get(kind):
        if kind not in done:
            folder = tmp_path_factory.mktemp(kind)
            graph = make_models.make(kind)
            files = graph.write(folder)
            size = sum(map(len, files.values()))
            paths, lossy, lossless = compress(tt_path, folder, folder / "model.onnx", size)
            done[kind] = Packed(graph, folder, files, size, paths.get("lossy"), paths.get("lossless"), lossy, lossless)
        return done[kind]
    return get


@pytest.fixture(scope="module")
def restored(tt_path, packed):
    """restored(kind): the path of the model after a lossy round trip, once; None if there is none."""
    done = {}

    def get(kind):
        if kind not in done:
            case = packed(kind)
            path = case.folder / "restored" / "model.onnx"
            path.parent.mkdir()
            if case.lossy:
                finish(start(tt_path, "decompress", case.lossy, "-o", path))
            done[kind] = path if case.lossy else None
        return done[kind]
    return get


every_kind = pytest.mark.parametrize("kind", make_models.KINDS)


def test_the_same_models_in_every_run():
    for kind in make_models.KINDS:
        one, two = make_models.make(kind), make_models.make(kind)
        content = [graph.raw_bytes or graph.model().SerializeToString(deterministic=True) for graph in (one, two)]
        assert content[0] == content[1], kind


@every_kind
def test_inspect_finds_the_weights(tt_path, packed, kind):
    case = packed(kind)
    weights = finish(start(tt_path, "inspect", case.folder / "model.onnx"))["weights"]
    assert {w["name"]: (w["shape"], w["dtype"], w["role"]) for w in weights} == case.graph.expected
    assert len(weights) == len(case.graph.expected)


@every_kind
def test_lossless(tt_path, packed, kind):
    case = packed(kind)
    if not case.graph.restorable:
        assert case.lossless is None or case.lossless.stat().st_size <= case.bytes
    else:
        assert case.lossless.stat().st_size < case.bytes
    if case.lossless:
        folder = case.folder / "exact"
        folder.mkdir()
        assert finish(start(tt_path, "decompress", case.lossless, "-o", folder / "model.onnx"))["exact"] is True
        found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert found == case.files


@every_kind
def test_the_size_goal(tt_path, packed, kind):
    case = packed(kind)
    if case.graph.reachable:
        assert case.lossy, case.lossy_report
    if case.lossy:
        assert case.lossy.stat().st_size <= RATIO * case.bytes
        return
    smallest = int(re.search(r"smallest possible file has (\d+) bytes", case.lossy_report["error"]["message"])[1])
    path = case.folder / "smallest.tt"
    if smallest >= case.bytes:
        report = finish(start(tt_path, "compress", case.folder / "model.onnx", "-o", path, "--target-bytes", case.bytes), (1,))
        assert report["error"]["kind"] == "goal_unreachable" and not path.exists()
        return
    finish(start(tt_path, "compress", case.folder / "model.onnx", "-o", path, "--target-bytes", smallest))
    assert path.stat().st_size <= smallest
    finish(start(tt_path, "decompress", path, "-o", case.folder / "from_smallest.onnx"))


def messages(message, path="model"):
    """Every message below this one with its path, depth first."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        parts = [value] if not hasattr(value, "__len__") or hasattr(value, "ListFields") else value
        for i, part in enumerate(parts):
            where = f"{path}.{field.name}[{i}]"
            yield where, part
            yield from messages(part, where)


PAYLOAD = ("raw_data", "float_data", "double_data", "int32_data", "int64_data", "external_data", "data_location")


def without_payload(tensor):
    copy = TensorProto.FromString(tensor.SerializeToString())
    for field in PAYLOAD:
        copy.ClearField(field)
    return copy.SerializeToString(deterministic=True)


def is_weight(tensor):
    return tensor.data_type in (kind for kind, _ in make_models.FLOATS.values()) and tensor.dims and np.prod(tensor.dims) >= 16


def load(path):
    model = onnx.ModelProto.FromString(path.read_bytes())
    sizes = [(where, part) for where, part in messages(model) if isinstance(part, TensorProto)]
    return model, sizes


def payload_of(tensor, folder):
    """The elements of any tensor but one of strings, as they lie in memory."""
    copy = TensorProto.FromString(tensor.SerializeToString())
    if copy.data_location == TensorProto.EXTERNAL:
        onnx.external_data_helper.load_external_data_for_tensor(copy, str(folder))
    return numpy_helper.to_array(copy)


@every_kind
def test_only_weights_change(packed, restored, kind):
    """Nodes, attributes, further tensors, metadata, unknown fields: all as they were, byte for byte."""
    case, path = packed(kind), restored(kind)
    if not path:
        assert not case.graph.reachable
        return
    assert sorted(item.name for item in path.parent.iterdir()) == ["model.onnx"]
    before, tensors_before = load(case.folder / "model.onnx")
    after, tensors_after = load(path)
    assert [where for where, _ in tensors_before] == [where for where, _ in tensors_after]
    changed = 0
    for (where, a), (_, b) in zip(tensors_before, tensors_after):
        external = a.data_location == TensorProto.EXTERNAL
        if not external and not is_weight(a):
            assert a == b, where
            continue
        assert without_payload(a) == without_payload(b), where
        x, y = payload_of(a, case.folder), payload_of(b, path.parent)
        assert x.dtype == y.dtype and x.shape == y.shape, where
        if x.tobytes() != y.tobytes():
            assert is_weight(a), where
            changed += 1
        for tensor in (a, b):
            for field in PAYLOAD:
                tensor.ClearField(field)
    assert before.SerializeToString(deterministic=True) == after.SerializeToString(deterministic=True)
    lossy = [w for w in case.lossy_report["weights"] if w["relative_error"] > 0]
    assert changed >= len(lossy)


def checked(path):
    try:
        onnx.checker.check_model(str(path))
        return True
    except Exception:  # the checker raises many kinds
        return False


def run(path, graph, kind):
    session = models.session(path)
    return session.run(None, graph.feeds or models.inputs_of(session, kind))


@every_kind
def test_the_restored_model_runs(packed, restored, kind):
    case, path = packed(kind), restored(kind)
    if path and checked(case.folder / "model.onnx"):
        onnx.checker.check_model(str(path))
    if not case.graph.runs:
        return
    original = run(case.folder / "model.onnx", case.graph, kind)
    if not path:
        return
    factored = any(w["encoding"]["format"] in FACTORED for w in case.lossy_report["weights"])
    for a, b in zip(original, run(path, case.graph, kind)):
        if not isinstance(a, np.ndarray) or a.dtype.kind not in "f":
            continue
        assert a.shape == b.shape and a.dtype == b.dtype
        if case.graph.tolerance is None:
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        assert np.isfinite(b).all()
        if not factored:
            assert np.linalg.norm(a - b) <= case.graph.tolerance * np.linalg.norm(a)


def test_unknown_fields_are_everywhere(packed, restored):
    """The maker's own promise: a message without one would prove nothing."""
    content = packed("unknown_fields").files["model.onnx"]
    assert content.count(UNKNOWN) > 50
    assert restored("unknown_fields").read_bytes().count(UNKNOWN) == content.count(UNKNOWN)


# --- safetensors ---

SAFE_TYPES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16, "F64": np.float64, "I8": np.int8, "U8": np.uint8,
              "I16": np.int16, "U16": np.uint16, "I32": np.int32, "U32": np.uint32, "I64": np.int64, "U64": np.uint64, "BOOL": np.bool_,
              "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2, "F8_E8M0": ml_dtypes.float8_e8m0fnu,
              "C64": np.complex64}


def safetensors_file(tensors, metadata=None, padding=0, order=None):
    """`tensors`: name -> (dtype, shape, bytes). The header in `order`, the data in the order of `tensors`."""
    entries, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    header = {name: entries[name] for name in order or entries}
    if metadata is not None:
        header = {"__metadata__": metadata, **header}
    text = json.dumps(header, ensure_ascii=False).encode() + b" " * padding
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def weight(name, shape, kind="F32"):
    values = trained(name, shape, "f64").astype(SAFE_TYPES[kind])
    return kind, shape, values.tobytes()


def checkpoint(kind="F32"):
    tensors = {"model.embed_tokens.weight": weight("embed", (500, 64), kind)}
    for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
        tensors[f"model.layers.0.self_attn.{part}.weight"] = weight(part, (64, 64), kind)
    for part, shape in (("gate_proj", (176, 64)), ("up_proj", (176, 64)), ("down_proj", (64, 176))):
        tensors[f"model.layers.0.mlp.{part}.weight"] = weight(part, shape, kind)
    tensors["model.layers.0.input_layernorm.weight"] = weight("norm", (64,), kind)
    tensors["lm_head.weight"] = weight("head", (500, 64), kind)
    return tensors


def every_type():
    tensors = checkpoint()
    for kind, dtype in SAFE_TYPES.items():
        if kind not in ("F32", "F16", "BF16", "F64"):
            tensors[f"buffer.{kind}"] = kind, (5, 8), np.arange(40).astype(dtype).tobytes()
        else:
            tensors[f"fc.{kind}.weight"] = weight(kind, (60, 60), kind)
    return tensors


def odd_shapes():
    return {"scalar": ("F32", (), np.float32(3).tobytes()), "none": ("F32", (0, 5), b""), "none2": ("F16", (3, 0), b""),
            **checkpoint(), "last_none": ("F32", (0,), b""), "é 漢字.weight": weight("name", (40, 40)), 'a"b\\c/..': weight("odd", (40, 40)),
            "": weight("nameless", (30, 30))}


def vision():
    return {"conv1.weight": weight("c1", (64, 3, 7, 7)), "bn1.weight": weight("bn", (64,)), "bn1.num_batches_tracked": ("I64", (), bytes(8)),
            "layer1.0.conv1.weight": weight("c2", (64, 64, 3, 3)), "dw.conv.weight": weight("dw", (64, 1, 3, 3)),
            "lstm.weight_hh_l0": weight("hh", (192, 48)), "fc.weight": weight("fc", (100, 64)), "fc.bias": weight("fcb", (100,))}


SAFETENSORS = {
    "f32": lambda: safetensors_file(checkpoint()), "f16": lambda: safetensors_file(checkpoint("F16"), {"format": "pt"}),
    "bf16": lambda: safetensors_file(checkpoint("BF16"), {"format": "pt"}, padding=5), "f64": lambda: safetensors_file(checkpoint("F64")),
    "every_type": lambda: safetensors_file(every_type()), "odd_shapes": lambda: safetensors_file(odd_shapes()),
    "vision": lambda: safetensors_file(vision(), {}), "header_in_another_order": lambda: safetensors_file(
        checkpoint(), {"ü": "ß" * 100, "empty": ""}, order=sorted(checkpoint(), reverse=True)),
    "no_floats": lambda: safetensors_file({"ids": ("I64", (1000,), np.arange(1000).tobytes())}),
    "no_tensors": lambda: safetensors_file({}), "only_metadata": lambda: safetensors_file({}, {"a": "b"}),
}
SAFE_ROLES = {"embed_tokens": "embedding", "q_proj": "attention.q", "o_proj": "attention.out", "gate_proj": "ffn.gate", "down_proj": "ffn.down",
              "layernorm": "norm", "lm_head": "head", "conv1": "conv", "dw.conv": "depthwise", "lstm": "recurrent", "bn1.weight": "norm"}


def read_safetensors(data):
    """Header without offsets, and every tensor's bytes."""
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", None)
    return metadata, {name: (item["dtype"], item["shape"], data[8 + size:][slice(*item["data_offsets"])]) for name, item in header.items()}


@pytest.mark.parametrize("kind", SAFETENSORS)
def test_safetensors(tt_path, tmp_path, kind):
    source = tmp_path / "model.safetensors"
    content = SAFETENSORS[kind]()
    source.write_bytes(content)
    metadata, tensors = read_safetensors(content)
    weights = finish(start(tt_path, "inspect", source))["weights"]
    expected = {name: shape for name, (dtype, shape, _) in tensors.items()
                if dtype in ("F32", "F16", "BF16", "F64") and shape and np.prod(shape) >= 16}
    assert {w["name"]: w["shape"] for w in weights} == expected
    for w in weights:
        for part, role in SAFE_ROLES.items():
            assert part not in w["name"] or w["role"] == role, w
    paths, lossy, _ = compress(tt_path, tmp_path, source, len(content))
    assert (set(paths) == {"lossy", "lossless"}) or not expected
    out = tmp_path / "out.safetensors"
    if "lossless" in paths:
        finish(start(tt_path, "decompress", paths["lossless"], "-o", out))
        assert out.read_bytes() == content
    if "lossy" not in paths:
        return
    assert paths["lossy"].stat().st_size <= RATIO * len(content)
    finish(start(tt_path, "decompress", paths["lossy"], "-o", out))
    metadata_after, after = read_safetensors(out.read_bytes())
    assert metadata_after == metadata and list(after) == list(tensors)
    for name, (dtype, shape, data) in tensors.items():
        assert after[name][:2] == (dtype, shape)
        if name not in expected:
            assert after[name][2] == data, name
            continue
        a, b = (np.frombuffer(part, SAFE_TYPES[dtype]).astype(np.float64) for part in (data, after[name][2]))
        assert np.linalg.norm(a - b) < 0.2 * np.linalg.norm(a), name
