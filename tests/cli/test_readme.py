"""The tour of README.md is real: its commands are run as a user would type them, and their output is compared line by line.

In a ```console block a line that begins with `$ ` is a command, `> ` continues it, and the lines below it are what a terminal shows,
both streams. All blocks share one shell. Not compared: seconds and peak memory. Compared within 0.5 %: sizes of files with `kB` or `bytes`, their ratios and
shares of a budget, because a .tt file names the CPU type that made it. Everything else, every line of the tables too, must be equal.

A change that users may see: TT_ACCEPT=1 writes the new output into README.md, for `git diff` to judge.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONSOLE = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.M | re.S)
MASKED = re.compile(r"\d+\.\d+ s\b|peak memory \d+(\.\d+)? [kM]B")
CLOSE = re.compile(r"\d+(?:\.\d+)?(?= kB| bytes| % of the budget)|(?<=ratio )\d\.\d+|(?<=--target-ratio )\d\.\d+")
TOLERANCE = 0.005


def steps_of(block):
    """[(command, [line of output])]"""
    steps = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif line.startswith("> "):
            steps[-1] = (steps[-1][0] + "\n" + line[2:], [])
        else:
            assert steps, f"output without a command: {line}"
            steps[-1][1].append(line)
    return steps


def run(commands, folder, environment):
    """The output lines of every command, run one after the other in one shell. A mark ends each output and keeps `$?`."""
    script = "mark() { local status=$?; printf '\\036'; return $status; }\n" + "".join(f"{command}\nmark\n" for command in commands)
    done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          cwd=folder, env=environment, timeout=120)
    outputs = done.stdout.decode().split("\036")
    assert len(outputs) == len(commands) + 1 and outputs[-1] == "", done.stdout.decode()
    return [output.splitlines() for output in outputs[:-1]]


def same(shown, real):
    shown, real = MASKED.sub("*", shown), MASKED.sub("*", real)
    if CLOSE.sub("#", shown) != CLOSE.sub("#", real):
        return False
    pairs = zip(CLOSE.findall(shown), CLOSE.findall(real), strict=True)
    return all(abs(float(a) - float(b)) <= TOLERANCE * float(a) for a, b in pairs)


def accept(outputs):
    """Writes what the commands print into README.md."""
    rest = iter(outputs)

    def rewrite(block):
        commands = ["$ " + command.replace("\n", "\n> ") for command, _ in steps_of(block[0])]
        return "".join("\n".join([command, *next(rest)]) + "\n" for command in commands)

    README.write_text(CONSOLE.sub(rewrite, README.read_text()))


@pytest.fixture
def checkout(tmp_path, tt_path, environment):
    """A folder that looks like a built checkout, and a home with the environment that scripts/setup makes."""
    folder, home = tmp_path / "tt", tmp_path / "home"
    (folder / "build").mkdir(parents=True)
    (folder / "build" / "tt").symlink_to(tt_path)
    shutil.copytree(ROOT / "tests" / "data", folder / "tests" / "data")
    (home / ".cache" / "tt").mkdir(parents=True)
    (home / ".cache" / "tt" / "venv").symlink_to(sys.prefix)
    return folder, dict(environment, HOME=str(home))


def test_tour(checkout):
    steps = steps_of("".join(CONSOLE.findall(README.read_text())))
    assert len(steps) >= 10
    outputs = run([command for command, _ in steps], *checkout)
    if os.environ.get("TT_ACCEPT"):
        return accept(outputs)
    for (command, shown), real in zip(steps, outputs, strict=True):
        assert len(shown) == len(real) and all(map(same, shown, real)), "\n".join(
            ["$ " + command, "README.md shows:", *shown, "tt prints:", *real])


@pytest.mark.parametrize("shown, real, equal", [
    ("0.12 s, peak memory 21.25 MB", "3.40 s, peak memory 900.00 kB", True),
    ("a.tt (108.01 kB), ratio 0.4499", "a.tt (107.90 kB), ratio 0.4489", True),
    ("a.tt (108.01 kB), ratio 0.4499", "a.tt (101.00 kB), ratio 0.4499", False),
    ("conv   64x64x3x3  f16  13.44  61923  2.11e-04", "conv   64x64x3x3  f16  13.44  61924  2.11e-04", False),
    ("tt: error: cannot reach 1000 bytes", "tt: error: cannot reach 1000 byte", False)])
def test_what_counts_as_the_same(shown, real, equal):
    assert same(shown, real) == equal


def test_readme_is_short():
    assert len(README.read_text().splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
