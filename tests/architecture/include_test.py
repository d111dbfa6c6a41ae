"""The rules of docs/architecture.md, checked on every file of src/.

The tables of rooms and libraries are read from that page, so that page and test cannot drift apart.
"""
import fnmatch
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_LINES = 600
FORBIDDEN_FOLDER = "onnx"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
# A C++ standard header has neither a folder nor an ending; those of C are spelled <cname>.
STANDARD = re.compile(r"^[a-z_0-9]+$")


def table_rows(page, first_header):
    """The cells of the Markdown table whose first column is called `first_header`."""
    lines = iter(page.splitlines())
    for line in lines:
        if line.startswith(f"| {first_header} |"):
            break
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


class Rules:
    def __init__(self, page):
        self.rows = {room: int(row) for row, room, *_ in table_rows(page, "row")}
        self.libraries = []
        for name, headers, rooms, where in table_rows(page, "library"):
            self.libraries.append((name, re.findall(r"`([^`]+)`", headers), rooms.split(", "), where))

    def library_of(self, header):
        for library in self.libraries:
            if any(fnmatch.fnmatchcase(header, pattern) for pattern in library[1]):
                return library
        return None


def check_own(rules, src, room, header):
    target = header.split("/")[0]
    if "/" not in header or target not in rules.rows:
        yield f'"{header}" does not name a room'
    elif target != room and rules.rows[target] >= rules.rows[room]:
        yield f'"{header}" is in row {rules.rows[target]}, {room} in row {rules.rows[room]}'
    elif not (src / header).is_file():
        yield f'"{header}" does not exist'


def check_foreign(rules, room, header, is_header):
    library = rules.library_of(header)
    if library is None:
        if not STANDARD.match(header):
            yield f"<{header}> is not in the table of libraries"
        return
    name, _, rooms, where = library
    if room not in rooms:
        yield f"<{header}>: {name} belongs to {', '.join(rooms)}"
    elif is_header and where == "sources only":
        yield f"<{header}>: {name} may not stand in a header"


def violations(src, rules):
    """Everything in the tree `src` that breaks the rules, as lines `path: reason`."""
    found = []
    for path in sorted(src.rglob("*")):
        name = path.relative_to(src)
        if path.is_dir():
            if path.name == FORBIDDEN_FOLDER:
                found.append(f"{name}: a folder of this name hides the system's headers")
            continue
        if path.suffix not in (".h", ".cc"):
            continue
        text = path.read_text()
        lines = text.count("\n")
        reasons = [f"{lines} lines, {MAX_LINES} at most"] if lines > MAX_LINES else []
        room = name.parts[0]
        if room not in rules.rows:
            reasons.append("is in no room of docs/architecture.md")
        else:
            for kind, header in INCLUDE.findall(text):
                reasons += check_own(rules, src, room, header) if kind == '"' else \
                    check_foreign(rules, room, header, path.suffix == ".h")
        found += [f"{name}: {reason}" for reason in reasons]
    return found


@pytest.fixture(scope="module")
def rules():
    return Rules((ROOT / "docs" / "architecture.md").read_text())


def test_the_tables_are_read(rules):
    assert len(rules.rows) == 11
    assert rules.rows["cli"] == 6 and rules.rows["base"] == 1 and rules.rows["plan"] == rules.rows["container"] == 4
    for name, headers, rooms, where in rules.libraries:
        assert headers, name
        assert set(rooms) <= set(rules.rows), name
        assert where in ("sources only", "anywhere"), name


def test_src_keeps_the_rules(rules):
    assert any((ROOT / "src").rglob("*.cc"))
    assert violations(ROOT / "src", rules) == []


PLANTED = {
    "an upper room": ("tensor/x.cc", '#include "codec/codec.h"\n', "row 3"),
    "a neighbour": ("plan/x.cc", '#include "container/container.h"\n', "row 4"),
    "an indented include": ("codec/x.cc", '#  include "model/model.h"\n', "row 3"),
    "a header that is not there": ("codec/x.cc", '#include "base/nothing.h"\n', "does not exist"),
    "a header without its room": ("codec/x.cc", '#include "codec.h"\n', "does not name a room"),
    "an unknown room": ("misc/x.cc", "", "is in no room"),
    "a library in the wrong room": ("codec/x.cc", "#include <zstd.h>\n", "zstd belongs to base"),
    "an unknown library": ("base/x.cc", "#include <lz4.h>\n", "not in the table"),
    "a library in a header": ("base/x.h", "#include <nlohmann/json.hpp>\n", "may not stand in a header"),
    "a long file": ("base/x.cc", "\n" * (MAX_LINES + 1), "601 lines"),
    "a folder called onnx": ("model/onnx/x.cc", "", "hides the system's headers"),
}


@pytest.mark.parametrize("path, text, expected", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_violation_is_found(rules, tmp_path, path, text, expected):
    for header in ("codec/codec.h", "container/container.h", "model/model.h"):
        (tmp_path / header).parent.mkdir(exist_ok=True)
        (tmp_path / header).write_text("#pragma once\n")
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(text)
    found = violations(tmp_path, rules)
    assert len(found) == 1 and expected in found[0], found


def test_what_is_allowed_passes(rules, tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base/x.h").write_text('#include <vector>\n#include <cstdint>\n')
    (tmp_path / "base/x.cc").write_text('#include "base/x.h"\n#include <zstd.h>\n#include <sys/stat.h>\n')
    (tmp_path / "codec").mkdir()
    (tmp_path / "codec/x.cc").write_text('#include "base/x.h"\n')
    assert violations(tmp_path, rules) == []
