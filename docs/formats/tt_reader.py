#!/usr/bin/env python3
"""A reader of .tt files in numpy: docs/formats/tt.md (the file) and docs/formats/encodings.md (the cores), nothing else.

  tt_reader.py FILE [OUT.npz | FOLDER]

lists the weights, decodes them all (bfloat16 as the uint16 of its bits), or writes the output files (the model file as FOLDER/model).
Needs numpy and zstandard. Decodes to the same bits as `tt decompress`."""
import hashlib, io, json, pathlib, struct, sys
from itertools import count, islice
from math import prod
import numpy as np
import zstandard

DTYPES = {"f32": np.dtype("<f4"), "f16": np.dtype("<f2"), "bf16": np.dtype("<u2"), "f64": np.dtype("<f8")}
PLANES = {"f32": [8, 4, 8, 8, 4], "f16": [5, 4, 7], "bf16": [8, 4, 4], "f64": [8, 7, 8, 8, 8, 8, 8, 8, 1]}
ESCAPE = np.where(np.arange(104) % 52 < 20, 8, 32)[:, None]  # the last symbol of each table of codes: 52 classes, then those of odd codes
f32, unzstd, sha256 = np.float32, zstandard.ZstdDecompressor().decompress, lambda data: hashlib.sha256(data).digest()

def require(condition, message):
    if not condition:
        raise ValueError(message)

def varint(core):
    byte = core.read(1)[0]
    return byte if byte < 128 else byte & 127 | varint(core) << 7

def before(values):
    """Sums of what lies before each element of the last axis, and behind the last."""
    return np.cumsum(np.insert(values, 0, 0, -1), -1)

def unpacked(data):
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")

class Lanes:
    """rANS in several lanes, which take 16-bit words in their order."""
    def __init__(self, states, words):
        self.states, self.words, self.used = np.frombuffer(states, "<u4").astype(int), np.frombuffer(words, "<u2"), 0

    def take(self, lanes, bounds, bits):
        """A symbol for each of `lanes`: its row of `bounds` holds the bounds of the symbols' intervals in 2^bits."""
        state, each = self.states[lanes], np.arange(len(lanes))
        slot = state & (1 << bits) - 1
        symbol = (bounds[:, 1:-1] <= slot[:, None]).sum(1)
        begin, end = bounds[each, symbol], bounds[each, symbol + 1]
        state = (end - begin) * (state >> bits) + slot - begin
        low = np.flatnonzero(state < 65536)
        state[low] = state[low] << 16 | self.words[self.used:self.used + low.size]
        self.states[lanes], self.used = state, self.used + low.size
        return symbol

def read_plane(core, size, width, first):
    """`size` symbols: one constant, packed bits, or rANS (symbol i belongs to lane i mod lanes; all lanes step at once)."""
    mode = core.read(1)[0]
    if mode == 0:
        return np.full(size, core.read(1)[0])
    if mode == 1:
        return np.packbits(unpacked(core.read(-(-size * width // 8)))[:size * width].reshape(size, width), 1, "little")[:, 0]
    thresholds = core.read(1)[0]
    distance = varint(core) if thresholds else 0
    class_of = np.searchsorted(list(core.read(thresholds)), np.arange(256), "right")
    frequencies = np.zeros((thresholds + 1, 256), int)
    for row in frequencies:
        if number := varint(core):
            begin = core.read(1)[0]
            row[begin:begin + number] = [varint(core) for _ in range(number)]
    lanes, words, bounds = 1 << min(max(size // 2048, 1), 128).bit_length() - 1, varint(core), before(frequencies)
    coder, symbols = Lanes(core.read(4 * lanes), core.read(2 * words)), np.zeros(distance + size, int)
    context = first if thresholds and not distance else symbols  # symbols[i] is the one `distance` before element i
    for start in range(0, size, lanes):
        lane = np.arange(min(lanes, size - start))
        symbols[distance + start + lane] = coder.take(lane, bounds[class_of[context[start + lane]]], 12)
    require(coder.used == words and (coder.states == 65536).all(), "a plane does not end where it should")
    return symbols[distance:]

def read_words(data, size, widths):
    """Blocks of planes to words, most significant plane first."""
    core, words, first = io.BytesIO(data), np.zeros(size, np.uint64), None
    for start in range(0, size, 1 << 18):
        core.read(4 if size > 1 << 18 else 0)  # the size of the block
        block = words[start:start + (1 << 18)]
        for i, width in enumerate(widths):
            plane = read_plane(core, block.size, width, first)
            first = first if i else plane
            block[:] = block << np.uint64(width) | plane.astype(np.uint64)
    return words

def laplace_counts():
    edges = (np.arange(468, 521)[:, None] << 21).astype(np.int32).view(f32)
    q = ((edges[1:] + edges[:-1]) / f32(2)).astype(float) * 0.75
    t = (np.sqrt(1 + 4 * q * q) - 1) / (2 * q)
    first, more = np.vstack([t, t * t]), np.vstack([t, t])  # even codes, odd ones
    powers = np.cumprod(np.hstack([first * (1 - more * more) * 1024] + [more] * 62), 1)[:, ::2]
    return np.where(np.arange(33) > ESCAPE, 0, np.hstack([(1 - first) * 1024, powers])).astype(int)

def code_bounds(counts, agreed, seen):
    """Bounds of the intervals of the symbols, a row a class, and of the likely sign and the other."""
    counts[counts.sum(1) > 1920000] >>= 1
    frequency = np.where(np.arange(33) > ESCAPE, 0, 1 + (counts * ((32767 - ESCAPE) / counts.sum(1, keepdims=True))).astype(int))
    frequency[:, 0] += 32768 - frequency.sum(1)
    likely = 1 + ((agreed + 8) / (seen + 16) * 32766).astype(int)
    return before(frequency), before(np.stack([likely, 32768 - likely], 1))

def read_blocks(coder, rows, cols, initial, flags, period, far, parts, trellis):
    """Blocks of rows of a code stream: symbols, tables, shifts, negative signs, predictions, and along a trellis odd codes and
    parities, each [column, row]. The rows of a block are lanes that take all steps side by side."""
    own_rows, row_prior = [(1, 4), (1, 16), (1, 64), (0, 1)][flags >> 3 & 3]
    column_prior, grouped, signed = 1 if flags & 32 else 4, flags >> 6 & 1, flags >> 7
    sums, code_sums, weight, done, fresh, wait = np.zeros(cols), np.zeros(cols, int), 0., 0, 0, 32
    counts, agreed, seen = laplace_counts(), np.zeros(12), np.zeros(12)
    bounds, likely = code_bounds(counts, agreed, seen)
    while done < rows:
        height = min(max(done // 4, 1), rows - done, len(coder.states), max((1 << 20) // cols, 1))
        total = sums + column_prior * ((2 * initial + sums.sum() / cols) / (weight + 2))
        mean = total / (weight + column_prior)
        importance = 1 / (1 + mean)
        share = mean * importance
        groups = np.append(share, np.zeros(-cols % period)).reshape(-1, period)
        in_group, in_row, all_before = before(groups)[:, :-1].ravel()[:cols] * grouped, before(share) * own_rows, before(share)
        factor, row_share, inverse, code_share, skew, mean, importance = (values.astype(f32) for values in (
            mean * (4 / 3) / (in_group + 4), 4 / (in_row + row_prior), 1 / mean, 1 / (all_before + 4), code_sums / total, mean, importance))
        row, code_row, zero, every = np.full(height, row_prior, f32), f32(0), np.zeros(height, f32), np.arange(height)
        symbols, tables, shifts, negative, predictions, odd, parity = block = np.zeros((7, cols, height), int)
        past, state = np.zeros((cols, height), f32), np.zeros(height, int)
        for j in range(cols):
            within = j % period
            group = group if within else zero
            expected = factor[j] * (group + row * row_share[j])
            level = np.clip((expected.view(np.int32) >> 21) - 468, 0, 151)
            shifts[j] = shift = np.maximum(level - 48 >> 2, 0)
            odd[j] = state & 1
            tables[j] = level - 4 * shift + 52 * odd[j]
            symbols[j] = symbol = coder.take(every, bounds[tables[j]], 15)
            middle = (symbol << shift) + (1 << shift >> 1)
            if signed:
                left, above, corner = (past[j - d] if 0 < d <= within else zero for d in (1, far, far and far + 1))
                around = parts[0] * left + parts[1] * above + parts[2] * corner + parts[3] * (code_row * code_share[j])
                wanted = np.clip(mean[j] * around + expected * (parts[4] * skew[j]), f32(-1 << 21), f32(1 << 21))
                predictions[j], rest = np.rint(wanted), wanted - np.rint(wanted)
                tilt = np.abs(rest) / (expected * expected) * middle.astype(f32)
                has = np.flatnonzero((symbol > 0) | (shift > 0))
                kind = np.clip((tilt.view(np.int32) >> 22) - 244, 0, 11)[has]
                right = coder.take(has, likely[kind], 15) == 0
                agreed, seen = agreed + np.bincount(kind, right, 12), seen + np.bincount(kind, minlength=12)
                negative[j, has] = right == (rest[has] < 0)
                code = predictions[j] + np.where(negative[j], -middle, middle)
                past[j] = np.clip(code.astype(f32) * inverse[j], f32(-4), f32(4))
                code_row, code_sums[j] = code_row + code.astype(f32) * importance[j], code_sums[j] + code.sum()
            if trellis:
                coded = np.flatnonzero(odd[j] | (shift > 0) | (symbol == ESCAPE[tables[j], 0]))
                parity[j] = symbol & 1
                parity[j, coded] = coder.take(coded, np.tile([0, 16384, 32768], (len(coded), 1)), 15)
                state = state >> 1 ^ 5 * odd[j] ^ 2 * parity[j]
            middle = middle + odd[j] / 2
            size = middle.astype(f32) * importance[j]
            row, group, sums[j] = row + size * f32(own_rows), group + size * f32(grouped), sums[j] + middle.sum()
            np.add.at(counts, (tables[j], symbol), 32)
            fresh += height
            if fresh >= wait:
                (bounds, likely), fresh, wait = code_bounds(counts, agreed, seen), 0, min(wait + wait // 4, 4096)
        weight = np.cumsum(np.append(weight, row.astype(float) / (in_row[-1] + row_prior)))[-1]
        done += height
        yield block

def read_codes(data, rows, cols):
    """A code stream: a matrix of integers."""
    if rows * cols == 0 or data[0] == 0:
        return np.zeros((rows, cols), int)
    initial, trellis = float(np.array([data[0] + 380 << 21], np.int32).view(f32)[0]), data[1] == 7
    flags, core = data[1 + trellis], io.BytesIO(data[2 + trellis:])
    period = varint(core) if flags & 64 else cols
    far, *parts = struct.unpack("B5b", core.read(6)) if flags & 128 else [0]
    states, body, out = core.read(4 << (flags & 7)), core.read(), []
    coder = Lanes(states, body[:len(body) // 2 * 2])
    blocks = list(read_blocks(coder, rows, cols, initial, flags, period, far, np.array(parts, f32) / f32(64), trellis))
    bit = iter(unpacked(body[2 * coder.used:][::-1] + coder.states.astype("<u2").tobytes()).tolist())
    plain = np.vectorize(lambda width: sum(next(bit) << b for b in range(width)), [int])  # the next plain bits as a number
    for symbols, tables, shifts, negative, predictions, odd, parity in blocks:
        for at in zip(*np.nonzero(symbols == ESCAPE[tables, 0])):
            zeros = next(zeros for zeros in count() if next(bit))
            symbols[at] += (1 << zeros) - 1 + plain(zeros)
        sizes = (symbols << shifts) + plain(shifts)
        folded = odd | (shifts > 0)
        negative = negative if flags & 128 else plain(np.where(folded, not trellis, symbols > 0))
        negative = np.where(folded, parity ^ sizes & 1, negative) if trellis else negative
        codes = predictions + np.where(negative, -sizes - folded, sizes)
        out.append((2 * codes + odd if trellis else codes).T)
    require((coder.states >> 16 == 1).all() and not any(bit), "a code stream does not end where it should")
    return np.concatenate(out)

def read_bands(core, rows, cols, turned=0):
    """A matrix of integers in code streams of at most 2^21 codes, or of one row; or of so many rows, columns first."""
    bands, most = [np.zeros((0, cols), int)], turned or max(1, (1 << 21) // max(1, cols))
    for left in range(rows, 0, -most):
        data, height = core.read(varint(core) if most < left else -1), min(left, most)
        bands.append(read_codes(data, cols, height).T if turned else read_codes(data, height, cols))
    return np.concatenate(bands)

def decode_quant(core, rows, cols):
    kind, steps = struct.unpack("<Bf", core.read(5))
    turned, kind = kind & 4, kind & 3
    out, kept = np.zeros((rows, cols), f32), [np.arange(rows), np.arange(cols)]
    if kind:  # a step a column (1) or a row (2); nothing is stored where it is 0
        codes = read_codes(core.read(varint(core)), 1, out.shape[2 - kind])[0] - 1
        steps = np.where(codes < 0, f32(0), f32(steps) * np.ldexp((8 + codes % 8).astype(f32), codes // 8))
        kept[2 - kind] = np.flatnonzero(steps)
        steps = np.expand_dims(steps[steps != 0], kind - 1)
    out[np.ix_(*kept)] = read_bands(core, *map(len, kept), turned and varint(core)).astype(f32) * f32(steps)
    return out

def decode_blockquant(core, rows, cols, group, axis):
    shape, middle = [rows, cols], struct.unpack("<h", core.read(2))[0]
    group, shape[axis] = group or max(shape[axis], 1), -(-shape[axis] // (group or max(shape[axis], 1)))
    codes = 2 * middle + read_codes(core.read(varint(core)), *shape)
    scales = np.where(codes % 2, f32(-1), f32(1)) * np.ldexp((8 + codes // 2 % 8).astype(f32), codes // 16)
    scales = np.repeat(scales, group, axis)
    return read_bands(core, rows, cols).astype(f32) * scales[:rows, :cols]

def product(a, b):
    """float32, one k after the other: the order of operations is part of the format."""
    out = np.zeros((a.shape[0], b.shape[1]), f32)
    for k in range(a.shape[1]):
        out += a[:, k:k + 1] * b[k]
    return out

def contract(cores):
    """The tensor of TT cores [rank, mode, rank]: both halves of the modes, then their product."""
    modes, left, right = [core.shape[1] for core in cores], np.ones((1, 1), f32), np.ones((1, 1), f32)
    boundary = min(range(1, len(modes)), key=lambda k: max(prod(modes[:k]), prod(modes[k:])), default=1)
    for core in cores[:boundary]:
        left = product(left, core.reshape(len(core), -1)).reshape(-1, core.shape[2])
    for core in cores[:boundary - 1:-1]:
        right = product(core.reshape(-1, core.shape[2]), right).reshape(len(core), -1)
    return product(left, right)

class Weight:
    """One weight of the manifest; `layouts` are the shapes [rank, mode, rank] of plain float cores, `cores` the bytes of all."""
    def __init__(self, name, role, dtype, shape, rows, encoding):
        self.name, self.role, self.dtype, self.shape, self.rows, self.encoding = name, role, dtype, shape, rows, encoding
        self.size, self.cores, (self.format, *pairs) = prod(shape), [], encoding.split(",")
        self.keys = dict(pair.split("=") for pair in pairs)
        modes, ranks, rank = ([int(n) for n in self.keys.get(key, "").split("x") if n] for key in ("modes", "ranks", "rank"))
        modes = {"raw": [self.size], "lowrank": [rows, self.size // max(rows, 1)]}.get(self.format, modes)
        self.layouts, self.kind = list(zip([1, *ranks, *rank], modes, [*ranks, *rank, 1])), DTYPES[self.keys.get("dtype", dtype)]
        if self.format == "lowrank" and "dtype" not in self.keys:
            self.layouts = []  # coded

    def decode(self):
        """An array of the weight's dtype (bfloat16: the uint16 of its bits)."""
        values = self.values()
        if self.dtype == "bf16" and values.dtype == f32:
            bits = values.view(np.uint32)
            values = np.where(np.isnan(values), bits >> 16 | 0x40, bits + np.uint32(0x7FFF) + (bits >> 16 & 1) >> 16)
        return values.astype(DTYPES[self.dtype]).reshape(self.shape)

    def values(self):
        """The elements in float32, or as they are."""
        data, kind, lossless = self.cores[0], DTYPES[self.dtype], self.format in ("lossless", "rounded")
        if self.format == "raw" or lossless and data[0] < 2:
            return np.frombuffer(data if self.format == "raw" else unzstd(data[1:]) if data[0] else data[1:], kind)
        if lossless:
            words = read_words(data[1:], self.size, PLANES[self.dtype])
            return (words >> np.uint64(1) | words << np.uint64(8 * kind.itemsize - 1)).astype(f"<u{kind.itemsize}").view(kind)
        if self.format == "f16":
            bits = int(self.keys.get("mantissa", 10))
            words = read_words(data, self.size, [5, min(bits, 4), max(bits - 3, 1)])
            halves = words >> np.uint64(1) << np.uint64(10 - bits) | (words & np.uint64(1)) << np.uint64(15)
            return halves.astype("<u2").view("<f2").astype(f32)
        if self.format == "quant":
            return decode_quant(io.BytesIO(data), self.rows, self.size // max(self.rows, 1))
        if self.format == "tucker":  # functions of the tap, and their coefficients
            core, taps = io.BytesIO(data), prod(self.shape[2:])
            functions = read_codes(core.read(varint(core)), taps, taps).astype(f32) / f32(32)
            return product(decode_quant(core, self.rows, self.size // self.rows).reshape(-1, taps), functions)
        if self.format == "blockquant":
            return decode_blockquant(io.BytesIO(data), self.rows, self.size // max(self.rows, 1), *map(int, map(self.keys.get, ("group", "axis"))))
        if not self.layouts:
            left, right = map(io.BytesIO, self.cores)
            rank = varint(left)
            return product(decode_quant(left, self.rows, rank), decode_quant(right, rank, self.size // max(self.rows, 1)))
        return contract([np.frombuffer(core, self.kind).astype(f32).reshape(s) for core, s in zip(self.cores, self.layouts)])

def open_tt(path):
    """Manifest (dict), weights with their cores' bytes, bytes of the literals. Checks every hash."""
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    require(start <= data.size and data[8] == ord("{"), "not a .tt file, or cut off")
    header = json.loads(data[8:start].tobytes().decode())
    metadata = header.pop("__metadata__", {})
    require(metadata.get("tt.format") == "1", f"format version {metadata.get('tt.format')}, this reader reads 1")
    unknown = {key for key in [*metadata, *header] if key.startswith("tt.")} - {f"tt.{key}" for key in (
        "format", "tool", "root", "cores", "skeleton", "manifest")}
    require(not unknown, f"encrypted, signed or otherwise unknown: {unknown}")
    tensors = {name: data[start:][slice(*entry["data_offsets"])] for name, entry in header.items()}
    stored, skeleton, packed = (tensors.get(f"tt.{name}", data[:0]).tobytes() for name in ("manifest", "skeleton", "cores"))
    require(sha256(stored).hex() == metadata["tt.root"], "manifest: wrong sha256")
    json_size, frame = struct.unpack("<2I", stored[:8])
    manifest = json.loads(unzstd(stored[8:8 + frame], max_output_size=json_size))
    hashes = [stored[i:i + 32] for i in range(8 + frame, len(stored), 32)]
    require(sha256(skeleton) == hashes[0], "skeleton: wrong sha256")
    weights = [Weight(*entry) for entry in zip(*(manifest[key] for key in ("names", "roles", "dtypes", "shapes", "rows", "encodings")))]
    coded, packed = iter(manifest["core_sizes"]), io.BytesIO(packed)
    for i, weight in enumerate(weights):
        for c, size in enumerate([prod(layout) * weight.kind.itemsize for layout in weight.layouts]
                                 or islice(coded, 1 + (weight.format == "lowrank"))):
            weight.cores.append(tensors[f"{i}.{c}"].tobytes() if f"{i}.{c}" in tensors else packed.read(size))
        require(sha256(b"".join(weight.cores)) == hashes[i - len(weights)], f"weight {weight.name!r}: wrong sha256")
    return manifest, weights, unzstd(skeleton) if skeleton else b""

def read(path):
    """Every weight by name."""
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
    pieces = zip(manifest["literals"], manifest["steps"])
    for location, number in zip(manifest["file_locations"], manifest["file_pieces"]):
        out = io.BytesIO()
        for literal, step in islice(pieces, number):
            out.write(literals.read(literal))
            if step < len(weights):
                index = (following + step) % len(weights)
                values, following = weights[index].decode(), index + 1
                out.write(varints(values) if index in manifest["varint_weights"] else values.tobytes())
        files[location] = out.getvalue()
    return files

def main(source, target=""):
    if target.endswith(".npz"):
        return np.savez(target, **read(source))
    for w in [] if target else open_tt(source)[1]:
        print(w.name, w.role, w.dtype, "x".join(map(str, w.shape)), w.encoding, sum(map(len, w.cores)), sep="\t")
    for location, data in restore(source).items() if target else []:
        require(not location.startswith("/") and ".." not in location.split("/"), "a location leaves the folder")
        path = pathlib.Path(target, location or "model")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

if __name__ == "__main__":
    main(*sys.argv[1:])
