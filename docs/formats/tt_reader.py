#!/usr/bin/env python3
"""A reader of .tt files in numpy: docs/formats/tt.md (the file) and docs/formats/encodings.md (the cores), nothing else.

  tt_reader.py FILE --list                list the weights
  tt_reader.py FILE -o OUT.npz            decode all weights (bfloat16 as the uint16 of its bits)
  tt_reader.py FILE --restore FOLDER      write the output files (the model file as FOLDER/model)

Needs numpy and zstandard. Decodes to the same bits as `tt decompress`."""
import argparse
import hashlib
import io
import json
import pathlib
import struct
from math import prod

import numpy as np
import zstandard

DTYPES = {"f32": "<f4", "f16": "<f2", "bf16": "<u2", "f64": "<f8"}
PLANES = {"f32": [8, 4, 8, 8, 4], "f16": [5, 4, 7], "bf16": [8, 4, 4], "f64": [8, 7, 8, 8, 8, 8, 8, 8, 1]}
KNOWN = {"tt.format", "tt.tool", "tt.root", "tt.cores", "tt.skeleton", "tt.manifest"}
unzstd, f32 = zstandard.ZstdDecompressor().decompress, np.float32

def require(condition, message):
    if not condition:
        raise ValueError(message)

def varint(core):
    byte = core.read(1)[0]
    return byte if byte < 128 else byte & 127 | varint(core) << 7

def before(values):
    """Sums of what lies before each element of the last axis, and behind the last."""
    return np.cumsum(np.insert(values, 0, 0, -1), -1)

class Weight:
    """One weight of the manifest; `layouts` are dtype and shape of plain float cores, `cores` the bytes of all."""
    def __init__(self, *columns):
        self.name, self.role, self.dtype, self.shape, self.rows, self.encoding = columns
        self.format, *pairs = self.encoding.split(",")
        self.keys = dict(pair.split("=") for pair in pairs)
        self.elements, self.cores, rank = prod(self.shape), [], int(self.keys.get("rank", 0))
        self.cols = self.elements // max(self.rows, 1)
        modes, ranks = ([int(n) for n in self.keys.get(key, "").split("x") if n] for key in ("modes", "ranks"))
        shapes = {"raw": [self.shape], "lowrank": [[self.rows, rank], [rank, self.cols]],
                  "tt": zip([1, *ranks], modes, [*ranks, 1])}.get(self.format, [])
        self.layouts = [(self.keys.get("dtype", self.dtype), shape) for shape in shapes]

    def decode(self):
        return DECODERS[self.format](self).reshape(self.shape)

class Lanes:
    """rANS in several lanes, which take 16-bit words in their order."""
    def __init__(self, states, words):
        self.states, self.words, self.at = np.frombuffer(states, "<u4").astype(int), np.frombuffer(words, "<u2"), 0

    def take(self, lanes, begin, end, bits):
        """The slots of `lanes` lie in [begin, end) of 2^bits, the intervals of their symbols."""
        x = (end - begin) * (self.states[lanes] >> bits) + (self.states[lanes] & (1 << bits) - 1) - begin
        low = np.flatnonzero(x < 65536)
        x[low] = x[low] << 16 | self.words[self.at:self.at + low.size]
        self.at += low.size
        self.states[lanes] = x

def read_table(core):
    """A frequency table: symbol, begin and end of its interval for each of 4096 slots."""
    count = varint(core)
    if count == 0:
        return np.zeros((3, 4096), int)
    symbols = core.read(1)[0] + np.arange(count)
    ends = np.cumsum([varint(core) for _ in symbols])
    return np.repeat([symbols, np.append(0, ends[:-1]), ends], np.diff(ends, prepend=0), 1)

def read_plane(core, count, width, first):
    """`count` symbols: one constant, packed bits, or rANS (symbol i belongs to lane i mod lanes; all lanes step at once)."""
    mode = core.read(1)[0]
    if mode == 0:
        return np.full(count, core.read(1)[0], np.uint8)
    if mode == 1:
        bits = np.unpackbits(np.frombuffer(core.read((count * width + 7) // 8), np.uint8), bitorder="little")
        return np.packbits(bits[:count * width].reshape(count, width), 1, "little")[:, 0]
    thresholds = core.read(1)[0]
    distance = varint(core) if thresholds else 0
    class_of = np.searchsorted(list(core.read(thresholds)), np.arange(256), "right")
    tables = np.stack([read_table(core) for _ in range(thresholds + 1)], 1)
    lanes, words = 1 << (min(max(count // 2048, 1), 128).bit_length() - 1), varint(core)
    coder = Lanes(core.read(4 * lanes), core.read(2 * words))
    symbols = np.zeros(distance + count, np.uint8)  # the context `distance` before element i is symbols[i]
    context = symbols if distance else first
    for start in range(0, count, lanes):
        lane = np.arange(min(lanes, count - start))
        kind = class_of[context[start + lane]] if thresholds else 0
        symbols[distance + start + lane], begin, end = tables[:, kind, coder.states[lane] & 4095]
        coder.take(lane, begin, end, 12)
    require(coder.at == words and (coder.states == 65536).all(), "a plane does not end where it should")
    return symbols[distance:]

def read_words(data, elements, widths, block=1 << 18):
    """Blocks of planes to words, most significant plane first."""
    core, blocks = io.BytesIO(data), [np.zeros(0, np.uint64)]
    for done in range(0, elements, block):
        core.read(4 if elements > block else 0)  # the size of the block
        words, first = np.uint64(0), None
        for width in widths:
            plane = read_plane(core, min(block, elements - done), width, first)
            first = plane if first is None else first
            words = words << np.uint64(width) | plane
        blocks.append(words)
    return np.concatenate(blocks)

def read_codes(data, rows, cols):
    """A code stream: the rows of a block are lanes that take all steps side by side, column by column."""
    out = np.zeros((rows, cols), int)
    if out.size == 0 or data[0] == 0:
        return out
    core, initial = io.BytesIO(data[2:]), float(np.array([data[0] + 380 << 21], np.int32).view(f32)[0])
    lanes, signed, flags = 1 << (data[1] & 7), data[1] > 127, data[1]
    own_rows, grouped, column_prior = flags >> 3 & 3 != 3, flags >> 6 & 1, 1 if flags & 32 else 4
    row_prior, period = [4, 16, 64, 1][flags >> 3 & 3], varint(core) if grouped else cols
    far, *parts = struct.unpack("B5b", core.read(6)) if signed else (0,) * 6
    states, body = core.read(4 * lanes), core.read()
    coder, parts = Lanes(states, body[:len(body) & ~1]), np.array(parts, f32) / f32(64)
    bits, place = np.unpackbits(np.frombuffer(body[::-1], np.uint8), bitorder="little").astype(int), 0
    escape = np.where(np.arange(52)[:, None] < 20, 8, 32)
    edges = (np.arange(468, 521)[:, None] << 21).astype(np.int32).view(f32)
    q = ((edges[1:] + edges[:-1]) / f32(2)).astype(float) * 0.75
    t = (np.sqrt(1 + 4 * q * q) - 1) / (2 * q)
    powers = np.cumprod(np.hstack([t * (1 - t * t) * 1024] + [t] * 62), 1)[:, ::2]
    counts = np.where(np.arange(33) > escape, 0, np.hstack([(1 - t) * 1024, powers])).astype(int)
    agreed, seen, done, weight, fresh, wait = np.zeros(12), np.zeros(12), 0, 0., 0, 32
    sums, signed_sums = np.zeros(cols, int), np.zeros(cols, int)

    def learn():
        """Bounds of the intervals of the symbols, a row a class; those of the likely signs."""
        counts[counts.sum(1) > 1920000] >>= 1
        frequency = 1 + (counts * ((32767 - escape) / counts.sum(1, keepdims=True))).astype(int)
        frequency[np.arange(33) > escape] = 0
        frequency[:, 0] += 32768 - frequency.sum(1)
        return before(frequency), 1 + ((agreed + 8) / (seen + 16) * 32766).astype(int)

    def plain(widths):
        """Numbers of the next plain bits, low bits first."""
        nonlocal place
        starts, place = place + before(widths.ravel())[:-1].reshape(widths.shape), place + widths.sum()
        require(place <= bits.size, "a code stream is cut off")
        return sum(np.where(widths > b, bits[np.minimum(starts + b, bits.size - 1)], 0) << b for b in range(32))

    bounds, likely = learn()
    while done < rows:
        height = min(max(done // 4, 1), rows - done, lanes, max((1 << 20) // cols, 1))
        total = sums + column_prior * ((2 * initial + int(sums.sum()) / cols) / (weight + 2))
        mean = total / (weight + column_prior)
        importance = 1 / (1 + mean)
        share, groups = mean * importance, -(-cols // period)
        in_group = before(np.resize(np.append(share, np.zeros(groups * period - cols)), (groups, period)))[:, :-1].ravel()[:cols]
        row_weight = before(share) * own_rows
        factor, row_share = (mean * (4 / 3) / (in_group * grouped + 4)).astype(f32), (4 / (row_weight + row_prior)).astype(f32)
        inverse, signed_share = (1 / mean).astype(f32), (1 / (before(share) + 4)).astype(f32)
        mean, importance, skew = mean.astype(f32), importance.astype(f32), (signed_sums / total).astype(f32)
        row, signed_row, zero, every = np.full(height, row_prior, f32), f32(0), np.zeros(height, f32), np.arange(height)
        symbols, shifts, classes, negative, predicted = np.zeros((5, cols, height), int)
        past = np.zeros((cols, height), f32)
        for j in range(cols):
            within = j % period
            group = group if within else zero
            expected = factor[j] * (group + row * row_share[j])
            level = np.clip((expected.view(np.int32) >> 21) - 468, 0, 151)
            shifts[j] = shift = np.maximum((level - 48) >> 2, 0)
            classes[j] = kind = level - 4 * shift
            slot = (coder.states[:height] & 32767)[:, None]
            symbols[j] = symbol = (bounds[kind, 1:33] <= slot).sum(1)
            coder.take(every, bounds[kind, symbol], bounds[kind, symbol + 1], 15)
            middle = (symbol << shift) + (1 << shift >> 1)
            value = middle.astype(f32)
            if signed:
                left, above, corner = (past[j - d] if 0 < d <= within else zero for d in (1, far, far and far + 1))
                around = parts[0] * left + parts[1] * above + parts[2] * corner + parts[3] * (signed_row * signed_share[j])
                wanted = np.clip(mean[j] * around + expected * (parts[4] * skew[j]), f32(-1 << 21), f32(1 << 21))
                predicted[j] = np.rint(wanted)
                rest = wanted - np.rint(wanted)
                has = np.flatnonzero((symbol > 0) | (shift > 0))
                kind = np.clip(((np.abs(rest) / (expected * expected) * value).view(np.int32) >> 22) - 244, 0, 11)[has]
                right = (coder.states[has] & 32767) < likely[kind]
                coder.take(has, np.where(right, 0, likely[kind]), np.where(right, likely[kind], 32768), 15)
                agreed, seen = agreed + np.bincount(kind, right, 12), seen + np.bincount(kind, minlength=12)
                negative[j, has] = right == (rest[has] < 0)
                code = predicted[j] + np.where(negative[j], -middle, middle)
                past[j] = np.clip(code.astype(f32) * inverse[j], f32(-4), f32(4))
                signed_row, signed_sums[j] = signed_row + code.astype(f32) * importance[j], signed_sums[j] + code.sum()
            row, group = row + value * importance[j] * f32(own_rows), group + value * importance[j] * f32(grouped)
            sums[j] += middle.sum()
            np.add.at(counts, (classes[j], symbol), 32)
            fresh += height
            if fresh >= wait:
                (bounds, likely), fresh, wait = learn(), 0, min(wait + wait // 4, 4096)
        for x in row.astype(float):
            weight += x / (row_weight[-1] + row_prior)
        done += height
        if done == rows:  # the lower halves of the states follow the bits
            require((coder.states >> 16 == 1).all() and 2 * coder.at <= len(body), "a code stream does not end where it should")
            bits = np.append(bits[:8 * len(body) - 16 * coder.at], coder.states[:, None] >> np.arange(16) & 1)
        for e in zip(*np.nonzero(symbols == escape[classes, 0])):
            zeros = np.argmax(bits[place:place + 32], keepdims=True)
            place += zeros[0] + 1
            symbols[e] += (1 << zeros[0]) - 1 + plain(zeros)[0]
        symbols = (symbols << shifts) + plain(shifts)
        negative = negative if signed else plain(((symbols > 0) | (shifts > 0)).astype(int))
        out[done - height:done] = (predicted + np.where(negative, -symbols - (shifts > 0), symbols)).T
    require(not bits[place:].any(), "a code stream does not end where it should")
    return out

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
    stored, skeleton = (data[slice(*places.get(name, [0, 0]))].tobytes() for name in ("tt.manifest", "tt.skeleton"))
    require(hashlib.sha256(stored).hexdigest() == metadata["tt.root"], "manifest: wrong sha256")
    json_size, frame = struct.unpack("<2I", stored[:8])
    manifest = json.loads(unzstd(stored[8:8 + frame], max_output_size=json_size))
    hashes = [stored[i:i + 32] for i in range(8 + frame, len(stored), 32)]
    require(hashlib.sha256(skeleton).digest() == hashes[0], "skeleton: wrong sha256")
    columns = (manifest[key] for key in ("names", "roles", "dtypes", "shapes", "rows", "encodings"))
    weights = [Weight(*entry) for entry in zip(*columns)]
    coded, packed = iter(manifest["core_sizes"]), places.get("tt.cores", [0])[0]
    for i, weight in enumerate(weights):
        sizes = [prod(shape) * np.dtype(DTYPES[dtype]).itemsize for dtype, shape in weight.layouts] or [next(coded)]
        for c, size in enumerate(sizes):
            place, packed = (places[f"{i}.{c}"][0], packed) if f"{i}.{c}" in places else (packed, packed + size)
            weight.cores.append(data[place:place + size].tobytes())
        digest = hashlib.sha256(b"".join(weight.cores)).digest()
        require(digest == hashes[len(hashes) - len(weights) + i], f"weight {weight.name!r}: wrong sha256")
    literals = unzstd(skeleton) if skeleton else b""
    require(len(literals) == manifest["literal_bytes"], "skeleton: wrong size")
    return manifest, weights, literals

def from_float(values, dtype):
    if dtype != "bf16":
        return values.astype(DTYPES[dtype])
    bits = values.view(np.uint32)
    return np.where(np.isnan(values), bits >> 16 | 0x40, bits + np.uint32(0x7FFF) + (bits >> 16 & 1) >> 16).astype("<u2")

def decode_lossless(weight):
    data, kind = weight.cores[0], np.dtype(DTYPES[weight.dtype])
    if data[0] < 2:
        return np.frombuffer(unzstd(data[1:]) if data[0] else data[1:], kind)
    words = read_words(data[1:], weight.elements, PLANES[weight.dtype])
    return (words >> np.uint64(1) | words << np.uint64(8 * kind.itemsize - 1)).astype(f"<u{kind.itemsize}").view(kind)

def decode_f16(weight):
    mantissa = int(weight.keys.get("mantissa", 10))
    words = read_words(weight.cores[0], weight.elements, [5, min(mantissa, 4), max(mantissa - 3, 1)])
    halves = (words >> np.uint64(1)) << np.uint64(10 - mantissa) | (words & np.uint64(1)) << np.uint64(15)
    return from_float(halves.astype("<u2").view("<f2").astype(f32), weight.dtype)

def decode_quant(weight):
    core, kept = io.BytesIO(weight.cores[0]), [np.arange(weight.rows), np.arange(weight.cols)]
    out, kind, steps = np.zeros((weight.rows, weight.cols), f32), core.read(1)[0], np.frombuffer(core.read(4), "<f4")[0]
    require(kind <= 2 and np.isfinite(steps) and not np.signbit(steps), "bad head of a quantised core")
    if kind:
        axis = 2 - kind
        codes = read_codes(core.read(varint(core)), 1, out.shape[axis])[0] - 1
        require((codes >= -1).all() and (codes < 960).all(), "a step is out of range")
        steps = np.where(codes < 0, f32(0), steps * np.ldexp((8 + codes % 8).astype(f32), codes // 8))
        require(np.isfinite(steps).all(), "a step is out of range")
        kept[axis] = np.flatnonzero(steps)
        steps = np.expand_dims(steps[kept[axis]], 1 - axis)
    rows, cols = map(len, kept)
    high = max(1, (1 << 21) // max(1, cols))
    ends = [min(first + high, rows) for first in range(0, max(rows, 1), high)]
    bands = [read_codes(core.read(varint(core)) if end < rows else core.read(), end - k * high, cols) for k, end in enumerate(ends)]
    out[np.ix_(*kept)] = np.concatenate(bands).astype(f32) * steps
    return from_float(out.ravel(), weight.dtype)

def product(a, b):
    """float32, one k after the other: the order of operations is part of the format."""
    out = np.zeros((a.shape[0], b.shape[1]), f32)
    for k in range(a.shape[1]):
        out += a[:, k:k + 1] * b[k]
    return out

def decode_factors(weight):
    cores = [np.frombuffer(c, DTYPES[d]).astype(f32).reshape(s) for c, (d, s) in zip(weight.cores, weight.layouts)]
    if weight.format == "lowrank":
        return from_float(product(*cores).ravel(), weight.dtype)
    modes = [core.shape[1] for core in cores]
    boundary = min(range(1, len(modes)), key=lambda k: max(prod(modes[:k]), prod(modes[k:])), default=1)
    left = cores[0].reshape(-1, cores[0].shape[2])
    for core in cores[1:boundary]:
        left = product(left, core.reshape(core.shape[0], -1)).reshape(-1, core.shape[2])
    right = cores[-1].reshape(cores[-1].shape[0], -1) if len(cores) > 1 else np.ones((1, 1), f32)
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
    literals, following, files = io.BytesIO(literals), 0, {}
    pieces = iter(zip(manifest["literals"], manifest["steps"]))
    for location, number in zip(manifest["file_locations"], manifest["file_pieces"]):
        out = []
        for literal, step in (next(pieces) for _ in range(number)):
            out.append(literals.read(literal))
            if step < len(weights):
                index = (following + step) % len(weights)
                values, following = weights[index].decode(), index + 1
                out.append(varints(values) if index in manifest["varint_weights"] else values.tobytes())
        files[location] = b"".join(out)
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
