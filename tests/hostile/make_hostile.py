"""Writes every hostile file into a folder, one attack a folder in it, with index.json: file, command, expected statuses and kinds.

usage: make_hostile.py TT FOLDER      TT is the program, which makes the valid .tt files that the lies start from
The files add up to about 0.8 GB. tests/cli/test_hostile.py makes them one by one and runs tt on each.
"""
import json
import pathlib
import sys
import tempfile

import external_cases
import onnx_cases
import safetensors_cases
import tt_cases
from cases import CASES
from tt_file import make_samples

for module in (onnx_cases, external_cases, safetensors_cases, tt_cases):
    module.make()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[2])
    index = []
    with tempfile.TemporaryDirectory() as scratch:
        samples = make_samples(sys.argv[1], pathlib.Path(scratch))
    for case in CASES:
        place = folder / case.name
        place.mkdir(parents=True)
        case.write(place, samples)
        index.append({"file": f"{case.name}/{case.file}", "command": [case.command, *case.args], "status": case.status,
                      "kinds": case.kinds, "must_round_trip": case.round_trip})
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    print(f"{len(CASES)} cases")


if __name__ == "__main__":
    main()
