"""Runs every test of the project and ends with the line `N passed, N failed[, N skipped]`.

usage: run.py --build DIR [--all]

Unit tests are doctest programs that Meson lists; everything else under tests/ is pytest's. Long tests (doctest suite
"long", pytest marker `long`) run only with --all. Every test left out is printed with its reason.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

TESTS = pathlib.Path(__file__).resolve().parent
LONG_REASON = "long: scripts/test --all runs it"
SUMMARY = re.compile(r"^\[doctest\] test cases: *(\d+) *\| *(\d+) passed *\| *(\d+) failed *\| *(\d+) skipped", re.M)

Counts = collections.namedtuple("Counts", "passed failed skipped")


def say(text):
    print(text, flush=True)


def long_case_names(command):
    """The names of a doctest program's cases in the suite "long"."""
    listing = subprocess.run([*command, "--no-colors", "--list-test-cases", "--test-suite=long"],
                             capture_output=True, text=True, errors="replace", timeout=60).stdout
    return [line for line in listing.splitlines() if line and not line.startswith(("[doctest]", "====="))]


def run_doctest(name, command, timeout, with_long):
    """Runs one doctest program; a crash or a time-out counts as one failure beside what it had counted."""
    arguments = [*command, "--no-colors"] + ([] if with_long else ["--test-suite-exclude=long"])
    try:
        run = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                             timeout=timeout)
        output, status = run.stdout, run.returncode
    except subprocess.TimeoutExpired as stopped:
        output = (stopped.stdout or b"").decode(errors="replace") + f"\nstopped after {timeout} s\n"
        status = -1
    summary = SUMMARY.search(output)
    _, passed, failed, skipped = map(int, summary.groups()) if summary else (0, 0, 0, 0)
    if failed == 0 and (status != 0 or not summary):
        failed = 1
        output += f"\n{name} ended with status {status}" + ("\n" if summary else ", without a summary\n")
    if failed:
        say(output)
    say(f"unit/{name}: {passed} passed, {failed} failed, {skipped} skipped")
    long_cases = [] if with_long else long_case_names(command) if skipped else []
    for case in long_cases:
        say(f"skip: unit/{name}: {case}: {LONG_REASON}")
    if skipped > len(long_cases):
        say(f"skip: unit/{name}: {skipped - len(long_cases)} cases are marked skip in their source")
    return Counts(passed, failed, skipped)


def run_unit_tests(build, with_long):
    tests = json.loads((build / "meson-info" / "intro-tests.json").read_text())
    unit = [test for test in tests if any(suite.split(":")[-1] == "unit" for suite in test["suite"])]
    # Meson's own limit is for the short tests.
    return [run_doctest(test["name"], test["cmd"], test["timeout"] * (10 if with_long else 1), with_long) for test in unit]


def read_junit(path):
    """Counts the cases of pytest's report and prints the skips."""
    outcomes = collections.Counter()
    for case in ElementTree.parse(path).iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcomes["failed"] += 1
        elif skip is not None:
            outcomes["skipped"] += 1
            say(f"skip: {case.get('classname')}: {case.get('name')}: {skip.get('message')}")
        else:
            outcomes["passed"] += 1
    return Counts(outcomes["passed"], outcomes["failed"], outcomes["skipped"])


def run_pytest(build, with_long):
    environment = dict(os.environ, TT_BUILD=str(build), PYTHONDONTWRITEBYTECODE="1")
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        status = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}",
                                 *(["--long"] if with_long else []), str(TESTS)], env=environment).returncode
        counts = read_junit(report) if report.exists() else Counts(0, 0, 0)
    if status != 0 and counts.failed == 0:
        say(f"pytest ended with status {status}")
        counts = counts._replace(failed=1)
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    build = options.build.resolve()
    results = run_unit_tests(build, options.all) + [run_pytest(build, options.all)]
    passed, failed, skipped = map(sum, zip(*results))
    say(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
