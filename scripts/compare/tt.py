"""tt itself at several budgets, with and without calibration data."""
import functools
import hashlib
import pathlib
import subprocess
import tempfile

FRACTIONS = (0.02, 0.03, 0.045, 0.0625, 0.09, 0.125, 0.18, 0.25)


class Unavailable(Exception):
    pass


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[0])


def version(binary):
    return hashlib.sha256(pathlib.Path(binary).read_bytes()).hexdigest()[:12]


def round_trip(binary, path, budget, calibration):
    with tempfile.TemporaryDirectory() as folder:
        small, whole = pathlib.Path(folder) / "small.tt", pathlib.Path(folder) / "whole.onnx"
        options = ["--calib", calibration] if calibration else []
        run(binary, "compress", path, "-o", small, "--target-bytes", budget, "--no-config", "--quiet", *options)
        run(binary, "decompress", small, "-o", whole, "--no-config", "--quiet")
        return small.stat().st_size, whole.read_bytes()


def calibrated(binary, path, samples, target):
    """The .ttcal where the binary makes one, else the samples."""
    try:
        run(binary, "calibrate", path, samples, "-o", target, "--no-config", "--quiet")
        return target
    except Unavailable:
        return samples


def sweep(binary, path, budgets, calibration):
    return [(f"{budget} bytes", functools.partial(round_trip, binary, path, budget, calibration)) for budget in budgets]
