"""The real models of the tests and how they are run.

Small ones lie in tests/data; the larger ones are used where the folder shared/models lies beside the checkout.
"""
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = ROOT.parent / "shared" / "models"


def all_models():
    """Every model once: tests/data first, then shared/models."""
    found = {}
    for folder in (ROOT / "tests" / "data", SHARED):
        if folder.is_dir():
            for path in sorted(folder.rglob("*.onnx")):
                found.setdefault(path.name, path)
    return list(found.values())


def ids(models):
    return [path.stem for path in models]


def files_of(path):
    """The model file and its external data files, as location -> bytes."""
    import onnx
    files = {path.name: path.read_bytes()}
    model = onnx.load(str(path), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                files[entry.value] = (path.parent / entry.value).read_bytes()
    return files


def session(path):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
         "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_, "tensor(uint8)": np.uint8}
# Free dimensions by name where 1 is no sensible value.
FREE = {"sequence": 8, "T": 64, "height": 64, "width": 64}
# silero takes exactly one frame and its rate.
FIXED = {("silero_vad_op18_ifless", "input"): (1, 576), ("silero_vad_op18_ifless", "state"): (2, 1, 128)}


def _dimension(size, name, rank, axis):
    if isinstance(size, int) and size > 0:
        return size
    if isinstance(size, str) and size in FREE:
        return FREE[size]
    return 1 if axis == 0 or rank < 3 else 64


def inputs_of(run, stem):
    """Deterministic inputs of the right names, types and shapes."""
    random = np.random.default_rng(7)
    initialised = {item.name for item in run.get_overridable_initializers()}
    feeds = {}
    for item in run.get_inputs():
        if item.name in initialised:
            continue
        shape = FIXED.get((stem, item.name)) or tuple(
            _dimension(size, item.name, len(item.shape), axis) for axis, size in enumerate(item.shape))
        kind = TYPES[item.type]
        if item.name == "sr":
            feeds[item.name] = np.array(16000, np.int64).reshape(shape)
        elif np.issubdtype(kind, np.floating):
            feeds[item.name] = random.random(shape).astype(kind)
        else:
            feeds[item.name] = random.integers(0, 2 if "mask" in item.name or "type" in item.name else 60, shape).astype(kind)
    return feeds


def outputs_of(path, stem):
    run = session(path)
    return run.run(None, inputs_of(run, stem))
