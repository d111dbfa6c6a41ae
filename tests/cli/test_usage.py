"""Wrong uses: the exit status, one line, a hint, and an output path that is as before."""
import json
import os
import subprocess

import pytest

from conftest import check_error

OLD = b"the old output"


@pytest.fixture
def model(data, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes((data / "mnist_winml.onnx").read_bytes())
    return path


def open_terminal():
    """A pseudo-terminal; a bare chroot has none."""
    try:
        return os.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal here: {error}")


USAGE = [
    # arguments after the output exists as `old.tt`, words of the message or hint
    (["nonsense"], ["unknown command 'nonsense'", "tt help"]),
    (["compres"], ["did you mean 'tt compress'"]),
    (["compress"], ["no MODEL given", "tt help compress"]),
    (["compress", "model.onnx"], ["no output given", "tt help compress"]),
    (["compress", "", "-o", "old.tt"], ["no MODEL given"]),
    (["compress", "model.onnx", "other.onnx", "-o", "old.tt"], ["'other.onnx'"]),
    (["compress", "model.onnx", "-o"], ["--output needs a value"]),
    (["compress", "model.onnx", "--output="], ["--output needs a value"]),
    (["compress", "model.onnx", "-o", ""], ["--output needs a value"]),
    (["compress", "model.onnx", "-o", "old.tt", "-o", "x.tt"], ["--output is given more than once"]),
    (["compress", "model.onnx", "-o", "old.tt", "--target-ration", "0.3"], ["--target-ration", "did you mean --target-ratio"]),
    (["compress", "model.onnx", "-o", "old.tt", "--target-r", "0.3"], ["unknown option '--target-r'"]),
    (["compress", "model.onnx", "-o", "old.tt", "-x"], ["unknown option '-x'"]),
    (["compress", "model.onnx", "-o", "old.tt", "--lossless=yes"], ["--lossless takes no value"]),
    (["compress", "model.onnx", "-o", "old.tt", "--target-ratio"], ["--target-ratio needs a value"]),
    (["compress", "model.onnx", "-o", "old.tt", "--target-ratio", "--lossless"], ["--target-ratio needs a value"]),
    (["compress", "model.onnx", "-o", "old.tt", "--lossless", "--target-ratio", "0.5"], ["exclude each other"]),
    (["compress", "model.onnx", "-o", "old.tt", "--lossless", "--target-bytes", "5kB"], ["exclude each other"]),
    (["compress", "model.onnx", "-o", "old.tt", "--lossless", "--plan", "p.json"], ["exclude each other"]),
    (["compress", "model.onnx", "-o", "old.tt", "--plan", "p.json", "--target-bytes", "5kB"], ["exclude each other"]),
    (["compress", "model.onnx", "-o", "old.tt", "--config", "c.toml", "--no-config"], ["exclude each other"]),
    (["compress", "model.onnx", "-o", "old.tt", "--quiet", "--verbose"], ["exclude each other"]),
    (["compress", "model.onnx", "-o", "model.onnx"], ["is the input file itself"]),
    (["compress", "model.onnx", "-o", "./model.onnx"], ["is the input file itself"]),
    (["compress", "model.onnx", "-o", "hard.onnx"], ["is the input file itself"]),
    (["compress", "model.onnx", "-o", "soft.onnx"], ["is the input file itself"]),
    (["compress", "soft.onnx", "-o", "model.onnx"], ["is the input file itself"]),
    (["compress", "model.onnx", "-o", "old.tt", "--rollback", "hard.onnx"], ["--rollback", "is the input file itself"]),
    (["compress", "model.onnx", "-o", "old.tt", "--rollback", "old.tt"], ["name the same file"]),
    (["compress", "model.onnx", "-o", "old.tt", "--rollback", "./old.tt"], ["name the same file"]),
    (["compress", "model.onnx", "-o", "x.tt", "--plan-out", "x.tt"], ["name the same file"]),
    (["compress", "model.onnx", "-o", "old.tt", "--rollback", "-"], ["--rollback needs a file"]),
    (["compress", "model.onnx", "-o", "old.tt", "--tensor", "w"], ["PATTERN=SPEC"]),
    (["compress", "model.onnx", "-o", "old.tt", "--tensor", "=raw"], ["PATTERN=SPEC"]),
    (["compress", "model.onnx", "-o", "old.tt", "--tensor", "w="], ["encoding"]),
    (["compress", "model.onnx", "-o", "old.tt", "--tensor", "w=zip"], ["'zip'", "lowrank"]),
    (["compress", "model.onnx", "-o", "old.tt", "--tensor", "w=lowrank,rank=0"], ["rank"]),
    (["compress", "model.onnx", "-o", "old.tt", "--tensor", "w=lowrank,rank=2,rank=3"], ["rank"]),
    (["compress", "model.onnx", "-o", "old.tt", "--tensor", "(=raw"], ["--tensor", "'('"]),
    (["compress", "model.onnx", "-o", "old.tt", "--include", "["], ["--include", "'['"]),
    (["compress", "model.onnx", "-o", "old.tt", "--exclude", "(?P<"], ["--exclude"]),
    (["compress", "model.onnx", "-o", "old.tt", "--preserve", "a{99999}"], ["--preserve"]),
    (["decompress"], ["no FILE.tt given", "tt help decompress"]),
    (["decompress", "old.tt"], ["no output given"]),
    (["decompress", "old.tt", "-o", "old.tt"], ["is the input file itself"]),
    (["decompress", "old.tt", "-o", "x", "--form", "sparse"], ["--form", "one of dense"]),
    (["decompress", "old.tt", "-o", "x", "--form", "quantised"], ["--form", "one of dense, factored, quantized"]),
    (["decompress", "old.tt", "-o", "x", "--dtype", "f64"], ["--dtype", "original, f32, f16"]),
    (["decompress", "old.tt", "-o", "x", "--layers", "("], ["--layers"]),
    (["decompress", "old.tt", "-o", "x", "--layers", "a", "--external-data"], ["exclude each other"]),
    (["decompress", "old.tt", "-o", "-", "--external-data"], ["external data cannot go to standard output"]),
    (["inspect"], ["no FILE given"]),
    (["inspect", "model.onnx", "old.tt"], ["'old.tt'"]),
    (["inspect", "model.onnx", "-o", "x"], ["unknown option '-o'"]),
    (["config"], ["no action given", "config show"]),
    (["config", "edit"], ["unknown action 'edit'"]),
    (["config", "check"], ["no FILE given"]),
    (["config", "check", "a", "b"], ["'b'"]),
    (["config", "show", "a"], ["'a'"]),
    (["config", "check", "--origin", "a"], ["--origin belongs to config show"]),
    (["config", "show", "--max-rank", "3"], ["unknown option '--max-rank'"]),
    (["help", "nothing"], ["unknown command 'nothing'"]),
    (["help", "compress", "inspect"], ["'inspect'"]),
    (["version", "now"], ["takes no argument"]),
]

VALUES = [
    ("compress", "--target-ratio", ["0", "-0.1", "1.01", "nan", "inf", "1e-400", "0,5", "half", "0.5x", " 0.5", "0x1p-1"],
     "a number above 0 and at most 1"),
    ("compress", "--target-bytes", ["0", "-5", "1.5.2MB", "5XB", "MB", "99999999999999999999", "1e3", "nan"], "a number of bytes"),
    ("compress", "--max-rank", ["0", "-1", "1.5", "2147483648", "many", "18446744073709551617"], "an integer from 1 to 2147483647"),
    ("compress", "--epsilon", ["0", "-1", "1.5", "nan", "tiny"], "a number above 0 and at most 1"),
    ("compress", "--method", ["tucker", "quant", "SVD", "cp"], "one of auto, svd, tt"),
    ("compress", "--svd", ["fast", "Full"], "one of full, truncated, randomized"),
    ("compress", "--preset", ["medium", "LOW"], "one of low, balanced, high, newport"),
    ("compress", "--min-size", ["-1", "1k", "1.0"], "an integer from 0"),
    ("compress", "--seed", ["-1", "0x10", "18446744073709551616", "1.0"], "an integer from 0"),
    ("compress", "--threads", ["-1", "1025", "two", "1.0"], "an integer from 0 to 1024"),
    ("compress", "--max-memory", ["0", "lots", "-1GiB"], "a number of bytes"),
    ("compress", "--progress", ["yes", "AUTO"], "one of auto, always, never"),
    ("compress", "--log-level", ["trace", "5"], "one of error, warn, info, debug"),
    ("compress", "--log-format", ["xml"], "one of text, json"),
    ("decompress", "--threads", ["1e2"], "an integer from 0 to 1024"),
    ("inspect", "--threads", ["none"], "an integer from 0 to 1024"),
]


def prepare(tmp_path, model):
    (tmp_path / "old.tt").write_bytes(OLD)
    os.link(model, tmp_path / "hard.onnx")
    os.symlink("model.onnx", tmp_path / "soft.onnx")


def check_untouched(tmp_path, before):
    assert (tmp_path / "old.tt").read_bytes() == OLD
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("arguments,words", USAGE, ids=[" ".join(case[0]) for case in USAGE])
def test_wrong_use(expect_error, model, tmp_path, arguments, words):
    prepare(tmp_path, model)
    before = sorted(path.name for path in tmp_path.iterdir())
    content = model.read_bytes()
    expect_error(64, "usage", words, *arguments)
    check_untouched(tmp_path, before)
    assert model.read_bytes() == content


@pytest.mark.parametrize("command,option,value,allowed",
                         [(command, option, value, allowed) for command, option, values, allowed in VALUES for value in values])
def test_wrong_value(expect_error, model, tmp_path, command, option, value, allowed):
    prepare(tmp_path, model)
    before = sorted(path.name for path in tmp_path.iterdir())
    output = [] if command == "inspect" else ["-o", "old.tt"]
    expect_error(64, "usage", [option, allowed, f"tt help {command}"], command, "model.onnx", *output, option, value)
    expect_error(64, "usage", [option, allowed], command, "model.onnx", *output, f"{option}={value}")
    check_untouched(tmp_path, before)


def test_no_arguments_gives_short_usage(tt):
    result = tt()
    assert result.status == 64
    assert result.stdout == ""
    assert "usage: tt COMMAND" in result.stderr and "tt: error: no command given" in result.stderr


def test_json_with_data_on_standard_output(tt, model):
    for command in ("compress", "decompress"):
        result = tt(command, model, "-o", "-", "--json")
        check_error(result, 64, "standard output")
        assert json.loads(result.stdout)["error"]["kind"] == "usage"


def test_input_from_standard_input_is_not_overwritten(tt_path, environment, model, tmp_path):
    content = model.read_bytes()
    with open(model, "rb") as source:
        done = subprocess.run([str(tt_path), "compress", "-", "-o", str(model)], stdin=source, capture_output=True,
                              env=environment, cwd=tmp_path)
    assert done.returncode == 64 and b"is the input file itself" in done.stderr
    assert model.read_bytes() == content


def test_binary_data_is_not_written_to_a_terminal(tt_path, environment, model, tmp_path):
    master, slave = open_terminal()
    done = subprocess.run([str(tt_path), "compress", str(model), "-o", "-"], stdin=subprocess.DEVNULL, stdout=slave,
                          stderr=subprocess.PIPE, env=environment, cwd=tmp_path)
    os.close(slave)
    os.close(master)
    assert done.returncode == 64 and b"is a terminal" in done.stderr


ABSENT = [
    (["compress", "absent.onnx", "-o", "old.tt"], 66, "not_found"),
    (["compress", "folder", "-o", "old.tt"], 66, "not_found"),
    (["compress", "pipe", "-o", "old.tt"], 66, "not_found"),
    (["compress", "/dev/zero", "-o", "old.tt"], 66, "not_found"),
    (["compress", "model.onnx/x", "-o", "old.tt"], 66, "not_found"),
    (["compress", "model.onnx", "-o", "old.tt", "--plan", "absent.json"], 66, "not_found"),
    (["decompress", "absent.tt", "-o", "x.onnx"], 66, "not_found"),
    (["inspect", "absent.tt"], 66, "not_found"),
    (["config", "check", "absent.toml"], 66, "not_found"),
    (["compress", "model.onnx", "-o", "old.tt", "--config", "absent.toml"], 78, "config"),
    (["compress", "model.onnx", "-o", "absent/x.tt"], 73, "cannot_create"),
    (["compress", "model.onnx", "-o", "folder"], 73, "cannot_create"),
    (["compress", "model.onnx", "-o", "model.onnx/x.tt"], 73, "cannot_create"),
    (["compress", "model.onnx", "-o", "x.tt", "--rollback", "absent/x.tt"], 73, "cannot_create"),
    (["compress", "model.onnx", "-o", "/proc/x.tt"], 73, "cannot_create"),
    (["compress", "old.tt", "-o", "x.tt"], 65, "bad_data"),
    (["decompress", "model.onnx", "-o", "x.onnx"], 65, "bad_data"),
    (["decompress", "old.tt", "-o", "x.onnx"], 65, "bad_data"),
    (["inspect", "old.tt"], 65, "bad_data"),
]


@pytest.mark.parametrize("arguments,status,kind", ABSENT, ids=[" ".join(case[0]) for case in ABSENT])
def test_unusable_paths(expect_error, model, tmp_path, arguments, status, kind):
    (tmp_path / "old.tt").write_bytes(OLD)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(path.name for path in tmp_path.iterdir())
    expect_error(status, kind, [], *arguments)
    check_untouched(tmp_path, before)


@pytest.mark.parametrize("arguments", [["--version"], ["help"], ["config", "show"], ["inspect", "model.onnx"],
                                       ["compress", "model.onnx", "-o", "x.tt", "--lossless", "--json"]])
def test_a_full_standard_output_is_an_error(tt_path, environment, model, tmp_path, arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(tt_path), *arguments], stdout=full, stderr=subprocess.PIPE, env=environment, cwd=tmp_path)
    assert done.returncode == 74
    assert b"standard output cannot be written" in done.stderr


def test_more_memory_than_allowed_is_a_resource_limit(tt, model):
    result = tt("compress", model, "-o", "x.tt", "--max-memory", "1MiB")
    check_error(result, 65)


def test_a_small_address_space_does_not_keep_the_program_from_ending(tt_path, environment, model, tmp_path):
    """Under `ulimit -v` a thread of OpenBLAS waits for memory for ever; leaving must not wait for that thread."""
    done = subprocess.run(["bash", "-c", f"ulimit -v 150000; exec '{tt_path}' inspect model.onnx"], capture_output=True, timeout=30,
                          env=environment, cwd=tmp_path)
    if b"AddressSanitizer" in done.stderr or b"ThreadSanitizer" in done.stderr:
        pytest.skip("a sanitizer needs the whole address space")
    assert done.returncode == 0


def test_compress_names_an_address_space_that_is_too_small(tt_path, environment, model, tmp_path):
    done = subprocess.run(["bash", "-c", f"ulimit -v 150000; exec '{tt_path}' compress model.onnx -o x.tt"], capture_output=True,
                          timeout=30, env=environment, cwd=tmp_path)
    if b"AddressSanitizer" in done.stderr or b"ThreadSanitizer" in done.stderr:
        pytest.skip("a sanitizer needs the whole address space")
    assert done.returncode == 65
    assert b"address space" in done.stderr and b"ulimit -v" in done.stderr
    assert not (tmp_path / "x.tt").exists()


def test_options_may_stand_anywhere(tt, model, tmp_path):
    lines = [["--lossless", "compress", "-o", "a.tt", "model.onnx"], ["-o", "a.tt", "compress", "model.onnx", "--lossless"],
             ["compress", "model.onnx", "-oa.tt", "--lossless"], ["compress", "--output=a.tt", "--lossless", "--", "model.onnx"],
             ["-q", "--threads", "1", "compress", "--lossless", "model.onnx", "-o", "a.tt"]]
    for line in lines:
        result = tt(*line)
        assert result.status == 0, result
        (tmp_path / "a.tt").unlink()


def test_a_name_that_looks_like_an_option(tt, model, tmp_path):
    (tmp_path / "--lossless").write_bytes(model.read_bytes())
    assert tt("inspect", "--", "--lossless").status == 0
    assert tt("inspect", "./--lossless").status == 0


def test_names_are_shown_escaped(tt):
    result = tt("inspect", "a\x1b[31m\nb")
    assert result.status == 66
    assert "\x1b" not in result.stderr and len(result.stderr.splitlines()) <= 2


def test_version_and_help(tt):
    version = tt("--version")
    assert version == (0, "tt 0.1.0\n", "")
    assert tt("version") == version == tt("compress", "--version")
    assert json.loads(tt("version", "--json").stdout)["version"] == "0.1.0"
    overview = tt("help").stdout
    assert overview == tt("--help").stdout == tt("-h").stdout
    for command in ("compress", "decompress", "inspect", "verify", "config", "help", "version"):
        text = tt("help", command)
        assert text == tt(command, "--help") == tt("--help", command)
        assert text.status == 0 and text.stdout.startswith(f"usage: tt {command}")
        assert command in overview
        assert max(map(len, text.stdout.splitlines())) <= 105


def test_report_goes_to_standard_error_and_quiet_silences_it(tt, model, tmp_path):
    loud = tt("compress", model, "-o", "a.tt", "--lossless")
    assert loud.stdout == "" and "ratio" in loud.stderr
    assert tt("compress", model, "-o", "a.tt", "--lossless", "--quiet") == (0, "", "")
    verbose = tt("compress", model, "-o", "a.tt", "--lossless", "--verbose")
    assert "bits/weight" in verbose.stderr


def test_progress(tt, tt_path, environment, model, tmp_path):
    arguments = ["compress", str(model), "-o", "a.tt", "--lossless"]
    assert "weights  " not in tt(*arguments).stderr
    assert "weights" in tt(*arguments, "--progress", "always", "--quiet").stderr
    assert "\x1b" not in tt(*arguments, "--progress", "always").stderr
    for env, colour in (({}, True), ({"NO_COLOR": "1"}, False)):
        shown = on_terminal([str(tt_path), *arguments], dict(environment, **env), tmp_path)
        assert b"\r\x1b[2K" in shown and b"weights" in shown
        assert (b"\x1b[32m" in shown) == colour
    assert b"\x1b" not in on_terminal([str(tt_path), *arguments], dict(environment, TERM="dumb"), tmp_path)
    assert b"\x1b" not in on_terminal([str(tt_path), *arguments, "--progress", "never"], environment, tmp_path)


def on_terminal(command, environment, cwd):
    """What a program writes to a terminal as standard error."""
    master, slave = open_terminal()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave, env=environment, cwd=cwd)
    os.close(slave)
    shown = b""
    try:
        while piece := os.read(master, 65536):
            shown += piece
    except OSError:
        pass  # the end of a closed terminal
    os.close(master)
    return shown


def test_inspect_shows_a_table(tt, model):
    result = tt("inspect", model)
    assert result.status == 0 and result.stderr == ""
    header = result.stdout.splitlines()[0].split()
    assert header[:7] == ["weight", "role", "shape", "encoding", "bits/weight", "bytes", "error"]
    report = json.loads(tt("inspect", model, "--json").stdout)
    assert report["kind"] == "onnx" and report["container"] is None
    for weight in report["weights"]:
        assert weight["name"][:50] in result.stdout
