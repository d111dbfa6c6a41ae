""".tt files taken apart and put together again with lies in them: docs/formats/tt.md. Hashes and the header are made right unless the
lie is in them, so that the checks behind them are reached."""
import hashlib
import json
import random
import struct
import subprocess

import zstandard

from wire import BALLAST, FLOAT16, floats, graph, model, node, tensor, value_info

PLAIN = {"f32": 4, "f16": 2, "bf16": 2, "f64": 8}


def sample_model():
    """Three weights: 48x64 float32 that a MatMul uses, 32x32 float16, and zeros."""
    numbers = random.Random(7)
    w = floats([numbers.gauss(0, 0.05) for _ in range(48 * 64)])
    h = struct.pack("<1024e", *(numbers.gauss(0, 1) for _ in range(1024)))
    body = graph([tensor("w", [48, 64], w), tensor("h", [32, 32], h, FLOAT16), BALLAST], [node("MatMul", ["x", "w"], ["y"])],
                 inputs=[value_info("x", [1, 48])], outputs=[value_info("y", [1, 64])])
    return model(body)


def make_samples(tt, folder):
    """Valid .tt files by name: the same model in each encoding. `tt` is the program."""
    (folder / "sample.onnx").write_bytes(sample_model())
    ways = {"lossless": ["--lossless"], "f16": ["--tensor", "w=f16,mantissa=7"], "lowrank": ["--tensor", "w=lowrank,rank=4,dtype=f32"],
            "tt": ["--tensor", "w=tt,modes=48x8x8,ranks=6x4,dtype=f16"], "raw": ["--tensor", "w=raw"]}
    samples = {}
    for name, options in ways.items():
        goal = [] if name == "lossless" else ["--target-ratio", "1"]
        subprocess.run([tt, "compress", "--no-config", "--quiet", folder / "sample.onnx", "-o", folder / "sample.tt", *goal, *options],
                       check=True, timeout=60)
        samples[name] = (folder / "sample.tt").read_bytes()
    return samples


def sha(data):
    return hashlib.sha256(data).digest()


def frame(data, level=3, **options):
    return zstandard.ZstdCompressor(level=level, write_checksum=True, write_content_size=True, **options).compress(data)


class TtFile:
    def __init__(self, data):
        length, = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + length])
        self.metadata = header.pop("__metadata__")
        self.typed = []  # (name, dtype, shape, bytes)
        parts = {}
        for name, info in header.items():
            begin, end = (8 + length + offset for offset in info["data_offsets"])
            if name.startswith("tt."):
                parts[name] = data[begin:end]
            else:
                self.typed.append((name, info["dtype"], info["shape"], data[begin:end]))
        self.cores, self.skeleton = parts.get("tt.cores", b""), parts.get("tt.skeleton", b"")
        stored = parts["tt.manifest"]
        _, size = struct.unpack_from("<II", stored)
        self.json = json.loads(zstandard.decompress(stored[8:8 + size]))
        self.hashes = [stored[i:i + 32] for i in range(8 + size, len(stored), 32)]
        self.text = None             # instead of json
        self.frame = None            # instead of the compressed text
        self.json_size = None        # J, if not the text's
        self.frame_size = None       # F, if not the frame's
        self.header_edit = None      # text -> text, before padding
        self.padding = b" "
        self.extra_tensors = []      # (name, bytes) before the manifest
        self.tail = b""

    def literals(self):
        return zstandard.decompress(self.skeleton)

    def manifest(self):
        text = json.dumps(self.json, separators=(",", ":"), ensure_ascii=False).encode() if self.text is None else self.text
        packed = frame(text) if self.frame is None else self.frame
        sizes = (len(text) if self.json_size is None else self.json_size, len(packed) if self.frame_size is None else self.frame_size)
        return struct.pack("<II", *sizes) + packed + b"".join(self.hashes)

    def seal_skeleton(self):
        self.hashes[0] = sha(self.skeleton)

    def core_size(self, weight):
        """Bytes of all cores of a weight, of those that this module's samples have."""
        spec = self.json["encodings"][weight].split(",")
        options = dict(part.split("=") for part in spec[1:])
        shape = self.json["shapes"][weight]
        elements = shape[0] * shape[1]
        if spec[0] == "raw":
            return elements * PLAIN[self.json["dtypes"][weight]]
        if spec[0] == "lowrank":
            return (shape[0] + shape[1]) * int(options["rank"]) * PLAIN[options["dtype"]]
        if spec[0] == "tt":
            modes, ranks = ([int(n) for n in options[key].split("x")] for key in ("modes", "ranks"))
            ranks = [1, *ranks, 1]
            return sum(ranks[i] * n * ranks[i + 1] for i, n in enumerate(modes)) * PLAIN[options["dtype"]]
        coded = [i for i, text in enumerate(self.json["encodings"]) if text.split(",")[0] in ("lossless", "f16")]
        return self.json["core_sizes"][coded.index(weight)]

    def seal_weights(self):
        """Hashes of the weights, where no core is a tensor of its own."""
        assert not self.typed
        first, begin = 1 + len(self.json["source_bytes"]), 0
        for weight in range(len(self.json["names"])):
            end = begin + self.core_size(weight)
            self.hashes[first + weight] = sha(self.cores[begin:end])
            begin = end

    def build(self):
        manifest = self.manifest()
        metadata = dict(self.metadata, **{"tt.root": sha(manifest).hex()})
        header = '{"__metadata__":{%s}' % ",".join(f'"{key}":"{value}"' for key, value in metadata.items())
        body = b""
        tensors = self.typed + [(name, "U8", [len(data)], data) for name, data in
                                [("tt.cores", self.cores), ("tt.skeleton", self.skeleton), *self.extra_tensors, ("tt.manifest", manifest)] if data]
        for name, dtype, shape, data in tensors:
            header += ',"%s":{"dtype":"%s","shape":[%s],"data_offsets":[%d,%d]}' % (
                name, dtype, ",".join(map(str, shape)), len(body), len(body) + len(data))
            body += data
        header += "}"
        if self.header_edit:
            header = self.header_edit(header)
        text = header.encode("utf-8", "surrogateescape")
        while (8 + len(text)) % 64:
            text += self.padding
        return struct.pack("<Q", len(text)) + text + body + self.tail
