"""tt edit against NumPy, byte for byte undo, and what it refuses."""
import json
import struct

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

import make_models
import models
from test_analyze import random_weight, save

DIGITS = models.ROOT / "tests" / "data" / "mnist_winml.onnx"
LOSSLESS, QUANT = ("--lossless",), ("--tensor", ".*=quant,rate=6")


@pytest.fixture
def chain(tmp_path):
    """24 -> 40 -> 24 -> 10, stored in x out."""
    return save(tmp_path / "chain.onnx", {"a": random_weight(24, 40), "b": random_weight(40, 24, seed=1), "c": random_weight(24, 10, seed=2)},
                inputs=(("x", ["N", 24]),))


@pytest.fixture
def packed(tt, chain, tmp_path):
    """pack(*options) -> the compressed chain."""
    def pack(*options):
        done = tt("compress", chain, "-o", "in.tt", *options)
        assert done.status == 0, done
        return tmp_path / "in.tt"
    return pack


def weights_of(tt, path, tmp_path):
    done = tt("decompress", path, "-o", "weights.safetensors", "--layers", ".*", "--dtype", "f32")
    assert done.status == 0, done
    return {name: value.astype(np.float64) for name, value in load_file(tmp_path / "weights.safetensors").items()}


def edit(tt, path, *options, out="out.tt"):
    done = tt("--json", "edit", path, "-o", out, *options)
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    assert done.status == 0, done
    return json.loads(done.stdout)


def direction(tmp_path, values, name="d.npy"):
    np.save(tmp_path / name, values)
    return name


def test_the_input_side_is_projected(tt, packed, tmp_path):
    source = packed(*LOSSLESS)
    before = weights_of(tt, source, tmp_path)
    d = random_weight(24, seed=5)
    report = edit(tt, source, "--project-out", direction(tmp_path, d))
    assert [weight["name"] for weight in report["weights"]] == ["a", "c"]  # those with 24 inputs
    after, q = weights_of(tt, "out.tt", tmp_path), d / np.linalg.norm(d)
    for name in "ac":
        np.testing.assert_allclose(after[name], before[name] - np.outer(q, q @ before[name]), atol=1e-6)
    assert np.array_equal(after["b"], before["b"])
    for weight in report["weights"]:
        assert weight["response_before"] == pytest.approx(np.linalg.norm(q @ before[weight["name"]]), rel=1e-6)
        assert weight["response_after"] < 1e-6 * weight["response_before"]


def test_the_output_side_and_a_share(tt, packed, tmp_path):
    source = packed(*LOSSLESS)
    before = weights_of(tt, source, tmp_path)["a"]
    vectors = random_weight(3, 40, seed=6)
    vectors[2] = vectors[0] - vectors[1]
    report = edit(tt, source, "--project-out", direction(tmp_path, vectors), "--side", "output", "--strength", "0.25")
    assert [(weight["name"], weight["directions"]) for weight in report["weights"]] == [("a", 2)]
    q = np.linalg.qr(vectors[:2].T)[0]
    np.testing.assert_allclose(weights_of(tt, "out.tt", tmp_path)["a"], before - 0.25 * before @ q @ q.T, atol=1e-6)


def test_inject_is_the_inverse(tt, packed, tmp_path):
    source, d = packed(*LOSSLESS), direction(tmp_path, random_weight(40, seed=7))
    before = weights_of(tt, source, tmp_path)["b"]
    edit(tt, source, "--project-out", d, "--weights", "^b", "--strength", "0.8")
    assert edit(tt, "out.tt", "--project-out", d, "--weights", "^b", "--inject", "--strength", "4", out="back.tt")["action"] == "inject"
    np.testing.assert_allclose(weights_of(tt, "back.tt", tmp_path)["b"], before, atol=1e-5)


def test_other_weights_keep_their_cores(tt, packed, tmp_path):
    source = packed(*QUANT)
    edit(tt, source, "--project-out", direction(tmp_path, random_weight(40, seed=8)), "--weights", "^b")
    rows = [json.loads(tt("--json", "inspect", path).stdout)["weights"] for path in (source, "out.tt")]
    for old, new in zip(*rows):
        assert old["encoding"] == new["encoding"]
    old, new = (weights_of(tt, path, tmp_path) for path in (source, "out.tt"))
    assert np.array_equal(old["a"], new["a"]) and np.array_equal(old["c"], new["c"]) and not np.array_equal(old["b"], new["b"])
    assert tt("verify", "out.tt").status == 0


def test_a_plain_low_rank_changes_in_one_factor(tt, packed, tmp_path):
    source = packed("--tensor", "^b=lowrank,rank=6,dtype=f32", "--tensor", "^[ac]=raw", "--target-ratio", "1")
    d = direction(tmp_path, random_weight(24, seed=9))
    before = weights_of(tt, source, tmp_path)["b"]
    report = edit(tt, source, "--project-out", d, "--weights", "^b", "--side", "output")
    assert report["weights"][0]["encoding"]["format"] == "lowrank"
    after, q = weights_of(tt, "out.tt", tmp_path)["b"], np.load(tmp_path / d)
    q /= np.linalg.norm(q)
    np.testing.assert_allclose(after, before - np.outer(before @ q, q), atol=1e-5)
    # The left factor, 40 x 6 floats, is in both files as it was, and the right one is not.
    old, new = source.read_bytes(), (tmp_path / "out.tt").read_bytes()
    shared = [at for at in range(0, len(old) - 64, 4) if old[at:at + 64] in new]
    u = np.linalg.svd(before, full_matrices=False)[0][:, :6]
    floats = np.frombuffer(old[:len(old) // 4 * 4], "<f4")
    left = [at for at in range(len(floats) - 240)
            if np.isfinite(floats[at:at + 240]).all() and np.allclose(u @ (u.T @ floats[at:at + 240].reshape(40, 6)), floats[at:at + 240].reshape(40, 6), atol=1e-5)
            and np.abs(floats[at:at + 240]).max() > 0.1]
    assert left and set(range(4 * left[0], 4 * left[0] + 960 - 64, 4)) <= set(shared)


@pytest.mark.parametrize("options", [LOSSLESS, QUANT, ("--tensor", ".*=lowrank,rank=4"), ("--tensor", ".*=tt")])
def test_undo_restores_the_file_byte_for_byte(tt, packed, tmp_path, options):
    source, d = packed(*options), direction(tmp_path, random_weight(24, seed=10))
    bytes_before = source.read_bytes()
    first = edit(tt, source, "--project-out", d, out="one.tt")
    assert first["undo_file"] == "one.tt.undo"
    edit(tt, "one.tt", "--project-out", "pattern:1", "--weights", "^a", out="two.tt")
    row = json.loads(tt("--json", "inspect", "two.tt").stdout)["container"]["options"]["edits"]
    assert [(edit["direction"] == "pattern:1", edit["weights"]) for edit in row] == [(False, ["a", "c"]), (True, ["a"])]
    assert tt("edit", "two.tt", "--undo", "-o", "one.again.tt").status == 0
    assert (tmp_path / "one.again.tt").read_bytes() == (tmp_path / "one.tt").read_bytes()
    assert tt("edit", "one.again.tt", "--undo", "--undo-file", "one.tt.undo", "-o", "in.again.tt").status == 0
    assert (tmp_path / "in.again.tt").read_bytes() == bytes_before


def test_a_pattern_is_the_singular_vector(tt, packed, tmp_path):
    source = packed(*LOSSLESS)
    before = weights_of(tt, source, tmp_path)["b"]
    for side in ("input", "output"):
        edit(tt, source, "--project-out", "pattern:2", "--weights", "^b", "--side", side)
        u, sigma, vt = np.linalg.svd(before, full_matrices=False)
        sigma[1] = 0
        np.testing.assert_allclose(weights_of(tt, "out.tt", tmp_path)["b"], (u * sigma) @ vt, atol=1e-5)


def samples(tmp_path, name, shift, count=64, seed=0):
    """Inputs of the chain; without a shift the first three coordinates go together."""
    x = random_weight(count, 24, seed=seed)
    x[:, 1] += 2 * x[:, 0]
    np.save(tmp_path / name, (x + shift).astype(np.float32))
    return name


def test_means_give_the_direction(tt, packed, tmp_path):
    source, shift = packed(*LOSSLESS), np.zeros(24)
    shift[4] = 3
    before = weights_of(tt, source, tmp_path)["a"]
    pos, neg = samples(tmp_path, "p.npy", shift), samples(tmp_path, "n.npy", 0)
    report = edit(tt, source, "--positive", pos, "--negative", neg, "--layer", "^a")
    after = weights_of(tt, "out.tt", tmp_path)["a"]
    expected = before.copy()
    expected[4] = 0
    np.testing.assert_allclose(after, expected, atol=1e-4)
    assert report["target"]["samples"] == 64 and report["target"]["relative_error"] > 0.1 and report["collateral"] is None
    edit(tt, source, "--positive", pos, "--negative", neg, "--layer", "^a", "--side", "output")
    q = before[4] / np.linalg.norm(before[4])
    np.testing.assert_allclose(weights_of(tt, "out.tt", tmp_path)["a"], before - np.outer(before @ q, q), atol=1e-4)


def test_what_is_to_be_kept_changes_less(tt, packed, tmp_path):
    source, d = packed(*LOSSLESS), direction(tmp_path, np.eye(24)[0])
    keep = samples(tmp_path, "keep.npy", 0, count=400, seed=3)
    before, x = weights_of(tt, source, tmp_path)["a"], np.load(tmp_path / keep).astype(np.float64)
    def changed():
        after = weights_of(tt, "out.tt", tmp_path)["a"]
        assert np.linalg.norm(after[0]) < 1e-5 * np.linalg.norm(before[0])
        return np.linalg.norm(x @ (after - before)) / np.linalg.norm(x @ before)
    edit(tt, source, "--project-out", d, "--weights", "^a")
    plain = changed()
    report = edit(tt, source, "--project-out", d, "--weights", "^a", "--preserve", keep, "--max-collateral", "0.9")
    kept = changed()
    assert kept < 0.6 * plain
    assert report["weights"][0]["output_change"] == pytest.approx(kept, rel=0.1)  # C is shrunk
    # Nothing that leaves the direction out does better: least squares with NumPy.
    best = np.linalg.lstsq(x[:, 1:], x @ before, rcond=None)[0]
    least = np.linalg.norm(x[:, 1:] @ best - x @ before) / np.linalg.norm(x @ before)
    assert least <= kept < 1.05 * least
    assert report["collateral"]["samples"] == 400 and 0 < report["collateral"]["relative_error"] < 0.9


def test_the_gate(tt, packed, tmp_path):
    source, d = packed(*LOSSLESS), direction(tmp_path, np.eye(24)[0])
    keep = samples(tmp_path, "keep.npy", 0)
    edit(tt, source, "--project-out", d, "--preserve", keep)
    (tmp_path / "out.tt").unlink()
    (tmp_path / "out.tt.undo").unlink()
    arguments = ["edit", source, "-o", "out.tt", "--project-out", d, "--preserve", keep, "--max-collateral", "0.001"]
    done = tt(*arguments)
    assert done.status == 1 and done.stdout == ""
    assert "tt: error: the collateral is 0." in done.stderr and "above the limit of 0.001" in done.stderr and "no file was written" in done.stderr
    done = tt("--json", *arguments)
    report = json.loads(done.stdout)
    assert done.status == 1 and report["passed"] is False and report["output"] is None and report["collateral"]["relative_error"] > 0.001
    assert not (tmp_path / "out.tt").exists() and not (tmp_path / "out.tt.undo").exists()


def test_threads_change_nothing(tt, packed, tmp_path):
    source, d = packed(*QUANT), direction(tmp_path, random_weight(24, seed=11))
    found = set()
    for threads in (1, 4):
        edit(tt, source, "--project-out", d, "--threads", threads)
        found.add((tmp_path / "out.tt").read_bytes())
    assert len(found) == 1


def test_wrong_uses(expect_error, packed, tmp_path):
    source, d = packed(*LOSSLESS), direction(tmp_path, np.eye(24)[0])
    base = ["edit", source, "-o", "out.tt"]
    out = [*base, "--project-out", d]
    samples(tmp_path, "s.npy", 0)
    for words, arguments in [
        (["no output"], ["edit", source, "--project-out", d]),
        (["nothing to edit"], base),
        (["one of them is too many"], [*out, "--positive", "s.npy"]),
        (["needs --positive, --negative and --layer"], [*base, "--positive", "s.npy", "--layer", "a"]),
        (["the strength is 0"], [*out, "--strength", "0"]),
        (["the strength is 1.5", "at most 1"], [*out, "--strength", "1.5"]),
        (["at most 1000"], [*out, "--inject", "--strength", "1001"]),
        (["strength", "a number"], [*out, "--strength", "much"]),
        (["side", "input"], [*out, "--side", "left"]),
        (["needs --preserve"], [*out, "--max-collateral", "0.1"]),
        (["negative"], [*out, "--preserve", "s.npy", "--max-collateral", "-1"]),
        (["say which by --weights"], [*base, "--project-out", "pattern:1"]),
        (["pattern:9", "pattern:1 to pattern:4"], [*base, "--project-out", "pattern:9", "--weights", "a"]),
        (["pattern 'zzz' matches no weight"], [*out, "--weights", "zzz"]),
        (["more than one weight"], [*base, "--positive", "s.npy", "--negative", "s.npy", "--layer", "[ab]"]),
        (["matches no matrix"], [*base, "--positive", "s.npy", "--negative", "s.npy", "--layer", "zzz"]),
        (["--undo and --project-out exclude"], [*out, "--undo"]),
        (["--undo-file and --no-undo exclude"], [*out, "--undo-file", "u", "--no-undo"]),
        (["name of its own"], [*out, "--undo-file", "out.tt"]),
        (["only IN.tt"], [*base, "--project-out", "-"]),
        (["in.tt"], ["edit", source, "-o", source, "--project-out", d]),
    ]:
        expect_error(64, "usage", words, *arguments)
        assert not (tmp_path / "out.tt").exists()
    assert "no name for the undo file" in expect_error(64, "usage", ["--undo-file or --no-undo"], "edit", source, "-o", "-", "--project-out", d)


def test_unusable_directions(expect_error, packed, tmp_path):
    source = packed(*LOSSLESS)
    base = ["edit", source, "-o", "out.tt", "--project-out"]
    np.savez(tmp_path / "two.npz", a=np.ones(24), b=np.ones(24))
    np.save(tmp_path / "cube.npy", np.ones((2, 3, 4)))
    for words, values in [(["all directions are zero"], np.zeros(24)), (["not finite"], np.full(24, np.nan)),
                          (["of length 7", "no layer"], np.ones(7)), (["empty"], np.ones((0, 24)))]:
        expect_error(65, "bad_data", words, *base, direction(tmp_path, values))
    expect_error(65, "bad_data", ["2 arrays"], *base, "two.npz")
    expect_error(65, "bad_data", ["2x3x4"], *base, "cube.npy")
    expect_error(66, "not_found", ["none.npy"], *base, "none.npy")
    d = direction(tmp_path, np.ones(24))
    expect_error(65, "bad_data", ["weight 'b' has 40 inputs", "length 24"], *base, d, "--weights", "b")
    assert not (tmp_path / "out.tt").exists()


def test_damaged_undo_files(tt, expect_error, packed, tmp_path):
    source, d = packed(*QUANT), direction(tmp_path, np.ones(24))
    edit(tt, source, "--project-out", d)
    undo = (tmp_path / "out.tt.undo").read_bytes()
    base = ["edit", "out.tt", "-o", "back.tt", "--undo"]
    def refused(status, kind, words, data):
        (tmp_path / "u").write_bytes(data)
        expect_error(status, kind, words, *base, "--undo-file", "u")
        assert not (tmp_path / "back.tt").exists()
    refused(65, "bad_data", ["is not an undo file"], b"short")
    refused(65, "bad_data", ["is not an undo file"], b"X" + undo[1:])
    refused(65, "corrupt", ["sha256"], undo[:-40] + b"?" + undo[-39:])
    refused(65, "corrupt", ["sha256"], undo[:-1])
    import hashlib
    def sealed(body):
        return body + hashlib.sha256(body).digest()
    length, = struct.unpack_from("<I", undo, 8)
    text, rest = json.loads(undo[12:12 + length]), undo[12 + length:-32]
    def made(**changes):
        data = json.dumps(dict(text, **changes)).encode()
        return sealed(undo[:8] + struct.pack("<I", len(data)) + data + rest)
    refused(65, "corrupt", ["longer than the file"], sealed(undo[:8] + struct.pack("<I", 1 << 30) + undo[12:-32]))
    refused(65, "corrupt", ["outside"], made(pieces=[[0, 1 << 40, 5], *text["pieces"]]))
    refused(65, "corrupt", ["add up"], made(pieces=text["pieces"][:-1]))
    refused(65, "corrupt", ["2 numbers"], made(pieces=[[1, 2]]))
    refused(65, "corrupt", ["not the file before"], made(before_sha256="0" * 64))
    refused(65, "bad_data", ["does not belong to"], made(after_sha256="0" * 64))
    refused(65, "bad_data", ["before_bytes"], made(before_bytes="many"))
    (tmp_path / "out.tt.undo").unlink()
    expect_error(66, "not_found", ["out.tt.undo"], *base)
    (tmp_path / "u").write_bytes(made())
    assert tt(*base, "--undo-file", "u").status == 0
    assert (tmp_path / "back.tt").read_bytes() == source.read_bytes()


def test_a_kernel_and_the_standard_streams(tt, tmp_path):
    assert tt("compress", DIGITS, "-o", "digits.tt", "--target-ratio", "0.4", "--no-generate").status == 0
    report = edit(tt, "digits.tt", "--project-out", direction(tmp_path, random_weight(200, seed=12)))
    assert [weight["name"] for weight in report["weights"]] == ["Parameter87"]
    assert report["weights"][0]["response_after"] < 0.05 * report["weights"][0]["response_before"]
    done = tt("edit", "-", "-o", "piped.tt", "--project-out", "d.npy", stdin=(tmp_path / "digits.tt").read_bytes())
    assert done.status == 0 and "undo with: piped.tt.undo" in done.stderr
    assert (tmp_path / "piped.tt").read_bytes() == (tmp_path / "out.tt").read_bytes()
    edit(tt, "digits.tt", "--project-out", "d.npy", "--no-undo", out="alone.tt")
    assert not (tmp_path / "alone.tt.undo").exists()


def test_single_weights_come_back_from_the_rollback_file(tt, packed, tmp_path, chain):
    source = packed(*QUANT, "--rollback", "rollback.tt")
    edit(tt, source, "--project-out", direction(tmp_path, random_weight(24, seed=13)), out="edited.tt")
    report = edit(tt, "edited.tt", "--restore", "^a", "--rollback", "rollback.tt", out="restored.tt")
    assert report["action"] == "restore" and [weight["name"] for weight in report["weights"]] == ["a"]
    original, edited, restored = (weights_of(tt, path, tmp_path) for path in ("rollback.tt", "edited.tt", "restored.tt"))
    assert np.array_equal(restored["a"], original["a"])
    assert all(np.array_equal(restored[name], edited[name]) for name in "bc") and not np.array_equal(edited["a"], original["a"])
    row = json.loads(tt("--json", "inspect", "restored.tt").stdout)["container"]["options"]["edits"][-1]
    assert (row["action"], row["pattern"], row["weights"]) == ("restore", "^a", ["a"])
    assert tt("verify", "restored.tt").status == 0
    assert tt("edit", "restored.tt", "--undo", "-o", "again.tt").status == 0
    assert (tmp_path / "again.tt").read_bytes() == (tmp_path / "edited.tt").read_bytes()


def test_rollback_files_that_do_not_fit(tt, expect_error, packed, tmp_path):
    source = packed(*QUANT, "--rollback", "rollback.tt")
    base = ["edit", source, "-o", "out.tt"]
    expect_error(64, "usage", ["belong together"], *base, "--restore", "a")
    expect_error(64, "usage", ["belong together"], *base, "--rollback", "rollback.tt")
    expect_error(64, "usage", ["--undo and --restore"], *base, "--undo", "--restore", "a", "--rollback", "rollback.tt")
    expect_error(64, "usage", ["--restore and --strength"], *base, "--restore", "a", "--rollback", "rollback.tt", "--strength", "1")
    expect_error(64, "usage", ["matches no weight"], *base, "--restore", "zzz", "--rollback", "rollback.tt")
    expect_error(66, "not_found", ["none.tt"], *base, "--restore", "a", "--rollback", "none.tt")
    assert tt("compress", DIGITS, "-o", "other.tt", "--lossless").status == 0
    assert tt("compress", DIGITS, "-o", "folded.tt", "--rollback", "unfolded.tt", "--target-ratio", "0.5", "--no-generate").status == 0
    expect_error(65, "unsupported", ["graph was folded", "--no-fold"], "edit", "folded.tt", "-o", "out.tt", "--restore", "role:conv", "--rollback", "unfolded.tt")
    expect_error(65, "bad_data", ["does not belong to", "the model file that it restores has sha256"], *base, "--restore", "a", "--rollback", "other.tt")
    assert not (tmp_path / "out.tt").exists()


@pytest.mark.skipif(not (models.SHARED / "mnist_mlp_1024.onnx").exists(), reason="shared/models is not there")
@pytest.mark.parametrize("preserve", [False, True])
def test_a_digit_is_removed_and_the_other_nine_stay(tt, tmp_path, preserve):
    model, data = models.SHARED / "mnist_mlp_1024.onnx", models.SHARED.parent / "data"
    def pixels(name):
        return np.load(data / name).reshape(-1, 784).astype(np.float32) / 255
    def answers(path, x):
        session = models.session(path)
        return session.run(None, {session.get_inputs()[0].name: x})[0].argmax(axis=1)
    def accuracies(path):
        right = answers(path, test) == labels
        return right[labels == 3].mean(), right[labels != 3].mean()
    test, labels, known = pixels("mnist_test_x.npy"), np.load(data / "mnist_test_y.npy"), pixels("mnist_calib_x.npy")
    threes = answers(model, known) == 3
    np.save(tmp_path / "threes.npy", known[threes])
    np.save(tmp_path / "others.npy", known[~threes])
    assert tt("compress", model, "-o", "in.tt", "--target-bytes", "400kB", "--effort", "fast").status == 0
    edit(tt, "in.tt", "--positive", "threes.npy", "--negative", "others.npy", "--layer", "^6.weight",
         *(["--preserve", "others.npy", "--max-collateral", "0.1"] if preserve else []))
    assert tt("edit", "out.tt", "--undo", "-o", "back.tt").status == 0
    assert (tmp_path / "back.tt").read_bytes() == (tmp_path / "in.tt").read_bytes()
    for name in ("in", "out"):
        assert tt("decompress", f"{name}.tt", "-o", f"{name}.onnx").status == 0
    before, after = accuracies(tmp_path / "in.onnx"), accuracies(tmp_path / "out.onnx")
    assert before[0] > 0.95 and after[0] < 0.2
    assert after[1] > before[1] - 0.01


def test_a_vector_has_outputs_only(tt, expect_error, tmp_path):
    assert tt("compress", DIGITS, "-o", "digits.tt", "--lossless").status == 0
    d = direction(tmp_path, np.eye(16)[2])
    expect_error(65, "bad_data", ["'Parameter88' is a vector"], "edit", "digits.tt", "-o", "out.tt", "--project-out", d, "--weights", "Parameter88")
    edit(tt, "digits.tt", "--project-out", d, "--weights", "Parameter88", "--side", "output")
    assert weights_of(tt, "out.tt", tmp_path)["Parameter88"].ravel()[2] == 0


def test_a_calibration_has_no_outputs_to_gate(tt, expect_error, packed, tmp_path):
    source, d = packed(*LOSSLESS), direction(tmp_path, np.eye(24)[0])
    assert tt("decompress", source, "-o", "same.onnx").status == 0
    done = tt("calibrate", "same.onnx", samples(tmp_path, "keep.npy", 0), "-o", "keep.ttcal")
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    assert done.status == 0, done
    report = edit(tt, source, "--project-out", d, "--preserve", "keep.ttcal")
    assert report["collateral"] is None and report["weights"][0]["output_change"] > 0
    (tmp_path / "out.tt").unlink()
    expect_error(64, "usage", ["--preserve is a calibration"], "edit", source, "-o", "out.tt", "--project-out", d, "--preserve", "keep.ttcal",
                 "--max-collateral", "0.5")
    assert not (tmp_path / "out.tt").exists()


def tensors(tmp_path, **values):
    save_file(values, tmp_path / "in.safetensors")
    return tmp_path / "in.safetensors"


def pack_tensors(tt, tmp_path, *options, **values):
    done = tt("compress", tensors(tmp_path, **values), "-o", "in.tt", *options)
    assert done.status == 0, done
    return tmp_path / "in.tt"


def test_float64_is_projected_in_double(tt, tmp_path):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(40, 24)).repeat(2, axis=1)  # repeated: lossless is smaller
    d = rng.normal(size=48)
    q = d / np.linalg.norm(d)
    source = pack_tensors(tt, tmp_path, "--lossless", w=w)
    report = edit(tt, source, "--project-out", direction(tmp_path, d), "--weights", "w")
    assert tt("decompress", "out.tt", "-o", "out.safetensors").status == 0
    after = load_file(tmp_path / "out.safetensors")["w"]
    assert after.dtype == np.float64
    np.testing.assert_allclose(after, w - np.outer(w @ q, q), rtol=0, atol=1e-13)
    assert report["weights"][0]["response_after"] < 1e-6 * report["weights"][0]["response_before"]


def test_values_that_overflow_are_refused(tt, expect_error, tmp_path):
    rng = np.random.default_rng(1)
    more = ("--inject", "--strength", "1000", "--weights", "w")
    d = direction(tmp_path, np.eye(64)[0])
    half = (100 * rng.normal(size=(64, 64))).astype(np.float16)
    half[:, 32:] = 0
    source = pack_tensors(tt, tmp_path, "--lossless", w=half)
    message = expect_error(65, "bad_data", ["weight 'w' cannot be edited", "beyond the range of f16"], "edit", source, "-o", "out.tt", "--project-out", d, *more)
    assert "core" not in message
    large = (1e6 * rng.normal(size=(64, 64))).astype(np.float32)
    source = pack_tensors(tt, tmp_path, "--tensor", "w=lowrank,rank=8,dtype=f16", w=large)
    expect_error(65, "bad_data", ["weight 'w' cannot be edited", "a core holds values beyond the range of f16"], "edit", source, "-o", "out.tt", "--project-out", d, *more)
    huge = (1e38 * rng.uniform(size=(64, 64)).round(1)).astype(np.float32)
    source = pack_tensors(tt, tmp_path, "--lossless", w=huge)
    expect_error(65, "bad_data", ["weight 'w' cannot be edited", "not finite"], "edit", source, "-o", "out.tt", "--project-out", d, *more)
    assert not (tmp_path / "out.tt").exists() and not (tmp_path / "out.tt.undo").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_refused(tt, expect_error, tmp_path, value):
    w = np.zeros((64, 64), np.float32)
    w[3, 4] = value
    source = pack_tensors(tt, tmp_path, "--lossless", w=w)
    expect_error(65, "bad_data", ["weight 'w' cannot be edited", "not finite"], "edit", source, "-o", "out.tt",
                 "--project-out", direction(tmp_path, np.eye(64)[0]), "--weights", "w")


def test_a_file_without_a_graph_has_no_samples(tt, expect_error, tmp_path):
    source = pack_tensors(tt, tmp_path, "--lossless", w=np.zeros((64, 64), np.float32))
    np.save(tmp_path / "s.npy", np.zeros((8, 64), np.float32))
    done = tt("edit", source, "-o", "out.tt", "--positive", "s.npy", "--negative", "s.npy", "--layer", "w")
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    expect_error(65, "unsupported", ["without a graph"], "edit", source, "-o", "out.tt", "--positive", "s.npy", "--negative", "s.npy", "--layer", "w")
    expect_error(65, "unsupported", ["without a graph"], "edit", source, "-o", "out.tt", "--project-out", direction(tmp_path, np.eye(64)[0]),
                 "--weights", "w", "--preserve", "s.npy")


def test_a_pattern_that_a_weight_does_not_have(tt, expect_error, tmp_path):
    source = pack_tensors(tt, tmp_path, "--lossless", w=np.ones((3, 640), np.float32))
    expect_error(65, "bad_data", ["there are 1 patterns"], "edit", source, "-o", "out.tt", "--project-out", "pattern:2", "--weights", "w")
    assert not (tmp_path / "out.tt").exists()


def test_nothing_that_is_read_is_written_over(tt, expect_error, packed, tmp_path):
    source, d = packed(*LOSSLESS, "--rollback", "rollback.tt"), direction(tmp_path, np.eye(24)[0])
    keep = samples(tmp_path, "keep.npy", 0)
    edit(tt, source, "--project-out", d)
    kept = {name: (tmp_path / name).read_bytes() for name in (d, keep, "rollback.tt", "out.tt.undo", "in.tt", "out.tt")}
    out = ["edit", source, "--project-out", d, "--preserve", keep]
    for arguments in [
        [*out, "-o", d], [*out, "-o", keep], [*out, "-o", "new.tt", "--undo-file", keep], [*out, "-o", "new.tt", "--undo-file", "in.tt"],
        ["edit", "out.tt", "-o", "out.tt.undo", "--undo"], ["edit", "out.tt", "-o", "rollback.tt", "--restore", "a", "--rollback", "rollback.tt"],
    ]:
        expect_error(64, "usage", ["is the input file itself"], *arguments)
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept


def test_a_task_that_is_none(expect_error, packed, tmp_path):
    source, d = packed(*LOSSLESS), direction(tmp_path, np.eye(24)[0])
    expect_error(64, "usage", ["--task", "generic"], "edit", source, "-o", "out.tt", "--project-out", d, "--preserve", "x.npy", "--task", "guess")


def test_numbers_of_no_fixed_length_are_refused(tt, expect_error, tmp_path):
    tensor = make_models.typed_tensor("w", random_weight(64, 64).astype(np.float16).round(1))
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
                                   [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT16, ["N", 64])],
                                   [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT16, ["N", 64])], [tensor])
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)]), tmp_path / "varints.onnx")
    assert tt("compress", "varints.onnx", "-o", "in.tt", "--lossless").status == 0
    d = direction(tmp_path, random_weight(64, seed=3))
    expect_error(65, "unsupported", ["weight 'w' cannot be edited", "length depends on their value", "without --lossless"],
                 "edit", "in.tt", "-o", "out.tt", "--project-out", d)
    assert tt("compress", "varints.onnx", "-o", "flat.tt", "--target-ratio", "0.5", "--no-generate").status == 0
    edit(tt, "flat.tt", "--project-out", d)
    assert tt("decompress", "out.tt", "-o", "out.onnx").status == 0


@pytest.mark.parametrize("side, length", [("input", 24), ("output", 40)])
@pytest.mark.parametrize("keep", [False, True])
def test_coded_factors_change_in_one_core(tt, tmp_path, side, length, keep):
    """The file keeps its size, and little of the response is left."""
    rng = np.random.default_rng(4)
    strong = (rng.normal(size=(240, 12)) / (1 + np.arange(12))) @ rng.normal(size=(12, 400)) + 0.02 * rng.normal(size=(240, 400))
    chain = save(tmp_path / "chain.onnx", {"a": strong.astype(np.float32)}, inputs=(("x", ["N", 240]),))
    assert tt("compress", chain, "-o", "in.tt", "--tensor", "a=lowrank,step=0.02").status == 0
    before = weights_of(tt, "in.tt", tmp_path)["a"]
    d = direction(tmp_path, rng.normal(size=length * 10))
    np.save(tmp_path / "keep.npy", rng.normal(size=(600, 240)).astype(np.float32))
    report = edit(tt, "in.tt", "--project-out", d, "--side", side, *(["--preserve", "keep.npy"] if keep else []))
    weight, after = report["weights"][0], weights_of(tt, "out.tt", tmp_path)["a"]
    assert weight["response_after"] < 0.03 * weight["response_before"]
    assert weight["bytes_after"] < 1.4 * weight["bytes_before"]
    q = np.load(tmp_path / d) / np.linalg.norm(np.load(tmp_path / d))
    wanted = before - (np.outer(q, q @ before) if side == "input" else np.outer(before @ q, q))
    assert np.linalg.norm(after - wanted) < 0.1 * np.linalg.norm(before)
