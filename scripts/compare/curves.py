"""Curves of bytes against loss: what no other point of the same program beats, and what lies between."""
import json
import math

END = 1.05


def points_of(path):
    """{program: [point]} of one file of results; of tt only the version that ran last."""
    programs = {}
    for line in path.read_text().splitlines():
        point = json.loads(line)
        if "error" not in point and point["loss"] is not None:
            programs.setdefault(point["peer"], []).append(point)
    for kind in ("tt calibrated ", "tt "):
        versions = [name for name in programs if name.startswith(kind) and name != "tt calibrated"]
        for name in versions[:-1]:
            del programs[name]
        if versions:
            programs[kind.strip()] = programs.pop(versions[-1])
    return programs


def front(points, measure):
    """[(bytes, loss)] of the points that no smaller one beats, from small to large."""
    best, kept = math.inf, []
    for size, loss in sorted((point["bytes"], point[measure]) for point in points):
        if loss < best:
            best = loss
            kept.append((size, loss))
    return kept


def between(x, x0, x1, y0, y1):
    """y at x on the line through two points in logarithms."""
    part = (math.log(x) - math.log(x0)) / (math.log(x1) - math.log(x0))
    return math.exp(math.log(y0) + part * (math.log(y1) - math.log(y0)))


def bytes_at(curve, loss, steps=False):
    """The bytes that this loss costs, None where no point reaches it. `steps`: of a point that keeps it, nothing in between."""
    for i, (size, reached) in enumerate(curve):
        if reached <= loss:
            if steps or i == 0 or reached <= 0:
                return float(size)
            return between(loss, curve[i - 1][1], reached, curve[i - 1][0], size)
    return None


def loss_at(curve, size):
    """The loss at this size, None where no point is as small, or where the curve ends long before it."""
    smaller = [point for point in curve if point[0] <= size]
    larger = [point for point in curve if point[0] > size]
    if not smaller or size > END * curve[-1][0]:
        return None
    if not larger or larger[0][1] <= 0 or smaller[-1][1] <= 0:
        return smaller[-1][1]
    return between(size, smaller[-1][0], larger[0][0], smaller[-1][1], larger[0][1])
