"""How well a field reproduces its picture: PSNR and SSIM."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax.metrics import reconstruction


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(("error", "decibel"), [(0.2, 20.0), (0.02, 40.0)])
def test_psnr_of_a_known_error_is_the_known_number(error, decibel):
    # An error e on [-1, 1] is e / 2 on [0, 1]; here it sits in two of eight numbers.
    target = jnp.linspace(-0.5, 0.5, 8).reshape(4, 2)
    predicted = target.at[1:3, 1].add(2 * error)
    np.testing.assert_allclose(
        reconstruction.psnr(predicted, target), decibel, atol=1e-3
    )


def test_psnr_clips_predictions_and_not_more():
    target = jnp.ones((5, 1))
    assert reconstruction.psnr(7.0 * target, target) == jnp.inf
    np.testing.assert_allclose(reconstruction.psnr(-7.0 * target, target), 0, atol=1e-5)


def test_psnr_of_many_fields_is_the_psnr_of_each():
    predicted, target = jnp.tanh(normal(2, 3, 5, 2))
    many = jax.jit(jax.vmap(reconstruction.psnr))(predicted, target)
    alone = [reconstruction.psnr(a, b) for a, b in zip(predicted, target, strict=True)]
    np.testing.assert_allclose(many, np.stack(alone), rtol=1e-5)


def test_the_mean_squared_error_of_a_psnr_is_the_one_that_was_measured():
    target, noise = jnp.tanh(normal(5, 2)), 0.1 * normal(5, 2, seed=1)
    predicted = jnp.clip(target + noise, -1.0, 1.0)
    decibel = float(reconstruction.psnr(predicted, target))
    error = np.mean(np.square(predicted - target))
    assert reconstruction.mean_squared_error(decibel) == pytest.approx(error, rel=1e-4)
    # White for black everywhere is the largest error there is, at 0 dB.
    assert reconstruction.mean_squared_error(0.0) == pytest.approx(4.0)


@pytest.mark.parametrize("shape", [(11, 11, 1), (16, 12, 3)])
def test_ssim_is_one_for_equal_pictures_symmetric_and_falls_with_noise(shape):
    picture = np.random.default_rng(0).uniform(size=shape)
    noisy = [np.clip(picture + s * normal(*shape, seed=1), 0, 1) for s in (0.05, 0.3)]
    scores = [reconstruction.ssim(picture, other) for other in (picture, *noisy)]
    assert scores[0] == pytest.approx(1)
    assert scores[0] > scores[1] > scores[2]
    assert reconstruction.ssim(noisy[1], picture) == pytest.approx(scores[2])


def by_the_formula(a, b):
    """Equation 13 of Wang et al. 2004 in one window `[11, 11]`."""
    steps = np.arange(-5, 6)
    weights = np.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    # Of the whole population: the weights sum to 1, and nothing corrects for it.
    variance_a = (weights * (a - mean_a) ** 2).sum()
    variance_b = (weights * (b - mean_b) ** 2).sum()
    covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance * (2 * covariance + c2) / (variance_a + variance_b + c2)


@pytest.mark.parametrize("shape", [(11, 11, 1), (12, 14, 2)])
def test_ssim_is_the_mean_of_the_formula_over_gaussian_windows(shape):
    """Of the windows that lie inside the picture, in each channel."""
    picture = np.random.default_rng(0).uniform(size=shape)
    noisy = picture + normal(*shape, seed=1) * np.linspace(0.1, 0.4, shape[1])[:, None]
    windows = [
        np.lib.stride_tricks.sliding_window_view(x, (11, 11), (0, 1)).reshape(
            -1, 11, 11
        )
        for x in (picture, noisy)
    ]
    expected = [by_the_formula(a, b) for a, b in zip(*windows, strict=True)]
    found = reconstruction.ssim(picture, noisy)
    np.testing.assert_allclose(found, np.mean(expected), rtol=1e-9)
    assert 0.2 < found < 0.9


def test_ssim_of_flat_pictures_is_the_luminance_term():
    # Without any variance only (2 a b + c) / (a^2 + b^2 + c) is left, c = 0.01^2.
    flat = np.ones((12, 12, 1))
    expected = (2 * 0.2 * 0.8 + 1e-4) / (0.2**2 + 0.8**2 + 1e-4)
    assert reconstruction.ssim(0.2 * flat, 0.8 * flat) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "wrong"),
    [
        (np.zeros((12, 12, 3)), np.zeros((12, 12, 1)), r"\(12, 12, 3\) and"),
        (np.zeros((8, 12, 1)), np.zeros((8, 12, 1)), "11 pixels"),
        (np.zeros((12, 12, 1), np.uint8), np.zeros((12, 12, 1)), "uint8"),
    ],
)
def test_ssim_names_what_was_wrong(a, b, wrong):
    with pytest.raises(ValueError, match=wrong):
        reconstruction.ssim(a, b)
