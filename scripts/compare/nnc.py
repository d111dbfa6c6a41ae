"""NNCodec (Fraunhofer HHI, ISO/IEC 15938-17) without PyTorch: only its codec is imported."""
import contextlib
import os
import sys
import types

import numpy as np

import weights


def import_codec():
    """nncodec.nnc imports the frameworks that it can read models from; arrays need none of them."""
    framework = types.ModuleType("nncodec.framework")
    for name in ("tensorflow_model", "pytorch_model", "use_case_init"):
        setattr(framework, name, types.ModuleType(name))
    sys.modules.setdefault("nncodec.framework", framework)
    from nncodec import nnc
    return nnc


def relative_qps(arrays, qp):
    """The same step relative to each tensor's standard deviation; qp is that of the median deviation."""
    deviation = {name: float(array.std()) for name, array in arrays.items() if array.ndim > 1}
    if not deviation:
        return None
    middle = float(np.median(list(deviation.values())))
    return {name: np.int32(np.clip(qp + round(4 * np.log2(max(one, 1e-12) / middle)), -100, 40)) for name, one in deviation.items()}


def round_trip(arrays, qp, dependent=True, rdo=0, optimised=False, relative=False, other=-75):
    """(bytes of the bit stream, decoded arrays). `other` is the qp of vectors, None: four times finer than the matrices."""
    nnc, shapes = import_codec(), [array.shape for array in arrays.values()]
    arrays = {f"t{i}": np.ascontiguousarray(array.ravel() if weights.is_vector(array) else array)
              for i, array in enumerate(arrays.values())}
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        stream = nnc.compress(dict(arrays), bitstream_path=None, qp=qp, nonweight_qp=other, use_dq=dependent, lambda_scale=rdo,
                              opt_qp=optimised, qp_per_tensor=relative_qps(arrays, qp) if relative else None, return_bitstream=True)
        decoded = nnc.decompress(bytearray(stream))
    return len(stream), [decoded[name].reshape(shape) for name, shape in zip(arrays, shapes, strict=True)]
