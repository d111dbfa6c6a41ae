"""What a session gives, compared with Python's onnxruntime on the same samples."""
import os
import subprocess

import numpy
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file


@pytest.fixture(scope="session")
def driver(root):
    program = root / os.environ.get("TT_BUILD", "build") / "tests/unit/runtime/run_model"
    assert program.exists(), f"{program} is missing: build it"
    return program


@pytest.fixture
def run(driver, data, tmp_path):
    """run(model, samples, options...) -> outputs by name, or the error's text."""
    def run(model, samples, *mappings, options=(), stdin=None):
        out = tmp_path / "out.safetensors"
        done = subprocess.run([driver, *options, model, samples, out, *mappings], input=stdin, capture_output=True, timeout=120)
        text = done.stderr.decode()
        if "built without ONNX Runtime" in text:
            pytest.skip("tt is built without ONNX Runtime")
        assert done.stdout == b"" and done.returncode == (1 if text else 0), done
        return text if text else load_file(out)
    return run


def reference(model, feeds):
    """Outputs by name, one sample at a time where the graph's batch is 1."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = len(next(iter(feeds.values())))
    if session.get_inputs()[0].shape[0] != 1:
        return dict(zip(names, session.run(None, feeds)))
    runs = [session.run(None, {name: array[i:i + 1] for name, array in feeds.items()}) for i in range(rows)]
    return dict(zip(names, map(numpy.concatenate, zip(*runs))))


def check_same(outputs, expected):
    assert outputs.keys() == expected.keys()
    for name, array in expected.items():
        assert outputs[name].shape == array.shape and outputs[name].dtype == array.dtype
        numpy.testing.assert_allclose(outputs[name], array, rtol=1e-5, atol=1e-6 * max(1, numpy.abs(array).max()))


MODELS = {
    "mnist_winml.onnx": {"Input3": (7, 1, 28, 28)},
    "super_resolution.onnx": {"input": (3, 1, 224, 224)},
    "ppocr_cls.onnx": {"x": (2, 3, 48, 192)},
    "unitree_velocity/policy.onnx": {"obs": (9, 96)},
}


@pytest.mark.parametrize("options", [(), ("--isolate",), ("--batch", "2")], ids=["in process", "isolated", "batches"])
@pytest.mark.parametrize("name", MODELS)
def test_real_models(run, data, tmp_path, name, options):
    random = numpy.random.default_rng(1)
    feeds = {key: random.random(shape, dtype=numpy.float32) for key, shape in MODELS[name].items()}
    numpy.savez_compressed(tmp_path / "samples.npz", **feeds)
    check_same(run(data / name, tmp_path / "samples.npz", options=options), reference(data / name, feeds))


@pytest.mark.parametrize("form", ["npz", "npz stored", "npy", "npy fortran", "npy stdin", "safetensors", "float64", "float16"])
def test_forms_of_samples(run, data, tmp_path, form):
    samples = numpy.random.default_rng(2).random((4, 1, 28, 28), dtype=numpy.float32).astype(numpy.float16).astype(numpy.float32)
    path, stdin = tmp_path / "samples", None
    if form.startswith("npz"):
        with open(path, "wb") as file:
            (numpy.savez if form.endswith("stored") else numpy.savez_compressed)(file, Input3=samples)
    elif form == "safetensors":
        save_file({"Input3": samples}, path)
    else:
        kind = {"float64": numpy.float64, "float16": numpy.float16}.get(form, numpy.float32)
        with open(path, "wb") as file:
            numpy.save(file, numpy.asarray(samples, dtype=kind, order="F" if "fortran" in form else "C"))
    if form.endswith("stdin"):
        path, stdin = "-", path.read_bytes()
    check_same(run(data / "mnist_winml.onnx", path, stdin=stdin), reference(data / "mnist_winml.onnx", {"Input3": samples}))


def test_a_folder_of_test_data(run, data, tmp_path):
    samples = numpy.random.default_rng(3).random((3, 1, 1, 28, 28), dtype=numpy.float32)
    for i, sample in enumerate(samples):
        folder = tmp_path / "sets" / f"test_data_set_{i}"
        folder.mkdir(parents=True)
        tensor = numpy_helper.from_array(sample, "Input3") if i else helper.make_tensor("Input3", TensorProto.FLOAT, sample.shape, sample.ravel())
        (folder / "input_0.pb").write_bytes(tensor.SerializeToString())
    expected = reference(data / "mnist_winml.onnx", {"Input3": samples[:, 0]})
    outputs = run(data / "mnist_winml.onnx", tmp_path / "sets")
    check_same(outputs, {name: array[:, None] for name, array in expected.items()})


def test_a_mapping_of_pixels(run, data, tmp_path):
    pixels = numpy.random.default_rng(4).integers(0, 256, (5, 28, 28), dtype=numpy.uint8)
    numpy.save(tmp_path / "pixels.npy", pixels)
    model = data / "mnist_winml.onnx"
    for mapping in [(), ("Input3:shape=N,1,28,28",)]:
        text = run(model, tmp_path / "pixels.npy", *mapping)
        assert text.startswith("bad_data: ") and "--input Input3:scale=1/255,shape=N,1,28,28" in text
    feeds = {"Input3": ((pixels[:, None] * (1 / 255) - 0.1) / 0.3).astype(numpy.float32)}
    check_same(run(model, tmp_path / "pixels.npy", "Input3:scale=1/255,mean=0.1,std=0.3,shape=N,1,28,28"), reference(model, feeds))


def small_model(path, nodes, inputs, outputs):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(*i) for i in inputs], [helper.make_tensor_value_info(*o) for o in outputs])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


TYPES = ["float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool", "float16"]


@pytest.mark.parametrize("options", [(), ("--isolate",)], ids=["in process", "isolated"])
@pytest.mark.parametrize("name", TYPES)
def test_every_element_type(run, tmp_path, name, options):
    number = helper.np_dtype_to_tensor_dtype(numpy.dtype(name))
    small_model(tmp_path / "m.onnx", [helper.make_node("Identity", ["x"], ["y"])], [("x", number, ["N", 3])], [("y", number, ["N", 3])])
    samples = numpy.array([[0, 1, 1], [1, 0, 1]], dtype=name)
    numpy.savez(tmp_path / "s.npz", x=samples)
    outputs = run(tmp_path / "m.onnx", tmp_path / "s.npz", options=options)
    assert outputs["y"].dtype == samples.dtype and (outputs["y"] == samples).all()


def test_states_and_scalars(run, tmp_path):
    """Inputs whose first axis is none of samples: one more axis in front, or the same scalar for all."""
    small_model(tmp_path / "m.onnx", [helper.make_node("Mul", ["state", "factor"], ["next"])],
                [("state", TensorProto.FLOAT, [2, "N", 3]), ("factor", TensorProto.FLOAT, [])], [("next", TensorProto.FLOAT, [2, "N", 3])])
    state = numpy.arange(4 * 2 * 1 * 3, dtype=numpy.float32).reshape(4, 2, 1, 3)
    numpy.savez(tmp_path / "s.npz", state=state, factor=numpy.float32(3))
    assert (run(tmp_path / "m.onnx", tmp_path / "s.npz")["next"] == 3 * state).all()


def test_wrong_samples(run, data, tmp_path):
    model = data / "mnist_winml.onnx"
    good = numpy.zeros((2, 1, 28, 28), numpy.float32)

    def error(**arrays):
        numpy.savez(tmp_path / "s.npz", **arrays)
        return run(model, tmp_path / "s.npz")
    assert "'Input4'" in error(Input4=good) and "Input3" in error(Input4=good)
    assert "1x1x28x28" in error(Input3=good[:, 0])
    assert "NaN in sample 1" in error(Input3=numpy.where(numpy.arange(2).reshape(2, 1, 1, 1) == 1, numpy.nan, good))
    assert "no samples" in error(Input3=good[:0])
    assert "pickle" in error(Input3=numpy.array([None, "x"], dtype=object))
    assert "'>f4'" in error(Input3=good.astype(">f4"))
    assert run(model, data / "mnist_winml.onnx").startswith("bad_data: ")
    assert run(model, tmp_path / "absent.npz").startswith("not_found: ")


def test_models_that_the_runtime_lacks(run, data, tmp_path):
    small_model(tmp_path / "m.onnx", [helper.make_node("NoSuchOperator", ["x"], ["y"], domain="strange")],
                [("x", TensorProto.FLOAT, ["N"])], [("y", TensorProto.FLOAT, ["N"])])
    numpy.savez(tmp_path / "s.npz", x=numpy.zeros(2, numpy.float32))
    for options in [(), ("--isolate",)]:
        text = run(tmp_path / "m.onnx", tmp_path / "s.npz", options=options)
        assert "ONNX Runtime refuses the model" in text
    small_model(tmp_path / "t.onnx", [helper.make_node("Identity", ["x"], ["y"])], [("x", TensorProto.STRING, ["N"])], [("y", TensorProto.STRING, ["N"])])
    assert run(tmp_path / "t.onnx", tmp_path / "s.npz").startswith("unsupported: ")


def test_the_library_is_chosen_by_the_environment(run, data, tmp_path, monkeypatch):
    numpy.savez(tmp_path / "s.npz", Input3=numpy.zeros((1, 1, 28, 28), numpy.float32))
    assert "Plus214_Output_0" in run(data / "mnist_winml.onnx", tmp_path / "s.npz")
    monkeypatch.setenv("TT_ONNXRUNTIME", str(tmp_path / "nothing.so"))
    text = run(data / "mnist_winml.onnx", tmp_path / "s.npz")
    assert text.startswith("unsupported: cannot load ONNX Runtime") and "TT_ONNXRUNTIME" in text
