"""Compares tt with its peers at equal quality and at equal size; see docs/benchmarks/peers/README.md."""
import argparse
import functools
import pathlib
import shutil
import sys
import tempfile

import ort_peers
import peers
import quality
import results
import samples
import tables
import tt
import weights

PEERS = {
    "NNCodec": peers.nncodec,
    "RTN + xz": peers.rounding,
    "xz or zstd": peers.general_compression,
    "onnxruntime dynamic": ort_peers.ort_dynamic,
    "onnxruntime MatMulNBits": ort_peers.ort_blocks,
    "SVD": peers.plain_svd,
    "SVD + NNCodec": peers.svd_nncodec,
}
# A sweep ends where the outputs have this relative error: nobody uses such a model.
USELESS = 0.6


def model_path(name, arguments):
    if name == "minilm":
        return arguments.minilm
    return arguments.models / ("unitree_velocity/policy.onnx" if name == "unitree_velocity" else name + ".onnx")


def useless(point):
    return "error" in point or point["relative_error"] is None or point["relative_error"] > USELESS


def run_sweep(found, peer, sweep, scratch):
    for settings, make in sweep:
        if useless(found.get(peer, settings, make, scratch)):
            return


def run_peer(found, name, subject, qp_step, scratch):
    for sweep in PEERS[name](subject, qp_step):
        run_sweep(found, name, sweep, scratch)


def run_tt(found, path, model, arguments, scratch):
    version = tt.version(arguments.tt)
    budgets = sorted(arguments.budgets or [int(fraction * model.fp32_bytes) for fraction in tt.FRACTIONS], reverse=True)
    run_sweep(found, f"tt {version}", tt.sweep(arguments.tt, path, budgets, None), scratch)
    with tempfile.TemporaryDirectory() as folder:
        data, target = pathlib.Path(folder) / "samples.npz", pathlib.Path(folder) / "calibration.ttcal"
        samples.write(found.model, str(path), "calibration", arguments.data, data)
        calibration = tt.calibrated(arguments.tt, path, data, target)
        run_sweep(found, f"tt calibrated {version}", tt.sweep(arguments.tt, path, budgets, calibration), scratch)


def compare(name, arguments, scratch):
    path = model_path(name, arguments)
    if path is None or not path.exists():
        return print(f"{name}: no such model here, left out", file=sys.stderr)
    judge = functools.cache(lambda: quality.Judge(name, str(path), arguments.data))
    found = results.Results(arguments.results / "raw", name, judge)
    model = weights.Weights(path)
    tables.note_size(arguments.results, name, model.fp32_bytes)
    for peer in arguments.peers:
        run_peer(found, peer, path if PEERS[peer].__module__ == "ort_peers" else model, arguments.qp_step, scratch)
    if arguments.tt:
        run_tt(found, path, model, arguments, scratch)


def names(text, known):
    chosen = text.split(",") if text else list(known)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    return chosen


def parse():
    shared = quality.default_data().parent
    parser = argparse.ArgumentParser(prog="compare-peers", description=__doc__)
    parser.add_argument("--models", type=pathlib.Path, default=shared / "models", help="folder of the models")
    parser.add_argument("--data", type=pathlib.Path, help="folder of the data (default: data beside the models)")
    parser.add_argument("--minilm", type=pathlib.Path, help="the transformer of 90 MB")
    parser.add_argument("--results", type=pathlib.Path, default=pathlib.Path("docs/benchmarks/peers"), help="folder of the results")
    parser.add_argument("--only", default="", metavar="MODEL,...", help=", ".join(samples.SAMPLES))
    parser.add_argument("--peers", default=None, metavar="PEER,...", help=", ".join(PEERS) + "; '' for none")
    parser.add_argument("--qp-step", type=int, default=3, help="of NNCodec, in quarters of a power of 2")
    parser.add_argument("--budgets", default="", metavar="BYTES,...", help="target sizes of tt")
    parser.add_argument("--tt", type=pathlib.Path, help="the program; without it only peers run")
    parser.add_argument("--tables-only", action="store_true", help="measure nothing")
    arguments = parser.parse_args()
    arguments.only = names(arguments.only, samples.SAMPLES)
    arguments.peers = [] if arguments.peers == "" else names(arguments.peers, PEERS)
    arguments.budgets = [int(budget) for budget in arguments.budgets.split(",") if budget]
    arguments.data = arguments.data or arguments.models.parent / "data"
    return arguments


def main():
    arguments = parse()
    if not arguments.tables_only:
        with tempfile.TemporaryDirectory(prefix="compare-peers-") as folder:
            if arguments.tt:
                arguments.tt = pathlib.Path(shutil.copy2(arguments.tt, folder))  # a build may replace it meanwhile
            for name in arguments.only:
                compare(name, arguments, pathlib.Path(folder) / "candidate.onnx")
    tables.write(arguments.results)


if __name__ == "__main__":
    main()
