#!/usr/bin/env python3
"""A reader of .tt files in numpy: docs/formats/tt.md (the file) and docs/formats/encodings.md (the cores, entropy-
coded ones in tt_entropy.py beside this file), nothing else.

  tt_reader.py FILE --list                list the weights
  tt_reader.py FILE -o OUT.npz            decode all weights (bfloat16 as the uint16 of its bits)
  tt_reader.py FILE --restore FOLDER      write the output files (the model file as FOLDER/model)

Needs numpy and zstandard. Decodes to the same bits as `tt decompress`.
"""
import argparse
import hashlib
import io
import json
import pathlib
import sys
from math import prod

import numpy as np
import zstandard

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tt_entropy import read_codes, read_words, require, varint  # noqa: E402

DTYPES = {"f32": "<f4", "f16": "<f2", "bf16": "<u2", "f64": "<f8"}
PLANES = {"f32": [8, 4, 8, 8, 4], "f16": [5, 4, 7], "bf16": [8, 4, 4], "f64": [8, 7, 8, 8, 8, 8, 8, 8, 1]}
KNOWN = {"tt.format", "tt.tool", "tt.root", "tt.cores", "tt.skeleton", "tt.manifest"}


class Weight:
    """One weight of the manifest; `cores` are the bytes of its cores, `layouts` dtype and shape of plain float ones."""

    def __init__(self, manifest, index):
        columns = "names", "roles", "dtypes", "shapes", "rows", "encodings"
        self.name, self.role, self.dtype, self.shape, self.rows, self.encoding = (manifest[key][index] for key in columns)
        self.format, *keys = self.encoding.split(",")
        self.keys = dict(key.split("=") for key in keys)
        self.elements, self.cores, shapes = prod(self.shape), [], []
        if self.format == "raw":
            shapes = [self.shape]
        elif self.format == "lowrank":
            rank = int(self.keys["rank"])
            shapes = [[self.rows, rank], [rank, self.elements // self.rows]]
        elif self.format == "tt":
            modes, inner = ([int(n) for n in self.keys.get(key, "").split("x") if n] for key in ("modes", "ranks"))
            shapes = [[left, mode, right] for left, mode, right in zip([1, *inner], modes, [*inner, 1])]
        self.layouts = [(self.keys.get("dtype", self.dtype), shape) for shape in shapes]

    def decode(self):
        return DECODERS[self.format](self).reshape(self.shape)


def open_tt(path):
    """Manifest (dict), weights with their cores' bytes, bytes of the literals. Checks every hash."""
    data = np.memmap(path, np.uint8, "r")
    length = int.from_bytes(data[:8].tobytes(), "little")
    require(length <= data.size - 8 and data[8] == ord("{"), "not a .tt file, or cut off")
    header = json.loads(data[8:8 + length].tobytes().decode())
    metadata = header.pop("__metadata__", {})
    require(metadata.get("tt.format") == "1", f"format version {metadata.get('tt.format')}, this reader reads 1")
    unknown = {key for key in [*metadata, *header] if key.startswith("tt.")} - KNOWN
    require(not unknown, f"encrypted, signed or otherwise unknown: {unknown}")
    places = {name: [8 + length + offset for offset in entry["data_offsets"]] for name, entry in header.items()}
    tensor = lambda name: data[slice(*places[name])].tobytes() if name in places else b""
    stored = tensor("tt.manifest")
    require(hashlib.sha256(stored).hexdigest() == metadata["tt.root"], "manifest: wrong sha256")
    json_size, frame = np.frombuffer(stored[:8], "<u4").tolist()
    manifest = json.loads(zstandard.ZstdDecompressor().decompress(stored[8:8 + frame], max_output_size=json_size))
    hashes = [stored[i:i + 32] for i in range(8 + frame, len(stored), 32)]
    weights = [Weight(manifest, i) for i in range(len(manifest["names"]))]
    coded, packed = iter(manifest["core_sizes"]), places.get("tt.cores", [0])[0]
    for i, weight in enumerate(weights):
        sizes = [prod(shape) * np.dtype(DTYPES[dtype]).itemsize for dtype, shape in weight.layouts] or [next(coded)]
        for c, size in enumerate(sizes):
            own = places.get(f"{i}.{c}")
            place = own[0] if own else packed
            weight.cores.append(data[place:place + size].tobytes())
            packed += 0 if own else size
        digest = hashlib.sha256(b"".join(weight.cores)).digest()
        require(digest == hashes[len(hashes) - len(weights) + i], f"weight {weight.name!r}: wrong sha256")
    skeleton = tensor("tt.skeleton")
    require(hashlib.sha256(skeleton).digest() == hashes[0], "skeleton: wrong sha256")
    literals = zstandard.ZstdDecompressor().decompress(skeleton) if skeleton else b""
    require(len(literals) == manifest["literal_bytes"], "skeleton: wrong size")
    return manifest, weights, literals


def from_float(values, dtype):
    if dtype != "bf16":
        return values.astype(DTYPES[dtype])
    bits = values.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(values), bits >> 16 | 0x40, rounded).astype("<u2")


def decode_lossless(weight):
    data, kind = weight.cores[0], np.dtype(DTYPES[weight.dtype])
    if data[0] < 2:
        return np.frombuffer(zstandard.ZstdDecompressor().decompress(data[1:]) if data[0] else data[1:], kind)
    words = read_words(data[1:], weight.elements, PLANES[weight.dtype])
    bits = np.uint64(8 * kind.itemsize - 1)
    return (words >> np.uint64(1) | words << bits).astype(f"<u{kind.itemsize}").view(kind)  # sign back to the top


def decode_f16(weight):
    mantissa = int(weight.keys.get("mantissa", 10))
    words = read_words(weight.cores[0], weight.elements, [5, min(mantissa, 4), max(mantissa - 3, 1)])
    halves = (words >> np.uint64(1)) << np.uint64(10 - mantissa) | (words & np.uint64(1)) << np.uint64(15)
    return from_float(halves.astype("<u2").view("<f2").astype("<f4"), weight.dtype)


def decode_quant(weight):
    core, shape = io.BytesIO(weight.cores[0]), [weight.rows, weight.elements // max(weight.rows, 1)]
    kind, scale, out = core.read(1)[0], np.frombuffer(core.read(4), "<f4")[0], np.zeros(shape, np.float32)
    require(kind <= 2 and np.isfinite(scale) and not np.signbit(scale), "bad head of a quantised core")
    steps = np.full(1, scale)
    if kind:
        codes = read_codes(core.read(varint(core)), 1, shape[2 - kind])[0] - 1
        require((codes >= -1).all() and (codes < 960).all(), "a step is out of range")
        steps = scale * np.ldexp((8 + codes % 8).astype(np.float32), codes // 8) * (codes >= 0).astype(np.float32)
        require(np.isfinite(steps).all(), "a step is out of range")
    stored = [np.arange(size) for size in shape]  # rows and columns
    if kind:
        stored[2 - kind] = np.flatnonzero(steps)
        steps = steps[stored[2 - kind]]
    codes = read_codes(core.read(), stored[0].size, stored[1].size).astype(np.float32)
    out[np.ix_(*stored)] = codes * (steps[:, None] if kind == 2 else steps)
    return from_float(out.ravel(), weight.dtype)


def product(a, b):
    """float32, one k after the other: the order of operations is part of the format."""
    out = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for k in range(a.shape[1]):
        out += a[:, k:k + 1] * b[k]
    return out


def decode_factors(weight):
    cores = [np.frombuffer(c, DTYPES[d]).astype("<f4").reshape(s) for c, (d, s) in zip(weight.cores, weight.layouts)]
    if weight.format == "lowrank":
        return from_float(product(*cores).ravel(), weight.dtype)
    modes = [core.shape[1] for core in cores]
    boundary = min(range(1, len(modes)), key=lambda k: max(prod(modes[:k]), prod(modes[k:])), default=1)
    left = cores[0].reshape(-1, cores[0].shape[2])
    for core in cores[1:boundary]:
        left = product(left, core.reshape(core.shape[0], -1)).reshape(-1, core.shape[2])
    right = cores[-1].reshape(cores[-1].shape[0], -1) if len(cores) > 1 else np.ones((1, 1), np.float32)
    for core in cores[-2:boundary - 1:-1]:
        right = product(core.reshape(-1, core.shape[2]), right).reshape(core.shape[0], -1)
    return from_float(product(left, right).ravel(), weight.dtype)


DECODERS = {"raw": lambda weight: np.frombuffer(weight.cores[0], DTYPES[weight.dtype]), "lossless": decode_lossless,
            "rounded": decode_lossless, "f16": decode_f16, "quant": decode_quant,
            "lowrank": decode_factors, "tt": decode_factors}


def read(path):
    """Every weight by name: an array of its dtype (bfloat16: the uint16 of its bits)."""
    return {weight.name: weight.decode() for weight in open_tt(path)[1]}


def varints(halves):
    """16-bit elements as protobuf varints: seven bits a byte, low bits first."""
    v = halves.view("<u2").ravel()[:, None].astype(np.uint32)
    parts = np.hstack([v & 127 | (v > 127) << 7, v >> 7 & 127 | (v > 16383) << 7, v >> 14]).astype(np.uint8)
    return parts[np.hstack([v >= 0, v > 127, v > 16383])].tobytes()


def restore(path):
    """The output files: {location: bytes}, "" is the model file."""
    manifest, weights, literals = open_tt(path)
    count, used, following, files = len(weights), 0, 0, {}
    pieces = iter(zip(manifest["literals"], manifest["steps"]))
    for location, number in zip(manifest["file_locations"], manifest["file_pieces"]):
        out = io.BytesIO()
        for literal, step in (next(pieces) for _ in range(number)):
            out.write(literals[used:used + literal])
            used += literal
            if step < count:
                index = (following + step) % count
                values, following = weights[index].decode(), index + 1
                out.write(varints(values) if index in manifest["varint_weights"] else values.tobytes())
        files[location] = out.getvalue()
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("-o", metavar="OUT.npz")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--restore", metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.o:
        np.savez(arguments.o, **read(arguments.file))
    for location, data in restore(arguments.file).items() if arguments.restore else ():
        require(not location.startswith("/") and ".." not in location.split("/"), "a location leaves the folder")
        target = pathlib.Path(arguments.restore, location or "model")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    for w in open_tt(arguments.file)[1] if arguments.list else ():
        print(w.name, w.role, w.dtype, "x".join(map(str, w.shape)), w.encoding, sum(map(len, w.cores)), sep="\t")


if __name__ == "__main__":
    main()
