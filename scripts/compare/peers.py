"""The peers that only see the weights, each swept over its settings, finest first.

A peer is a generator of sweeps; a sweep is a list of (settings, make). A sweep ends early once a point has left what anyone would use.
"""
import functools

import zstandard

import coders
import nnc
import weights

QPS, QPS_OF_LARGE, QPS_OF_FACTORS = (-50, -6), (-38, -16), (-32, -6)
LARGE = 30_000_000
NNCODEC = {
    "dependent": {"other": None},
    "dependent, opt_qp": {"optimised": True, "other": None},
    "dependent, relative steps": {"relative": True, "other": None},
    "uniform": {"dependent": False, "other": None},
    "dependent, fine vectors": {},
}
LIMITS = [("relative error", error) for error in (0.1, 0.2, 0.3, 0.4, 0.5)] + [("rank", rank) for rank in (256, 128, 96, 64, 48, 32, 16, 8)]
LIMITS_OF_LARGE = [("relative error", 0.3), ("rank", 128)]


def limits(model):
    return LIMITS_OF_LARGE if model.fp32_bytes > LARGE else LIMITS


def qps(model, ordinary, step):
    return range(*(QPS_OF_LARGE if model.fp32_bytes > LARGE else ordinary), step)


def nncodec(model, qp_step):
    def make(qp, options):
        size, decoded = nnc.round_trip(model.arrays, qp, **options)
        return model.skeleton + size, model.with_arrays(dict(zip(model.arrays, decoded, strict=True)))

    for name, options in NNCODEC.items():
        if model.fp32_bytes > LARGE and name == "dependent, fine vectors":
            continue
        yield [(f"{name}, qp {qp}", functools.partial(make, qp, options)) for qp in qps(model, QPS, qp_step)]


def rounding(model, _):
    def make(bits):
        size, arrays = coders.rounded_model(model, bits)
        return model.skeleton + size, model.with_arrays(arrays)

    yield [(f"{bits} bits", functools.partial(make, bits)) for bits in range(8, 1, -1)]


def general_compression(model, _):
    """Without loss, and as float16: the better of xz -9 and zstd -19."""
    def shrink(data):
        return min(len(weights.xz(data)), len(zstandard.compress(data, 19)))

    def lossless():
        data = b"".join(array.tobytes() for array in model.arrays.values())
        return model.skeleton + shrink(data), model.with_arrays({})

    def half():
        data = b"".join(array.astype("float16").tobytes() for array in model.arrays.values())
        return model.skeleton + shrink(data), model.with_arrays({n: coders.as_float16(a)[1] for n, a in model.arrays.items()})

    yield [("lossless", lossless), ("float16", half)]


@functools.lru_cache(maxsize=1)
def must_factor(model, kind, limit):
    found = coders.factored(model, kind, limit)
    if found is None:
        raise ValueError("no weight is smaller as two factors")
    return found


def plain_svd(model, _):
    def make(kind, limit):
        parts, whole = must_factor(model, kind, limit)
        coded = {name: coders.as_float16(array) for name, array in parts.items()}
        data = b"".join(array.astype("float16").tobytes() for array in parts.values())
        return model.skeleton + len(weights.xz(data)), model.with_arrays(whole({n: c[1] for n, c in coded.items()}))

    for kind, limit in limits(model):
        yield [(f"{kind} {limit}", functools.partial(make, kind, limit))]


def svd_nncodec(model, qp_step):
    def make(kind, limit, qp):
        parts, whole = must_factor(model, kind, limit)
        size, decoded = nnc.round_trip(parts, qp, other=None)
        return model.skeleton + size, model.with_arrays(whole(dict(zip(parts, decoded, strict=True))))

    for kind, limit in limits(model):
        yield [(f"{kind} {limit}, qp {qp}", functools.partial(make, kind, limit, qp)) for qp in qps(model, QPS_OF_FACTORS, qp_step)]
