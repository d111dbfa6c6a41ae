"""Compressing and restoring a transformer of 90 MB: seconds against copies and zstd of the same file, memory against
the promises."""
import pathlib
import sys
import tempfile

import zstandard

import common

RUNS = 3


def build(path):
    """The path of the model, or None with the reason printed."""
    tool = common.SHARED / "tools" / "make_minilm.py"
    if not tool.exists():
        print("left out: the program that builds the model needs the folder shared beside the checkout")
        return None
    common.measure(sys.executable, tool, path)
    return path


def zstd(level, source, target):
    with open(source, "rb") as file, open(target, "wb") as out:
        zstandard.ZstdCompressor(level=level, threads=0).copy_stream(file, out)


def yardsticks(model, folder):
    """name -> seconds."""
    target = folder / "yardstick"
    return {"copy": common.fastest(RUNS, lambda: common.copy_to_disk(model, target))[1],
            "zstd -1": common.fastest(RUNS, lambda: zstd(1, model, target))[1],
            "zstd -19": common.fastest(1, lambda: zstd(19, model, target))[1]}


def largest_weight(model):
    import onnx
    return max(len(tensor.raw_data) for tensor in onnx.load(str(model)).graph.initializer)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = build(folder / "minilm.onnx")
        if model is None:
            return
        size, largest = model.stat().st_size, largest_weight(model)
        against = yardsticks(model, folder)
        print(f"{size / common.MB:.2f} MB, largest weight {largest / common.MB:.2f} MB; fastest of {RUNS} runs, zstd -19 of one")
        common.table(["yardstick", "seconds"], [[key, f"{seconds:.2f}"] for key, seconds in against.items()])
        limits = {"compress": 3 * size + 150 * common.MB, "decompress": 1.5 * largest + 100 * common.MB}
        rows = []
        for label, goal in (("0.45", ["--target-ratio", "0.45"]), ("lossless", ["--lossless"])):
            packed = folder / "x.tt"
            for verb, command in (("compress", [model, "-o", packed, *goal]), ("decompress", [packed, "-o", folder / "out.onnx"])):
                usage = common.measure_several(RUNS, common.TT, verb, *command)
                rows.append([f"{verb} {label}", f"{usage['seconds']:.2f}", f"{usage['median']:.2f}",
                             f"{usage['processor_seconds']:.2f}",
                             *(f"{usage['seconds'] / seconds:.2f}" for seconds in against.values()),
                             f"{usage['peak'] / common.MB:.0f}", f"{limits[verb] / common.MB:.0f}",
                             f"{packed.stat().st_size / size:.4f}"])
        common.table(["run", "seconds", "median", "CPU", *(f"/ {key}" for key in against), "peak MB", "promise", "ratio"], rows)


if __name__ == "__main__":
    main()
