"""A hostile case: how its file is made, how tt is called with it, and what tt may answer."""
import dataclasses
from collections.abc import Callable

REFUSED = (65,)
ANSWERED = (0, 65)  # refused or passed through: either is honest

CASES = []


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    write: Callable               # write(folder, samples): makes the files; `samples` holds valid .tt files to lie in
    file: str
    command: str = "compress"     # compress (always with an output), decompress or inspect
    args: tuple = ("--lossless",)
    status: tuple = REFUSED
    kinds: tuple = ("bad_data",)  # of the error, where there is one
    round_trip: bool = False      # compress --lossless and decompress must give the file back


def add(name, write, **rest):
    assert all(case.name != name for case in CASES), name
    CASES.append(Case(name, write, **rest))


def add_bytes(name, data, file="model.onnx", **rest):
    """`data`: the bytes, or a function that gives them when the case is written."""
    def write(folder, _samples):
        (folder / file).write_bytes(data() if callable(data) else data)
    add(name, write, file=file, **rest)


def add_passing(name, data, file="model.onnx", **rest):
    """Odd, but well-formed: must come back byte for byte."""
    add_bytes(name, data, file=file, **{"status": (0,), "kinds": (), "round_trip": True, **rest})
