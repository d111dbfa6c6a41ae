"""The errors that tt reports are those of what its files decode to, measured again with NumPy in float64."""
import importlib.util
import json
import re

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import models
from ttcal import Calibration

spec = importlib.util.spec_from_file_location("tt_reader", models.ROOT / "docs" / "formats" / "tt_reader.py")
tt_reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tt_reader)

PRECISION = 1e-6  # relative
READ_ELEMENTS = 1000  # of a file by the reader in Python, the rest by tt decompress: test_reader.py shows that they agree
MODELS = [pytest.param(path, marks=() if models.SHARED not in path.parents else pytest.mark.long, id=path.stem) for path in models.all_models()]


def graphs_of(graph):
    """A graph and those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs] if attribute.type in (5, 10) else []:
                yield from graphs_of(inner)


def arrays_of(path):
    """Name -> values of all initializers and Constant nodes."""
    arrays = {}
    for graph in graphs_of(onnx.load(str(path)).graph):
        arrays.update((tensor.name, numpy_helper.to_array(tensor)) for tensor in graph.initializer)
        for node in graph.node:
            if node.op_type == "Constant":
                arrays.update((node.output[0], numpy_helper.to_array(a.t)) for a in node.attribute if a.name == "value")
    return arrays


def small_weights(path):
    """What the independent reader says of the smallest weights."""
    left, arrays = READ_ELEMENTS, {}
    for weight in sorted(tt_reader.open_tt(path)[1], key=lambda weight: weight.size):
        left -= weight.size
        if left < 0:
            break
        arrays[weight.name] = weight.decode()
    return arrays


def relative_error(original, decoded, energy=lambda values: np.sum(values * values)):
    original, decoded = np.asarray(original, np.float64), np.asarray(decoded, np.float64)
    if original.tobytes() == decoded.tobytes():
        return 0.0
    return np.sqrt(energy(original - decoded) / energy(original))


@pytest.fixture
def measure(tt, tmp_path):
    """measure(model, ratio, options...) -> (weights of the report, decoded values by name); of the smallest file if it is larger."""
    def run(model, ratio, *options):
        out, back = tmp_path / "x.tt", tmp_path / "x.onnx"
        command = ("compress", model, "-o", out, "--json", *options)
        done = tt(*command, "--target-ratio", ratio, timeout=900)
        if done.status == 1:
            least = re.search(r"smallest possible file has (\d+)", done.stdout).group(1)
            done = tt(*command, "--target-bytes", least, timeout=900)
        assert done.status == 0, done
        assert tt("decompress", out, "-o", back, timeout=300).status == 0
        decoded = arrays_of(back)
        for name, values in small_weights(out).items():
            assert decoded[name].tobytes() == values.tobytes(), name
            decoded[name] = values
        return json.loads(done.stdout)["weights"], decoded
    return run


def check_exact(weight):
    assert weight["relative_error"] == weight["output_error"] == weight["predicted_error"] == 0, weight


@pytest.mark.parametrize("model", MODELS)
def test_relative_error_is_that_of_the_decoded_weight(measure, model):
    """Against the weights of the folded model, which a file of the same model with lossless weights holds."""
    exact, originals = measure(model, 1, "--tensor", ".=lossless", "--effort", "fast")
    for weight in exact:
        check_exact(weight)
    for goal in (0.25, 0.6):
        weights, decoded = measure(model, goal, "--effort", "fast")
        assert weights and [weight["name"] for weight in weights] == [weight["name"] for weight in exact]
        for weight in weights:
            error = relative_error(originals[weight["name"]], decoded[weight["name"]])
            assert weight["relative_error"] == pytest.approx(error, rel=PRECISION, abs=0), weight
            assert weight["output_error"] == pytest.approx(error, rel=PRECISION, abs=0), weight
            if error == 0:
                check_exact(weight)


# With samples: the error of the layer's output


SAMPLES = {"mnist_winml": {"Input3": (24, 1, 28, 28)}, "ppocr_cls": {"x": (8, 3, 48, 96)}, "super_resolution": {"input": (6, 1, 224, 224)},
           "policy": {"obs": (64, 96)}, "shakespeare_gpt": {"input_ids": (8, 64)}, "squeezenet_fp16": {"data_0": (4, 3, 224, 224)}}


def metric_of(calibration, weight):
    """C of docs/formats/ttcal.md and what compress adds to its diagonal (docs/quality.md); None: the identity."""
    inputs = [calibration.inputs[index] for index in weight["inputs"]]
    rows = sum(entry["rows"] for entry in inputs)
    if rows == 0:
        return None
    sums = [calibration.sum(index) for index in weight["inputs"]]
    if inputs[0]["kind"] in ("tokens", "energies"):
        total = np.diag(np.sum(sums, axis=0))
    else:
        total = np.sum([gram for gram, _, _ in sums], axis=0)
        group = np.arange(len(total)) // (len(total) // weight["group"])
        total *= group[:, None] == group[None, :]
    part = 0.5 if inputs[0]["kind"] == "tokens" else 0.01 + 0.02 * min(1, len(total) / rows)
    return total + part * np.trace(total) / len(total) * np.eye(len(total))


def output_error(calibration, name, original, decoded):
    weight = calibration.weights[name]
    metric = metric_of(calibration, weight)

    def energy(values):
        matrix = values.reshape(weight["rows"], weight["cols"])
        matrix = matrix if weight["axis"] == 1 else matrix.T
        return np.sum(matrix * (matrix if metric is None else matrix @ metric))
    return relative_error(original, decoded, energy)


def samples_of(model):
    random = np.random.default_rng(3)
    kinds = {item.name: models.TYPES[item.type] for item in models.session(model).get_inputs()}
    return {name: random.random(shape).astype(kinds[name]) if np.issubdtype(kinds[name], np.floating) else random.integers(0, 60, shape)
            for name, shape in SAMPLES[model.stem].items()}


@pytest.mark.parametrize("model", [param for param in MODELS if param.values[0].stem in SAMPLES])
def test_output_error_is_that_of_the_layer_under_the_calibration(tt, measure, model, tmp_path):
    np.savez(tmp_path / "samples.npz", **samples_of(model))
    done = tt("calibrate", model, "samples.npz", "-o", "c.ttcal", "--no-sensitivity", timeout=300)
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    assert done.status == 0, done
    calibration, originals = Calibration(tmp_path / "c.ttcal"), arrays_of(model)
    weights, decoded = measure(model, 0.3, "--calib", "c.ttcal", "--effort", "fast", "--no-fold")
    assert {weight["name"] for weight in weights} == set(calibration.weights)
    lossy = 0
    for weight in weights:
        original, back = originals[weight["name"]], decoded[weight["name"]]
        error = output_error(calibration, weight["name"], original, back)
        assert weight["relative_error"] == pytest.approx(relative_error(original, back), rel=PRECISION, abs=0), weight
        assert weight["output_error"] == pytest.approx(error, rel=PRECISION, abs=0), weight
        lossy += error > 0
    assert lossy > 0
