"""Tables of the results: tt against the best peer at equal quality and at equal size."""
import json
import statistics

import curves
import plots

TASKS = {
    "shakespeare_gpt": [("perplexity +0.5 %", 0.005), ("perplexity +2 %", 0.02), ("perplexity +5 %", 0.05), ("perplexity +10 %", 0.1)],
    "minilm": [("1 - cos 0.0246", 0.0246), ("1 - cos 0.010", 0.01), ("1 - cos 0.0067", 0.0067), ("1 - cos 0.002", 0.002)],
    "mnist_mlp_1024": [("0.1 points", 0.1), ("0.5 points", 0.5)],
}
ERRORS = (0.03, 0.1, 0.2)
EIGHTH = 8
OWN = ("tt", "tt calibrated")
HEADER = "| model, metric | best peer | tt | ratio | tt calibrated | ratio |\n|---|---|---|---|---|---|\n"


def best(values):
    """(program, value) of the smallest value of the peers."""
    found = [(value, name) for name, value in values.items() if name not in OWN and value is not None]
    return (min(found)[1], min(found)[0]) if found else (None, None)


def row(label, values, show, ratios, bounds=()):
    """`ratios` collects (tt / best peer, what was compared). `bounds`: whose value is only an upper bound."""
    name, peer = best(values)
    cells = [label, f"{show(peer)} ({name})" if name else "none"]
    for own in OWN:
        value = values.get(own)
        if value is None or not peer:
            cells += [show(value) if value is not None else "-", "-"]
        else:
            ratios.setdefault(own, []).append((value / peer, f"{label}: {show(value)}, {name} {show(peer)}"))
            bound = "<= " if own in bounds else ""
            cells += [bound + show(value), f"{bound}{value / peer:.2f}"]
    return "| " + " | ".join(cells) + " |\n"


def kib(size):
    if size >= 5e6:
        return f"{size / 1e6:.2f} MB"
    return f"{size / 1024:.1f} KiB" if size < 20 * 1024 else f"{size / 1024:,.0f} KiB"


def medians(ratios):
    parts = []
    for name, found in ratios.items():
        numbers = [ratio for ratio, _ in found]
        parts.append(f"{name} median {statistics.median(numbers):.2f}, largest {max(numbers):.2f} of {len(numbers)}")
    return f"\nRatios: {'; '.join(parts)}.\n" if parts else "\nNo results of tt yet.\n"


def exceptions(ratios):
    """Every comparison that a peer wins, the worst first."""
    lost = sorted(((ratio, name, what) for name, found in ratios.items() for ratio, what in found if ratio > 1), reverse=True)
    lines = "".join(f"| {name} | {what} | {ratio:.2f} |\n" for ratio, name, what in lost)
    return f"| program | compared | ratio |\n|---|---|---|\n{lines}" if lost else "Nowhere in these tables.\n"


def by_quality(programs, model, measure, targets, ratios):
    steps = measure == "loss" and model == "mnist_mlp_1024"
    lines = ""
    for label, target in targets:
        fronts = {name: curves.front(points, measure) for name, points in programs.items()}
        values = {name: curves.bytes_at(front, target, steps) for name, front in fronts.items()}
        bounds = {name for name, front in fronts.items() if front and front[0][1] <= target}
        lines += row(f"{model}, {label}", values, kib, ratios, bounds)
    return lines


def by_size(programs, model, size, ratios):
    values = {name: curves.loss_at(curves.front(points, "relative_error"), size) for name, points in programs.items()}
    return row(f"{model}, {kib(size)}", values, lambda loss: f"{loss:.4f}", ratios)


def sizes(folder):
    """{model: bytes of its weights as float32}."""
    path = folder / "raw" / "sizes.json"
    return json.loads(path.read_text()) if path.exists() else {}


def note_size(folder, model, size):
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    (folder / "raw" / "sizes.json").write_text(json.dumps(dict(sorted((sizes(folder) | {model: size}).items())), indent=1) + "\n")


def write(folder):
    full = sizes(folder)

    def size_rows(model, programs, ratios):
        return by_size(programs, model, full[model] / EIGHTH, ratios) if model in full else ""

    measured = {path.stem: curves.points_of(path) for path in sorted((folder / "raw").glob("*.jsonl"))}
    sections, everything = [], {}
    for title, make in (("Equal quality, by the metric of the task", task_rows), ("Equal relative output error", error_rows),
                        ("Relative output error at 1/8 of the float32 bytes", size_rows)):
        ratios = {}
        lines = "".join(make(model, programs, ratios) for model, programs in measured.items())
        sections.append(f"## {title}\n\n{HEADER}{lines}{medians(ratios)}")
        for name, found in ratios.items():
            everything.setdefault(name, []).extend(found)
    sections.append(f"## Where a peer is ahead\n\n{exceptions(everything)}")
    (folder / "tables.md").write_text("# tt and its peers\n\nWritten by `scripts/compare-peers`; [README.md](README.md) says how.\n\n" +
                                      "\n".join(sections))
    for model, programs in measured.items():
        plots.write(folder / f"{model}.svg", model, programs)


def task_rows(model, programs, ratios):
    return by_quality(programs, model, "loss", TASKS.get(model, []), ratios)


def error_rows(model, programs, ratios):
    return by_quality(programs, model, "relative_error", [(f"error {error}", error) for error in ERRORS], ratios)


