"""Pareto plots as SVG: bytes against loss, both logarithmic, a line a program."""
import html
import math

import curves

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 480, 80, 210, 40, 50
# The same in every picture.
COLOURS = {"NNCodec": "#1f77b4", "SVD + NNCodec": "#17becf", "RTN + xz": "#2ca02c", "SVD": "#9467bd", "onnxruntime dynamic": "#8c564b",
           "onnxruntime MatMulNBits": "#e377c2", "xz or zstd": "#bcbd22"}
OTHERS = "#7f7f7f"
OWN = {"tt": "#ff7f0e", "tt calibrated": "#d62728"}
NAMES = {"tt": "tt, no calibration data", "tt calibrated": "tt, calibration data"}
LABELS = {"shakespeare_gpt": "perplexity / the original's - 1", "minilm": "mean 1 - cos", "mnist_mlp_1024": "accuracy lost, points"}
LARGEST_LOSS, SMALLEST_LOSS = 1.0, 1e-4


def ticks(low, high):
    """1, 2, 5 x 10^n within the limits."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [digit * 10.0**n for n in decades for digit in (1, 2, 5) if low <= digit * 10.0**n <= high]


def size_text(size):
    return f"{size / 1e6:g} MB" if size >= 1e6 else f"{size / 1e3:g} kB"


class Plane:
    """Where a size and a loss lie in the picture."""

    def __init__(self, fronts):
        sizes = [size for front in fronts for size, _ in front]
        losses = [loss for front in fronts for _, loss in front]
        self.sizes = (min(sizes) / 1.1, max(sizes) * 1.1)
        self.losses = (min(losses) / 1.2, max(losses) * 1.2)

    def x(self, size):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(size / self.sizes[0]) / math.log(self.sizes[1] / self.sizes[0])

    def y(self, loss):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(loss / self.losses[0]) / math.log(self.losses[1] / self.losses[0])


def text(x, y, content, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{html.escape(content)}</text>'


def axes(plane, label):
    lines = []
    for size in ticks(*plane.sizes):
        x = plane.x(size)
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>')
        lines.append(text(x, HEIGHT - BOTTOM + 16, size_text(size), "middle"))
    for loss in ticks(*plane.losses):
        y = plane.y(loss)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        lines.append(text(LEFT - 6, y + 4, f"{loss:g}", "end"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    lines.append(text(18, middle, label, "middle", f'transform="rotate(-90 18 {middle})"'))
    lines.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "bytes of the whole file", "middle"))
    return lines


def line(plane, front, colour, width):
    places = [(plane.x(size), plane.y(loss)) for size, loss in front]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 0.5}" fill="{colour}"/>' for x, y in places)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>{dots}'


def visible(points):
    return [(size, loss) for size, loss in curves.front(points, "loss") if SMALLEST_LOSS <= loss <= LARGEST_LOSS]


def write(path, model, programs):
    """tt is drawn last, and thick."""
    fronts = {name: visible(programs[name]) for name in sorted(programs, key=lambda name: (name in OWN, name))}
    fronts = {name: front for name, front in fronts.items() if front}
    if not fronts:
        return
    plane, label = Plane(fronts.values()), LABELS.get(model, "relative output error")
    lines = [f"<title>{html.escape(f'{model}: bytes against {label}')}</title>",
             text(LEFT, 24, model, extra='font-weight="bold"'), *axes(plane, label)]
    for i, (name, front) in enumerate(fronts.items()):
        colour, width = (OWN | COLOURS).get(name, OTHERS), 3 if name in OWN else 1.5
        lines.append(line(plane, front, colour, width))
        y = TOP + 20 + 20 * i
        lines.append(f'<rect x="{WIDTH - RIGHT + 16}" y="{y - 9}" width="14" height="10" fill="{colour}"/>')
        lines.append(text(WIDTH - RIGHT + 36, y, NAMES.get(name, name)))
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" font-size="12">\n'
                    f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + "\n".join(lines) + "\n</svg>\n")
