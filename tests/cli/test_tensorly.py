"""Tensor trains of the program against TensorLy's tensor_train, at equal modes and ranks.

TensorLy cuts from the first mode to the last, tt from the last to the first (src/tensor/tensor_train.h). Where ranks cut
away more than rounding, the two directions give different trains of nearly the same error; with its modes reversed TensorLy
takes the same steps as tt, and the trains have to be the same. TensorLy works in double here.
"""
import numpy as np
import pytest
import tensorly
from safetensors.numpy import load_file, save_file
from tensorly.decomposition import tensor_train

CLOSE = 1e-5


def decaying(shape, decay, seed=1):
    """A matrix with random singular vectors; `decay` gives the singular values from their numbers."""
    random = np.random.default_rng(seed)
    count = min(shape)
    left, right = (np.linalg.qr(random.normal(size=(side, count)))[0] for side in shape)
    return ((left * decay(np.arange(count))) @ right.T).astype(np.float32)


DECAYS = {"geometric": lambda i: 0.5 ** i, "harmonic": lambda i: 1 / (1 + i)}
# Shape, modes, inner ranks: two to eight modes, equal ranks and unequal, cut everywhere or only in the middle.
TRAINS = [((48, 64), (48, 64), (8,)),
          ((48, 64), (4, 12, 64), (2, 10)),
          ((64, 96), (4, 16, 12, 8), (4, 8, 8)),
          ((64, 96), (4, 16, 12, 8), (3, 8, 5)),
          ((96, 128), (8, 12, 8, 16), (6, 6, 6)),
          ((48, 64), (4, 12, 16, 4), (4, 10, 3)),  # a step sees a square matrix
          ((96, 128), (4, 4, 6, 8, 4, 4), (4, 9, 9, 9, 4)),
          ((64, 64), (2, 2, 4, 4, 4, 4, 2, 2), (2, 3, 5, 7, 5, 3, 2)),
          ((256, 384), (16, 16, 16, 24), (12, 12, 12)),
          ((36, 5, 7, 3), (36, 5, 7, 3), (9, 6, 2))]  # a weight of four axes


def by(numbers):
    return "x".join(map(str, numbers))


@pytest.fixture
def reconstructed(tt, tmp_path):
    """What decompress makes of the train that compress wrote."""
    def run(weight, modes, ranks):
        save_file({"w": weight}, tmp_path / "in.safetensors")
        spec = f"w=tt,modes={by(modes)},ranks={by(ranks)},dtype=f32"
        for command in (["compress", "in.safetensors", "-o", "w.tt", "--target-ratio", "1", "--tensor", spec],
                        ["decompress", "w.tt", "-o", "out.safetensors"]):
            result = tt(*command)
            assert result.status == 0, result
        found = load_file(tmp_path / "out.safetensors")["w"]
        assert found.shape == weight.shape
        return found.astype(np.float64)
    return run


def forwards(weight, modes, ranks):
    train = tensor_train(weight.astype(np.float64).reshape(modes), rank=[1, *ranks, 1])
    return tensorly.tt_to_tensor(train).reshape(weight.shape)


def backwards(weight, modes, ranks):
    train = tensor_train(weight.astype(np.float64).reshape(modes).transpose(), rank=[1, *ranks[::-1], 1])
    return tensorly.tt_to_tensor(train).transpose().reshape(weight.shape)


def distance(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def weight_of(shape, decay):
    matrix = decaying((shape[0], int(np.prod(shape[1:]))), DECAYS[decay])
    return np.ascontiguousarray(matrix.reshape(shape))


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("shape,modes,ranks", TRAINS, ids=[f"{by(modes)}-{by(ranks)}" for _, modes, ranks in TRAINS])
def test_equal_ranks_give_the_same_tensor(reconstructed, shape, modes, ranks, decay):
    weight = weight_of(shape, decay)
    found, same = reconstructed(weight, modes, ranks), backwards(weight, modes, ranks)
    assert distance(found, same) <= CLOSE
    # The other direction: not the same train, but none is much better.
    assert distance(found, weight) <= 1.02 * distance(forwards(weight, modes, ranks), weight)


@pytest.mark.parametrize("shape,modes,ranks", [((48, 64), (4, 12, 16, 4), (4, 20, 4)), ((90, 60), (9, 10, 6, 10), (9, 19, 10)),
                                               ((64, 64), (8, 8, 8, 8), (8, 22, 8))])
def test_the_direction_does_not_matter_where_the_ranks_suffice(reconstructed, shape, modes, ranks):
    weight = weight_of(shape, "geometric")
    found = reconstructed(weight, modes, ranks)
    assert distance(found, forwards(weight, modes, ranks)) <= CLOSE
    assert distance(found, weight) <= CLOSE
