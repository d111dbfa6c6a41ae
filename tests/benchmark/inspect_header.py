"""inspect of files that are much larger than their headers, against starting other programs."""
import pathlib
import sys
import tempfile

import common
sys.path.insert(0, str(common.ROOT / "tests" / "cli"))
import big_files  # noqa: E402
import models  # noqa: E402

RUNS = 9


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = max(models.all_models(), key=lambda path: path.stat().st_size)
        common.measure(common.TT, "compress", model, "-o", folder / "x.tt", "--lossless")
        safetensors = big_files.safetensors(folder)
        commands = {"head -c 1 of the 10 GB file": ["head", "-c", "1", safetensors],
                    "python -c pass": [sys.executable, "-c", "pass"],
                    "tt version": [common.TT, "version"],
                    "tt inspect, safetensors, 10 GB": [common.TT, "inspect", safetensors],
                    "tt inspect, ONNX, 10 GB external": [common.TT, "inspect", big_files.onnx(folder)],
                    f"tt inspect, .tt of {model.stem}": [common.TT, "inspect", folder / "x.tt"]}
        usages = {label: common.measure_several(RUNS, *command) for label, command in commands.items()}
        head, python = list(usages.values())[:2]
        print(f"fastest of {RUNS} runs each")
        common.table(["run", "ms", "median ms", "/ head", "/ python", "bytes read", "peak MB"],
                     [[label, f"{usage['seconds'] * 1e3:.1f}", f"{usage['median'] * 1e3:.1f}",
                       f"{usage['seconds'] / head['seconds']:.2f}", f"{usage['seconds'] / python['seconds']:.2f}",
                       usage["read"], f"{usage['peak'] / common.MB:.1f}"] for label, usage in usages.items()])


if __name__ == "__main__":
    main()
