"""The worked examples of docs/ are real: every page with a ```console block is run as test_readme.py runs README.md."""
import shutil

import pytest

from models import ROOT, SHARED
from pages import check_page
from test_readme import CONSOLE

EXAMPLES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if CONSOLE.search(page.read_text())]


@pytest.fixture
def checkout(tmp_path, tt_path):
    """A folder that looks like a built checkout, with larger models and their data where they are at hand."""
    folder = tmp_path / "tt"
    (folder / "build").mkdir(parents=True)
    (folder / "build" / "tt").symlink_to(tt_path)
    for name in ("tests", "configs", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    if SHARED.is_dir():
        for name, source in (("models", SHARED), ("data", SHARED.parent / "data")):
            (folder / name).mkdir()  # a page may write beside them, not into them
            for path in source.iterdir():
                (folder / name / path.name).symlink_to(path)
    return folder


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: str(page.relative_to(ROOT / "docs")))
def test_the_examples_of_a_page_are_real(page, checkout, environment):
    if " models/" in "".join(CONSOLE.findall(page.read_text())) and not (checkout / "models").exists():
        pytest.skip("shared/models is not there")
    check_page(page, checkout, environment)
