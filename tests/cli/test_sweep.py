"""tt analyze --sweep: points against compress and verify run by hand, the tutorials' curve, and going on after an interruption."""
import csv
import json
import os
import signal
import subprocess
import time

import pytest

GRID = ["--methods", "auto,svd,tt-rank", "--ratios", "0.1,0.05", "--ranks", "8,16"]


@pytest.fixture(scope="module")
def folder(digits_folder, tt_path):
    path = digits_folder
    probe = subprocess.run([tt_path, "verify", path / "digits.onnx", path / "digits.onnx", "--data", path / "test.npz"],
                           capture_output=True, text=True)
    if "built without ONNX Runtime" in probe.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    return path


def arguments(folder, *more):
    """Of a sweep; --data and --labels may be given otherwise."""
    samples = {"--data": folder / "test.npz", "--labels": folder / "labels.npy"}
    usual = [item for option, path in samples.items() if option not in more for item in (option, path)]
    return ["analyze", folder / "digits.onnx", "--sweep", *usual, "--no-latency", "--no-generate", *more]


def sweep_of(result):
    assert result.status == 0, result
    return json.loads(result.stdout)["sweep"]


def without_marks(points):
    return [{key: value for key, value in point.items() if not key.startswith("dominated")} for point in points]


# --- what it measures ---

def test_points_are_what_compress_and_verify_say(tt, tmp_path, folder):
    calibrated = ["--calib", folder / "calibration.npz"]
    assert tt("calibrate", folder / "digits.onnx", folder / "calibration.npz", "-o", "c.ttcal").status == 0
    sweep = sweep_of(tt(*arguments(folder, *GRID, *calibrated, "--json")))
    assert [point["id"] for point in sweep["points"]] == [
        "auto ratio=0.1", "auto ratio=0.05", "svd ratio=0.1", "svd ratio=0.05", "tt-rank rank=8", "tt-rank rank=16"]
    by_hand = {"auto ratio=0.05": ["--target-ratio", "0.05", "--calib", "c.ttcal"],
               "auto ratio=0.1": ["--target-ratio", "0.1", "--calib", "c.ttcal"],
               "tt-rank rank=8": ["--plan", "plan.json", "--max-rank", 8, "--no-fold"]}
    weights = [{"name": "fc1.weight", "encoding": "tt,modes=4x8x8x8x8,dtype=f32"},
               {"name": "fc2.weight", "encoding": "tt,modes=4x8x8x4x8x8,dtype=f32"},
               {"name": "fc3.weight", "encoding": "tt,modes=2x5x4x8x8,dtype=f32"}]
    (tmp_path / "plan.json").write_text(json.dumps({"tt_plan": 1, "weights": weights}))
    points = {point["id"]: point for point in sweep["points"]}
    for name, options in by_hand.items():
        assert tt("compress", folder / "digits.onnx", "-o", "x.tt", "--no-generate", *options).status == 0
        verified = json.loads(tt("verify", folder / "digits.onnx", "x.tt", "--data", folder / "test.npz", "--labels",
                                 folder / "labels.npy", "--no-latency", "--json").stdout)
        point = points[name]
        assert point["bytes"] == (tmp_path / "x.tt").stat().st_size
        assert point["figures"]["kl_mean"] == point["damage"] == verified["kl"]["mean"]
        assert point["figures"]["accuracy"] == verified["accuracy"]["candidate"]
        assert point["figures"]["relative_error"] == verified["outputs"][0]["relative_error"]
    assert sweep["samples"] == 540 and sweep["measure"] == "kl_mean" and sweep["original"]["accuracy"] > 0.975
    assert sweep["original"]["bytes"] == (folder / "digits.onnx").stat().st_size


def test_the_curve_of_the_tutorials(tt, folder):
    """Plain tensor trains keep 92 to 97 % near 4.5x and fall off a cliff; the default is above them at every size."""
    sweep = sweep_of(tt(*arguments(folder, "--calib", folder / "calibration.npz", "--methods", "auto,tt-rank", "--ranks",
                                   "2,4,8,12,16,20,22,24,28,32,48", "--ratios", "0.5,0.25,0.2,0.15,0.1,0.08,0.05,0.035,0.025,0.02,0.0125",
                                   "--json"), timeout=120))
    plain, default = ([point for point in sweep["points"] if point["family"] == family and point["bytes"]] for family in ("tt-rank", "auto"))
    near = [point["figures"]["accuracy"] for point in plain if 4 <= point["compression"] <= 5]
    assert near and all(0.92 <= accuracy <= 0.97 for accuracy in near), near
    assert any(point["figures"]["accuracy"] < 0.7 for point in plain if point["compression"] < 13)
    assert all(a["figures"]["accuracy"] <= b["figures"]["accuracy"] + 0.02 for a, b in zip(plain, plain[1:]))
    for point in plain:
        smaller = [other["figures"]["accuracy"] for other in default if other["bytes"] <= point["bytes"]]
        assert smaller and max(smaller) > point["figures"]["accuracy"], point
        assert point["dominated"] and point["dominated_by"].startswith("auto")


def test_dominated_points_are_those_that_another_beats(tt, folder):
    points = sweep_of(tt(*arguments(folder, *GRID, "--json")))["points"]
    by_id = {point["id"]: point for point in points}
    for point in points:
        better = [other for other in points if other["damage"] < point["damage"] and other["bytes"] <= 1.01 * point["bytes"]]
        assert point["dominated"] == bool(better)
        if better:
            assert by_id[point["dominated_by"]]["damage"] == min(other["damage"] for other in better)
        else:
            assert point["dominated_by"] is None


def test_latency_is_that_of_the_factored_form(tt, folder):
    options = [item for item in arguments(folder, "--methods", "svd-rank", "--ranks", 4, "--json") if item != "--no-latency"]
    figures = sweep_of(tt(*options))["points"][0]["figures"]
    assert 0 < figures["latency_ms"] and 0 < figures["latency_original_ms"]


def test_a_size_out_of_reach_is_a_point_without_a_file(tt, folder):
    done = tt(*arguments(folder, "--methods", "svd", "--ratios", "0.2,0.0001", "--sweep-out", "s.csv", "--json"))
    reached, missed = sweep_of(done)["points"]
    assert reached["bytes"] and reached["why_not"] is None
    assert missed["bytes"] is None and missed["figures"] is None and "cannot reach" in missed["why_not"]
    assert "out of reach" in tt(*arguments(folder, "--methods", "svd", "--ratios", "0.0001")).stdout


def test_ranks_beyond_the_last_that_helps_are_left_out(tt, folder):
    points = sweep_of(tt(*arguments(folder, "--methods", "tt-rank", "--ranks", "64,1000,2000,3000", "--json")))["points"]
    assert [point["rank"] for point in points] == [64, 1000]


def test_the_same_for_any_number_of_threads(tt, folder):
    one, three = (sweep_of(tt(*arguments(folder, *GRID, "--json", "--threads", threads))) for threads in (1, 3))
    assert [point["bytes"] for point in one["points"]] == [point["bytes"] for point in three["points"]]


def test_embeddings_and_pictures_have_their_own_measure(tt, tmp_path, root):
    import numpy as np
    picture = np.random.default_rng(0).random((2, 1, 24, 24)).astype(np.float32)
    np.savez(tmp_path / "x.npz", input=picture)
    model = root / "tests" / "data" / "super_resolution.onnx"
    import onnx
    name = onnx.load(str(model)).graph.input[0].name
    shape = [d.dim_value for d in onnx.load(str(model)).graph.input[0].type.tensor_type.shape.dim]
    np.savez(tmp_path / "x.npz", **{name: np.random.default_rng(0).random([2 if not shape[0] else shape[0], *shape[1:]]).astype(np.float32)})
    done = tt("analyze", model, "--sweep", "--data", "x.npz", "--methods", "auto", "--ratios", "0.2", "--no-latency", "--no-generate", "--json")
    sweep = sweep_of(done)
    assert sweep["measure"] == "relative_error" and sweep["points"][0]["damage"] == sweep["points"][0]["figures"]["relative_error"]
    assert set(sweep["original"]) == {"bytes"}


# --- files ---

def test_the_csv_and_the_json_file_hold_the_points(tt, tmp_path, folder):
    points = sweep_of(tt(*arguments(folder, *GRID, "--sweep-out", "s.csv", "--json")))["points"]
    with open(tmp_path / "s.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [point["id"] for point in points]
    for row, point in zip(rows, points, strict=True):
        assert int(row["bytes"]) == point["bytes"] and row["dominated"] == str(int(point["dominated"]))
        for name, value in point["figures"].items():
            assert float(row[name]) == value
    assert tt(*arguments(folder, *GRID, "--sweep-out", "s.json")).status == 0
    assert json.loads((tmp_path / "s.json").read_text())["points"] == points
    assert not list(tmp_path.glob("*.part"))


def test_resumed_after_a_kill_it_gives_what_one_run_gives(tt, tt_path, tmp_path, folder, environment):
    grid = ["--methods", "auto,svd,tt", "--ratios", "0.3,0.2,0.15,0.1,0.07,0.05,0.03", "--sweep-out", "s.json"]
    running = subprocess.Popen([str(tt_path), *map(str, arguments(folder, *grid))], cwd=tmp_path, env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        part = tmp_path / "s.json.part"
        if part.exists() and part.read_text().count('"id"') >= 3:
            break
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert (tmp_path / "s.json.part").exists() and not (tmp_path / "s.json").exists()
    resumed = sweep_of(tt(*arguments(folder, *grid, "--resume", "--json")))
    assert 3 <= resumed["resumed"] < 21 and not (tmp_path / "s.json.part").exists()
    fresh = sweep_of(tt(*arguments(folder, *grid, "--json")))
    assert fresh["resumed"] == 0 and resumed["points"] == fresh["points"]


def interrupted(tt_path, tmp_path, folder, environment, *more):
    """A checkpoint, left by SIGTERM."""
    running = subprocess.Popen([str(tt_path), *map(str, arguments(folder, "--methods", "auto", "--sweep-out", "s.csv", *more))],
                               cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not (tmp_path / "s.csv.part").exists() and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGTERM)
    assert running.wait() == 143
    running.stderr.close()


def test_a_page_that_cannot_be_written_costs_no_second_sweep(tt, tt_path, tmp_path, folder, environment):
    options = ["--methods", "auto", "--sweep-out", "s.csv", "--report", "r.html"]
    running = subprocess.Popen([str(tt_path), *map(str, arguments(folder, *options))], cwd=tmp_path, env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "s.csv.part").exists() and running.poll() is None:
        time.sleep(0.01)
    (tmp_path / "r.html").mkdir()
    message = running.communicate()[1]
    assert running.returncode == 74 and "r.html" in message, message
    assert (tmp_path / "s.csv").exists() and (tmp_path / "s.csv.part").exists()
    (tmp_path / "r.html").rmdir()
    sweep = sweep_of(tt(*arguments(folder, *options, "--resume", "--json")))
    assert sweep["resumed"] == len(sweep["points"]) == 9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "s.csv"]


def test_more_settings_may_be_asked_for(tt, tt_path, tmp_path, folder, environment):
    interrupted(tt_path, tmp_path, folder, environment)
    sweep = sweep_of(tt(*arguments(folder, "--methods", "auto,tt-rank", "--ratios", "0.5,0.3", "--ranks", 8, "--sweep-out", "s.csv",
                                   "--resume", "--json")))
    assert sweep["resumed"] == 1 and [point["id"] for point in sweep["points"]] == ["auto ratio=0.5", "auto ratio=0.3", "tt-rank rank=8"]


@pytest.mark.parametrize("more", [["--seed", 7], ["--task", "regression"], ["--exclude", "fc1"], ["--no-fold"]], ids=lambda more: more[0])
def test_a_checkpoint_of_other_options_is_refused(expect_error, tt_path, tmp_path, folder, environment, more):
    interrupted(tt_path, tmp_path, folder, environment)
    before = (tmp_path / "s.csv.part").read_bytes()
    expect_error(65, "bad_data", ["of another model, samples or options", "leave --resume out"],
                 *arguments(folder, "--sweep-out", "s.csv", "--resume", *more))
    assert (tmp_path / "s.csv.part").read_bytes() == before and not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize("content, words", [
    (b"", ["not JSON"]), (b"{}", ["none of this version"]), (b'{"tt_sweep":2}', ["none of this version"]),
    (b'{"tt_sweep":1}', ["identity"]), (b'{"tt_sweep":1,"identity":{}}', ["another model"]), (b"\xff", ["not JSON"])])
def test_what_is_no_checkpoint(tt, tmp_path, folder, content, words):
    (tmp_path / "s.csv.part").write_bytes(content)
    done = tt(*arguments(folder, "--sweep-out", "s.csv", "--resume"))
    assert done.status == 65 and not (tmp_path / "s.csv").exists()
    assert all(word in done.stderr for word in words), done.stderr


# --- wrong uses ---

@pytest.mark.parametrize("options, words", [
    (["--sweep"], ["measures its files on samples", "--data samples.npz"]),
    (["--ratios", "0.5"], ["option --ratios is of a sweep", "--sweep"]),
    (["--data", "x.npz"], ["option --data is of a sweep"]),
    (["--sweep", "--data", "x.npz", "--methods", "auto,magic"], ["unknown family 'magic'"]),
    (["--sweep", "--data", "x.npz", "--methods", ""], ["--methods"]),
    (["--sweep", "--data", "x.npz", "--ratios", "0.5,1"], ["above 0 and below 1"]),
    (["--sweep", "--data", "x.npz", "--ratios", "0.5,,0.1"], ["above 0 and below 1"]),
    (["--sweep", "--data", "x.npz", "--ranks", "0"], ["integers from 1 to 65536"]),
    (["--sweep", "--data", "x.npz", "--ranks", ",".join(map(str, range(1, 66)))], ["1 to 64 integers"]),
    (["--sweep", "--data", "x.npz", "--resume"], ["--resume needs --sweep-out"]),
    (["--sweep", "--data", "x.npz", "--sweep-out", "s.txt"], ["ends in .csv or .json"]),
    (["--sweep", "--data", "-"], ["standard input"]),
])
def test_wrong_uses(expect_error, tmp_path, folder, options, words):
    (tmp_path / "x.npz").write_bytes((folder / "test.npz").read_bytes())
    expect_error(64, "usage", words, "analyze", folder / "digits.onnx", *options)
    assert not list(tmp_path.glob("s.*"))


@pytest.mark.parametrize("option, name", [("--data", "x.csv"), ("--data", "x.csv.part"), ("--calib", "x.csv"), ("--names", "x.csv")])
def test_the_output_is_no_input(expect_error, tmp_path, folder, option, name):
    """Nor may what is kept while it lasts replace one."""
    (tmp_path / name).write_bytes((folder / "test.npz").read_bytes())
    expect_error(64, "usage", [name], *arguments(folder, option, name, "--sweep-out", "x.csv"))
    assert (tmp_path / name).read_bytes() == (folder / "test.npz").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_page_is_no_output_of_the_sweep(expect_error, tmp_path, folder):
    for name in "s.json", "s.json.part":
        expect_error(64, "usage", ["--report", name], *arguments(folder, "--sweep-out", "s.json", "--report", name))


@pytest.mark.parametrize("missing", ["--data", "--labels"])
def test_what_is_missing_is_found_before_the_analysis(tt, tmp_path, folder, missing):
    done = tt(*arguments(folder, missing, "nowhere.npz", "--progress", "always"))
    assert done.status == 66 and "nowhere.npz" in done.stderr and "analysing" not in done.stderr, done


def test_warnings_survive_an_interruption(tt, tt_path, tmp_path, folder, environment):
    """What the sweep and the analysis warn of is said once, and a resumed sweep says what the first one said."""
    import numpy as np
    few = {name: array[:8] for name, array in np.load(folder / "calibration.npz").items()}
    np.savez(tmp_path / "few.npz", **few)
    interrupted(tt_path, tmp_path, folder, environment, "--calib", "few.npz")
    part = json.loads((tmp_path / "s.csv.part").read_text())
    assert part["warnings"], "few samples"
    part["warnings"].append("multiply-adds are not known")
    (tmp_path / "s.csv.part").write_text(json.dumps(part))
    done = tt(*arguments(folder, "--methods", "auto", "--ratios", 0.5, "--sweep-out", "s.csv", "--calib", "few.npz", "--resume", "--json"))
    assert json.loads(done.stdout)["warnings"] == part["warnings"]
    assert done.stderr.splitlines() == ["tt: warning: " + warning for warning in part["warnings"]]


def test_models_that_cannot_be_swept(tt, expect_error, tmp_path, folder):
    assert tt("compress", folder / "digits.onnx", "-o", "d.tt", "--target-ratio", 0.3, "--no-generate").status == 0
    done = tt("analyze", "d.tt", "--sweep", "--data", folder / "test.npz")
    assert done.status in (64, 65) and ".tt" in done.stderr
    import numpy as np
    from safetensors.numpy import save_file
    save_file({"w": np.ones((8, 8), np.float32)}, str(tmp_path / "w.safetensors"))
    expect_error(65, "unsupported", ["weights without a graph"], "analyze", "w.safetensors", "--sweep", "--data", folder / "test.npz")


def test_a_folder_that_cannot_be_written_is_found_first(tt, folder):
    done = tt(*arguments(folder, "--sweep-out", os.path.join("nowhere", "s.csv"), "--progress", "always"))
    assert done.status == 73 and "nowhere" in done.stderr and "analysing" not in done.stderr, done


def test_a_checkpoint_that_cannot_be_written_is_found_first(tt, tmp_path, folder):
    (tmp_path / "s.csv.part").mkdir()
    done = tt(*arguments(folder, "--sweep-out", "s.csv", "--progress", "always"))
    assert done.status == 73 and "'s.csv.part'" in done.stderr and "analysing" not in done.stderr, done
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv.part"]
