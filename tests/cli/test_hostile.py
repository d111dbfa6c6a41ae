"""Files from strangers through the real program: the documented exit status, one line and a hint, no output, no memory blow-up."""
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "hostile"))
import make_hostile
import tt_file

SANITIZED = "ASAN_OPTIONS" in os.environ  # scripts/test-sanitizers: slower, and memory is not comparable
SECONDS = 30 if SANITIZED else 10         # a loaded machine; what hangs or multiplies takes far longer
OLD = b"the old output\n"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufffd]")
OUTPUTS = {"compress": "out.tt", "decompress": "out.onnx", "inspect": None}


@pytest.fixture(scope="session")
def samples(tt_path, tmp_path_factory):
    return tt_file.make_samples(str(tt_path), tmp_path_factory.mktemp("samples"))


# The peak of a child counts from its fork, so it is started by a process that is small itself.
MEASURE = """
import json, resource, subprocess, sys
status = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode
with open(sys.argv[1], "w") as out:
    json.dump([status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024], out)
"""


def run(tt_path, environment, folder, arguments):
    """Status, stdout, stderr and peak memory of one run."""
    measured = folder.parent / (folder.name + ".measured")
    child = subprocess.Popen([sys.executable, "-S", "-E", "-c", MEASURE, measured, str(tt_path), *arguments], cwd=folder, env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        stdout, stderr = child.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise AssertionError(f"still running after {SECONDS} s") from None
    status, memory = json.loads(measured.read_text())
    return status, stdout, stderr, memory


def tree(folder):
    """Everything but folders: those for external data may stay behind, empty."""
    return {str(path.relative_to(folder)): path.lstat().st_size for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}


def check_refusal(case, stderr, kind):
    text = stderr.decode()
    lines = text.splitlines()
    assert len([line for line in lines if line.startswith("tt: error: ")]) == 1, text
    assert len([line for line in lines if line.startswith("tt: hint: ")]) == 1, text
    assert not CONTROL.search(text), ascii(text)
    assert len(text) < 2000, text[:2000]
    assert kind in case.kinds, f"{kind}: {text}"


@pytest.mark.parametrize("case", make_hostile.CASES, ids=lambda case: case.name)
def test_hostile(case, tt_path, environment, samples, tmp_path):
    case.write(tmp_path, samples)
    file = tmp_path / case.file
    size = file.stat().st_size
    output = OUTPUTS[case.command]
    arguments = ["--no-config", "--json", case.command, case.file, *case.args]
    if output:
        (tmp_path / output).write_bytes(OLD)
        arguments += ["-o", output]
    before = tree(tmp_path)
    status, stdout, stderr, memory = run(tt_path, environment, tmp_path, arguments)
    assert status in case.status, stderr.decode(errors="replace")
    if not SANITIZED:
        assert memory < 4 * size + 200 * 2**20, f"{memory / 2**20:.0f} MiB for a file of {size / 2**20:.1f} MiB"
    if status == 0:
        assert not CONTROL.search(stderr.decode()), ascii(stderr.decode())
    else:
        check_refusal(case, stderr, json.loads(stdout)["error"]["kind"])
        assert tree(tmp_path) == before
        assert not output or (tmp_path / output).read_bytes() == OLD
    if case.round_trip:
        check_round_trip(tt_path, environment, tmp_path, file)
    file.unlink()


def check_round_trip(tt_path, environment, folder, file):
    back = folder / "back"
    back.mkdir()
    status, _, stderr, _ = run(tt_path, environment, folder, ["--no-config", "decompress", "out.tt", "-o", "back/" + file.name])
    assert status == 0, stderr.decode(errors="replace")
    assert (back / file.name).read_bytes() == file.read_bytes()
    for path in (path for path in back.rglob("*") if path.is_file()):
        assert path.read_bytes() == (file.parent / path.relative_to(back)).read_bytes(), path


def test_enough_cases():
    assert len(make_hostile.CASES) >= 90


def refused(tt_path, environment, folder, name, data):
    """True if `inspect` or, where only the data is damaged, `decompress` refuses the file with exit status 65."""
    path = folder / f"{name}.tt"
    path.write_bytes(data)
    try:
        done = subprocess.run([str(tt_path), "--no-config", "decompress", path.name, "-o", f"{name}.onnx"], cwd=folder, env=environment,
                              capture_output=True, timeout=SECONDS)
        return done.returncode == 65 and not (folder / f"{name}.onnx").exists()
    finally:
        path.unlink()


def all_refused(tt_path, environment, folder, damaged):
    """`damaged`: pairs of a name and the bytes."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda item: (item[0], refused(tt_path, environment, folder, *item)), damaged)
        return [name for name, good in answers if not good]


# Every length is tried in process by the container's unit tests; here through the program: all short ones, around every
# boundary, and a regular sample of the rest.
def test_truncations(tt_path, environment, samples, tmp_path):
    data = samples["lossless"]
    step = 257 if SANITIZED else 41
    lengths = {*range(0, 80), *range(80, len(data), step), *range(len(data) - 80, len(data))}
    assert not all_refused(tt_path, environment, tmp_path, ((f"t{n}", data[:n]) for n in sorted(lengths)))


def test_bit_flips(tt_path, environment, samples, tmp_path):
    data = samples["lowrank"]
    step = 1031 if SANITIZED else 173
    def flips():
        for position in [*range(0, 400, 5), *range(400, len(data), step)]:
            changed = bytearray(data)
            changed[position] ^= 1 << position % 8
            yield f"f{position}", bytes(changed)
    assert not all_refused(tt_path, environment, tmp_path, flips())
