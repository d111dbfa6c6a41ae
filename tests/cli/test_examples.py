"""The worked examples of docs/ are real: every page with a ```console block is run as test_readme.py runs README.md.

Columns may be wider and figures differ by 2 %: what a runtime measures is not the same to the last digit on every machine.
A change that users may see: TT_ACCEPT=1 writes the new output into the page, for `git diff` to judge.
"""
import os
import re
import shutil
import sys

import pytest

from models import ROOT
from test_readme import CONSOLE, run, steps_of

EXAMPLES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if CONSOLE.search(page.read_text())]
NUMBER = re.compile(r"[-+~]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def close(shown, real):
    if NUMBER.sub("#", " ".join(shown.split())) != NUMBER.sub("#", " ".join(real.split())):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(real), strict=True)
    return all(abs(float(a.strip("~")) - float(b.strip("~"))) <= 0.02 * abs(float(a.strip("~"))) + 0.02 for a, b in pairs)


@pytest.fixture
def checkout(tmp_path, tt_path):
    """A folder that looks like a built checkout."""
    folder = tmp_path / "tt"
    (folder / "build").mkdir(parents=True)
    (folder / "build" / "tt").symlink_to(tt_path)
    shutil.copytree(ROOT / "tests", folder / "tests")
    for name in ("configs", "scripts"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: str(page.relative_to(ROOT / "docs")))
def test_the_examples_of_a_page_are_real(page, checkout, environment):
    text = page.read_text()
    steps = steps_of("".join(CONSOLE.findall(text)))
    python = os.path.dirname(sys.executable)
    outputs = run([command for command, _ in steps], checkout, dict(environment, PATH=f"{python}:{os.environ['PATH']}"))
    if os.environ.get("TT_ACCEPT"):
        rest = iter(outputs)
        page.write_text(CONSOLE.sub(lambda block: "".join("\n".join(["$ " + command.replace("\n", "\n> "), *next(rest)]) + "\n"
                                                          for command, _ in steps_of(block[0])), text))
        return
    for (command, shown), real in zip(steps, outputs, strict=True):
        shown, real = ([re.sub(r"[\d.]+ s, peak.*", "", line) for line in lines] for lines in (shown, real))
        assert len(shown) == len(real) and all(map(close, shown, real)), "\n".join(["$ " + command, *shown, "tt prints:", *real])
