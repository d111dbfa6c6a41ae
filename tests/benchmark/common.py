"""What the benchmarks share: where things are, runs under measure.py, tables."""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = ROOT.parent / "shared"
BUILD = ROOT / os.environ.get("TT_BUILD", "build")
TT = BUILD / "tt"
MB = 10**6


def measure(*command):
    """One run: seconds, peak memory and bytes read; ends the benchmark if it fails."""
    done = subprocess.run([sys.executable, "-I", "-S", str(ROOT / "tests" / "measure.py"), *map(str, command)],
                          capture_output=True, text=True)
    usage = json.loads(done.stdout)
    if usage["status"] != 0:
        sys.exit(f"{command[0]} ended with status {usage['status']}: {done.stderr}")
    return usage


def measure_several(runs, *command):
    """The fastest run, with the median of all and the highest peak."""
    usages = [measure(*command) for _ in range(runs)]
    best = dict(min(usages, key=lambda usage: usage["seconds"]))
    best["median"] = statistics.median(usage["seconds"] for usage in usages)
    best["peak"] = max(usage["peak"] for usage in usages)
    return best


def fastest(runs, work):
    """(result, seconds) of the fastest of several calls."""
    best = None
    for _ in range(runs):
        start = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - start
        if best is None or seconds < best:
            best = seconds
    return result, best


def copy_to_disk(source, target):
    """A plain copy, on the disk when it returns: what no program that writes such a file can beat."""
    shutil.copyfile(source, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())


def table(header, rows):
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    cells = [header, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip(), flush=True)
