"""The peers that only see the weights, each swept over its settings, finest first.

A peer is a generator of sweeps; a sweep is a list of (settings, make). A sweep ends early once a point has left what anyone would use.
"""
import functools

import zstandard

import coders
import nnc
import weights

QPS = range(-38, -6, 3)
QPS_OF_LARGE = range(-32, -16, 3)
LARGE = 30_000_000
NNCODEC = {
    "dependent": {"other": None},
    "dependent, opt_qp": {"optimised": True, "other": None},
    "dependent, relative steps": {"relative": True, "other": None},
    "uniform": {"dependent": False, "other": None},
    "dependent, fine vectors": {},
}
TOLERANCES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
TOLERANCES_OF_LARGE = (0.1, 0.3)


def tolerances(model):
    return TOLERANCES_OF_LARGE if model.fp32_bytes > LARGE else TOLERANCES


def qps(model):
    return QPS_OF_LARGE if model.fp32_bytes > LARGE else QPS


def nncodec(model):
    def make(qp, options):
        size, decoded = nnc.round_trip(model.arrays, qp, **options)
        return model.skeleton + size, model.with_arrays(dict(zip(model.arrays, decoded, strict=True)))

    for name, options in NNCODEC.items():
        if model.fp32_bytes > LARGE and name == "dependent, fine vectors":
            continue
        yield [(f"{name}, qp {qp}", functools.partial(make, qp, options)) for qp in qps(model)]


def rounding(model):
    def make(bits):
        size, arrays = coders.rounded_model(model, bits)
        return model.skeleton + size, model.with_arrays(arrays)

    yield [(f"{bits} bits", functools.partial(make, bits)) for bits in range(8, 1, -1)]


def general_compression(model):
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
def must_factor(model, tolerance):
    found = coders.factored(model, tolerance)
    if found is None:
        raise ValueError("no weight is smaller as two factors")
    return found


def plain_svd(model):
    def make(tolerance):
        parts, whole = must_factor(model, tolerance)
        coded = {name: coders.as_float16(array) for name, array in parts.items()}
        data = b"".join(array.astype("float16").tobytes() for array in parts.values())
        return model.skeleton + len(weights.xz(data)), model.with_arrays(whole({n: c[1] for n, c in coded.items()}))

    for tolerance in tolerances(model):
        yield [(f"relative error {tolerance}", functools.partial(make, tolerance))]


def svd_nncodec(model):
    def make(tolerance, qp):
        parts, whole = must_factor(model, tolerance)
        size, decoded = nnc.round_trip(parts, qp, other=None)
        return model.skeleton + size, model.with_arrays(whole(dict(zip(parts, decoded, strict=True))))

    for tolerance in tolerances(model):
        yield [(f"relative error {tolerance}, qp {qp}", functools.partial(make, tolerance, qp)) for qp in qps(model)[2:]]
