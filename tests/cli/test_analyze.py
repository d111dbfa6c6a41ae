"""tt analyze: its figures against NumPy, its order against models that were really compressed, and what it refuses."""
import importlib
import json
import re
import shutil
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import models
from pages import check_page
from test_generated import smooth_pictures
from test_readme import ROOT

DATA = models.ROOT / "tests" / "data"
DIGITS, PICTURES, WALKER = DATA / "mnist_winml.onnx", DATA / "super_resolution.onnx", DATA / "unitree_velocity" / "policy.onnx"
SHARED_DATA = models.SHARED.parent / "data"
PLAIN = "--no-generate"
MAPPING = ["--input", "Input3:shape=N,1,28,28"]


def report(tt, *arguments, **options):
    done = tt("--json", "analyze", *arguments, **options)
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    assert done.status == 0, done
    return json.loads(done.stdout)


def weight_of(analysis, name):
    return next(weight for weight in analysis["weights"] if weight["name"] == name)


def save(path, weights, nodes=None, inputs=(("x", [1, 64]),)):
    """A chain of MatMul unless nodes say otherwise."""
    names = list(weights)
    if nodes is None:
        steps = ["x", *(f"h{i}" for i in range(1, len(names))), "y"]
        nodes = [helper.make_node("MatMul", [steps[i], name], [steps[i + 1]], name=f"layer{i}") for i, name in enumerate(names)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(value, name) for name, value in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def random_weight(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture
def chain(tmp_path):
    """64 -> 96 -> 64 -> 10: a low rank, random numbers, and three values."""
    low = random_weight(64, 3) @ random_weight(3, 96, seed=1) + 0.01 * random_weight(64, 96, seed=2)
    return save(tmp_path / "chain.onnx", {"low": low.astype(np.float32), "noise": random_weight(96, 64, seed=3),
                                          "few": np.sign(random_weight(64, 10, seed=4)) * (np.abs(random_weight(64, 10, seed=4)) > 0.8)})


def test_statistics_and_ranks_are_those_of_numpy(tt, chain):
    analysis = report(tt, chain, PLAIN)
    for weight in analysis["weights"]:
        w = numpy_helper.to_array(next(t for t in onnx.load(chain).graph.initializer if t.name == weight["name"])).astype(float)
        s, deviations = weight["statistics"], (w - w.mean()) / w.std()
        for key, value in {"mean": w.mean(), "deviation": w.std(), "norm": np.linalg.norm(w), "min": w.min(), "max": w.max(),
                           "excess_kurtosis": (deviations**4).mean() - 3, "zeros": (w == 0).mean(),
                           "largest": np.abs(deviations).max()}.items():
            assert s[key] == pytest.approx(value, abs=1e-9), key
        assert [o["share"] for o in s["outliers"]] == [pytest.approx((np.abs(deviations) > o["sigmas"]).mean()) for o in s["outliers"]]
        sigma = np.linalg.svd(w, compute_uv=False)
        assert weight["spectrum"]["singular_values"] == pytest.approx(sigma, rel=1e-5, abs=1e-5 * sigma[0])
        assert weight["spectrum"]["beyond"] == 0
        p = sigma / sigma.sum()
        ranks = weight["ranks"]
        assert ranks["effective"] == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-4)
        assert ranks["stable"] == pytest.approx((sigma**2).sum() / sigma[0]**2, rel=1e-5)
        kept = np.cumsum(sigma**2) / (sigma**2).sum()
        assert [e["rank"] for e in ranks["energy"]] == [int(np.searchsorted(kept, e["share"])) + 1 for e in ranks["energy"]]
        assert (weight["outputs"], weight["inputs"]) == w.shape[::-1]
    assert weight_of(analysis, "few")["statistics"]["distinct"] == 3


def test_patterns_are_the_singular_components(tt, chain):
    analysis = report(tt, chain, PLAIN)
    w = numpy_helper.to_array(next(t for t in onnx.load(chain).graph.initializer if t.name == "low")).astype(float).T
    u, sigma, v = np.linalg.svd(w, full_matrices=False)
    patterns = weight_of(analysis, "low")["patterns"]
    assert [p["number"] for p in patterns[:4]] == [1, 2, 3, 4]
    for i, pattern in enumerate(patterns[:3]):
        assert pattern["strength"] == pytest.approx(sigma[i]**2 / (sigma**2).sum(), rel=1e-5)
        for topic in pattern["affected_topics"]:
            side = {"output": u[:, i], "input": v[i]}[topic["axis"]]
            assert abs(topic["loading"]) == pytest.approx(abs(side[topic["index"]]), rel=1e-4)
        strongest = next(t for t in pattern["affected_topics"] if t["axis"] == "output")
        assert strongest["index"] == np.abs(u[:, i]).argmax()


def test_unfoldings_are_those_of_the_kernel(tt):
    analysis = report(tt, DIGITS, PLAIN)
    kernel = numpy_helper.to_array(next(t for t in onnx.load(DIGITS).graph.initializer if t.name == "Parameter87")).astype(float)
    weight = weight_of(analysis, "Parameter87")
    assert weight["modes"] == list(kernel.shape)
    for unfolding in weight["unfoldings"]:
        k = unfolding["mode"] - 1
        slices = np.moveaxis(kernel, k, 0).reshape(kernel.shape[k], -1)
        sigma = np.linalg.svd(slices, compute_uv=False)
        assert unfolding["spectrum"]["singular_values"] == pytest.approx(sigma, rel=1e-4)
        assert unfolding["variance_share"] == pytest.approx(slices.mean(1).var() / kernel.var(), rel=1e-4)
        unit = slices / np.linalg.norm(slices, axis=1, keepdims=True)
        cosines = np.abs((unit @ unit.T)[np.triu_indices(len(unit), 1)])
        assert unfolding["mean_correlation"] == pytest.approx(cosines.mean(), rel=1e-4)
        assert abs(unfolding["largest_correlation"]) == pytest.approx(cosines.max(), rel=1e-4)
        first, second = unfolding["slices"]
        assert unit[first] @ unit[second] == pytest.approx(unfolding["largest_correlation"], rel=1e-4)


def test_prices_are_kept_by_what_compress_writes(tt, chain, tmp_path):
    """The encoding that is named for an error, written: about that size, and no larger error."""
    analysis = report(tt, chain, PLAIN, "--errors", "0.2,0.05")
    for weight in (weight_of(analysis, "low"), weight_of(analysis, "noise")):  # curves bend at three values
        costs = weight["costs"]
        assert [cost["error"] for cost in costs] == [0.2, 0.05]
        assert costs[0]["bytes"] <= costs[1]["bytes"]
        for cost in costs:
            encoding = dict(cost["encoding"])
            assert cost["bits_per_weight"] == pytest.approx(8 * cost["bytes"] / weight["elements"])
            if encoding["format"] != "quant":
                continue
            done = tt("--json", "compress", chain, "-o", "x.tt", "--target-ratio", "1", PLAIN, "--tensor", ".*=lossless",
                      "--tensor", f"^{weight['name']}$=quant,step={encoding['step']!r}")
            written = next(w for w in json.loads(done.stdout)["weights"] if w["name"] == weight["name"])
            assert written["bytes_out"] == pytest.approx(cost["bytes"], rel=0.05, abs=16)
            assert written["output_error"] <= 1.05 * cost["error"]


def test_advice_names_what_was_planted(tt, chain):
    advice = {one["kind"]: one for one in report(tt, chain, PLAIN)["advice"]}
    assert "low" in advice["low_rank"]["weights"] and "needs rank 3 of 64" in advice["low_rank"]["text"]
    assert advice["no_low_rank"]["weights"] == ["noise"]
    assert advice["few_values"]["weights"] == ["few"]
    assert "noise" not in advice["low_rank"]["weights"]


def test_similar_layers_are_found(tt, tmp_path):
    a, c = random_weight(64, 64), random_weight(64, 64, seed=9)
    turned = a @ np.linalg.qr(random_weight(64, 64, seed=5))[0]
    model = save(tmp_path / "m.onnx", {"a": a, "b": -2 * a + 1e-3 * c, "c": c, "d": turned.astype(np.float32)})
    analysis = report(tt, model, PLAIN, "--top", "0")
    pairs = {(p["first"], p["second"]): p for p in analysis["similar"]}
    assert len(pairs) == 6 and (analysis["similar"][0]["first"], analysis["similar"][0]["second"]) == ("a", "b")
    assert pairs["a", "b"]["cosine"] == pytest.approx(-1, abs=1e-5)
    assert pairs["a", "b"]["output_angle"] < 1
    assert pairs["a", "d"]["input_overlap"] == pytest.approx(1, abs=1e-4)  # stored as in x out: the rotation is on the outputs
    assert pairs["a", "d"]["output_overlap"] < 0.5 and pairs["a", "c"]["input_overlap"] < 0.5
    assert len(report(tt, model, PLAIN, "--top", "2")["similar"]) == 2


def test_labels_name_axes_of_their_length_alone(tt, tmp_path):
    (tmp_path / "digits.txt").write_text("".join(f"digit {i}\n" for i in range(10)))
    analysis = report(tt, DIGITS, PLAIN, "--labels", "digits.txt")
    topics = [t for p in weight_of(analysis, "Parameter193")["patterns"] for t in p["affected_topics"]]
    assert any(t["axis"] == "output" for t in topics)
    for topic in topics:
        assert topic["label"] == (f"digit {topic['index']}" if topic["axis"] == "output" else None)
    assert "'digit 7'" in tt("analyze", DIGITS, PLAIN, "--labels", "digits.txt").stdout


def test_sides_are_those_that_the_layer_sees(tt, tmp_path):
    """y = W x of Gemm with transB, a kernel of ConvTranspose (in, out, kh, kw), and an LSTM (directions, 4 hidden, in)."""
    weights = {"w": random_weight(40, 64), "k": random_weight(5, 7, 3, 3), "wi": random_weight(1, 32, 16), "wr": random_weight(1, 32, 8)}
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1, name="gemm"),
             helper.make_node("ConvTranspose", ["p", "k"], ["q"], name="up"),
             helper.make_node("LSTM", ["s", "wi", "wr"], ["t"], hidden_size=8, name="lstm")]
    model = save(tmp_path / "m.onnx", weights, nodes, (("x", [1, 64]), ("p", [1, 5, 9, 9]), ("s", [3, 1, 16])))
    sides = {w["name"]: (w["outputs"], w["inputs"]) for w in report(tt, model, PLAIN)["weights"]}
    assert sides == {"w": (40, 64), "k": (63, 5), "wi": (32, 16), "wr": (32, 8)}
    unfoldings = weight_of(report(tt, model, PLAIN), "k")["unfoldings"]
    assert [(u["name"], u["size"]) for u in unfoldings] == [("inputs", 5), ("outputs", 7), ("tap rows", 3), ("tap columns", 3)]


def test_patterns_choose_weights(tt):
    every = report(tt, DIGITS, PLAIN)
    some = report(tt, DIGITS, PLAIN, "--include", "role:conv", "--exclude", "5$")
    assert [w["name"] for w in some["weights"]] == ["Parameter87"]
    assert some["left_out"] == len(every["weights"]) - 1
    assert weight_of(some, "Parameter87")["spectrum"] == weight_of(every, "Parameter87")["spectrum"]


def test_a_compressed_model_is_decoded(tt, tmp_path):
    assert tt("compress", DIGITS, "-o", "x.tt", "--lossless").status == 0
    original, decoded = report(tt, DIGITS), report(tt, "x.tt")
    assert decoded["model"]["kind"] == "tt" and decoded["model"]["sha256"] == original["model"]["sha256"]
    assert decoded["weights"] == original["weights"] and decoded["order"] == original["order"]


def test_safetensors_have_no_graph_but_weights(tt, tmp_path):
    from safetensors.numpy import save_file
    save_file({"encoder.layer.0.attention.self.query.weight": random_weight(32, 48)}, tmp_path / "m.safetensors")
    analysis = report(tt, "m.safetensors")
    assert analysis["model"]["kind"] == "safetensors" and analysis["generated"] is None
    assert analysis["weights"][0]["role"] == "attention.q" and analysis["weights"][0]["metric"] == "identity"
    assert tt("compress", "m.safetensors", "-o", "m.tt", "--lossless").status == 0
    assert report(tt, "m.tt")["weights"] == analysis["weights"]


def test_the_same_text_for_any_number_of_threads(tt):
    texts = [re.sub(r"[\d.]+ s, peak.*", "", tt("analyze", DIGITS, "-v", "--top", "0", "--threads", n).stdout) for n in ("1", "3")]
    assert texts[0] == texts[1] and "Safest first" in texts[0]


def test_it_says_what_the_order_is_based_on(tt):
    assert "C = I: every layer counts as equally sensitive" in tt("analyze", DIGITS, PLAIN).stdout
    generated = tt("analyze", DIGITS).stdout
    if "no inputs were generated" not in generated:
        assert re.search(r"damage measured as squared relative error on \d+ generated inputs, real ones \(--calib\) are better", generated)
    assert "note: no inputs were generated: input 'obs' (1x96) is neither" in tt("analyze", WALKER).stdout


def test_samples_and_their_calibration_say_the_same(tt, tmp_path):
    images = np.load(DATA / "mnist" / "test.npz")["Input3"][:64]
    np.savez(tmp_path / "s.npz", Input3=images.astype(np.float32))
    direct = report(tt, DIGITS, "--calib", "s.npz", *MAPPING)
    assert tt("calibrate", DIGITS, "s.npz", *MAPPING, "-o", "s.ttcal").status == 0
    stored = report(tt, DIGITS, "--calib", "s.ttcal")
    assert direct["weights"] == stored["weights"] and direct["order"] == stored["order"]
    kernel = weight_of(direct, "Parameter87")
    assert kernel["metric"] == "inputs" and kernel["sensitivity"] > 0
    assert 1 < kernel["input_effective_rank"] < kernel["input_size"] == 200
    assert direct["order"]["measured"] and direct["calibrated"] and direct["generated"] is None
    assert tt("calibrate", DIGITS, "s.npz", *MAPPING, "--no-sensitivity", "-o", "n.ttcal").status == 0
    assert "on the samples, but no damage was measured" in tt("analyze", DIGITS, "--calib", "n.ttcal").stdout
    shares = [entry["damage_share"] for entry in direct["order"]["weights"]]
    assert sum(shares) == pytest.approx(1)
    scores = [entry["damage_per_byte"] for entry in direct["order"]["weights"]]
    assert scores == sorted(scores)


# --- the order, against models that were really compressed ---

def safest_half(entries):
    """The beginning of the order whose share of the bytes is nearest to a half."""
    shares = np.cumsum([entry["bytes_share"] for entry in entries])[:-1]
    return int(np.abs(shares - 0.5).argmin()) + 1


def compress_to_two_bits(tt, model, names):
    """half.tt: these weights at two bits each, everything else exact."""
    specs = [part for name in names for part in ("--tensor", "^" + re.escape(name).replace("=", r"\x3d") + "$=quant,rate=2")]
    done = tt("compress", model, "-o", "half.tt", "--target-ratio", "1", PLAIN, "--tensor", ".*=lossless", *specs)
    assert done.status == 0, done


def damage_of(tt, tmp_path, model, names, feed):
    """Relative error of the first output."""
    compress_to_two_bits(tt, model, names)
    assert tt("decompress", "half.tt", "-o", "half.onnx").status == 0
    y, z = (models.session(path).run(None, feed)[0] for path in (model, tmp_path / "half.onnx"))
    return np.linalg.norm(y - z) / np.linalg.norm(y)


def check_order(tt, tmp_path, model, feed, *options):
    entries = report(tt, model, *options)["order"]["weights"]
    half = safest_half(entries)
    safe, rest = (damage_of(tt, tmp_path, model, [e["name"] for e in part], feed) for part in (entries[:half], entries[half:]))
    assert 0 < safe < rest, (safe, rest)


def digits_feed():
    return {"Input3": np.load(DATA / "mnist" / "test.npz")["Input3"][:1, None].astype(np.float32)}


def walker_feed():
    return {"obs": np.random.default_rng(1).standard_normal((1, 96)).astype(np.float32)}


@pytest.mark.parametrize("options", [[PLAIN], []], ids=["plain", "generated"])
@pytest.mark.parametrize("model, feed", [(DIGITS, digits_feed), (PICTURES, lambda: {"input": smooth_pictures(2)}), (WALKER, walker_feed)],
                         ids=["digits", "pictures", "walker"])
def test_the_safest_half_does_less_damage(tt, tmp_path, model, feed, options):
    check_order(tt, tmp_path, model, feed(), *options)


def evaluation_samples(name):
    """A few of those that scripts/compare judges this model by: pictures, not noise, which no tracker finds anything in."""
    sys.path.insert(0, str(models.ROOT / "scripts" / "compare"))
    try:
        samples = importlib.import_module("samples")
        return {key: array[:4] if array.ndim else array for key, array in samples.samples(name, "evaluation", SHARED_DATA).items()}
    finally:
        sys.path.pop(0)


@pytest.mark.long
@pytest.mark.parametrize("name", ["mnist_mlp_1024", "ppocr_cls", "vttrack", "yolox_nano"])
@pytest.mark.parametrize("options", [[PLAIN], []], ids=["plain", "generated"])
def test_the_safest_half_of_larger_models_does_less_damage(tt, tmp_path, name, options):
    model = models.SHARED / f"{name}.onnx"
    if not model.exists() or not SHARED_DATA.exists():
        pytest.skip(f"{name}.onnx or its data is not here")
    np.savez(tmp_path / "feed.npz", **evaluation_samples(name))
    entries = report(tt, model, *options, timeout=300)["order"]["weights"]
    half = safest_half(entries)
    errors = []
    for part in (entries[:half], entries[half:]):
        compress_to_two_bits(tt, model, [entry["name"] for entry in part])
        done = tt("--json", "verify", model, "half.tt", "--data", "feed.npz", "--no-latency")
        errors.append(np.mean([output["relative_error"] ** 2 for output in json.loads(done.stdout)["outputs"]]))
    assert 0 < errors[0] < errors[1], errors


# --- what is refused ---

@pytest.mark.parametrize("options, words", [
    (["--errors", "0.1,2"], ["--errors"]), (["--errors", "0"], ["--errors"]), (["--errors", ""], ["--errors"]),
    (["--errors", "0.1,,0.2"], ["--errors"]), (["--errors", "0.1," * 16 + "0.1"], ["1 to 16 numbers"]),
    (["--top", "-1"], ["--top"]), (["--top", "some"], ["--top"]), (["--include", "("], ["missing )"]),
    (["--exclude", "["], ["--exclude"]), (["--mask-input", "x"], ["needs samples"]), (["--task", "lm"], ["needs samples"]),
    (["--input", "x:scale=2"], ["needs samples"]), (["--seed", "x"], ["--seed"]), (["more.onnx"], ["more.onnx"])])
def test_wrong_use(expect_error, options, words):
    expect_error(64, "usage", words, "analyze", DIGITS, *options)


def test_only_one_file_is_standard_input(expect_error):
    expect_error(64, "usage", ["standard input"], "analyze", "-", "--labels", "-")


def test_nothing_to_analyse(expect_error, tmp_path):
    expect_error(66, "not_found", ["absent.onnx"], "analyze", "absent.onnx")
    expect_error(65, "bad_data", ["none of the", "--include"], "analyze", DIGITS, "--include", "nothing like it")
    empty = save(tmp_path / "empty.onnx", {}, [helper.make_node("Relu", ["x"], ["y"])])
    expect_error(65, "bad_data", ["has no weights to analyse"], "analyze", empty)
    small = save(tmp_path / "small.onnx", {"w": random_weight(64, 0)})
    expect_error(65, "bad_data", ["has no weights to analyse"], "analyze", small)


def test_a_pattern_without_a_match_is_a_warning(tt):
    done = tt("analyze", DIGITS, PLAIN, "--exclude", "nothing like it")
    assert done.status == 0 and "warning: pattern 'nothing like it' matches no weight" in done.stderr


@pytest.mark.parametrize("content, words", [
    (b"", ["labels 'l.txt' are empty"]), (b"one\ntwo\n", ["have 2 lines", "no weight has an axis"]),
    (b"one\n\xff\xfe\n", ["not UTF-8 in line 2"])])
def test_labels_that_cannot_be_used(expect_error, tmp_path, content, words):
    (tmp_path / "l.txt").write_bytes(content)
    expect_error(65, "bad_data", words, "analyze", DIGITS, "--labels", "l.txt")


def test_labels_that_are_not_there_or_too_large(expect_error, tmp_path):
    expect_error(66, "not_found", ["absent.txt"], "analyze", DIGITS, "--labels", "absent.txt")
    (tmp_path / "l.txt").write_bytes(b"x" * ((16 << 20) + 1))
    expect_error(65, "resource_limit", ["16.78 MB"], "analyze", DIGITS, "--labels", "l.txt")


def test_a_calibration_of_another_model(tt, expect_error, tmp_path):
    np.savez(tmp_path / "s.npz", obs=np.random.default_rng(0).standard_normal((8, 96)).astype(np.float32))
    done = tt("calibrate", WALKER, "s.npz", "-o", "w.ttcal", "--no-sensitivity")
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    expect_error(65, "bad_data", ["w.ttcal"], "analyze", DIGITS, "--calib", "w.ttcal")


def test_weights_that_are_not_finite_are_noted(tt, tmp_path):
    bad = random_weight(64, 32)
    bad[3, 4], bad[5, 6] = np.nan, np.inf
    model = save(tmp_path / "m.onnx", {"bad": bad, "good": random_weight(32, 16, seed=1)})
    analysis = report(tt, model)
    weight = weight_of(analysis, "bad")
    assert "not finite" in weight["note"] and weight["statistics"]["not_finite"] == 2 and weight["ranks"] is None
    assert weight["statistics"]["norm"] == pytest.approx(np.linalg.norm(bad[np.isfinite(bad)]))
    assert [entry["name"] for entry in analysis["order"]["weights"]] == ["good"]
    assert next(a for a in analysis["advice"] if a["kind"] == "not_finite")["weights"] == ["bad"]


def test_zeros_have_a_defined_result(tt, tmp_path):
    model = save(tmp_path / "m.onnx", {"zero": np.zeros((64, 32), np.float32), "good": random_weight(32, 16, seed=1)})
    analysis = report(tt, model, PLAIN)
    zero = weight_of(analysis, "zero")
    assert zero["ranks"] == {"stable": 0, "effective": 0, "random": False,
                             "energy": [{"share": share, "rank": 0} for share in (0.9, 0.95, 0.99)]}
    assert zero["patterns"] == [] and zero["costs"][0]["bytes"] < 100


def test_without_a_runtime_the_reason_is_told(tt):
    done = tt("--json", "analyze", DIGITS, env={"TT_ONNXRUNTIME": "/nowhere/libonnxruntime.so"})
    analysis = json.loads(done.stdout)
    assert done.status == 0 and analysis["generated"]["samples"] == 0 and analysis["generated"]["why_not"]
    assert analysis["order"]["measured"] is False


# --- the page ---

def test_the_example_of_the_page_is_real(tt_path, tmp_path, environment):
    folder = tmp_path / "tt"
    (folder / "build").mkdir(parents=True)
    (folder / "build" / "tt").symlink_to(tt_path)
    shutil.copytree(ROOT / "tests", folder / "tests")
    check_page(ROOT / "docs" / "analyze.md", folder, environment)
