"""ONNX models with external data that leads elsewhere, or is not what it claims."""
import os

from cases import ANSWERED, add
from wire import BALLAST, W, data, external, graph, integer, model, node, tensor

USE = [node("MatMul", ["x", "w"], ["y"])]


def with_file(weight, prepare=None):
    def write(folder, _samples):
        model_folder = folder / "m"
        model_folder.mkdir()
        (folder / "secret").write_bytes(W)
        (model_folder / "w.bin").write_bytes(W)
        if prepare:
            prepare(model_folder)
        weights = weight(model_folder) if callable(weight) else weight
        (model_folder / "model.onnx").write_bytes(model(graph([BALLAST, *weights], USE)))
    return write


def case(name, weight, prepare=None, **rest):
    weights = weight if callable(weight) else [weight] if isinstance(weight, bytes) else weight
    add(f"external_{name}", with_file(weights, prepare), file="m/model.onnx", **rest)


def place(name, make_link, **rest):
    """The location `bad` is what make_link(folder, path) makes there."""
    case(name, external("w", [4, 4], "bad"), lambda folder: make_link(folder, folder / "bad"), **rest)


def make():
    for name, location in (("dot_dot", "../secret"), ("dot_dot_inside", "a/../../secret"), ("dot_dot_home", "x/../w.bin"),
                           ("absolute", "/etc/passwd"), ("dev_zero", "/dev/zero"), ("proc", "/proc/self/mem"), ("nul", "w.bin\0x"),
                           ("empty", ""), ("dot", "."), ("backslashes", "..\\secret"), ("url", "http://localhost/x"),
                           ("ort_memory", "*/_ORT_MEM_ADDR_/*"), ("long", "a" * 5000), ("deep", "a/" * 3000 + "w")):
        case(name, external("w", [4, 4], location), status=(65, 66), kinds=("bad_data", "not_found", "resource_limit"))
    place("symlink", lambda folder, path: path.symlink_to(folder.parent / "secret"))
    place("symlink_inside", lambda folder, path: path.symlink_to("w.bin"))
    case("symlinked_parent", external("w", [4, 4], "up/secret"), lambda folder: (folder / "up").symlink_to(folder.parent))
    place("hard_link", lambda folder, path: os.link(folder.parent / "secret", path))
    place("fifo", lambda folder, path: os.mkfifo(path))
    place("folder", lambda folder, path: path.mkdir(), status=(65, 66), kinds=("bad_data", "not_found"))
    place("device_link", lambda folder, path: path.symlink_to("/dev/zero"))
    case("missing", external("w", [4, 4], "missing"), status=(66,), kinds=("not_found",))
    case("no_location", external("w", [4, 4]))
    case("itself", external("w", [4, 4], "model.onnx"))
    for name, offset, length in (("offset_negative", "-1", None), ("length_negative", None, "-64"), ("offset_1e9", "1e9", None),
                                 ("offset_hex", "0x0", None), ("offset_blank", " 0", None), ("offset_plus", "+0", None),
                                 ("offset_empty", "", None), ("offset_2_to_64", "18446744073709551616", None),
                                 ("offset_wraps", "18446744073709551615", "65"), ("length_2_to_63", "0", "9223372036854775808"),
                                 ("offset_past_end", "64", None), ("offset_far_past_end", "1000000", "64"), ("length_short", "0", "63"),
                                 ("length_long", "0", "65"), ("offset_one", "1", "64")):
        case(name, external("w", [4, 4], "w.bin", offset, length), status=ANSWERED if name == "offset_empty" else (65,))
    case("dims_overflow", external("w", [2**33, 2**33], "w.bin"))
    case("dims_past_end", external("w", [2**40], "w.bin"))
    case("and_raw_data", external("w", [4, 4], "w.bin") + data(9, W), status=ANSWERED)
    case("entry_twice", external("w", [4, 4], "w.bin") + data(13, data(1, "location") + data(2, "../secret")), status=ANSWERED)
    case("overlap", [external("w", [4, 2], "w.bin", "0"), external("v", [4, 2], "w.bin", "16")], status=ANSWERED)
    case("nested_overlap", [external("w", [4, 4], "w.bin", "0"), external("v", [4, 1], "w.bin", "16")], status=ANSWERED)
    passing = {"status": (0,), "kinds": (), "round_trip": True}
    case("plain", external("w", [4, 4], "w.bin"), **passing)
    case("same_range_twice", [external("w", [4, 4], "w.bin"), external("v", [4, 4], "w.bin")], **passing)
    case("gap_and_tail", [external("w", [4, 1], "w.bin", "8", "16")], **passing)
    case("sub_folder", external("w", [4, 4], "a/b/w.bin"), lambda folder: ((folder / "a/b").mkdir(parents=True),
                                                                          (folder / "a/b/w.bin").write_bytes(W)), **passing)
    case("many_files", lambda folder: many(folder, 300), **passing)
    case("symlink_in_sparse", external("ok", [4, 4], "w.bin"), None, **passing)
    sparse = data(15, data(1, external("w", [4], "../secret")) + data(2, tensor("i", [4], bytes(32), 7)) + integer(3, 16))
    add("external_sparse_dot_dot", with_raw(sparse), file="m/model.onnx", status=(65, 66), kinds=("bad_data", "not_found"))
    attribute = data(1, node("Custom", ["x"], ["y"], data(5, data(1, "t") + data(5, external("w", [4], "/etc/passwd")) + integer(20, 4))))
    add("external_attribute_absolute", with_raw(attribute), file="m/model.onnx", status=(65, 66), kinds=("bad_data", "not_found"))


def many(folder, count):
    for i in range(count):
        (folder / f"{i}.bin").write_bytes(W)
    return [external(f"w{i}", [4, 4], f"{i}.bin") for i in range(count)]


def with_raw(extra):
    def write(folder, _samples):
        (folder / "m").mkdir()
        (folder / "secret").write_bytes(W)
        (folder / "m/model.onnx").write_bytes(model(graph([BALLAST], (), extra)))
    return write
