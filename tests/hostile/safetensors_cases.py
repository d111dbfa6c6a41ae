"""safetensors files whose header lies."""
import json
import struct

from cases import ANSWERED, add_bytes, add_passing

ZEROS = bytes(32768)


def file_of(header, data=ZEROS, length=None):
    text = header if isinstance(header, bytes) else header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(begin=0, end=32768, shape=(64, 128), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def refuse(name, header, data=ZEROS, length=None, **rest):
    make = header if callable(header) else lambda: file_of(header, data, length)
    add_bytes(f"safetensors_{name}", make, file="model.safetensors", **{"kinds": ("bad_data", "resource_limit", "corrupt"), **rest})


def accept(name, header, data=ZEROS):
    add_passing(f"safetensors_{name}", lambda: file_of(header, data), file="model.safetensors")


def lengths():
    one = {"w": tensor()}
    for name, length in (("2_to_64_minus_1", 2**64 - 1), ("2_to_63", 2**63), ("2_to_40", 2**40), ("above_file", 10**5), ("one", 1),
                         ("two", 2), ("zero", 0)):
        refuse(f"header_length_{name}", one, length=length)
    refuse("no_brace", b" " + json.dumps(one).encode())
    refuse("truncated", lambda: file_of(one)[:-1])
    refuse("tail", one, ZEROS + b"\0")
    refuse("header_50_mb", lambda: file_of(json.dumps(one).encode() + b" " * 50_000_000), status=ANSWERED)
    refuse("header_200_mb_of_nothing", lambda: file_of(b"{" + b" " * 60_000_000, b"", 200_000_000))


def texts():
    refuse("bad_utf8", b'{"w\xff":' + json.dumps(tensor()).encode() + b"}")
    refuse("not_json", b"{w: 1}")
    refuse("json_cut_off", b'{"w":{"dtype":"F32"')
    refuse("two_values", json.dumps({"w": tensor()}) + "{}")
    refuse("array", b"[]")
    refuse("duplicate_keys", '{"w":%s,"w":%s}' % (json.dumps(tensor(0, 16384, (64, 64))), json.dumps(tensor(16384, 32768, (64, 64)))))
    refuse("duplicate_dtype", '{"w":{"dtype":"F32","dtype":"F32","shape":[64,128],"data_offsets":[0,32768]}}')
    refuse("nested_10000", lambda: file_of(b'{"w":' + b"[" * 10000 + b"]" * 10000 + b"}"))
    refuse("nested_objects_100000", lambda: file_of(b'{"a":' * 100_000 + b"1" + b"}" * 100_000))
    refuse("million_tensors", lambda: file_of("{" + ",".join('"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(300_000)) + "}", b""),
           status=ANSWERED)


def offsets():
    half, rest = tensor(0, 16384, (64, 64)), tensor(16384, 32768, (64, 64))
    refuse("overlap", {"a": half, "b": tensor(16380, 32764, (64, 64))})
    refuse("same_range", {"a": tensor(), "b": tensor()})
    refuse("hole", {"a": half, "b": tensor(16388, 32772, (64, 64))}, ZEROS + bytes(4))
    refuse("hole_at_start", {"a": tensor(4, 32772)}, ZEROS + bytes(4))
    refuse("tail_unused", {"a": half})
    refuse("reversed", {"a": tensor(32768, 0)})
    refuse("end_past_file", {"a": tensor(0, 32769)})
    refuse("end_2_to_64", '{"w":{"dtype":"F32","shape":[64,128],"data_offsets":[0,18446744073709551616]}}')
    refuse("end_wraps", {"a": tensor(2**64 - 32768, 0)})
    refuse("negative", {"a": tensor(-32768, 0)})
    refuse("fraction", {"a": tensor(0, 32768.5)})
    refuse("exponent", '{"w":{"dtype":"F32","shape":[64,128],"data_offsets":[0,32768e0]}}')
    refuse("string_offset", {"a": tensor(0, "32768")})
    refuse("three_offsets", '{"w":{"dtype":"F32","shape":[64,128],"data_offsets":[0,16384,32768]}}')
    accept("unsorted", {"b": rest, "a": half})
    accept("plain", {"a": half, "b": rest})
    accept("metadata", {"__metadata__": {"format": "pt", "x\u202e\n": "\u001b"}, "a": tensor()})


def tensors():
    refuse("no_dtype", {"a": {"shape": [64, 128], "data_offsets": [0, 32768]}})
    refuse("no_shape", {"a": {"dtype": "F32", "data_offsets": [0, 32768]}})
    refuse("no_offsets", {"a": {"dtype": "F32", "shape": [64, 128]}})
    refuse("dtype_number", {"a": tensor(dtype=1)})
    refuse("shape_overflow", {"a": tensor(shape=(2**33, 2**33))})
    refuse("shape_wraps_to_size", {"a": tensor(shape=(2**62 + 8192, 4))})
    refuse("shape_too_small", {"a": tensor(shape=(64, 127))})
    refuse("shape_negative", {"a": tensor(shape=(-64, -128))})
    refuse("shape_fraction", {"a": tensor(shape=(64.0, 128))})
    refuse("shape_string", '{"w":{"dtype":"F32","shape":"64","data_offsets":[0,32768]}}')
    refuse("metadata_number", {"__metadata__": {"a": 1}, "w": tensor()}, status=ANSWERED)
    refuse("metadata_array", {"__metadata__": [], "w": tensor()}, status=ANSWERED)
    refuse("dtype_unknown", {"a": tensor(dtype="F99")}, status=ANSWERED)
    refuse("dtype_empty", {"a": tensor(dtype="")}, status=ANSWERED)
    refuse("extra_key", {"a": dict(tensor(), code="import os")}, status=ANSWERED)
    refuse("empty_tensors_only", {"a": tensor(0, 0, (0, 2**40))}, b"", status=(0, 1, 65), kinds=("bad_data", "goal_unreachable", "resource_limit"))
    accept("empty_tensor", {"a": tensor(0, 0, (0, 2**40)), "b": tensor()})
    accept("scalar", {"a": tensor(0, 4, ()), "b": tensor(4, 32772)}, ZEROS + bytes(4))
    accept("fp8", {"a": tensor(0, 32768, (32768,), "F8_E4M3")})
    accept("strange_names", {"\u001b[2J\n\u202e": tensor()})


def make():
    for group in (lengths, texts, offsets, tensors):
        group()
