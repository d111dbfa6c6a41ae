"""The program as a user runs it: no configuration of the machine, an empty folder, both streams captured."""
import collections
import json
import os
import subprocess
import sys

import pytest

Result = collections.namedtuple("Result", "status stdout stderr")


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Only what a program needs; HOME is empty."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}
    return dict(kept, HOME=str(tmp_path_factory.mktemp("home")), TERM="xterm")


@pytest.fixture
def tt(tt_path, tmp_path, environment):
    """tt("compress", model, "-o", out, env={...}, cwd=folder, stdin=b"...") -> Result with text streams."""
    def run(*arguments, env=None, cwd=None, stdin=b"", timeout=60):
        done = subprocess.run([str(tt_path), *map(str, arguments)], input=stdin, capture_output=True, timeout=timeout,
                              cwd=cwd or tmp_path, env=dict(environment, **(env or {})))
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    return run


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory, root):
    """What tests/digits.py writes: a classifier, the images it was trained on, and a test set. Read only."""
    path = tmp_path_factory.mktemp("digits")
    done = subprocess.run([sys.executable, "-B", root / "tests" / "digits.py", path], capture_output=True, text=True,
                          env=dict(os.environ, OPENBLAS_NUM_THREADS="1"), check=True)
    assert float(done.stdout.rsplit(maxsplit=1)[-1]) > 0.975
    return path


def check_error(result, status, *words):
    """One clear line and at most one hint: the contract of every failure."""
    assert result.status == status, result
    lines = [line for line in result.stderr.splitlines() if line.startswith("tt: error: ")]
    assert len(lines) == 1, result.stderr
    message = lines[0].removeprefix("tt: error: ")
    assert not message.endswith("."), message
    for word in words:
        assert word in result.stderr, result.stderr
    assert len(result.stderr.splitlines()) <= 2, result.stderr
    return message


@pytest.fixture
def expect_error(tt):
    """Runs a wrong use twice, as text and with --json, and checks both."""
    def expect(status, kind, words, *arguments, **options):
        text = tt(*arguments, **options)
        message = check_error(text, status, *words)
        assert text.stdout == ""
        assert "tt: hint: " in text.stderr
        if "--json" not in arguments and "--" not in arguments:
            report = tt("--json", *arguments, **options)
            assert report.status == status
            error = json.loads(report.stdout)["error"]
            assert error["kind"] == kind
            assert error["message"] == message and error["hint"]
        return message
    return expect
