"""tt compress --effort max: layers make up for the losses of those before them, where held-out samples say that it helps."""
import json
import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def digits(tmp_path_factory, root):
    path = tmp_path_factory.mktemp("digits")
    subprocess.run([sys.executable, "-B", root / "tests" / "digits.py", path], capture_output=True, check=True,
                   env=dict(os.environ, OPENBLAS_NUM_THREADS="1"))
    return path


@pytest.fixture
def compress(tt, digits, tmp_path):
    """compress(calib, effort, options...) -> (report, bytes of the file)"""
    def run(calib, effort, *options):
        done = tt("compress", digits / "digits.onnx", "-o", "x.tt", "--calib", calib, "--effort", effort, "--target-bytes", 4200, "--json",
                  *options)
        if "built without ONNX Runtime" in done.stderr:
            pytest.skip("tt is built without ONNX Runtime")
        assert done.status == 0, done
        content = (tmp_path / "x.tt").read_bytes()
        (tmp_path / "x.tt").unlink()
        return json.loads(done.stdout), content
    return run


def error_of(tt, digits, content, folder):
    (folder / "y.tt").write_bytes(content)
    done = tt("verify", digits / "digits.onnx", "y.tt", "--data", digits / "test.npz", "--json")
    return json.loads(done.stdout)["outputs"][0]["relative_error"]


def test_less_is_lost_at_the_same_bytes(compress, tt, digits, tmp_path):
    plain, before = compress(digits / "calibration.npz", "default")
    moved, after = compress(digits / "calibration.npz", "max")
    assert plain["choice"]["compensated"] == 0 and moved["choice"]["compensated"] > 0
    assert moved["choice"]["damage"] < plain["choice"]["damage"] and len(after) <= 4200
    assert error_of(tt, digits, after, tmp_path) < 0.95 * error_of(tt, digits, before, tmp_path)


def test_the_certificate_is_against_the_original(compress, tt, digits, tmp_path):
    import onnx
    from onnx import numpy_helper
    import numpy
    report, content = compress(digits / "calibration.npz", "max")
    (tmp_path / "y.tt").write_bytes(content)
    assert tt("verify", "y.tt").status == 0
    assert tt("decompress", "y.tt", "-o", "y.onnx").status == 0
    back, original = ({t.name: numpy_helper.to_array(t).astype(float) for t in onnx.load(str(path)).graph.initializer}
                      for path in (tmp_path / "y.onnx", digits / "digits.onnx"))
    for weight in report["weights"]:
        name = weight["name"]
        error = numpy.linalg.norm(back[name] - original[name]) / numpy.linalg.norm(original[name])
        assert weight["relative_error"] == pytest.approx(error, rel=1e-5, abs=1e-7)


def test_the_bytes_do_not_depend_on_the_threads(compress, digits):
    first, second = (compress(digits / "calibration.npz", "max", "--threads", threads)[1] for threads in (1, 3))
    assert first == second


def test_a_calibration_file_has_too_few_samples_for_it(compress, tt, digits):
    assert tt("calibrate", digits / "digits.onnx", digits / "calibration.npz", "-o", "c.ttcal").status in (0, 65)
    assert compress("c.ttcal", "max")[0]["choice"]["compensated"] == 0
