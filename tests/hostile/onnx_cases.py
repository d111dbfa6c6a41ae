"""ONNX files: broken wire, sizes that lie, odd tensors, deep and cyclic graphs, floods of empty messages."""
import random
import struct

from cases import ANSWERED, add_bytes, add_passing
from wire import (BALLAST, BFLOAT16, DOUBLE, FLOAT, FLOAT16, FP8, INT4, INT8, INT32, INT64, STRING, W, attribute_graph,
                  attribute_tensor, data, floats, graph, integer, model, node, one, tag, tensor, value_info, varint)

MATMUL = node("MatMul", ["x", "w"], ["y"])
VALID = one(tensor("w", [4, 4], W))
LIMIT = ("resource_limit",)


def wire():
    add_bytes("empty", b"")
    add_bytes("one_byte", b"\x08")
    add_bytes("random", lambda: random.Random(1).randbytes(4096))
    add_bytes("random_ascii", b"this is no model\n" * 99)
    for part in (1, 2, 3):
        add_bytes(f"truncated_{part}_of_4", VALID[:len(VALID) * part // 4])
    add_bytes("truncated_by_one", VALID[:-1])
    add_bytes("varint_too_long", VALID + tag(99, 0) + b"\xff" * 11)
    add_bytes("varint_cut_off", VALID + tag(99, 0) + b"\xff")
    add_bytes("length_beyond_file", VALID + tag(99, 2) + varint(1000) + b"abc")
    for power in (31, 32, 62, 63):
        add_bytes(f"length_2_to_{power}", VALID + tag(99, 2) + varint(1 << power))
    add_bytes("length_2_to_64_minus_1", VALID + tag(99, 2) + varint((1 << 64) - 1))
    add_bytes("inner_length_beyond_outer", model(graph([BALLAST, tag(8, 2) + varint(99) + b"w"], [MATMUL])))
    add_bytes("group_start", VALID + tag(99, 3) + tag(99, 4))
    add_bytes("group_end_alone", VALID + tag(99, 4))
    add_bytes("wire_type_6", VALID + tag(99, 6) + b"\0" * 8)
    add_bytes("wire_type_7", VALID + tag(99, 7) + b"\0" * 8)
    add_bytes("field_number_0", VALID + tag(0, 0) + b"\0")
    add_bytes("field_number_2_to_29", VALID + varint((1 << 32) + (99 << 3)) + b"\0", status=ANSWERED)
    add_bytes("graph_as_varint", integer(1, 8) + integer(7, 5))
    add_bytes("dims_as_fixed32", one(tag(1, 5) + b"\4\0\0\0" + tensor("w", [4], W)), status=ANSWERED)
    add_passing("unknown_fields", VALID + data(4000, b"future") + tag(4001, 1) + bytes(8) + tag(4002, 5) + bytes(4) + integer(4003, -1))


def dims():
    values = (-1, 0, 1, 2**31, 2**32, 2**62)
    for a in values:
        for b in values:
            if (a, b) not in ((0, 1), (1, 0), (0, 0)):  # empty or one float: see tensors()
                zero = 0 in (a, b) and -1 not in (a, b)
                add_bytes(f"dims_{a}_{b}", one(tensor("w", [a, b], b"" if zero else W)), status=ANSWERED if zero else (65,))
    add_bytes("dims_product_2_to_64", one(tensor("w", [2**16] * 4, W)))
    add_bytes("dims_product_2_to_64_and_16", one(tensor("w", [16, 2**60 + 1], W)))
    add_bytes("dims_2_to_40_on_8_bytes", one(tensor("w", [2**40], bytes(8))))
    add_bytes("dims_bytes_overflow", one(tensor("w", [2**62], W)))
    add_bytes("dims_bytes_overflow_double", one(tensor("w", [2**61 + 2], W, DOUBLE)))
    add_bytes("dims_zero_after_overflow", one(tensor("w", [2**62, 2**62, 0], b"")), status=ANSWERED)
    add_bytes("dims_million", one(tensor("w", [1] * 1_000_000, bytes(4))), kinds=("resource_limit", "bad_data"), status=ANSWERED)


def payloads():
    add_bytes("raw_minus_one", one(tensor("w", [4, 4], W[:-1])))
    add_bytes("raw_plus_one", one(tensor("w", [4, 4], W + b"\0")))
    add_bytes("raw_twice_as_long", one(tensor("w", [4, 4], W + W)))
    add_bytes("raw_empty", one(tensor("w", [4, 4], b"")))
    add_bytes("raw_missing", one(tensor("w", [4, 4])))
    add_bytes("raw_and_float_data", one(tensor("w", [4, 4], W, extra=data(4, W))), status=ANSWERED)
    add_bytes("raw_repeated", one(tensor("w", [4, 4], W, extra=data(9, W))), status=ANSWERED)
    add_bytes("float_data_wrong_type", one(tensor("w", [4, 4], dtype=INT64, extra=data(4, W))), status=ANSWERED)
    add_bytes("float_data_not_whole", one(tensor("w", [4, 4], extra=data(4, W[:-1]))))
    add_bytes("float_data_too_long", one(tensor("w", [4, 4], extra=data(4, W + W))))
    add_bytes("dtype_missing", one(tensor("w", [4, 4], W, None)), status=ANSWERED)
    add_bytes("dtype_0", one(tensor("w", [4, 4], W, 0)), status=ANSWERED)
    add_bytes("dtype_negative", one(tensor("w", [4, 4], W, -5)), status=ANSWERED)
    add_passing("float_data_packed", one(tensor("w", [4, 4], extra=data(4, W))))
    add_passing("float_data_unpacked", one(tensor("w", [4, 4], extra=b"".join(tag(4, 5) + W[i:i + 4] for i in range(0, 64, 4)))))
    add_passing("float_data_in_two_pieces", one(tensor("w", [4, 4], extra=data(4, W[:32]) + data(4, W[32:]))))
    halves = [0, 1, 127, 128, 255, 256, 15360, 65535] * 2
    add_passing("int32_data_of_half", one(tensor("w", [4, 4], dtype=FLOAT16, extra=data(5, b"".join(map(varint, halves))))))
    add_passing("int32_data_of_bfloat", one(tensor("w", [4, 4], dtype=BFLOAT16, extra=data(5, b"".join(map(varint, halves))))))
    add_passing("int32_data_not_canonical", one(tensor("w", [4, 4], dtype=FLOAT16, extra=data(5, b"\x81\x80\x00" * 16))))
    add_bytes("int32_data_above_16_bits", one(tensor("w", [4, 4], dtype=FLOAT16, extra=data(5, varint(70000) * 16))), status=ANSWERED)
    add_bytes("int32_data_negative", one(tensor("w", [4, 4], dtype=FLOAT16, extra=data(5, varint(-1) * 16))), status=ANSWERED)
    add_bytes("int32_data_too_few", one(tensor("w", [4, 4], dtype=FLOAT16, extra=data(5, b"\1" * 15))))
    add_bytes("segment", one(tensor("w", [4, 4], W, extra=data(3, integer(1, 0) + integer(2, 16)))), status=ANSWERED)
    for name, raw, dtype in (("dtype_9999", W, 9999), ("int4", bytes(8), INT4), ("fp8", bytes(16), FP8), ("int8", bytes(16), INT8)):
        add_passing(name, one(tensor("w", [4, 4], raw, dtype)))
    add_passing("strings", one(tensor("w", [2], dtype=STRING, extra=data(6, b"\xff\xfe") + data(6, "b"))))
    add_passing("int64_data", one(tensor("w", [4], dtype=INT64, extra=data(7, b"".join(map(varint, [0, -1, 2**62, 5]))))))
    add_passing("double", one(tensor("w", [4, 4], struct.pack("<16d", *range(16)), DOUBLE)))
    sparse = data(1, tensor("w", [2], W[:8])) + data(2, tensor("i", [2], struct.pack("<2q", 1, 5), INT64))
    add_passing("sparse_initializer", one(BALLAST_2, extra=data(15, sparse + integer(3, 16))))
    add_bytes("sparse_values_overflow", one(BALLAST_2, extra=data(15, data(1, tensor("w", [2**33, 2**33], W)) + integer(3, 16))),
              status=ANSWERED)
    add_bytes("sparse_broken", one(BALLAST_2, extra=data(15, data(1, b"\xff\xff\xff"))))
    add_passing("tensor_list_attribute", one(BALLAST_2, [node("Custom", ["x"], ["y"], attribute_tensor("t", tensor("", [4, 4], W), 9, 10))]))
    add_passing("constant", one(BALLAST_2, [node("Constant", [], ["w"], attribute_tensor("value", tensor("", [4, 4], W))), MATMUL]))
    add_bytes("constant_lies", one(BALLAST_2, [node("Constant", [], ["w"], attribute_tensor("value", tensor("", [4, 5], W)))]))


BALLAST_2 = tensor("ballast2", [32, 32], bytes(4096))


def values():
    huge, tiny = [1e38, -1e38] * 128, [1e-45, -3e-42] * 128
    nan, infinity = [0.5] * 255 + [float("nan")], [float("inf")] + [0.5] * 255
    for name, numbers in (("nan", nan), ("infinity", infinity), ("zero", [0.0] * 256), ("minus_zero", [-0.0] * 256),
                          ("constant_value", [0.1] * 256), ("denormal", tiny), ("huge", huge)):
        file = one(tensor("w", [16, 16], floats(numbers)))
        add_passing(f"values_{name}", file)
        for method in ("auto", "svd", "tt"):
            add_bytes(f"values_{name}_{method}", file, args=("--method", method, "--target-ratio", "0.5"), status=(0,), kinds=())
    for name, numbers in (("nan", nan), ("infinity", infinity)):
        add_bytes(f"values_{name}_refused", one(tensor("w", [16, 16], floats(numbers))), args=("--fail-on-nan",))
    for name, shape in (("empty", [0]), ("empty_4x0", [4, 0]), ("empty_0_by_2_to_40", [0, 2**40]), ("scalar", []), ("one", [1])):
        raw = b"" if 0 in shape else W[:4]
        add_passing(f"shape_{name}", one(tensor("w", shape, raw)))
    add_passing("empty_without_raw", one(tensor("w", [0])))
    conv = node("Conv", ["x", "w"], ["y"])
    add_passing("conv_rank_12", one(tensor("w", [2] * 12, floats([0.5] * 4096)), [conv]))
    add_passing("conv_rank_1", one(tensor("w", [16], W), [conv]))
    add_passing("gemm_rank_4", one(tensor("w", [2, 2, 2, 2], W), [node("Gemm", ["x", "w"], ["y"])]))
    add_passing("lstm_rank_1", one(tensor("w", [16], W), [node("LSTM", ["x", "w", "w", "w"], ["y"])]))
    add_passing("group_0", one(tensor("w", [4, 4, 1, 1], W), [node("Conv", ["x", "w"], ["y"], data(5, data(1, "group") + integer(3, 0)))]))
    add_passing("group_negative", one(tensor("w", [4, 4, 1, 1], W), [node("Conv", ["x", "w"], ["y"], data(5, data(1, "group") + integer(3, -7)))]))
    add_passing("axis_2_to_62", one(tensor("w", [4, 4], W), [node("Gather", ["w", "x"], ["y"], data(5, data(1, "axis") + integer(3, 2**62)))]))


def nested(depth):
    """`depth` graphs in all: a model is built from the inside, so that depth costs no recursion here either."""
    inner = graph([tensor("w", [4, 4], W)], name="deepest")
    for _ in range(depth - 1):
        inner = graph((), [node("If", ["c"], ["y"], attribute_graph("then_branch", inner))])
    return model(inner + data(5, BALLAST))


def graphs():
    add_passing("graphs_31_deep", lambda: nested(31))
    for depth, status in ((32, ANSWERED), (33, ANSWERED), (34, (65,)), (1000, (65,)), (10000, (65,))):
        add_bytes(f"graphs_{depth}_deep", lambda depth=depth: nested(depth), status=status, kinds=("resource_limit", "bad_data"))
    add_bytes("types_nested_10000", deep_types, status=ANSWERED, kinds=("resource_limit", "bad_data"))
    body = graph([BALLAST, tensor("w", [4, 4], W)], [MATMUL])
    add_bytes("two_graphs", integer(1, 8) + data(7, body) + data(7, body))
    add_bytes("no_graph", integer(1, 8) + data(8, integer(2, 17)))
    add_bytes("empty_graph", model(b""), status=(0, 1, 65), kinds=("bad_data", "goal_unreachable"))
    add_bytes("node_without_op", one(tensor("w", [4, 4], W), [data(1, "x") + data(2, "y")]), status=ANSWERED)
    add_bytes("duplicate_initializers", one(tensor("w", [4, 4], W), extra=data(5, tensor("w", [4, 4], W))), status=ANSWERED)
    branch = graph([tensor("w", [4, 4], W)])
    two = node("If", ["c"], ["y"], attribute_graph("then_branch", branch) + attribute_graph("else_branch", branch))
    add_passing("duplicate_names_across_subgraphs", one(tensor("w", [4, 4], W), [two, two]))
    add_passing("cycle", one(tensor("w", [4, 4], W), [node("MatMul", ["b", "w"], ["a"]), node("MatMul", ["a", "w"], ["b"])]))
    add_passing("cycle_of_one", one(tensor("w", [4, 4], W), [node("MatMul", ["a", "w"], ["a"])]))
    add_passing("cycle_of_transposes", one(tensor("w", [4, 4], W), [node("Transpose", ["w"], ["t"]), node("Transpose", ["t"], ["w"])]))
    function = data(1, "f") + data(4, "x") + data(5, "y") + data(7, node("f", ["x"], ["y"], data(7, "d"))) + data(10, "d")
    add_passing("recursive_function", model(graph([BALLAST], [node("f", ["x"], ["y"], data(7, "d"))]), data(25, function)))
    add_passing("output_produced_twice", one(tensor("w", [4, 4], W), [MATMUL, MATMUL]))
    add_passing("chain_of_100000", lambda: one(tensor("w", [4, 4], W), [node("Identity", [f"{i}"], [f"{i + 1}"]) for i in range(100_000)]))
    add_passing("identity_of_weight_100000", lambda: one(tensor("0", [4, 4], W), [node("Identity", [f"{i}"], [f"{i + 1}"]) for i in range(100_000)]))
    add_passing("one_weight_used_100000_times", lambda: one(tensor("w", [4, 4], W), [MATMUL] * 100_000))


def deep_types():
    inner = data(1, integer(1, FLOAT))
    for _ in range(10000):
        inner = data(4, data(1, inner))  # a sequence of it
    return one(tensor("w", [4, 4], W), extra=data(13, data(1, "x") + data(2, inner)))


def floods():
    """64 MiB of empty messages: a parser that builds objects of them takes gigabytes."""
    count = 32 << 20
    empty = {"attributes": lambda: model(graph([], [node("X", [], [], b"\x2a\x00" * count)])),
             "initializers": lambda: model(b"\x2a\x00" * count),
             "nodes": lambda: model(b"\x0a\x00" * count),
             "inputs": lambda: model(graph([], [node("X", [], [], b"\x0a\x00" * count)])),
             "value_infos": lambda: model(b"\x6a\x00" * count),
             "functions": lambda: model(b"", b"\xca\x01\x00" * (count * 2 // 3)),
             "opset_imports": lambda: b"\x42\x00" * count + model(b""),
             "dims": lambda: one(b"\x08\x01" * count)}
    for name, write in empty.items():
        skipped = name in ("value_infos", "opset_imports")  # tt does not look into them
        add_bytes(f"flood_of_{name}", write, status=ANSWERED if skipped else (65,), kinds=("resource_limit", "bad_data"))
    add_bytes("flood_of_packed_int64", lambda: one(tensor("w", [16 << 20], dtype=INT64, extra=data(7, b"\1" * (16 << 20)))), status=(0,), kinds=())
    add_bytes("flood_of_ints", lambda: one(BALLAST_2, [node("X", ["x"], ["y"], data(5, data(8, b"\1" * (16 << 20))))]), status=ANSWERED,
              kinds=("resource_limit", "bad_data"))


def names():
    for name, text in (("escape", "\x1b[2J\x1b]0;owned\x07w"), ("newline", "w\ntt: error: all your weights"), ("rtl", "w\u202etxt.exe\u2066"),
                       ("nul", "w\0w"), ("invalid_utf8", b"w\xff\xc0\x80\xed\xa0\x80"), ("quotes", "w'\"\\\u2028"), ("empty", "")):
        use = [node("MatMul", ["x", text], ["y"], name=text)] if isinstance(text, str) else [node("MatMul", ["x", "w"], ["y"])]
        add_passing(f"name_{name}", one(tensor(text, [4, 4], W), use))
        add_bytes(f"name_{name}_in_error", one(tensor(text, [4, 5], W), use))
    add_bytes("name_10_mib", lambda: one(tensor("w" * (10 << 20), [4, 4], W)), status=ANSWERED, kinds=LIMIT)
    add_bytes("name_10_mib_of_escapes", lambda: one(tensor("\x1b" * (10 << 20), [4, 5], W)), kinds=("resource_limit", "bad_data"))
    add_bytes("op_type_10_mib", lambda: one(tensor("w", [4, 4], W), [node("M" * (10 << 20), ["x", "w"], ["y"])]), status=ANSWERED, kinds=LIMIT)
    add_bytes("many_long_names", lambda: model(graph([tensor(f"{i}" + "n" * 60000, [4, 4], W) for i in range(400)])), status=ANSWERED, kinds=LIMIT)


def other_formats():
    add_bytes("zip", b"PK\x03\x04\x14\0\0\0\0\0" + bytes(200))
    add_bytes("pickle", b"\x80\x02cos\nsystem\nq\0X\x04\0\0\0trueq\x01\x85q\x02Rq\x03.")
    add_bytes("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + bytes(200))
    add_bytes("hdf5", b"\x89HDF\r\n\x1a\n" + bytes(200))
    add_bytes("gguf", b"GGUF\3\0\0\0" + bytes(200))
    add_bytes("json_text", b'{"weights": []}')


def make():
    for group in (wire, dims, payloads, values, graphs, floods, names, other_formats):
        group()
