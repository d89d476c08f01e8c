"""Features of a random network: what it computes, and that rows stay apart."""

import numpy as np
import pytest
from scipy.signal import correlate

from wsjax.metrics.random_conv import _kernels, random_conv

SHAPES = [(8, 8, 1), (28, 28, 1), (13, 20, 3), (8, 8, 8, 1), (9, 10, 11, 1)]


def drawn(n, shape, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, *shape)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_pictures_and_grids_of_any_size_get_features_that_repeat(shape):
    things = drawn(5, shape)
    found = random_conv(shape)(things)
    assert found.shape == (5, 128) and np.isfinite(found).all() and found.min() >= 0
    assert np.linalg.matrix_rank(found) == 5
    np.testing.assert_array_equal(random_conv(shape)(things), found)
    assert not np.allclose(random_conv(shape, seed=1)(things), found)


@pytest.mark.parametrize("shape", [(8, 9, 2), (8, 8, 8, 1)])
def test_each_row_belongs_to_its_instance_alone(shape):
    """Also across calls of the compiled program, which take 64 at a time.

    Up to rounding: the last rows of a batch may be summed in another order.
    """
    things, features = drawn(70, shape), random_conv(shape)
    found = features(things)
    for i in (0, 63, 64, 69):
        alone = features(things[i : i + 1])
        np.testing.assert_allclose(alone, found[i : i + 1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(
        features(things[::-1]), found[::-1], rtol=1e-5, atol=1e-7
    )
    assert features(things[:0]).shape == (0, 128)


def by_hand(picture):
    """The network of one picture `[H, W, C]`, each output one correlation."""
    maps = np.moveaxis(picture, -1, 0).astype(np.float64)
    for kernel in _kernels(2, picture.shape[-1], 0):
        step = [2 if side > 4 else 1 for side in maps.shape[1:]]
        # XLA's "SAME": as little padding as fits, the odd cell behind.
        total = [
            max((-(-n // s) - 1) * s + 3 - n, 0)
            for n, s in zip(maps.shape[1:], step, strict=True)
        ]
        widths = [(0, 0), *[(t // 2, t - t // 2) for t in total]]
        padded = np.pad(maps, widths)
        dense = [correlate(padded, k, "valid")[0] for k in kernel]
        maps = np.maximum(np.stack(dense)[:, :: step[0], :: step[1]], 0)
    return np.concatenate([maps.mean(axis=(1, 2)), maps.std(axis=(1, 2))])


def test_the_network_is_four_correlations_with_relu_and_pooling():
    pictures = drawn(2, (13, 10, 3))
    expected = np.stack([by_hand(picture) for picture in pictures])
    found = random_conv((13, 10, 3))(pictures)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_he_weights_keep_the_size_of_activations():
    # Noise of variance 1 gives every layer a second moment of 1, borders aside.
    noise = np.random.default_rng(0).normal(size=(64, 64, 64, 3))
    mean, deviation = np.split(random_conv((64, 64, 3))(noise), 2, axis=1)
    moment = np.mean(np.square(mean) + np.square(deviation))
    assert 0.5 < moment < 1.2


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"8 cells or more.*\(7, 9, 1\); leave it out"):
        random_conv((7, 9, 1))
    with pytest.raises(ValueError, match=r"got \(64,\)"):
        random_conv((64,))
    with pytest.raises(ValueError, match=r"\[N, \*\(8, 8, 1\)\], got \(2, 8, 9, 1\)"):
        random_conv((8, 8, 1))(np.zeros((2, 8, 9, 1)))
