"""configs/ci: the shell steps of both examples are run as their runners would run them, on a repository with a real model."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml

import numpy as np
import pytest
import yaml

from models import ROOT

CI = ROOT / "configs" / "ci"
SETTINGS = {"MODEL": "models/digits.onnx", "CALIBRATION": "data/calibration.npz", "TEST_DATA": "data/test.npz",
            "TEST_LABELS": "data/labels.npy", "TT_VERSION": "v1", "MAX_DROP": "1"}


def git(folder, *arguments):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=v1", *arguments],
                   cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """What a job clones: a repository with the scripts of this checkout."""
    if shutil.which("git") is None or shutil.which("dpkg-query") is None:
        pytest.skip("git or dpkg is missing")
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "meson.build", folder)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "scripts")
    return folder


@pytest.fixture
def workspace(tmp_path, tt_path, source, environment, digits_folder):
    """(folder, variables): a user's repository, and .tt as a job before it left it."""
    for folder, names in (("models", ["digits.onnx"]), ("data", ["calibration.npz", "test.npz", "labels.npy"])):
        (tmp_path / folder).mkdir()
        for name in names:
            shutil.copy(digits_folder / name, tmp_path / folder)
    (tmp_path / ".tt" / "bin").mkdir(parents=True)
    (tmp_path / ".tt" / "bin" / "tt").symlink_to(tt_path)
    # Where the tools of the first step are there nothing is installed; git-lfs is only run by the checkout.
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "git-lfs").touch(0o755)
    return tmp_path, dict(environment, PATH=f"{tmp_path / 'tools'}:{os.environ['PATH']}", TT_REPOSITORY=source.as_uri(), **SETTINGS)


def github_steps():
    job = yaml.safe_load((CI / "github-actions.yml").read_text())
    return job["env"], job["jobs"]["compress"]["steps"]


def run_github(folder, variables):
    """Every `run` step by the shell that the runner would take; a step's words to GITHUB_PATH hold for the next ones."""
    environment, steps = github_steps()
    environment = dict({name: str(value) for name, value in environment.items()}, **variables)
    paths, done = folder / ".github_path", None
    for step in (step for step in steps if "run" in step):
        added = paths.read_text().splitlines() if paths.exists() else []
        env = dict(environment, GITHUB_PATH=str(paths), PATH=":".join([*added[::-1], environment["PATH"]]))
        done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], cwd=folder, env=env,
                              capture_output=True, text=True, timeout=120)
        if done.returncode:
            return step["name"], done
    return None, done


def run_gitlab(folder, variables):
    config = yaml.safe_load((CI / "gitlab-ci.yml").read_text())
    job = config["compressed model"]
    environment = dict({name: str(value) for name, value in config["variables"].items()}, **variables)
    script = "set -eo pipefail\n" + "\n".join(job["before_script"] + job["script"]) + "\n"
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    return (None if done.returncode == 0 else "script"), done


RUNNERS = pytest.mark.parametrize("runner", [run_github, run_gitlab], ids=["github", "gitlab"])


def skip_without_runtime(done):
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")


@RUNNERS
def test_a_good_model_passes_and_leaves_its_artefacts(workspace, runner, tt):
    folder, variables = workspace
    failed, done = runner(folder, variables)
    skip_without_runtime(done)
    assert failed is None, (failed, done.stdout, done.stderr)
    assert (folder / "out" / "model.tt").stat().st_size <= 0.25 * (folder / "models" / "digits.onnx").stat().st_size
    assert json.loads((folder / "out" / "compress.json").read_text())["calibrated"]
    suite = xml.parse(folder / "out" / "gates.xml").getroot()
    cases = {case.get("name"): case.find("failure") for case in suite.iter("testcase")}
    assert "max_drop" in cases and set(cases.values()) == {None}
    assert tt("decompress", folder / "out" / "rollback.tt", "-o", "back.onnx").status == 0
    assert (folder / "back.onnx").read_bytes() == (folder / "models" / "digits.onnx").read_bytes()


@RUNNERS
def test_a_model_that_lost_too_much_fails_the_job_at_the_gate(workspace, runner):
    folder, variables = workspace
    failed, done = runner(folder, dict(variables, TARGET_RATIO="0.012", MAX_DROP="0.1"))
    skip_without_runtime(done)
    assert failed in ("Gate", "script") and done.returncode == 1, (failed, done.stderr)
    assert "1 of 1 gates failed" in done.stderr
    suite = xml.parse(folder / "out" / "gates.xml").getroot()
    assert sum(case.find("failure") is not None for case in suite.iter("testcase")) == 1, "the report is there to be read"


@RUNNERS
def test_a_file_that_is_missing_fails_the_job(workspace, runner):
    folder, variables = workspace
    (folder / "data" / "calibration.npz").unlink()
    failed, done = runner(folder, variables)
    assert failed in ("Compress", "script") and done.returncode == 66 and not (folder / "out" / "model.tt").exists()


def test_the_artefacts_are_files_that_the_steps_write():
    written = set(re.findall(r"out/[\w.]+", "\n".join(step.get("run", "") for step in github_steps()[1])))
    uploads = [step["with"]["path"].split() for step in github_steps()[1] if "upload-artifact" in step.get("uses", "")]
    assert {path for paths in uploads for path in paths} == written
    gitlab = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["compressed model"]
    assert gitlab["artifacts"]["paths"] == ["out"] and gitlab["artifacts"]["reports"]["junit"] in written


def test_the_checkout_has_what_it_asks_for():
    """lfs: true fails where git-lfs is missing, and Debian's image has neither git nor it."""
    steps = github_steps()[1]
    checkout = next(index for index, step in enumerate(steps) if "checkout" in step.get("uses", ""))
    assert steps[checkout]["with"]["lfs"] and any("git-lfs" in step.get("run", "") for step in steps[:checkout])


def test_both_examples_do_the_same():
    def commands(text):
        return [" ".join(line.replace("\\\n", " ").split()) for line in text]
    github = commands("\n".join(step["run"] for step in github_steps()[1] if "run" in step).replace("\\\n", " ").splitlines())
    job = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["compressed model"]
    assert [line for line in github if line.startswith("tt ")] == [line for line in commands(job["script"]) if line.startswith("tt ")]


def test_a_name_of_the_model_with_spaces_and_a_dash(workspace):
    folder, variables = workspace
    (folder / "models" / "digits.onnx").rename(folder / "models" / "a model - 1.onnx")
    failed, done = run_github(folder, dict(variables, MODEL="models/a model - 1.onnx"))
    skip_without_runtime(done)
    assert failed is None, (failed, done.stderr)


def test_runtime_packages_are_those_of_the_libraries(tt_path):
    """scripts/packages-runtime.txt names the packages of all libraries that the program itself asks for."""
    if shutil.which("dpkg-query") is None or shutil.which("readelf") is None:
        pytest.skip("dpkg or readelf is missing")
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", subprocess.run(["readelf", "-d", tt_path], capture_output=True, text=True, check=True).stdout))
    linked = dict(re.findall(r"^\s*(\S+) => (/\S+)", subprocess.run(["ldd", tt_path], capture_output=True, text=True, check=True).stdout, re.M))
    if any("asan" in name or "clang" in name for name in linked):
        pytest.skip("a build with sanitizers needs more")
    packages = set()
    for name in needed & set(linked):
        path = pathlib.Path(linked[name]).resolve()
        found = subprocess.run(["dpkg-query", "-S", f"*/{path.parent.name}/{path.name}"], capture_output=True, text=True, check=True).stdout
        packages.add(found.split(":")[0])
    listed = {line.split("#")[0].strip() for line in (ROOT / "scripts" / "packages-runtime.txt").read_text().splitlines()} - {""}
    base = {"libc6", "libgcc-s1", "libstdc++6"}
    assert packages - base == listed


@pytest.mark.parametrize("arguments", [[], ["-x"], ["a", "b"]])
def test_install_needs_a_folder(arguments):
    done = subprocess.run([ROOT / "scripts" / "install", *arguments], capture_output=True, text=True)
    assert done.returncode == 64 and "usage" in done.stderr


@pytest.mark.long
def test_install_builds_what_is_not_there(tmp_path, digits_folder):
    done = subprocess.run([ROOT / "scripts" / "install", tmp_path / "prefix"], capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr
    tt = tmp_path / "prefix" / "bin" / "tt"
    np.save(tmp_path / "x.npy", np.zeros((4, 64), np.float32))
    subprocess.run([tt, "verify", digits_folder / "digits.onnx", digits_folder / "digits.onnx", "--data", tmp_path / "x.npy"], check=True,
                   env={"PATH": "/nowhere"})
    again = subprocess.run([ROOT / "scripts" / "install", tmp_path / "prefix"], capture_output=True, text=True, timeout=60)
    assert again.returncode == 0 and "building" not in again.stderr


