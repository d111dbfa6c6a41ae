"""tt --report: pages of real runs in a real browser, and what the option refuses."""
import json
import re
import struct
import xml.etree.ElementTree as ElementTree

import numpy as np
import onnx
import pytest
import safetensors.numpy

import chromium
import models
from test_analyze import random_weight, save
from test_readme import CONSOLE, steps_of
from test_readme import run as run_lines

DATA = models.ROOT / "tests" / "data"
DIGITS, TEXTS = DATA / "mnist_winml.onnx", DATA / "ppocr_cls.onnx"
DIGITS_TEST = ["--data", DATA / "mnist" / "test.npz", "--labels", DATA / "mnist" / "labels.npy", "--input", "Input3:scale=1,shape=N,1,28,28"]
BLOCK = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.S)
HOSTILE = ["</script><img src=x onerror=alert(1)>", "</script /x", "<!-- <script ",
           "'\"&amp;<b>bold", "a\u202egnp.exe", "\u2028line\u2029", "{{data}}",
           "nul\\u0000\x01\n", "javascript:alert(1)", "__proto__"]


def page_data(path):
    return json.loads(BLOCK.search(path.read_text())[2])


def with_report(path, new, change):
    """The same page with other data: what a report that cannot be had quickly would hold."""
    text = path.read_text()
    data = page_data(path)
    change(data["report"])
    new.write_text(BLOCK.sub(lambda match: match[1] + json.dumps(data).replace("<", "\\u003c") + match[3], text))
    return new


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not chromium.find():
        pytest.skip("chromium is not installed: scripts/setup --tests installs it")
    started = chromium.Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


def run(tt, *arguments, statuses=(0,)):
    done = tt(*arguments)
    if "built without ONNX Runtime" in done.stderr:
        pytest.skip("tt is built without ONNX Runtime")
    assert done.status in statuses, done
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture
def pages(tt, folder):
    """make(command) returns the page of a real run of it; one run serves all tests."""
    def make(command):
        page = folder / f"{command}.html"
        if page.exists():
            return page
        if command == "analyze":
            np.savez(folder / "x.npz", **models.inputs_of(models.session(TEXTS), TEXTS.stem))
            run(tt, "analyze", TEXTS, "--no-generate", "--report", page, "--sweep", "--data", folder / "x.npz", "--methods", "auto,tt-rank",
                "--ratios", "0.4,0.2", "--ranks", "4,16")
        if command == "compress":
            run(tt, "compress", TEXTS, "-o", "x.tt", "--no-generate", "--effort", "fast", "--report", page)
        if command == "verify":
            run(tt, "compress", DIGITS, "-o", "x.tt", "--target-ratio", "0.25", "--no-generate")
            run(tt, "verify", DIGITS, "x.tt", *DIGITS_TEST, "--max-drop", "5", "--max-kl", "1e-6", "--min-cosine", "0.5", "--per-layer", "--report", page,
                statuses=(1,))
        return page
    return make


DRAWN = """[...document.querySelectorAll('canvas')].map(canvas => {
  const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return new Set(pixels).size; })"""
TITLES = "[...document.querySelectorAll('figure h3')].map(title => title.textContent)"
CHARTS = {
    "analyze": ["Bytes against damage", "Damage against bytes, safest first", "Bytes per layer", "Error against depth", "Singular spectra",
                "Similarity between layers", "Correlations along the modes"],
    "compress": ["Bytes per layer", "Error against depth"],
    "verify": ["Share of each limit that is used", "Relative error of the outputs", "KL(original || candidate)", "Error against depth",
               "Quartiles of the time of one run"],
}


@pytest.mark.parametrize("command", CHARTS)
def test_pages_are_drawn(browser, pages, command):
    page = pages(command)
    for size in chromium.DESKTOP, chromium.PHONE:
        for dark in False, True:
            seconds = browser.open(page, size, dark)
            assert browser.problems == []
            assert browser.requests == [page.as_uri()]
            assert seconds < 10, "generous: 0.5 s on an idle machine"
            assert browser.evaluate(TITLES) == CHARTS[command]
            drawn = browser.evaluate(DRAWN)
            assert len(drawn) >= len(CHARTS[command]) and min(drawn) > 8, drawn
            width, inner = browser.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
            assert width <= inner == size[0]
    assert page.stat().st_size < 3e6


def test_light_and_dark(browser, pages):
    page = pages("compress")
    background = "getComputedStyle(document.body).backgroundColor"
    browser.open(page)
    light, picture = browser.evaluate(background), browser.screenshot()
    browser.click("document.getElementById('theme')")
    assert browser.evaluate(background) != light and browser.screenshot() != picture
    dark = browser.evaluate(background)
    # A choice outlives what the system says; without one the system is followed at once.
    browser.dark(True)
    browser.click("document.getElementById('theme')")
    assert browser.evaluate(background) == light
    browser.open(page)
    browser.dark(True)
    browser.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert browser.evaluate(background) == dark


# Text against the next background that is not transparent, by WCAG 2.1.
CONTRAST = """(() => {
  const parse = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => { const [r, g, b] = color.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
                           return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = element => { for (let e = element; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
                              if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  let least = 99;
  for (const element of document.body.querySelectorAll('*')) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()) || !element.getClientRects().length) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color).slice(0, 3)), light(behind(element))];
    least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return least; })()"""


@pytest.mark.parametrize("dark", [False, True])
def test_for_every_reader(browser, pages, dark):
    for command in CHARTS:
        browser.open(pages(command), dark=dark)
        assert browser.evaluate(CONTRAST) >= 4.5
        assert browser.evaluate("['header', 'nav', 'main', 'footer', 'h1'].every(tag => document.querySelectorAll(tag).length === 1)")
        levels = browser.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(head => Number(head.tagName[1]))")
        assert levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:]))
        # A picture has words and its numbers as a table; whatever is used has a name.
        assert browser.evaluate("[...document.querySelectorAll('figure canvas')].filter(one => one.getAttribute('aria-hidden') !== 'true')"
                                ".every(one => one.getAttribute('role') === 'img' && one.getAttribute('aria-label').length > 20)")
        browser.evaluate("document.querySelectorAll('figure details').forEach(one => { one.open = true; })")
        assert browser.evaluate("new Promise(done => setTimeout(() => done([...document.querySelectorAll('figure')]"
                                ".every(one => one.querySelectorAll('tbody tr').length > 0)), 50))")
        assert browser.evaluate("[...document.querySelectorAll('select, input')].every(one => one.labels.length || one.getAttribute('aria-label'))")
        assert browser.evaluate("[...document.querySelectorAll('nav a')].every(one => document.querySelector(one.getAttribute('href')))")


COLUMN = "[...document.querySelectorAll('#weights tbody tr')].map(row => row.cells[{}].textContent)"
SORTS = "[...document.querySelectorAll('#weights thead th')].map(head => head.getAttribute('aria-sort'))"


def test_table(browser, pages):
    page = pages("compress")
    browser.open(page)
    by_size = sorted(page_data(page)["report"]["weights"], key=lambda weight: -weight["bytes_in"])
    first = browser.evaluate(COLUMN.format(0))
    browser.click("document.querySelectorAll('#weights th button')[4]")
    assert browser.evaluate(SORTS)[4] == "descending"
    assert browser.evaluate(COLUMN.format(0)) == [weight["name"] for weight in by_size]
    browser.press("Enter")
    assert browser.evaluate(SORTS)[4] == "ascending"
    assert browser.evaluate(COLUMN.format(0))[-1] in {weight["name"] for weight in by_size if weight["bytes_in"] == by_size[0]["bytes_in"]}
    # On to the next header, without a mouse; the order of before is no part of it.
    browser.press("Tab")
    browser.press(" ")
    assert browser.evaluate(SORTS)[4:6] == ["none", "descending"]
    browser.evaluate("document.querySelector('#weights input').focus()")
    for letter in "44":
        browser.call("Input.insertText", text=letter)
    names = [name for name in first if "44" in name]
    assert sorted(browser.evaluate(COLUMN.format(0))) == sorted(names) and names
    assert f"{len(names)} of {len(first)} rows" in browser.evaluate("document.querySelector('#weights [role=status]').textContent")


def test_keyboard(browser, pages):
    browser.open(pages("compress"))
    browser.press("Tab")
    assert browser.evaluate("document.activeElement.className") == "skip"
    assert browser.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    browser.press("Enter")
    assert browser.evaluate("document.activeElement.id") == "content"
    browser.open(pages("compress"))
    browser.press("Tab")
    browser.press("Tab")
    browser.press("Enter")
    assert browser.evaluate("document.documentElement.dataset.theme") == "dark"


def test_choices_of_charts(browser, pages):
    browser.open(pages("analyze"))
    words = "document.getElementById('{}').querySelector('figcaption').textContent"
    before = browser.evaluate(words.format("structure"))
    browser.click("document.querySelector('#structure .choices input:checked')")
    assert browser.evaluate(words.format("structure")) != before
    browser.evaluate("document.querySelectorAll('#structure .choices input:not(:checked)').forEach(box => box.click())")
    assert browser.evaluate("document.querySelectorAll('#structure .choices input:checked').length") == 8
    before = browser.evaluate(words.format("layers"))
    browser.evaluate("""(() => { const select = document.querySelector('#layers select'); select.selectedIndex = 2;
                        select.dispatchEvent(new Event('change')); })()""")
    assert browser.evaluate(words.format("layers")) != before
    assert browser.problems == []


def hostile_model(path):
    """Every name of weights, nodes and inputs is one that attacks the page."""
    return save(path, {name: random_weight(64, 64, seed=i) for i, name in enumerate(HOSTILE)})


def test_names_are_text(browser, tt, tmp_path):
    model = hostile_model(tmp_path / "<img src=x onerror=alert(1)>.onnx")
    shown = [re.sub("[\x00-\x1f\u2028-\u202e]", lambda match: f"\\u{ord(match[0]):04x}", name) for name in HOSTILE]
    for command in "analyze", "compress":
        page = tmp_path / f"{command}.html"
        run(tt, command, model, "--report", page, "--no-generate", *(["-o", "x.tt"] if command == "compress" else []))
        assert [weight["name"] for weight in page_data(page)["report"]["weights"]] == HOSTILE
        browser.open(page)
        assert browser.problems == [] and browser.requests == [page.as_uri()]
        assert browser.evaluate("document.querySelectorAll('img, b, script:not([id])').length") == 2
        assert browser.evaluate(COLUMN.format(0)) == shown
        assert browser.evaluate("document.title").endswith(model.name)
        assert browser.evaluate("document.querySelectorAll('[onerror], [style*=expression]').length") == 0


def test_names_of_layers_are_text(browser, tt, tmp_path):
    """Of a comparison layer by layer: names, nodes and values of the model."""
    values = ["x", *("<img src=x onerror=alert(1)>" + name for name in HOSTILE[:-1]), "y"]
    nodes = [onnx.helper.make_node("MatMul", [values[i], name], [values[i + 1]], name=name) for i, name in enumerate(HOSTILE)]
    save(tmp_path / "m.onnx", {name: random_weight(64, 64, seed=i) for i, name in enumerate(HOSTILE)}, nodes)
    np.save(tmp_path / "x.npy", random_weight(1, 64))
    page = tmp_path / "v.html"
    done = run(tt, "verify", "m.onnx", "m.onnx", "--data", "x.npy", "--per-layer", "--report", page, "--plot", "v.svg")
    assert "\x01" not in done.stdout and "\u202e" not in done.stdout
    assert [layer["name"] for layer in page_data(page)["report"]["layers"]] == HOSTILE
    browser.open(page)
    assert browser.problems == [] and browser.requests == [page.as_uri()]
    assert browser.evaluate("document.querySelectorAll('img, b, script:not([id])').length") == 2
    ElementTree.parse(tmp_path / "v.svg")


def test_nothing_runs_that_is_not_ours(browser, pages, tmp_path):
    """The policy itself: script, style and requests that were smuggled into the file do nothing."""
    page = tmp_path / "smuggled.html"
    text = pages("compress").read_text()
    page.write_text(text.replace("<main", "<script>window.smuggled = 1</script><img src=x.png onerror='window.smuggled = 1'>"
                                 "<style>body { color: red }</style><main"))
    browser.open(page)
    assert browser.evaluate("window.smuggled") is None
    assert browser.evaluate("getComputedStyle(document.body).color") == "rgb(28, 33, 39)"
    assert len(browser.problems) >= 3
    with pytest.raises(AssertionError, match="TrustedHTML"):
        browser.evaluate("document.body.innerHTML = '<p>x</p>'")


def test_the_same_bytes(tt, tmp_path):
    for threads in "1", "2":
        run(tt, "analyze", DIGITS, "--report", f"a{threads}.html", "--threads", threads)
        run(tt, "compress", DIGITS, "-o", "x.tt", "--report", f"c{threads}.html", "--threads", threads)
        run(tt, "verify", DIGITS, "x.tt", *DIGITS_TEST, "--no-latency", "--report", f"v{threads}.html", "--threads", threads)
    for command in "acv":
        assert (tmp_path / f"{command}1.html").read_bytes() == (tmp_path / f"{command}2.html").read_bytes()


def rounded(value):
    """As the page keeps it."""
    if isinstance(value, float):
        return float(f"{value:.5e}")
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items() if key not in ("seconds", "peak_rss_bytes", "nodes")}
    return value


def test_the_page_holds_the_report(tt, tmp_path):
    done = run(tt, "compress", DIGITS, "-o", "x.tt", "--json", "--report", "c.html")
    data = page_data(tmp_path / "c.html")
    assert data["command"] == "compress"
    assert data["report"] == rounded(json.loads(done.stdout))
    done = run(tt, "analyze", DIGITS, "--json", "--top", "0", "--report", "a.html")
    expected, found = rounded(json.loads(done.stdout)), page_data(tmp_path / "a.html")["report"]
    for weight in expected["weights"]:
        for mode in weight["unfoldings"]:
            del mode["spectrum"]
        for pattern in weight["patterns"]:
            pattern["affected_topics"] = pattern["affected_topics"][:8]
    assert found == expected


def odd_models(folder):
    """What leaves a chart without figures: NaN, zeros, one value, vectors only, one weight."""
    broken = random_weight(64, 64)
    broken[0, 0] = np.nan
    weights = {"nan": broken, "zeros": np.zeros((64, 64), np.float32), "ones": np.ones((64, 64), np.float32)}
    for name, weight in weights.items():
        yield save(folder / f"{name}.onnx", {"w": weight})
    safetensors.numpy.save_file({"v": np.arange(50, dtype=np.float32)}, folder / "vector.safetensors")
    yield folder / "vector.safetensors"


def test_odd_models(browser, tt, tmp_path):
    for model in odd_models(tmp_path):
        run(tt, "analyze", model, "--no-generate", "--report", "a.html", "--plot", "a.svg")
        pages = ["a.html"]
        if model.suffix == ".onnx":
            run(tt, "compress", model, "-o", "x.tt", "--lossless", "--report", "c.html", "--plot", "c.png")
            pages.append("c.html")
        for page in pages:
            browser.open(tmp_path / page)
            assert browser.problems == [], model
            words = browser.evaluate("document.querySelector('main').innerText")
            assert not re.search("undefined|NaN |Infinity|\\[object", words.replace("NaN or", "")), words


def test_long_spectra_are_thinned(tt, tmp_path):
    weight = random_weight(700, 700)
    save(tmp_path / "m.onnx", {"w": weight}, inputs=(("x", [1, 700]),))
    run(tt, "analyze", "m.onnx", "--no-generate", "--report", "a.html")
    spectrum = page_data(tmp_path / "a.html")["report"]["weights"][0]["spectrum"]
    values, indices = spectrum["singular_values"], spectrum["indices"]
    assert len(values) == len(indices) <= 200 and indices[:4] == [0, 1, 2, 3] and indices[-1] == 699
    assert indices == sorted(set(indices))
    assert np.allclose(values, np.linalg.svd(weight, compute_uv=False)[indices], rtol=1e-4)


def test_a_page_has_less_than_three_megabytes(browser, tt, tmp_path):
    names = [f"{i:05}." + "<" * 280 for i in range(5000)]
    tensors = {name: np.full(16 + i % 7, i, np.float32) for i, name in enumerate(names)}
    safetensors.numpy.save_file(tensors, tmp_path / "m.safetensors")
    run(tt, "compress", "m.safetensors", "-o", "x.tt", "--lossless", "--report", "c.html")
    page = tmp_path / "c.html"
    assert page.stat().st_size < 3e6
    kept = page_data(page)["report"]["weights"]
    shown = {weight["name"] for weight in kept}
    assert 1000 <= len(shown) == len(kept) < 5000
    assert min(tensors[name].size for name in shown) >= max(tensors[name].size for name in names if name not in shown)
    browser.open(page)
    assert f"{len(kept)} largest of 5000 weights" in browser.evaluate("document.getElementById('made').textContent")


COMMANDS = {"analyze": ["analyze", "m.onnx"], "compress": ["compress", "m.onnx", "-o", "x.tt"],
            "verify": ["verify", "m.onnx", "m.onnx", "--data", "x.npz"]}


@pytest.fixture
def small(tmp_path):
    save(tmp_path / "m.onnx", {"w": random_weight(64, 64)})
    np.savez(tmp_path / "x.npz", x=random_weight(4, 64))
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_what_it_refuses(tt, small, expect_error, command):
    model = (small / "m.onnx").read_bytes()
    (small / "link.html").symlink_to("m.onnx")
    expect_error(64, "usage", ["--report", "needs a file"], *COMMANDS[command], "--report", "-")
    for path in "m.onnx", "./m.onnx", "link.html":
        expect_error(64, "usage", ["--report", path, "input"], *COMMANDS[command], "--report", path)
    expect_error(73, "cannot_create", ["no/r.html"], *COMMANDS[command], "--report", "no/r.html")
    assert (small / "m.onnx").read_bytes() == model


def test_paths_of_other_outputs(small, expect_error):
    compress = COMMANDS["compress"]
    expect_error(64, "usage", ["x.tt"], *compress, "--report", "x.tt")
    expect_error(64, "usage", ["r.tt"], *compress, "--rollback", "r.tt", "--report", "r.tt")
    expect_error(64, "usage", ["p.json"], *compress, "--plan-out", "p.json", "--report", "p.json")
    verify = COMMANDS["verify"]
    expect_error(64, "usage", ["x.npz"], *verify, "--report", "x.npz")
    expect_error(64, "usage", ["g.xml"], *verify, "--junit", "g.xml", "--report", "g.xml")
    expect_error(64, "usage", ["--report", "two models"], "verify", "m.onnx", "--report", "r.html")
    assert sorted(path.name for path in small.iterdir()) == ["m.onnx", "x.npz"]


@pytest.mark.parametrize("command", COMMANDS)
def test_after_an_error_the_page_is_as_before(tt, small, command):
    (small / "m.onnx").write_bytes(b"no model")
    (small / "r.html").write_text("before")
    assert tt(*COMMANDS[command], "--report", "r.html").status in (65, 66)
    assert tt(*COMMANDS[command], "--report", "new.html").status in (65, 66)
    assert (small / "r.html").read_text() == "before"
    assert sorted(path.name for path in small.iterdir()) == ["m.onnx", "r.html", "x.npz"]


@pytest.mark.parametrize("command", COMMANDS)
def test_plots(tt, small, command):
    for ending in "svg", "png":
        for threads in "1", "2":
            run(tt, *COMMANDS[command], "--plot", f"{threads}.{ending}", "--threads", threads)
        assert (small / f"1.{ending}").read_bytes() == (small / f"2.{ending}").read_bytes()
    drawing = ElementTree.parse(small / "1.svg").getroot()
    assert drawing.tag.endswith("}svg") and len(list(drawing.iter())) > 50
    width, height = struct.unpack(">II", (small / "1.png").read_bytes()[16:24])
    assert width == 1720 == 2 * float(drawing.get("viewBox").split()[2]) and height == 2 * float(drawing.get("viewBox").split()[3])


def test_a_plot_of_hostile_names(tt, tmp_path):
    hostile_model(tmp_path / "m.onnx")
    run(tt, "analyze", "m.onnx", "--no-generate", "--plot", "p.svg")
    text = (tmp_path / "p.svg").read_text()
    assert "script" not in text and "onerror" not in text
    ElementTree.fromstring(text)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_plots_refuse(small, expect_error, command):
    for path in "p.pdf", "p", "p.SVG", "p.svg.txt":
        expect_error(64, "usage", ["--plot", path, ".svg or .png"], *COMMANDS[command], "--plot", path)
    expect_error(64, "usage", ["--plot", "needs a file"], *COMMANDS[command], "--plot", "-")
    (small / "link.svg").symlink_to("m.onnx")
    expect_error(64, "usage", ["link.svg", "input"], *COMMANDS[command], "--plot", "link.svg")
    expect_error(64, "usage", ["both.svg"], *COMMANDS[command], "--report", "both.svg", "--plot", "both.svg")
    expect_error(73, "cannot_create", ["no/p.svg"], *COMMANDS[command], "--report", "r.html", "--plot", "no/p.svg")
    assert sorted(path.name for path in small.iterdir()) == ["link.svg", "m.onnx", "x.npz"]


def test_the_page_about_it(tt_path, tmp_path, environment):
    text = (models.ROOT / "docs" / "report.md").read_text()
    steps = [step for block in CONSOLE.findall(text) for step in steps_of(block)]
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "tt").symlink_to(tt_path)
    (tmp_path / "tests").symlink_to(models.ROOT / "tests")
    outputs = run_lines([command for command, _ in steps], tmp_path, environment)
    if any("built without ONNX Runtime" in line for output in outputs for line in output):
        pytest.skip("tt is built without ONNX Runtime")
    for (command, shown), output in zip(steps, outputs):
        assert output == shown, command
    for picture in re.findall(r"\]\((images/[^)]+)\)", text):
        assert (models.ROOT / "docs" / picture).stat().st_size < 200_000


def test_a_dry_run_has_a_page(tt, small):
    assert tt("compress", "m.onnx", "--dry-run", "--report", "r.html").status == 0
    assert page_data(small / "r.html")["report"]["output"]["path"] is None


def test_standard_output_is_free(tt, small):
    done = tt("analyze", "m.onnx", "--no-generate", "--report", "r.html")
    assert done.status == 0 and "Safest first" in done.stdout
    with_page = tt("compress", "m.onnx", "-o", "-", "--report", "c.html")
    assert with_page.status == 0 and (small / "c.html").exists() and with_page.stdout.startswith("<") is False
