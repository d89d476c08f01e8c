import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax.fit import losses


def column(*numbers):
    return jnp.array(numbers)[:, None]


def test_clamped_error_is_that_of_clamped_values_where_the_slope_is_kept():
    """DeepSDF's |clip(x) - clip(y)|, but for predictions beyond the wrong bound."""
    predicted = jnp.linspace(-0.99, 0.99, 7)[:, None]
    for bound in (-1.0, 1.0):
        expected = np.abs(np.clip(predicted, -1, 1) - bound).mean()
        found = losses.clamped_error(predicted, jnp.full((7, 1), bound))
        assert found == pytest.approx(expected, rel=1e-6)
    # Beyond the target's own bound everything is right,
    assert losses.clamped_error(column(1.5, -7.0), column(1.0, -1.0)) == 0
    # a target that is not at a bound is meant as it stands,
    assert losses.clamped_error(column(1.5), column(0.5)) == pytest.approx(1.0)
    # and beyond the wrong bound the error goes on growing.
    assert losses.clamped_error(column(-3.0), column(1.0)) == pytest.approx(4.0)


def test_no_prediction_on_the_wrong_side_is_without_a_slope():
    slope = jax.grad(lambda x: losses.clamped_error(x, column(1.0, -1.0)))
    np.testing.assert_allclose(slope(column(-5.0, 5.0)), column(-0.5, 0.5))
    np.testing.assert_allclose(slope(column(5.0, -5.0)), column(0.0, 0.0))


def test_cross_entropy_is_that_of_the_logistic_of_outside():
    logits, outside = column(-2.0, 0.3, 4.0, -1.0), column(-1.0, 1.0, 1.0, 1.0)
    probability = 1 / (1 + np.exp(-np.asarray(logits)))
    truth = (np.asarray(outside) + 1) / 2
    expected = -np.log(np.where(truth, probability, 1 - probability)).mean()
    assert losses.cross_entropy(logits, outside) == pytest.approx(expected, rel=1e-6)
    # No logit is too large for it.
    assert losses.cross_entropy(column(1e4), column(-1.0)) == pytest.approx(1e4)


def test_squared_error_is_a_mean_over_points_and_channels():
    predicted, target = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.zeros((2, 2))
    assert losses.squared_error(predicted, target) == pytest.approx(7.5)
