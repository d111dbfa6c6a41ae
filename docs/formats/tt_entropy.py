"""The entropy-coded parts of the cores, docs/formats/encodings.md ("Blocks" and "Code streams"), in numpy."""
import io

import numpy as np


def require(condition, message):
    if not condition:
        raise ValueError(message)


def varint(core):
    byte = core.read(1)[0]
    return byte if byte < 128 else byte & 127 | varint(core) << 7


def read_table(core):
    """A frequency table as 4096 slots: symbol | (frequency - 1) << 8 | (slot - start) << 20."""
    count = varint(core)
    if count == 0:
        return np.zeros(4096, np.int64)
    first = core.read(1)[0]
    frequency = np.array([varint(core) for _ in range(count)])
    within = np.arange(4096) - np.repeat(np.cumsum(frequency) - frequency, frequency)
    return np.repeat(np.arange(first, first + count) | frequency - 1 << 8, frequency) | within << 20


def read_plane(core, count, width, first):
    """`count` symbols: one constant, packed bits, or rANS (symbol i belongs to lane i mod lanes; all lanes step at once)."""
    mode = core.read(1)[0]
    if mode == 0:
        return np.full(count, core.read(1)[0], np.uint8)
    if mode == 1:
        packed = np.frombuffer(core.read((count * width + 7) // 8), np.uint8)
        bits = np.unpackbits(packed, bitorder="little")[:count * width].reshape(count, width)
        return np.packbits(bits, axis=1, bitorder="little")[:, 0]
    thresholds = core.read(1)[0]
    distance = varint(core) if thresholds else 0
    class_of = np.searchsorted(np.frombuffer(core.read(thresholds), np.uint8), np.arange(256), "right")
    tables = np.stack([read_table(core) for _ in range(thresholds + 1)])
    lanes = 1 << (min(max(count // 2048, 1), 128).bit_length() - 1)
    words_count = varint(core)
    states = np.frombuffer(core.read(4 * lanes), "<u4").astype(np.int64)
    words = np.frombuffer(core.read(2 * words_count), "<u2").astype(np.int64)
    symbols = np.zeros(distance + count, np.uint8)  # the context `distance` before element i is symbols[i]
    context = symbols if distance else first
    at = 0
    for begin in range(0, count, lanes):
        x = states[:count - begin]
        entry = tables[class_of[context[begin:begin + x.size]] if thresholds else 0, x & 4095]
        x = ((entry >> 8 & 4095) + 1) * (x >> 12) + (entry >> 20)
        low = np.flatnonzero(x < 65536)
        x[low] = x[low] << 16 | words[at:at + low.size]
        at += low.size
        states[:x.size] = x
        symbols[distance + begin:distance + begin + x.size] = entry & 255
    require(at == words_count and (states == 65536).all(), "an entropy-coded stream does not end where it should")
    return symbols[distance:]


def read_words(data, elements, widths, block=1 << 18):
    """Blocks of planes to words, most significant plane first."""
    core, blocks = io.BytesIO(data), []
    for done in range(0, elements, block):
        core.read(4 if elements > block else 0)  # the size of the block
        words, first = np.uint64(0), None
        for width in widths:
            plane = read_plane(core, min(block, elements - done), width, first)
            first = plane if first is None else first
            words = words << np.uint64(width) | plane
        blocks.append(words)
    return np.concatenate(blocks)


def adapt_tables(counts, escape):
    """Bounds of the intervals of 15 bits that follow the counts of symbols, a row a class."""
    counts[counts.sum(1) > 1920000] >>= 1
    frequency = (counts * ((32767 - escape) / counts.sum(1))[:, None]).astype(np.int64) + 1
    frequency[np.arange(33) > escape[:, None]] = 0
    bounds = 32768 - np.cumsum(frequency[:, ::-1], 1)[:, ::-1]
    return np.hstack([0 * bounds[:, :1], bounds[:, 1:], 0 * bounds[:, :1] + 32768])


def read_codes(data, rows, cols):
    """A code stream: the rows of a block are lanes that take all steps side by side, column by column."""
    out = np.zeros((rows, cols), np.int64)
    if out.size == 0 or data[0] == 0:
        return out
    core, f32, before = io.BytesIO(data[1:]), np.float32, lambda x: np.hstack([0 * x[..., :1], np.cumsum(x, -1)[..., :-1]])
    flags = core.read(1)[0]
    period, signed = varint(core) if flags & 64 else 0, flags > 127
    far = core.read(1)[0] if signed else 0
    weights = np.frombuffer(core.read(5 * signed), "i1").astype(f32) / f32(64)
    initial = float(np.array([data[0] + 380 << 21], np.int32).view(f32)[0])
    lanes, own_rows, row_prior = 1 << (flags & 7), flags >> 3 & 3 != 3, [4., 16., 64., 1.][flags >> 3 & 3]
    column_prior = 1. if flags & 32 else 4.
    states = np.frombuffer(core.read(4 * lanes), "<u4").astype(np.int64)
    body = core.read()
    words, bits = np.frombuffer(body + bytes(len(body) % 2), "<u2").astype(np.int64), np.frombuffer(body, np.uint8)
    bits, at, place = np.unpackbits(bits[::-1], bitorder="little").astype(np.int64), 0, 0
    escape = np.where(np.arange(52) < 20, 8, 32)
    begin = (np.arange(468, 521) << 21).astype(np.int32).view(f32)
    q = ((begin[1:] + begin[:-1]) / f32(2)).astype(float) * 0.75
    t = (np.sqrt(1 + 4 * q * q) - 1) / (2 * q)
    counts, power = np.zeros((52, 33), np.int64), t * (1 - t * t) * 1024
    counts[:, 0] = (1 - t) * 1024
    for s in range(1, 33):
        counts[:, s], power = np.where(s <= escape, power, 0), power * t * t
    bounds, likely, agreed, seen = adapt_tables(counts, escape), np.full(12, 16384), np.zeros(12), np.zeros(12)
    done, weight, pending, wait = 0, 0., 0, 32
    sums, signed_sums = np.zeros(cols, np.int64), np.zeros(cols, np.int64)

    def take(lane, start, width):
        nonlocal at
        x = width * (states[lane] >> 15) + (states[lane] & 32767) - start
        low = np.flatnonzero(x < 65536)
        x[low] = x[low] << 16 | words[at:at + low.size]
        at += low.size
        states[lane] = x

    while done < rows:
        height = min(max(done // 4, 1), rows - done, lanes, max((1 << 20) // cols, 1))
        total = sums + column_prior * ((2 * initial + int(sums.sum()) / cols) / (weight + 2))
        mean = total / (weight + column_prior)
        importance = 1 / (1 + mean)
        share, groups = mean * importance, np.zeros(cols)
        if period:
            groups = before(np.pad(share, (0, -cols % period)).reshape(-1, period)).ravel()[:cols]
        row_weight = before(np.append(share, 0) * own_rows)
        factor, row_share = (mean * (4 / 3) / (groups + 4)).astype(f32), (4 / (row_weight + row_prior)).astype(f32)
        inverse, signed_share = (1 / mean).astype(f32), (1 / (before(share) + 4)).astype(f32)
        mean, importance, skew = mean.astype(f32), importance.astype(f32), (signed_sums / total).astype(f32)
        row, group, signed_row, zero = (np.full(height, x, f32) for x in (row_prior, 0, 0, 0))
        symbols, shifts, classes, negative, predicted = (np.zeros((cols, height), np.int64) for _ in range(5))
        past, every = np.zeros((cols, height), f32), np.arange(height)
        for j in range(cols):
            within = j % period if period else j
            group = zero if within == 0 else group
            expected = factor[j] * (group + row * row_share[j])
            level = np.clip((expected.view(np.int32) >> 21) - 468, 0, 151)
            shifts[j] = shift = np.maximum((level - 48) >> 2, 0)
            classes[j] = level - 4 * shift
            intervals = bounds[classes[j]]
            symbols[j] = symbol = (intervals[:, 1:33] <= (states[:height] & 32767)[:, None]).sum(1)
            take(every, intervals[every, symbol], intervals[every, symbol + 1] - intervals[every, symbol])
            middle = (symbol << shift) + (1 << shift >> 1)
            value = middle.astype(f32)
            if signed:
                left, above, corner = (past[j - d] if 0 < d <= within else zero for d in (1, far, far and far + 1))
                around = weights[0] * left + weights[1] * above + weights[2] * corner
                around += weights[3] * (signed_row * signed_share[j])
                wanted = np.clip(mean[j] * around + expected * (weights[4] * skew[j]), f32(-1 << 21), f32(1 << 21))
                rounded = (wanted + f32(3 << 22)) - f32(3 << 22)
                rest = wanted - rounded
                has = np.flatnonzero((symbol > 0) | (shift > 0))
                kind = np.clip(((np.abs(rest) / (expected * expected) * value).view(np.int32) >> 22) - 244, 0, 11)[has]
                right = (states[has] & 32767) < likely[kind]
                take(has, np.where(right, 0, likely[kind]), np.where(right, likely[kind], 32768 - likely[kind]))
                agreed, seen = agreed + np.bincount(kind, right, 12), seen + np.bincount(kind, minlength=12)
                negative[j, has], predicted[j] = right == (rest[has] < 0), rounded
                code = predicted[j] + np.where(negative[j], -middle, middle)
                past[j] = np.clip(code.astype(f32) * inverse[j], f32(-4), f32(4))
                signed_row, signed_sums[j] = signed_row + code.astype(f32) * importance[j], signed_sums[j] + code.sum()
            row, group = row + value * (importance[j] * f32(own_rows)), group + value * importance[j] if period else zero
            sums[j] += middle.sum()
            np.add.at(counts, (classes[j], symbol), 32)
            pending += height
            if pending >= wait:
                bounds, pending, wait = adapt_tables(counts, escape), 0, min(wait + wait // 4, 4096)
                likely = ((agreed + 8) / (seen + 16) * 32766).astype(np.int64) + 1
        for x in row.astype(float):
            weight += x / (row_weight[-1] + row_prior)
        if done + height == rows:
            require((states >> 16 == 1).all() and 2 * at <= len(body), "a code stream does not end where it should")
            bits = np.append(bits[:8 * len(body) - 16 * at], states[:, None] >> np.arange(16) & 1)
        for e in np.flatnonzero(symbols == escape[classes]):
            zeros = int(np.argmax(bits[place:place + 32]))
            symbols.flat[e] += (1 << zeros) - 1 + int(bits[place + zeros + 1:place + 2 * zeros + 1] @ (1 << np.arange(zeros)))
            place += 2 * zeros + 1
        symbols <<= shifts
        starts = place + before(shifts.ravel()).reshape(shifts.shape)
        for b in range(shifts.max()):
            symbols[shifts > b] += bits[starts[shifts > b] + b] << b
        place += shifts.sum()
        if not signed:
            has = (symbols > 0) | (shifts > 0)
            negative[has] = bits[place:place + has.sum()]
            place += has.sum()
        out[done:done + height] = (predicted + np.where(negative, -symbols - (shifts > 0), symbols)).T
        done += height
    require(place <= bits.size and not bits[place:].any(), "a code stream does not end where it should")
    return out
