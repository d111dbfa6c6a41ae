"""The memory promises of compress and decompress, and that inspect reads headers only."""
import collections
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

import big_files
import models

MEASURE = pathlib.Path(__file__).resolve().parent.parent / "measure.py"
MB = 10**6

Usage = collections.namedtuple("Usage", "peak read text")
Built = collections.namedtuple("Built", "path bytes largest")


@pytest.fixture
def measure(tt_path, environment):
    """measure("inspect", file) -> Usage of a run that ended well."""
    def run(*arguments):
        done = subprocess.run([sys.executable, "-I", "-S", str(MEASURE), str(tt_path), *map(str, arguments)],
                              capture_output=True, text=True, timeout=120, env=environment)
        usage = json.loads(done.stdout)
        assert usage["status"] == 0, done.stderr
        return Usage(usage["peak"], usage["read"], done.stderr)
    return run


def generated(folder):
    """150 MB of noise, 120 of them in one weight."""
    random = np.random.default_rng(11)
    shapes = {"large": (30_000, 1_000), "a": (3_000, 1_250), "b": (1_250, 3_000)}
    weights = {name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    save_file(weights, folder / "m.safetensors")
    return Built(folder / "m.safetensors", 150 * MB, 120 * MB)


def real(name):
    def find(_):
        import onnx
        path = models.SHARED / name
        if not path.exists():
            pytest.skip(f"{name} needs the folder shared/models beside the checkout")
        weights = onnx.load(str(path)).graph.initializer
        return Built(path, path.stat().st_size, max(len(weight.raw_data) for weight in weights))
    return find


RATIO, LOSSLESS = ("--target-ratio", "0.45"), ("--lossless",)
CASES = [pytest.param(source, goal, id=f"{name}-{kind}")
         for name, source in (("mnist_mlp", real("mnist_mlp_1024.onnx")), ("shakespeare_gpt", real("shakespeare_gpt.onnx")),
                              ("generated", generated))
         for kind, goal in (("ratio", RATIO), ("lossless", LOSSLESS))]


@pytest.mark.parametrize("source, goal", CASES)
def test_compress_and_decompress_keep_their_promise(measure, tmp_path, source, goal):
    model = source(tmp_path)
    packed = tmp_path / "x.tt"
    assert measure("compress", model.path, "-o", packed, *goal).peak <= 3 * model.bytes + 150 * MB
    assert measure("decompress", packed, "-o", tmp_path / "out").peak <= 1.5 * model.largest + 100 * MB


@pytest.mark.parametrize("make", [big_files.safetensors, big_files.onnx])
def test_inspect_reads_only_the_header(measure, tmp_path, make):
    try:
        model = make(tmp_path)
    except OSError as error:
        pytest.skip(f"no sparse file of {big_files.BYTES} bytes here: {error}")
    usage = measure("inspect", model)
    assert f"{big_files.ROWS}x{big_files.COLUMNS}" in usage.text
    assert usage.peak < 60 * MB
    if usage.read is None:
        pytest.skip("the system does not count the bytes that a process reads")
    assert usage.read < MB


def test_inspect_reads_only_the_header_of_a_container(measure, tmp_path):
    model = tmp_path / "m.safetensors"
    save_file({"w": np.random.default_rng(3).standard_normal((5_000, 1_000), np.float32)}, model)
    measure("compress", model, "-o", tmp_path / "x.tt", "--lossless")
    assert (tmp_path / "x.tt").stat().st_size > 15 * MB
    usage = measure("inspect", tmp_path / "x.tt")
    assert "5000x1000" in usage.text
    assert usage.peak < 60 * MB
    if usage.read is None:
        pytest.skip("the system does not count the bytes that a process reads")
    assert usage.read < MB
