"""What all pytest tests share: the program under test and the long tests.

Run one file by hand with `pytest tests/cli/test_x.py`; TT_BUILD names the build folder (default: build).
"""
import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the long tests too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: scripts/test --all runs it"))


@pytest.fixture(scope="session")
def root():
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def tt_path():
    """The path of the program under test."""
    program = ROOT / os.environ.get("TT_BUILD", "build") / "tt"
    assert program.exists(), f"{program} is missing: build it, or name the build folder in TT_BUILD"
    return program


@pytest.fixture(scope="session")
def tt(tt_path):
    """The same; tests/cli replaces it by a function that runs it."""
    return tt_path


@pytest.fixture(scope="session")
def data():
    """The folder of small real models."""
    return ROOT / "tests" / "data"
