"""The layers of the configuration, the origin of every value, and files that must be refused."""
import json
import re
import tomllib

import pytest

from conftest import check_error

KEYS = [
    # key, a good value, values that are refused, what the message says is allowed
    ("compression.preset", '"low"', ['"medium"', "1"], "one of low, balanced, high, newport"),
    ("compression.target_ratio", "0.5", ["0", "1.5", "-1", "nan", "inf", '"half"', "true", "[0.5]"], "a number above 0 and at most 1"),
    ("compression.max_rank", "7", ["0", "-3", "1.5", "2147483648", '"8"', "1979-05-27"], "an integer from 1 to 2147483647"),
    ("compression.epsilon", "1e-2", ["0.0", "2", "[]"], "a number above 0 and at most 1"),
    ("compression.svd_method", '"full"', ['"fast"', "3"], "one of full, truncated, randomized"),
    ("compression.method", '"tt"', ['"cp"', '"tucker"'], "one of auto, svd, tt"),
    ("compression.min_tensor_size", "4096", ["-1", "1e3", '"1k"'], "an integer from 0"),
    ("compression.layer_patterns", '["fc", "role:ffn"]', ['"fc"', "[1]", '["a", 2]', '["("]', "{ a = 1 }"], "pattern"),
    ("compression.exclude_patterns", '["head"]', ['["*"]', "true"], "pattern"),
    ("compression.fold", "false", ['"false"', "1"], "true or false"),
    ("compression.generate", "false", ['"false"', "1"], "true or false"),
    ("compression.parallel", "false", ['"false"', "0"], "true or false"),
    ("compression.num_threads", "3", ["1025", "-1", "1.0"], "an integer from 0 to 1024"),
    ("compression.max_error", "0.1", ["-1", '"1"'], "a number of at least 0"),
    ("compression.min_quality", "0.99", ["2"], "a number from -1 to 1"),
    ("compression.max_kl", "0.01", ["-1", "nan"], "a number of at least 0"),
    ("compression.max_drop", "0.5", ["-1", "101"], "a number from 0 to 100"),
    ("verify.max_drop", "0.2", ["-1", "101", '"1"'], "a number from 0 to 100"),
    ("verify.max_kl", "0.01", ["-1e-9", "nan", "inf", "true"], "a number of at least 0"),
    ("verify.max_error", "0", ["-0.1"], "a number of at least 0"),
    ("verify.max_abs_error", "1e9", ["-1"], "a number of at least 0"),
    ("verify.min_cosine", "-0.5", ["1.01", "-2"], "a number from -1 to 1"),
    ("verify.confidence", "95.0", ["0", "49", "100"], "a number from 50 to 99.99"),
    ("verify.task", '"lm"', ['"vision"', "1"], "one of auto, classification, lm"),
    ("verify.latency", "false", ["0"], "true or false"),
    ("verify.eval_cmd", '"python eval.py {}"', ["1", '["a"]'], "a text"),
    ("verify.eval_goal", '"min"', ['"low"'], "one of max, min"),
    ("verify.max_eval_drop", "0.5", ["-1"], "a number of at least 0"),
    ("verify.eval_timeout", "10", ["0", "1000001"], "a number above 0 and at most 1000000"),
    ("verify.baseline_tolerance", "0.01", ["-1e-9", "2"], "a number from 0 to 1"),
    ("storage.backend", '"sqlite"', ["3"], "a text"),
    ("storage.endpoint", '["http://a"]', ["3", "[1]"], "a text or a list of texts"),
    ("storage.namespace", '"n"', ["[]"], "a text"),
    ("storage.timeout_secs", "10", ["0", "3601"], "an integer from 1 to 3600"),
    ("storage.max_retries", "2", ["6", "-1"], "an integer from 0 to 5"),
    ("security.enable_tls", "true", ["1"], "true or false"),
    ("security.tls_min", '"1.2"', ['"1.1"', "1.3"], "one of 1.2, 1.3"),
    ("security.enable_encryption", "false", ["true", "0"], "false (this version of tt writes no encrypted files)"),
    ("security.key_management", '"file"', ["1"], "a text or a list of texts"),
    ("logging.level", '"debug"', ['"loud"', "1"], "one of error, warn, info, debug"),
    ("logging.format", '"json"', ['"xml"'], "one of text, json"),
]


def toml(key, value):
    section, name = key.split(".")
    return f"[{section}]\n{name} = {value}\n"


def shown(tt, *arguments, **options):
    result = tt("config", "show", "--json", "--origin", *arguments, **options)
    assert result.status == 0, result
    return {f"{section}.{name}": (item["value"], item["origin"])
            for section, keys in json.loads(result.stdout).items() for name, item in keys.items()}


def test_the_table_is_complete(tt):
    assert set(shown(tt)) == {key for key, *_ in KEYS}


@pytest.mark.parametrize("key,good", [(key, good) for key, good, *_ in KEYS])
def test_every_key_is_read_with_its_line(tt, tmp_path, key, good):
    (tmp_path / "c.toml").write_text("# a comment\n\n" + toml(key, good))
    value, origin = shown(tt, "--config", "c.toml")[key]
    expected = tomllib.loads("x = " + good)["x"]
    if key in ("storage.endpoint", "security.key_management") and isinstance(expected, str):
        expected = [expected]
    assert (value, origin) == (expected, "c.toml:4")
    assert tt("config", "check", "c.toml").status == 0


@pytest.mark.parametrize("key,bad,allowed", [(key, bad, allowed) for key, _, bads, allowed in KEYS for bad in bads])
def test_wrong_values_name_file_line_key_and_what_is_allowed(tt, expect_error, tmp_path, key, bad, allowed):
    (tmp_path / "c.toml").write_text("\n" + toml(key, bad))
    expect_error(78, "config", ["c.toml:3: ", key, allowed], "config", "check", "c.toml")
    expect_error(78, "config", ["c.toml:3: ", key, allowed], "config", "show", "--config", "c.toml")


UNKNOWN = [
    ("compresion = 1\n", ["c.toml:1: unknown key 'compresion'", "compression"]),
    ("[compresion]\n", ["c.toml:1: unknown section 'compresion'", "did you mean compression"]),
    ("[compression]\nmax_rnk = 3\n", ["c.toml:2: unknown key 'compression.max_rnk'", "did you mean compression.max_rank"]),
    ("[compression]\nMAX_RANK = 3\n", ["c.toml:2: unknown key 'compression.MAX_RANK'"]),
    ("compression.max_rank.x = 3\n", ["compression.max_rank is a table"]),
    ("compression = 3\n", ["c.toml:1: compression must be a section"]),
    ("[[compression]]\nmax_rank = 3\n", ["c.toml:1: compression must be a section"]),
    ("[secret]\ntoken = 'x'\n", ["unknown section 'secret'"]),
    ("[storage]\ntoken = 'x'\n", ["unknown key 'storage.token'"]),
    ("[compression]\nmax_rank = 3\nmax_rank = 4\n", ["c.toml:3: not TOML"]),
    ("[\n", ["c.toml:1: not TOML"]),
    ("[compression\n", ["not TOML"]),
    ("max_rank = \n", ["c.toml:1: not TOML"]),
    ("\xff\xfe", ["not TOML"]),
    ("a" * 70000, ["70000 bytes", "at most 65536"]),
    ("\na" + ".a" * 33 + " = 1\n", ["c.toml:2: more than 32 dots"]),
    ("a." * 30000, ["more than 32 dots"]),
    ("x = " + "[" * 5000 + "]" * 5000, ["not TOML"]),
    ("\x1b[31m = 1\n", ["not TOML"]),
    ('"\\u001b[31m" = 1\n', ["unknown key '\\x1b[31m'"]),
]


@pytest.mark.parametrize("text,words", UNKNOWN, ids=[repr(text[:30]) for text, _ in UNKNOWN])
def test_files_that_are_refused(expect_error, tmp_path, text, words):
    (tmp_path / "c.toml").write_bytes(text.encode("latin-1"))
    message = expect_error(78, "config", words, "config", "check", "c.toml")
    assert "\x1b" not in message


def test_layers_in_their_order(tt, tmp_path):
    user = tmp_path / "xdg" / "tt"
    user.mkdir(parents=True)
    (user / "tt.toml").write_text("[compression]\nmax_rank = 11\ntarget_ratio = 0.11\nepsilon = 0.011\nmin_tensor_size = 11\n")
    (tmp_path / "tt.toml").write_text("[compression]\nmax_rank = 12\ntarget_ratio = 0.12\nepsilon = 0.012\n")
    (tmp_path / "c.toml").write_text("[compression]\nmax_rank = 13\ntarget_ratio = 0.13\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "TT_COMPRESSION_MAX_RANK": "14"}
    values = shown(tt, "--config", "c.toml", "--log-level", "debug", env=env)
    assert values["compression.svd_method"] == ("truncated", "preset balanced")
    assert values["compression.min_tensor_size"] == (11, f"{user}/tt.toml:5")
    assert values["compression.epsilon"] == (0.012, "./tt.toml:4")
    assert values["compression.target_ratio"] == (0.13, "c.toml:3")
    assert values["compression.max_rank"] == (14, "TT_COMPRESSION_MAX_RANK")
    assert values["logging.level"] == ("debug", "--log-level")
    assert values["logging.format"] == ("text", "default")
    without = shown(tt, "--no-config", env=env)
    assert without["compression.epsilon"] == (0.001, "preset balanced")
    assert without["compression.max_rank"] == (14, "TT_COMPRESSION_MAX_RANK")


def test_the_user_file_lies_in_home_without_xdg(tt, tmp_path):
    folder = tmp_path / "home" / ".config" / "tt"
    folder.mkdir(parents=True)
    (folder / "tt.toml").write_text("[compression]\nmax_rank = 5\n")
    env = {"HOME": str(tmp_path / "home")}
    assert shown(tt, env=env)["compression.max_rank"][0] == 5
    assert shown(tt, env=dict(env, XDG_CONFIG_HOME="relative"))["compression.max_rank"][0] == 5
    assert shown(tt, env=dict(env, XDG_CONFIG_HOME=str(tmp_path)))["compression.max_rank"][0] == 32


PRESETS = {"low": (0.30, 8, 1e-2, "truncated"), "balanced": (0.45, 32, 1e-3, "truncated"),
           "high": (0.60, 64, 1e-4, "full"), "newport": (0.30, 16, 1e-2, "truncated")}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_stand_below_the_keys_of_their_layer(tt, tmp_path, name):
    (tmp_path / "c.toml").write_text(f'[compression]\nmax_rank = 5\npreset = "{name}"\n')
    values = shown(tt, "--config", "c.toml")
    ratio, _, epsilon, svd = PRESETS[name]
    assert values["compression.max_rank"] == (5, "c.toml:2")
    assert values["compression.target_ratio"] == (ratio, f"preset {name} (c.toml:3)")
    assert values["compression.epsilon"][0] == epsilon
    assert values["compression.svd_method"][0] == svd


def test_show_is_toml_that_check_accepts(tt, tmp_path):
    text = tt("config", "show", "--origin").stdout
    assert set(tomllib.loads(text)) == {"compression", "verify", "storage", "security", "logging"}
    (tmp_path / "again.toml").write_text(text)
    assert tt("config", "check", "again.toml").status == 0
    assert shown(tt, "--config", "again.toml")["compression.max_rank"][1].startswith("again.toml:")


def keys_of(text):
    return {f"{section}.{name}" for section, keys in tomllib.loads(text).items() for name in keys}


@pytest.mark.parametrize("file", ["workstation.toml", "ci.toml"])
def test_the_examples_name_every_key(tt, root, tmp_path, file):
    """Those that would set a limit stand behind a `# `; all together are a good file."""
    text = (root / "configs" / file).read_text()
    whole = re.sub(r"^# ([a-z_]+ = )", r"\1", text, flags=re.M)
    assert keys_of(whole) == {key for key, *_ in KEYS}
    (tmp_path / "whole.toml").write_text(whole)
    for path, keys in ((root / "configs" / file, keys_of(text)), (tmp_path / "whole.toml", keys_of(whole))):
        result = tt("config", "check", path)
        assert result.status == 0 and f"good, {len(keys)} keys" in result.stdout


HOSTILE = [("storage.endpoint", '"http://evil.example"'), ("storage.endpoint", '["https://evil.example"]'),
           ("storage.backend", '"s3://evil/bucket"'), ("storage.backend", '"sqlite:/home/victim/x"'),
           ("storage.backend", '"../x"'), ("security.key_management", '["sh", "-c", "evil"]'),
           ("security.key_management", '"command"'), ("verify.eval_cmd", '"sh -c evil"'), ("security.enable_tls", "false"), ("security.tls_min", '"1.2"')]


@pytest.mark.parametrize("key,value", HOSTILE, ids=[" ".join(case) for case in HOSTILE])
def test_a_hostile_local_file_stops_every_command(tt, expect_error, data, tmp_path, key, value):
    (tmp_path / "tt.toml").write_text(toml(key, value))
    model = data / "mnist_winml.onnx"
    for command in (["inspect", model], ["compress", model, "-o", "x.tt"], ["decompress", "y.tt", "-o", "x"], ["config", "show"]):
        expect_error(78, "config", ["./tt.toml:2: ", key, "untrusted", "--config"], *command)
    assert not (tmp_path / "x.tt").exists()
    for trusted in (["--config", "tt.toml"], ["--config", "./tt.toml"], ["--config", tmp_path / "tt.toml"]):
        assert shown(tt, *trusted)[key][1].endswith("tt.toml:2")
    assert shown(tt, "--no-config")[key][1] in ("default",)
    assert tt("help").status == tt("--version").status == 0
    check = tt("config", "check", "tt.toml")
    assert check.status == 0 and f"{key} is refused in ./tt.toml" in check.stdout
    assert json.loads(tt("config", "check", "tt.toml", "--json").stdout)["trusted_only"] == [key]


def test_a_harmless_local_file_is_read(tt, tmp_path):
    (tmp_path / "tt.toml").write_text('[storage]\nbackend = "sqlite"\n[security]\ntls_min = "1.3"\nenable_tls = true\n')
    assert shown(tt)["storage.backend"] == ("sqlite", "./tt.toml:2")


def test_a_local_file_that_is_the_users_own_is_trusted(tt, tmp_path):
    folder = tmp_path / "xdg" / "tt"
    folder.mkdir(parents=True)
    (folder / "tt.toml").write_text('[storage]\nendpoint = "https://mine.example"\n')
    assert shown(tt, env={"XDG_CONFIG_HOME": str(tmp_path / "xdg")}, cwd=folder)["storage.endpoint"][0] == ["https://mine.example"]


def test_a_file_that_cannot_be_read_is_not_passed_over(expect_error, tmp_path):
    (tmp_path / "tt.toml").mkdir()
    expect_error(78, "config", ["tt.toml"], "config", "show")
    (tmp_path / "tt.toml").rmdir()
    (tmp_path / "tt.toml").symlink_to("/dev/zero")
    expect_error(78, "config", ["tt.toml"], "config", "show")


def test_environment(tt, expect_error):
    env = {"TT_COMPRESSION_LAYER_PATTERNS": "a,role:ffn", "TT_COMPRESSION_PARALLEL": "false", "TT_COMPRESSION_EPSILON": "0.5",
           "TT_COMPRESSION_MAX_RANK": "", "TT_STORAGE_TOKEN": "secret", "TT_SOMETHING": "else", "TT_BUILD": "x"}
    values = shown(tt, env=env)
    assert values["compression.layer_patterns"] == (["a", "role:ffn"], "TT_COMPRESSION_LAYER_PATTERNS")
    assert values["compression.parallel"][0] is False and values["compression.epsilon"][0] == 0.5
    assert values["compression.max_rank"][1] == "preset balanced"
    for name, value in (("TT_COMPRESSION_MAX_RANK", "x"), ("TT_COMPRESSION_PARALLEL", "yes"), ("TT_LOGGING_LEVEL", "loud")):
        expect_error(78, "config", [name, value, "must be"], "config", "show", env={name: value})
    expect_error(78, "config", ["TT_COMPRESSION_MAXRANK", "TT_COMPRESSION_MAX_RANK"], "config", "show", env={"TT_COMPRESSION_MAXRANK": "3"})


def test_options_win_and_goals_replace_inherited_ones(tt, data, tmp_path):
    model = data / "mnist_winml.onnx"
    (tmp_path / "tt.toml").write_text("[compression]\ntarget_ratio = 0.6\n")
    inherited = json.loads(tt("compress", model, "-o", "a.tt", "--json").stdout)
    size = model.stat().st_size
    assert inherited["budget_bytes"] == int(0.6 * size)
    for arguments, budget in ((["--target-ratio", "0.7"], int(0.7 * size)), (["--target-bytes", "20kB"], 20000),
                              (["--target-bytes", "20kB", "--target-ratio", "0.7"], min(20000, int(0.7 * size))),
                              (["--lossless"], None), (["--preset", "high", "--target-ratio", "0.65"], int(0.65 * size)),
                              (["--preset", "high"], int(0.6 * size))):
        result = tt("compress", model, "-o", "a.tt", "--json", *arguments)
        assert result.status == 0, result
        assert json.loads(result.stdout)["budget_bytes"] == budget, arguments


def test_patterns_of_the_configuration_are_used(tt, data, tmp_path):
    (tmp_path / "tt.toml").write_text('[compression]\ntarget_ratio = 0.99\nexclude_patterns = ["."]\n')
    result = tt("compress", data / "mnist_winml.onnx", "-o", "a.tt", "--json")
    assert all(weight["relative_error"] == 0 for weight in json.loads(result.stdout)["weights"])


def test_quiet_and_verbose_set_the_log(tt, data, tmp_path):
    (tmp_path / "tt.toml").write_text('[logging]\nlevel = "loud"\n')
    check_error(tt("inspect", data / "mnist_winml.onnx"), 78, "./tt.toml:2", "logging.level")


INPUTS = """[inputs.input]
scale = "1/255"
shape = "N,784"
[inputs."a b"]
mean = 1
std = 0.5
"""


def test_inputs(tt, tmp_path):
    (tmp_path / "c.toml").write_text(INPUTS)
    origin = tt("config", "show", "--origin", "--config", "c.toml").stdout
    (tmp_path / "again.toml").write_text(origin)
    for file in ("c.toml", "again.toml"):
        values = json.loads(tt("config", "show", "--json", "--config", file).stdout)["inputs"]
        assert values == {"input": {"scale": "1/255", "shape": "N,784"}, "a b": {"mean": "1.0", "std": "0.5"}}
    assert tt("config", "check", "c.toml").stdout == "c.toml: good, 4 keys\n"
    (tmp_path / "tt.toml").write_text("[inputs.input]\nscale = 3\nmean = 4\n")
    merged = json.loads(tt("config", "show", "--json", "--origin", "--config", "c.toml").stdout)["inputs"]["input"]
    assert merged == {"scale": {"value": "1/255", "origin": "c.toml:2"}, "mean": {"value": "4.0", "origin": "./tt.toml:3"},
                      "shape": {"value": "N,784", "origin": "c.toml:3"}}


WRONG_INPUTS = [("[inputs]\nscale = 1\n", "inputs.scale must be a section"), ("[inputs.x]\nscal = 1\n", "did you mean inputs.x.scale"),
                ("inputs = 1\n", "inputs must be a section"), ("[inputs.x]\nscale = true\n", "inputs.x.scale is true, but must be a number"),
                ("[inputs.x]\nscale = '1,mean=2'\n", "inputs.x.scale is '1,mean=2', but must be"),
                ("[inputs.x]\nstd = 0\n", "not 0"), ("[inputs.x]\nscale = inf\n", "inputs.x.scale"),
                ("[inputs.x]\nscale = '1/0'\n", "inputs.x.scale"), ("[inputs.x]\nshape = '784'\n", "begins with N"),
                ("[inputs.x]\nshape = [1]\n", "begins with N"), ("[inputs.x.y]\nscale = 1\n", "unknown key 'inputs.x.y'"),
                ('[inputs.""]\nscale = 1\n', "must be a section")]


@pytest.mark.parametrize("text,words", WRONG_INPUTS, ids=[text for text, _ in WRONG_INPUTS])
def test_wrong_inputs(expect_error, tmp_path, text, words):
    (tmp_path / "c.toml").write_text(text)
    expect_error(78, "config", ["c.toml:", words], "config", "check", "c.toml")
