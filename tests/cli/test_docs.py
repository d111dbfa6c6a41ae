"""Help, man pages, completions and docs/cli.md name the same commands, options, keys and exit statuses."""
import json
import re
import shutil
import subprocess

import pytest

COMMANDS = ["compress", "decompress", "inspect", "verify", "analyze", "calibrate", "edit", "merge", "config"]
OPTION = re.compile(r"--[a-z][a-z-]+")


def option_lines(text):
    """The options that help lists, with their values' names: {"--output": "FILE"}."""
    return {match[2]: match[3] or "" for match in re.finditer(r"^  (-\w, |    )(--[a-z-]+)(?: ([A-Z=]+))?", text, re.M)}


@pytest.fixture
def options(tt):
    return {command: option_lines(tt("help", command).stdout) for command in COMMANDS}


@pytest.fixture
def common(tt):
    return option_lines(tt("help").stdout)


def test_help_lists_options(options, common):
    assert len(common) == 12
    for command in COMMANDS:
        assert set(common) < set(options[command])


def man_options(root, page):
    text = (root / "man" / f"{page}.1.scd").read_text().replace("\\_", "_")
    return {name: value or "" for name, value in re.findall(r"^(?:\*-\w\*, )?\*(--[a-z-]+)\*(?: _([A-Z=]+)_)?$", text, re.M)}


@pytest.mark.parametrize("command", COMMANDS)
def test_man_pages(root, options, command):
    assert man_options(root, f"tt-{command}") == options[command]


def test_the_first_man_page(root, common):
    assert man_options(root, "tt") == common
    text = (root / "man" / "tt.1.scd").read_text()
    for command in [*COMMANDS, "help", "version"]:
        assert f"*{command}*" in text


@pytest.mark.skipif(not shutil.which("scdoc"), reason="scdoc is not installed")
def test_man_pages_are_valid(root):
    pages = sorted((root / "man").glob("*.scd"))
    assert len(pages) == len(COMMANDS) + 2
    for page in pages:
        done = subprocess.run(["scdoc"], input=page.read_bytes(), capture_output=True)
        assert done.returncode == 0, (page.name, done.stderr)
        assert f"'{page.name[:-4]}'" in (root / "man" / "meson.build").read_text()


def doc_sections(root):
    text = (root / "docs" / "cli.md").read_text()
    return {part.split("\n", 1)[0]: part for part in text.split("\n## ")}


def table_options(text):
    return {name: value or "" for name, value in re.findall(r"^\| (?:`-\w`, )?`(--[a-z-]+)(?: ([A-Z=]+))?` \|", text, re.M)}


def test_the_page(root, options, common):
    sections = doc_sections(root)
    assert table_options(sections["Common options"]) == common
    titles = {"compress": "tt compress MODEL -o OUT.tt", "decompress": "tt decompress FILE.tt -o OUT", "inspect": "tt inspect FILE",
              "verify": "tt verify ORIGINAL CANDIDATE, tt verify FILE",
              "analyze": "tt analyze MODEL", "calibrate": "tt calibrate MODEL SAMPLES -o OUT.ttcal", "edit": "tt edit IN.tt -o OUT.tt", "merge": "tt merge --average A.tt B.tt ... -o OUT.tt", "config": "tt config show, tt config check FILE"}
    for command, title in titles.items():
        own = {name: value for name, value in options[command].items() if name not in common}
        assert table_options(sections[title]) == own


def test_bash_completion(root, options):
    script = (root / "completions" / "bash" / "tt").read_text()
    for command in COMMANDS:
        done = subprocess.run(["bash", "-c", script + f"\n_tt_options {command}"], capture_output=True, text=True)
        assert set(done.stdout.split()) == set(options[command])


def complete(root, words):
    """What bash offers for the last word."""
    script = (root / "completions" / "bash" / "tt").read_text()
    quoted = " ".join(f"'{word}'" for word in words)
    done = subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _tt; printf '%s\\n' \"${{COMPREPLY[@]}}\""],
                          capture_output=True, text=True, cwd=root / "configs")
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes(root, options):
    assert complete(root, ["tt", "co"]) == ["compress", "config"]
    assert complete(root, ["tt", "calibrate", "--ch"]) == ["--checkpoint"]
    assert complete(root, ["tt", "--threads", "2", "in"]) == ["inspect"]
    assert complete(root, ["tt", "compress", "--preset", ""]) == ["low", "balanced", "high", "newport"]
    assert complete(root, ["tt", "help", "d"]) == ["decompress"]
    assert complete(root, ["tt", "config", ""]) == ["show", "check"]
    assert complete(root, ["tt", "config", "check", "w"]) == ["workstation.toml"]
    assert complete(root, ["tt", "compress", "-o", "w"]) == ["workstation.toml"]
    assert complete(root, ["tt", "decompress", "--ex"]) == ["--external-data"]
    # A FILE in edit, a PATTERN in compress.
    assert complete(root, ["tt", "edit", "--preserve", "w"]) == ["workstation.toml"]
    assert complete(root, ["tt", "compress", "--preserve", "w"]) == []


def test_zsh_completion(root, options, common):
    script = (root / "completions" / "zsh" / "_tt").read_text()
    own = {command: set(OPTION.findall(match))
           for command, match in re.findall(r"^  (\w+)\)\n(.*?);;", script, re.M | re.S)}
    start = script[:script.index("_tt_commands()")]
    assert {"--" + name for name in re.findall(r"--([a-z-]+)", start) if "--" + name in common} == set(common)
    for command in COMMANDS:
        assert own[command] == set(options[command]) - set(common)


def test_fish_completion(root, options, common):
    found = {"": set()}
    for line in (root / "completions" / "fish" / "tt.fish").read_text().splitlines():
        option = re.search(r" -l ([a-z-]+)", line)
        command = re.search(r"__tt_is (\w+)", line)
        if option:
            found.setdefault(command[1] if command else "", set()).add("--" + option[1])
    assert found.pop("") == set(common)
    assert found == {command: set(options[command]) - set(common) for command in COMMANDS}


def test_values_of_choices_are_the_same_everywhere(root, tt, data):
    """What the program accepts is in the completions, the pages and the help."""
    texts = {path: path.read_text() for path in (root / "completions" / "bash" / "tt", root / "completions" / "zsh" / "_tt",
                                                 root / "completions" / "fish" / "tt.fish")}
    commands = {"--preset": "compress", "--method": "compress", "--svd": "compress", "--form": "decompress", "--dtype": "decompress", "--eval-goal": "verify",
                "--progress": "compress", "--log-level": "compress", "--log-format": "compress"}
    for option, command in commands.items():
        second = ["x.onnx"] if command == "verify" else ["-o", "x"]
        message = tt(command, data / "mnist_winml.onnx", *second, option, "?").stderr
        choices = re.search(r"must be one of (.*)", message)[1].split(", ")
        for path, text in texts.items():
            assert " ".join(choices) in text, (option, path)
        assert f"`{choices[0]}`" in doc_sections(root)["Common options" if option.startswith(("--log", "--pro")) else
                                                       {"compress": "tt compress MODEL -o OUT.tt",
                                                        "decompress": "tt decompress FILE.tt -o OUT",
                                                        "verify": "tt verify ORIGINAL CANDIDATE, tt verify FILE"}[command]]


def test_configuration_keys(root, tt):
    shown = {f"{section}.{key}" for section, keys in json.loads(tt("config", "show", "--json").stdout).items() for key in keys}
    page = (root / "docs" / "cli.md").read_text()
    documented = dict(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| ([^|]+) \|", page, re.M))
    assert set(documented) == shown
    man = (root / "man" / "tt.toml.5.scd").read_text().replace("\\_", "_")
    sections = re.findall(r"^# \[(\w+)\]\n(.*?)(?=^# )", man, re.M | re.S)
    assert {f"{section}.{key}" for section, text in sections for key in re.findall(r"^\*([a-z_]+)\*", text, re.M)} == shown


def test_ranges_of_keys_are_those_of_the_program(root, tt, tmp_path):
    page = (root / "docs" / "cli.md").read_text()
    for key, allowed in re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| ([^|]+) \|", page, re.M):
        section, name = key.split(".")
        (tmp_path / "c.toml").write_text(f"[{section}]\n{name} = 1979-05-27\n")
        result = tt("config", "check", "c.toml")
        assert result.status == 78
        assert result.stderr.splitlines()[0].endswith("is a date or time, but must be " + allowed)


def test_json_keys_are_documented(root, tt, data, tmp_path):
    page = (root / "docs" / "cli.md").read_text()
    known = set(re.findall(r"[a-z_0-9]+", page[page.index("## JSON"):]))

    def keys(value):
        if isinstance(value, dict):
            for name, item in value.items():
                if name != "options":
                    yield name
                    yield from keys(item)
        elif isinstance(value, list):
            for item in value:
                yield from keys(item)

    reports = [tt("compress", data / "mnist_winml.onnx", "-o", "x.tt", "--json"), tt("decompress", "x.tt", "-o", "x.onnx", "--json"),
               tt("inspect", "x.tt", "--json"), tt("inspect", "x.onnx", "--json"), tt("version", "--json"), tt("verify", "x.tt", "--json"),
               tt("analyze", data / "mnist_winml.onnx", "--json")]
    calibrated = tt("calibrate", data / "mnist_winml.onnx", data / "mnist" / "test.npz", "--input", "Input3:scale=1/255,shape=N,1,28,28", "--max-samples", "8", "--no-sensitivity", "-o", "x.ttcal", "--json")
    if "built without ONNX Runtime" not in calibrated.stderr:
        reports += [calibrated, tt("inspect", "x.ttcal", "--json")]
    for report in reports:
        assert report.status == 0, report
        assert set(keys(json.loads(report.stdout))) <= known


def test_exit_statuses_are_the_same_everywhere(root, tt):
    page = doc_sections(root)["Exit status and errors"]
    statuses = set(re.findall(r"^\| ([\d, ]+) \|", page, re.M))
    numbers = {number for entry in statuses for number in entry.split(", ")}
    man = (root / "man" / "tt.1.scd").read_text()
    listed = set(re.findall(r"\*(\d+)\*", man[man.index("# EXIT STATUS"):]))
    assert listed == numbers - {"69"}  # no command of this version uses the network
    for name in ("tt-compress", "tt-decompress", "tt-inspect", "tt-verify", "tt-analyze", "tt-calibrate", "tt-edit", "tt-merge", "tt-config"):
        text = (root / "man" / f"{name}.1.scd").read_text()
        assert set(re.findall(r"\*(\d+)\*", text[text.index("# EXIT STATUS"):])) == listed
