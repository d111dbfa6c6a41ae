"""Codings of one float array that the peers are made of. Each gives (bytes, decoded array)."""
import numpy as np

import weights

CLIPS = np.arange(0.4, 1.01, 0.05)


def as_float16(array):
    small = array.astype(np.float16)
    return 2 * array.size, small.astype(np.float32)


def packed_bytes(codes, bits):
    planes = np.unpackbits(codes.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - bits:]
    return np.packbits(planes).tobytes()


def best_scales(rows, largest):
    """Per row the clipping, of the largest magnitude, that gives the least squared error."""
    peak = np.maximum(np.abs(rows).max(1, keepdims=True), 1e-20)
    best, error = peak / largest, np.full((len(rows), 1), np.inf)
    for clip in CLIPS:
        scale = clip * peak / largest
        now = ((np.clip(np.round(rows / scale), -largest, largest) * scale - rows) ** 2).sum(1, keepdims=True)
        best, error = np.where(now < error, scale, best), np.minimum(now, error)
    return best.astype(np.float16).astype(np.float32)


def rounded(array, axis, bits):
    """Round to nearest, symmetric, a float16 scale a channel. Gives codes (offset to be positive), scales, decoded."""
    rows = np.moveaxis(array, axis, 0)
    flat = rows.reshape(len(rows), -1)
    largest = 2 ** (bits - 1) - 1
    scale = np.maximum(best_scales(flat, largest), 6e-8)
    codes = np.clip(np.round(flat / scale), -largest, largest)
    decoded = np.moveaxis((codes * scale).reshape(rows.shape), 0, axis)
    return (codes + largest).astype(np.uint8), scale.astype(np.float16), decoded.astype(np.float32)


def rounded_model(model, bits):
    """Matrices and kernels rounded, vectors in float16; the smaller of packed codes and xz."""
    raw, plain, packed, arrays = bytearray(), bytearray(), 0, {}
    for name, array in model.arrays.items():
        if not weights.is_vector(array):
            codes, scales, arrays[name] = rounded(array, model.axes.get(name, 0), bits)
            plain += codes.tobytes()
            packed += len(packed_bytes(codes, bits))
            raw += scales.tobytes()
        else:
            arrays[name] = as_float16(array)[1]
            raw += array.astype(np.float16).tobytes()
    coded = len(weights.xz(bytes(plain)))
    return min(len(raw), len(weights.xz(bytes(raw)))) + min(packed, coded), arrays


def matrix(array):
    return array.reshape(len(array), -1)


def rank_of(singular, kind, limit):
    """The smallest rank with that relative error, or the rank itself."""
    if kind == "rank":
        return limit
    left = np.sqrt(np.cumsum(singular[::-1] ** 2)[::-1] / np.sum(singular**2))
    return max(1, int(np.count_nonzero(left > limit)))


def truncated(array, kind, limit):
    """U S^1/2 and S^1/2 V^T, or None where they are no smaller than the array."""
    if weights.is_vector(array) or min(matrix(array).shape) < 4:
        return None
    u, s, vt = np.linalg.svd(matrix(array), full_matrices=False)
    rank = rank_of(s, kind, limit)
    if rank * sum(matrix(array).shape) >= array.size:
        return None
    root = np.sqrt(s[:rank])
    return (u[:, :rank] * root).astype(np.float32), (root[:, None] * vt[:rank]).astype(np.float32)


def factored(model, kind, limit):
    """({name: array or factor}, a function that turns decoded ones back), None where no weight was factored."""
    parts, pairs = {}, set()
    for name, array in model.arrays.items():
        factors = truncated(array, kind, limit)
        if factors is None:
            parts[name] = array
        else:
            pairs.add(name)
            parts[name + "/u"], parts[name + "/v"] = factors

    def whole(decoded):
        return {name: (decoded[name + "/u"] @ decoded[name + "/v"]).reshape(array.shape) if name in pairs else decoded[name]
                for name, array in model.arrays.items()}
    return (parts, whole) if pairs else None
