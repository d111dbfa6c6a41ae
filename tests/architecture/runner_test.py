"""tests/run.py counts what really happened: a run that fails or dies never looks like one that passed."""
import importlib.util
import pathlib

import pytest

RUNNER = pathlib.Path(__file__).resolve().parents[1] / "run.py"

SUMMARY = "[doctest] test cases:  {} |  {} passed | {} failed | {} skipped"


@pytest.fixture(scope="module")
def runner():
    spec = importlib.util.spec_from_file_location("tt_test_runner", RUNNER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def program(folder, *lines):
    """A program of these shell lines in place of a doctest program."""
    path = folder / "test_fake"
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return [str(path)]


def test_a_summary_is_counted(runner, tmp_path):
    command = program(tmp_path, f'echo "{SUMMARY.format(5, 5, 0, 0)}"')
    assert runner.run_doctest("fake", command, 10, False) == (5, 0, 0)


def test_failures_are_counted_and_shown(runner, tmp_path, capsys):
    command = program(tmp_path, 'echo "x_test.cc:3: ERROR"', f'echo "{SUMMARY.format(5, 3, 2, 1)}"', "exit 1")
    assert runner.run_doctest("fake", command, 10, True) == (3, 2, 1)
    assert "x_test.cc:3: ERROR" in capsys.readouterr().out


@pytest.mark.parametrize("end", ["exit 0", "exit 3", "kill -SEGV $$"])
def test_a_program_without_a_summary_failed(runner, tmp_path, end):
    assert runner.run_doctest("fake", program(tmp_path, end), 10, False) == (0, 1, 0)


def test_a_bad_end_after_a_good_summary_failed(runner, tmp_path):
    command = program(tmp_path, f'echo "{SUMMARY.format(5, 5, 0, 0)}"', "kill -ABRT $$")
    assert runner.run_doctest("fake", command, 10, False) == (5, 1, 0)


def test_a_program_that_hangs_failed(runner, tmp_path, capsys):
    assert runner.run_doctest("fake", program(tmp_path, "echo begun", "exec sleep 60"), 1, False) == (0, 1, 0)
    assert "begun" in capsys.readouterr().out


def test_long_cases_are_named(runner, tmp_path, capsys):
    command = program(tmp_path, 'case "$*" in *--list-test-cases*)', 'echo "[doctest] listing all test case names"',
                      'echo "==="', 'echo "every bit"', 'echo "==="', 'exit 0', ";; esac",
                      f'echo "{SUMMARY.format(5, 5, 0, 1)}"')
    assert runner.run_doctest("fake", command, 10, False) == (5, 0, 1)
    assert "skip: unit/fake: every bit: long" in capsys.readouterr().out


def test_a_report_of_pytest_is_counted(runner, tmp_path, capsys):
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite><testcase classname="a" name="good"/>'
                      '<testcase classname="a" name="bad"><failure/></testcase>'
                      '<testcase classname="a" name="broken"><error/></testcase>'
                      '<testcase classname="a" name="left out"><skipped message="no network"/></testcase>'
                      "</testsuite></testsuites>")
    assert runner.read_junit(report) == (1, 2, 1)
    assert "skip: a: left out: no network" in capsys.readouterr().out
