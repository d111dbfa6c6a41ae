"""Files of 10 GB that take no room on the disk."""
import json
import struct

BYTES = 10 * 10**9
ROWS, COLUMNS = BYTES // 4000, 1000  # of the one float32 weight


def sparse(path, header=b""):
    """`header` and BYTES zeros. Raises OSError where the file system cannot."""
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(len(header) + BYTES)
    if path.stat().st_blocks * 512 > 10**6:
        raise OSError("the file system keeps no sparse files")
    return path


def safetensors(folder):
    header = json.dumps({"w": {"dtype": "F32", "shape": [ROWS, COLUMNS], "data_offsets": [0, BYTES]}}).encode()
    header += b" " * (-len(header) % 8)
    return sparse(folder / "big.safetensors", struct.pack("<Q", len(header)) + header)


def onnx(folder):
    from onnx import TensorProto, helper
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[ROWS, COLUMNS], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="big.data")
    weight.external_data.add(key="length", value=str(BYTES))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "big",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, ROWS])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, COLUMNS])], [weight])
    path = folder / "big.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    sparse(folder / "big.data")
    return path
