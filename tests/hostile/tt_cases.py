""".tt files that lie."""
import json

from cases import ANSWERED, add
from tt_file import TtFile, frame, sha

HUGE = 1 << 60


def lie(name, edit, sample="lossless", command="decompress", kinds=("corrupt",), **rest):
    """`edit(file)` changes a TtFile, or returns the bytes to write."""
    def write(folder, samples):
        file = TtFile(samples[sample])
        data = edit(file)
        (folder / "lie.tt").write_bytes(data if isinstance(data, bytes) else file.build())
    add(f"tt_{name}", write, file="lie.tt", command=command, args=(), kinds=kinds, **rest)


def put(name, key, value, **rest):
    lie(name, lambda file: file.json.__setitem__(key, value), **rest)


def change(name, key, index, value, **rest):
    lie(name, lambda file: file.json[key].__setitem__(index, value), **rest)


def edit_header(name, old, new, **rest):
    def edit(file):
        def replace(text):
            assert old in text
            return text.replace(old, new)
        file.header_edit = replace
    lie(name, edit, **rest)


def headers():
    for version, kinds in (("2", "unsupported"), ("18446744073709551615", "unsupported"), ("18446744073709551616", "corrupt"), ("0", "corrupt"),
                           ("-1", "corrupt"), ("1 ", "corrupt"), ("one", "corrupt"), ("01", "corrupt"), ("", "corrupt")):
        edit_header(f"version_{version.replace(' ', '_blank') or 'empty'}", '"tt.format":"1"', f'"tt.format":"{version}"', kinds=(kinds,))
    edit_header("version_number", '"tt.format":"1"', '"tt.format":1', kinds=("bad_data",))
    edit_header("no_format", '"tt.format":"1",', "", kinds=("bad_data",))
    edit_header("no_root", '"tt.root"', '"root"', kinds=("corrupt",))
    for name in ("tt.enc", "tt.sig", "tt.future"):
        edit_header(f"reserved_metadata_{name}", '"tt.format"', f'"{name}":"x","tt.format"', kinds=("unsupported",))
        lie(f"reserved_tensor_{name}", lambda file, name=name: file.extra_tensors.append((name, b"x" * 64)), kinds=("unsupported",))
    edit_header("root_wrong", '"tt.root":"', '"tt.root":"' + "0" * 64 + '","x":"')
    edit_header("root_short", '"tt.root":"', '"tt.root":"abc","x":"')
    edit_header("tool_differs", '"tt.tool":"', '"tt.tool":"9')
    edit_header("blank", '{"__metadata__":{', '{ "__metadata__":{')
    edit_header("further_metadata", '"tt.format"', '"format":"pt","tt.format"')
    edit_header("duplicate_metadata", '"tt.format":"1"', '"tt.format":"1","tt.format":"1"')
    edit_header("duplicate_tensor", '"tt.cores":{', '"tt.skeleton":{')
    edit_header("dtype_of_cores", '"tt.cores":{"dtype":"U8"', '"tt.cores":{"dtype":"I8"')
    edit_header("shape_of_cores", '"tt.cores":{"dtype":"U8","shape":[', '"tt.cores":{"dtype":"U8","shape":[1,')
    edit_header("offset_negative", '"data_offsets":[0,', '"data_offsets":[-8,')
    edit_header("offset_2_to_64", '"data_offsets":[0,', '"data_offsets":[18446744073709551616,')
    edit_header("hole", '"data_offsets":[0,', '"data_offsets":[8,')
    edit_header("nested", '"tt.format"', '"a":' + "[" * 1000 + "]" * 1000 + ',"tt.format"')
    edit_header("bad_utf8", '"tt.tool":"', '"tt.tool":"\udcff')
    edit_header("names_with_escapes", '"tt.cores"', '"\\u001b[2J\\ntt.cores"')
    lie("padding_of_tabs", lambda file: setattr(file, "padding", b"\t") or edit_to_pad(file))
    lie("padding_too_long", lambda file: setattr(file, "header_edit", lambda text: text + " " * 64))
    lie("tail", lambda file: setattr(file, "tail", b"\0"))
    lie("tail_of_64", lambda file: setattr(file, "tail", bytes(64)))
    lie("further_tensor", lambda file: file.extra_tensors.append(("x", b"x" * 64)))
    lie("no_manifest", lambda file: file.build().replace(b"tt.manifest", b"xx.manifest"))
    lie("million_header_values", lambda file: setattr(file, "header_edit", lambda text: text[:-1] + ',"x":{"a":[' + "1," * 1_500_000 + "1]}}"))
    lie("header_of_9_mib", lambda file: setattr(file, "header_edit", lambda text: text + " " * (9 << 20)), kinds=("bad_data", "corrupt"))
    for length in (0, 1, 2, 2**32, 2**63, 2**64 - 1):
        lie(f"header_length_{length}", lambda file, length=length: length.to_bytes(8, "little") + file.build()[8:], kinds=("bad_data", "corrupt"))


def edit_to_pad(file):
    file.header_edit = lambda text: text + " " if (8 + len(text)) % 64 == 0 else text


def manifests():
    def with_frame(data, size=None):
        def edit(file):
            file.frame, file.json_size = data(file) if callable(data) else data, size
        return edit

    def text_of(file):
        return json.dumps(file.json, separators=(",", ":")).encode()
    either = ("corrupt", "resource_limit")
    lie("manifest_not_zstd", with_frame(b"no frame at all"))
    lie("manifest_frame_cut", with_frame(lambda file: frame(text_of(file))[:-5]))
    lie("manifest_frame_tail", with_frame(lambda file: frame(text_of(file)) + b"\0"))
    lie("manifest_two_frames", with_frame(lambda file: frame(text_of(file)) + frame(b"")))
    lie("manifest_size_small", lambda file: setattr(file, "json_size", 10))
    lie("manifest_size_0", lambda file: setattr(file, "json_size", 0))
    lie("manifest_size_16_mib", lambda file: setattr(file, "json_size", 16 << 20))
    lie("manifest_size_4_gib", lambda file: setattr(file, "json_size", 2**32 - 1), kinds=("resource_limit",))
    lie("manifest_frame_size_4_gib", lambda file: setattr(file, "frame_size", 2**32 - 1))
    lie("manifest_frame_size_0", lambda file: setattr(file, "frame_size", 0))
    lie("manifest_bomb_claimed", with_frame(lambda _: frame(bytes(400 << 20)), 400 << 20), kinds=("resource_limit",))
    lie("manifest_bomb_hidden", with_frame(lambda _: frame(bytes(400 << 20)), 1000))
    lie("manifest_deep", lambda file: setattr(file, "text", b"[" * 100_000 + b"]" * 100_000), kinds=either)
    lie("manifest_15_mib_of_values", lambda file: setattr(file, "text", b"[" + b"1," * (7 << 20) + b"1]"), kinds=either)
    lie("manifest_15_mib_of_blanks", lambda file: setattr(file, "text", b" " * (15 << 20)), kinds=either)
    lie("manifest_15_mib_string", lambda file: setattr(file, "text", b'{"tool":"' + b"x" * (15 << 20) + b'"}'), kinds=either)
    lie("manifest_many_hashes", lambda file: file.hashes.extend([bytes(32)] * 500_000), kinds=either)
    lie("manifest_odd_hash", lambda file: file.hashes.append(b"x"))
    lie("manifest_hash_missing", lambda file: file.hashes.__delitem__(-1))
    lie("manifest_hash_more", lambda file: file.hashes.append(bytes(32)))
    lie("manifest_empty_text", lambda file: setattr(file, "text", b""))
    lie("manifest_null", lambda file: setattr(file, "text", b"null"))
    lie("manifest_duplicate_keys", lambda file: setattr(file, "text", text_of(file)[:-1] + b',"tool":"0.1.0"}'))
    lie("manifest_bad_utf8", lambda file: setattr(file, "text", text_of(file).replace(b'"w"', b'"\xff"')))
    lie("manifest_further_key", lambda file: file.json.__setitem__("future", 1))
    lie("manifest_missing_key", lambda file: file.json.__delitem__("seed"))
    lie("manifest_order", lambda file: file.json.__setitem__("seed", file.json.pop("seed")))
    for key in ("names", "roles", "dtypes", "shapes", "rows", "encodings", "core_sizes", "predicted_errors", "measured_errors", "literals", "steps",
                "source_bytes", "file_pieces"):
        lie(f"column_short_{key}", lambda file, key=key: file.json[key].__delitem__(-1))
        lie(f"column_long_{key}", lambda file, key=key: file.json[key].append(file.json[key][-1]))
        put(f"column_null_{key}", key, None)
    for key, value in (("seed", -1), ("seed", 1.5), ("seed", 2**64), ("exact", 1), ("source_format", "pickle"), ("options", []), ("cpu", 1),
                       ("tool", ""), ("tool", "x" * 33), ("tool", 'a"b'), ("typed", 2**64 - 1), ("typed", 1), ("literal_bytes", -1)):
        put(f"value_{key}_{str(value).replace('/', '_')[:12]}", key, value)


def weights():
    for i, spec in enumerate(("unknown", "RAW", "", "lowrank", "lowrank,rank=0,dtype=f16", "lowrank,rank=1000000000,dtype=f16",
                              "lowrank,rank=18446744073709551615,dtype=f32", "lowrank,rank=4,dtype=f64", "lowrank,dtype=f16,rank=4", "f16,mantissa=99",
                              "f16,mantissa=10", "f16,mantissa=0", "tt,modes=48x64,ranks=1000000000,dtype=f16", "tt,modes=47x64,ranks=2,dtype=f16",
                              "tt,modes=4294967296x4294967296,ranks=1,dtype=f16", "tt,modes=48x64,ranks=2x2,dtype=f16", "tt,modes=48,ranks=,dtype=f16",
                              "tt,modes=" + "x".join(["1"] * 5000) + ",ranks=" + "x".join(["1"] * 4999) + ",dtype=f16",
                              "tt,modes=9223372036854775809x2,ranks=1,dtype=f16", "tt,modes=48x64,ranks=0,dtype=f16", "raw\n", "\u001b[2J")):
        change(f"encoding_{i:02}", "encodings", 0, spec)
    for name, shape in (("overflow", [2**33, 2**33]), ("bytes_overflow", [2**62]), ("zero", [0, 64]), ("scalar", []), ("million", [1] * 1_000_000),
                        ("negative", [-48, -64]), ("huge", [HUGE])):
        change(f"shape_{name}", "shapes", 0, shape, kinds=("corrupt", "resource_limit"))
    for rows in (0, 7, 2**63):
        change(f"rows_{rows}", "rows", 0, rows)
    change("dtype_unknown", "dtypes", 0, "f8")
    change("dtype_wider", "dtypes", 0, "f64", sample="raw")
    change("role_unknown", "roles", 0, "root")
    change("error_negative", "predicted_errors", 0, -1.0)
    change("error_text", "predicted_errors", 0, "small")
    lie("names_equal", lambda file: file.json["names"].__setitem__(1, file.json["names"][0]))
    for name, size in (("0", 0), ("2_to_63", 2**63), ("2_to_64_minus_1", 2**64 - 1), ("1", 1)):
        change(f"core_size_{name}", "core_sizes", 0, size)
    lie("core_sizes_wrap", lambda file: file.json["core_sizes"].__setitem__(slice(0, 2), [2**63, 2**63 + sum(file.json["core_sizes"][:2])]))
    lie("core_sizes_swapped", lambda file: file.json["core_sizes"].__setitem__(slice(0, 2), file.json["core_sizes"][1::-1]))
    lie("weight_flipped", lambda file: setattr(file, "cores", flipped(file.cores, 5)))
    lie("claims_4_tb", claim_terabytes, kinds=("resource_limit", "corrupt", "write_failed"), status=(65, 74))


def claim_terabytes(file):
    """A low rank of two short factors is a weight of 4 TB: well-formed, and as large as no disk."""
    side = 1 << 20
    first = 1 + len(file.json["source_bytes"])
    begin = file.core_size(0)
    factors = bytes(4 * side)
    file.json["encodings"][0], file.json["shapes"][0], file.json["rows"][0] = "lowrank,rank=1,dtype=f16", [side, side], side
    file.json["core_sizes"].pop(0)
    file.cores = factors + file.cores[begin:]
    file.hashes[first] = sha(factors)


def flipped(data, position):
    return data[:position] + bytes([data[position] ^ 0x40]) + data[position + 1:]


def flip_core(position):
    def edit(file):
        file.cores = flipped(file.cores, position % len(file.cores))
        file.seal_weights()
    return edit


def sealed_flips():
    """Decoders on bytes that nobody wrote: an error or any result, but no crash."""
    for sample in ("lossless", "f16", "lowrank", "tt", "raw"):
        for position in (0, 1, 2, 3, 4, 7, 12, 40, 200, 1000, 3001):
            lie(f"core_flip_{sample}_{position}", flip_core(position), sample=sample, status=ANSWERED)
        lie(f"core_zeros_{sample}", lambda file: (setattr(file, "cores", bytes(len(file.cores))), file.seal_weights()), sample=sample, status=ANSWERED)
        lie(f"core_ones_{sample}", lambda file: (setattr(file, "cores", b"\xff" * len(file.cores)), file.seal_weights()), sample=sample,
            status=ANSWERED)


def pieces():
    def literals(values):
        def edit(file):
            file.json["literals"][:len(values)] = values
            file.json["literal_bytes"] = sum(file.json["literals"])
        return edit
    change("piece_unknown_weight", "steps", 0, 99)
    change("piece_negative", "steps", 0, -1)
    lie("literals_do_not_add_up", lambda file: file.json["literals"].__setitem__(0, file.json["literals"][0] + 1))
    change("literals_overflow", "literals", 0, 2**64 - 1)
    put("literal_bytes_more", "literal_bytes", 12345)
    lie("claims_2_to_60", literals([HUGE]), kinds=("resource_limit", "corrupt", "write_failed"), status=(65, 74))
    lie("claims_1_tb", literals([1 << 40]), kinds=("resource_limit", "corrupt", "write_failed"), status=(65, 74))
    change("file_pieces_2_to_60", "file_pieces", 0, HUGE)
    change("file_pieces_0", "file_pieces", 0, 0)
    put("varint_weight_unknown", "varint_weights", [99])
    lie("varint_of_float32", lambda file: (file.json["varint_weights"].append(0), file.json["varint_sizes"].append(5000)))
    lie("varint_size_lies", lambda file: (file.json["varint_weights"].append(1), file.json["varint_sizes"].append(1025)),
        kinds=("corrupt", "bad_data"))
    lie("exact_without_sources", exact_files, kinds=("corrupt",))
    lie("source_hash_lies", lambda file: file.hashes.__setitem__(1, bytes(32)))
    change("source_bytes_lie", "source_bytes", 0, HUGE, status=ANSWERED)


def exact_files(file):
    """More output files than sources, but all said to be exact."""
    file.json["file_locations"].append("more")
    file.json["file_pieces"].append(0)


def locations():
    for name, location in (("dot_dot", "../../x"), ("dot_dot_inside", "a/../../x"), ("absolute", "/tmp/tt-hostile-absolute"), ("hidden", ".bashrc"),
                           ("hidden_folder", ".ssh/keys"), ("newline", "a\nb"), ("escape", "\u001b[2J"), ("nul", "a\0b"), ("backslash", "a\\b"),
                           ("empty", ""), ("dot", "."), ("slash", "/"), ("double_slash", "a//b"), ("trailing_slash", "a/"), ("long", "x" * 300),
                           ("deep", "/".join("a" * 9)), ("very_long", "x/" * 3000 + "x"), ("temporary", ".out.onnx.tt-tmp"), ("number", 5)):
        lie(f"location_{name}", add_file(location))
    lie("location_of_output", add_file("out.onnx"), kinds=("usage", "corrupt"), status=(64, 65))
    lie("location_twice", lambda file: (add_file("a.bin")(file), add_file("a.bin")(file)))
    lie("location_folder_and_file", lambda file: (add_file("a")(file), add_file("a/b")(file)), kinds=("corrupt", "cannot_create"), status=(65, 73))


def add_file(location):
    def edit(file):
        file.json["exact"] = False
        file.json["file_locations"].append(location)
        file.json["file_pieces"].append(0)
    return edit


def skeletons():
    def replaced(make, claim=None):
        def edit(file):
            size = file.json["literal_bytes"]
            file.skeleton = make(file)
            file.seal_skeleton()
            if claim is not None:
                file.json["literals"][-1] += claim - size
                file.json["literal_bytes"] = claim
        return edit
    lie("skeleton_flipped", lambda file: setattr(file, "skeleton", flipped(file.skeleton, 20)))
    for position in (0, 4, 5, 9, 20, 40, -2):
        lie(f"skeleton_flip_{position % 100}", replaced(lambda file, position=position: flip_at(file.skeleton, position)))
    lie("skeleton_cut", replaced(lambda file: file.skeleton[:-5]))
    lie("skeleton_tail", replaced(lambda file: file.skeleton + b"\0"))
    lie("skeleton_two_frames", replaced(lambda file: file.skeleton + frame(b"more")))
    lie("skeleton_skippable", replaced(lambda file: b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + file.skeleton))
    lie("skeleton_bomb", replaced(lambda _: frame(bytes(400 << 20))))
    lie("skeleton_shorter", replaced(lambda file: frame(file.literals()[:-1])))
    lie("skeleton_missing", replaced(lambda _: b""))
    lie("skeleton_wide_window", replaced(lambda _: wide_window(64 << 20), 64 << 20))


def flip_at(data, position):
    return flipped(data, position % len(data))


def wide_window(size):
    import zstandard
    parameters = zstandard.ZstdCompressionParameters(window_log=26, compression_level=1, enable_ldm=False, write_checksum=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()  # unknown size: the window is written
    return compressor.compress(bytes(size)) + compressor.flush()


def commands():
    lie("given_to_compress", lambda _: None, command="compress", kinds=("bad_data",))
    lie("inspect_root_wrong", lambda file: flip_at(file.build(), -40), command="inspect")
    lie("inspect_names", lambda file: file.json["names"].__setitem__(0, "\u001b[2J\n\u202e"), command="inspect", status=(0,), kinds=())
    lie("inspect_claims_1_tb", lambda file: claim_terabytes(file), command="inspect", status=ANSWERED)


def make():
    for group in (headers, manifests, weights, sealed_flips, pieces, locations, skeletons, commands):
        group()
