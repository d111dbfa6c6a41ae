"""tt verify FILE.tt --rollback FILE: pairs that belong together, and those that do not."""
import json
import shutil

import numpy as np
import pytest

import models
from test_analyze import random_weight, save

DATA = models.ROOT / "tests" / "data"
DIGITS = DATA / "mnist_winml.onnx"


@pytest.fixture
def pair(tt, tmp_path):
    """pair(name, seed) -> the compressed chain and its rollback file."""
    def make(name="a", seed=0):
        model = save(tmp_path / f"{name}.onnx", {"a": random_weight(24, 40, seed=seed), "b": random_weight(40, 24, seed=1)}, inputs=(("x", ["N", 24]),))
        done = tt("compress", model, "-o", f"{name}.tt", "--rollback", f"{name}.rollback.tt", "--tensor", ".*=quant,rate=6")
        assert done.status == 0, done
        return f"{name}.tt", f"{name}.rollback.tt"
    return make


def check(tt, path, rollback, status=0):
    text, done = tt("verify", path, "--rollback", rollback), tt("--json", "verify", path, "--rollback", rollback)
    assert text.status == done.status == status, (text, done)
    report = json.loads(done.stdout)
    assert report["passed"] == (status == 0) and (report["reason"] is None) == (status == 0)
    return text, report


def test_a_pair_belongs_together(tt, pair, tmp_path):
    path, rollback = pair()
    text, report = check(tt, path, rollback)
    assert "restores exactly these files" in text.stdout
    assert report["path"] == path and report["rollback"] == {"path": rollback, "bytes": (tmp_path / rollback).stat().st_size}
    assert report["weights"] == 2 and report["edits"] == 0 and report["bytes"] == (tmp_path / path).stat().st_size
    import hashlib
    model = (tmp_path / "a.onnx").read_bytes()
    assert report["sources"] == [{"location": None, "bytes": len(model), "sha256": hashlib.sha256(model).hexdigest()}]
    piped = tt("verify", "-", "--rollback", rollback, stdin=(tmp_path / path).read_bytes())
    assert piped.status == 0 and "standard input" in piped.stdout


def test_an_edited_file_keeps_its_origin(tt, pair, tmp_path):
    path, rollback = pair()
    np.save(tmp_path / "d.npy", random_weight(24, seed=5))
    assert tt("edit", path, "-o", "edited.tt", "--project-out", "d.npy").status == 0
    assert check(tt, "edited.tt", rollback)[1]["edits"] == 1
    assert tt("edit", "edited.tt", "-o", "restored.tt", "--restore", "^a", "--rollback", rollback).status == 0
    assert check(tt, "restored.tt", rollback)[1]["edits"] == 2


def test_a_folded_model_and_external_data(tt, tmp_path):
    assert tt("compress", DIGITS, "-o", "digits.tt", "--rollback", "r.tt", "--target-ratio", "0.5", "--no-generate").status == 0
    check(tt, "digits.tt", "r.tt")
    shutil.copytree(DATA / "unitree_velocity", tmp_path / "walker")
    arguments = ("compress", tmp_path / "walker" / "policy.onnx", "--target-ratio", "0.5", "--no-generate")
    assert tt(*arguments, "-o", "walker.tt", "--rollback", "w.tt").status == 0
    assert len(check(tt, "walker.tt", "w.tt")[1]["sources"]) == 2
    # The same model file, and other numbers beside it.
    data = tmp_path / "walker" / "policy.onnx.data"
    data.chmod(0o644)
    numbers = np.frombuffer(data.read_bytes(), "<f4").copy()
    numbers[1000:1100] *= 2
    data.write_bytes(numbers.tobytes())
    assert tt(*arguments, "-o", "other.tt", "--rollback", "o.tt").status == 0
    text, report = check(tt, "walker.tt", "o.tt", 1)
    assert "file 'policy.onnx.data' that it restores has sha256" in report["reason"] and "tt: error: 'o.tt' does not belong to 'walker.tt'" in text.stderr
    assert tt("edit", "walker.tt", "-o", "x.tt", "--restore", ".*", "--rollback", "o.tt").status == 65
    assert "restores" in check(tt, "digits.tt", "w.tt", 1)[1]["reason"]


def test_swapped_pairs_and_what_is_not_lossless(tt, pair):
    first, second = pair("a"), pair("b", seed=7)
    for path, rollback in (first[0], second[1]), (second[0], first[1]):
        text, report = check(tt, path, rollback, 1)
        assert "the model file that it restores has sha256" in report["reason"] and "does NOT belong" in text.stdout
        assert "tt: hint: give the file" in text.stderr
    assert check(tt, first[0], first[0], 1)[1]["reason"] == "it is not lossless"
    assert check(tt, first[1], first[0], 1)[1]["reason"] == "it is not lossless"
    check(tt, first[1], first[1])


@pytest.mark.parametrize("damaged", [0, 1])
def test_damage_is_no_gate(tt, expect_error, pair, tmp_path, damaged):
    files = pair()
    good = (tmp_path / files[damaged]).read_bytes()
    for at in (len(good) // 3, len(good) // 2, len(good) - 1):
        broken = bytearray(good)
        broken[at] ^= 1
        (tmp_path / files[damaged]).write_bytes(broken)
        expect_error(65, "corrupt", [], "verify", files[0], "--rollback", files[1])
    (tmp_path / files[damaged]).write_bytes(good[:len(good) // 2])
    assert tt("verify", files[0], "--rollback", files[1]).status == 65


def test_a_rollback_that_lies(tt, expect_error, pair, tmp_path):
    """One that claims to be lossless is restored: a hash that it does not keep is damage."""
    path, rollback = pair()
    broken = (tmp_path / rollback).read_bytes()
    done = tt("--json", "verify", path, "--rollback", rollback)
    assert json.loads(done.stdout)["passed"]
    digest = bytes.fromhex(json.loads(done.stdout)["sources"][0]["sha256"])
    assert broken.count(digest) == 1
    (tmp_path / rollback).write_bytes(broken.replace(digest, bytes(32)))
    expect_error(65, "corrupt", [], "verify", path, "--rollback", rollback)


def test_wrong_uses(expect_error, pair, tmp_path):
    path, rollback = pair()
    np.save(tmp_path / "x.npy", np.zeros((4, 24), np.float32))
    for words, arguments in [
        (["--data needs two models"], ["--data", "x.npy"]), (["--max-drop needs two models"], ["--max-drop", "1"]),
        (["--junit needs two models"], ["--junit", "j.xml"]), (["--allow-symlinks"], ["--allow-symlinks"]),
    ]:
        expect_error(64, "usage", words, "verify", path, "--rollback", rollback, *arguments)
    expect_error(64, "usage", ["--rollback needs one file"], "verify", path, path, "--rollback", rollback)
    expect_error(64, "usage", ["empty"], "verify", path, "--rollback", "")
    expect_error(64, "usage", [], "verify", "-", "--rollback", "-")
    expect_error(66, "not_found", ["none.tt"], "verify", path, "--rollback", "none.tt")
    expect_error(65, "bad_data", ["a.onnx"], "verify", path, "--rollback", "a.onnx")
    expect_error(65, "bad_data", ["a.onnx"], "verify", "a.onnx", "--rollback", rollback)
    assert not (tmp_path / "j.xml").exists()
