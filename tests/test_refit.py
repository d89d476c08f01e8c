"""Fits that all begin at one start, beside those whose start was predicted."""

import jax
import numpy as np
import pytest

from configs import digits
from experiments.domain import representation as forms
from experiments.fitting import engine, refit, start
from experiments.recipe import dataset, representation
from experiments.recipe.fits import fit_options_of
from tests import kills, runs

ROWS = np.arange(3, 14)  # More than one group of 8.


@pytest.fixture(scope="module")
def fitted(unbroken):
    """Options, representation, data, and what the fits of a finished run share."""
    config = digits.get_config("tiny")
    config.data.n = kills.N
    data = dataset.load(config)
    form = representation.representation_of(config, unbroken, data.shape)
    shared = start.read(unbroken / "fit" / runs.NAME, form)
    return fit_options_of(config), form, data, shared


def begun(fitted, shared, rate):
    """Free entries of fits at a fraction of the learning rate."""
    options, form, data, _ = fitted
    many = engine.lifted(options, form, data, engine.Layout(2))
    rates = np.full(len(ROWS), rate, np.float32)
    weights = many(shared, data.domain.read(ROWS), rates)[0]
    return np.asarray(jax.vmap(forms.entries(form, shared[1]).encode)(weights))


def test_a_fit_that_does_not_move_ends_where_it_began(fitted):
    options, form, data, shared = fitted
    found = refit.starts(options, form, data, shared, ROWS)
    assert found.any() and (found != found[0]).any()  # The guess was used.
    np.testing.assert_allclose(found, begun(fitted, shared, 0.0), rtol=1e-5, atol=1e-6)


def test_fits_from_the_common_start_do_not_know_the_guess(fitted):
    options, form, data, (base, first, guess) = fitted
    layout = engine.Layout(2)
    found = refit.from_common(options, form, data, (base, first, guess), layout, ROWS)
    assert found.good.sum() > 5
    other = guess | {"mean": guess["mean"] + 1, "slope": -guess["slope"]}
    again = refit.from_common(options, form, data, (base, first, other), layout, ROWS)
    np.testing.assert_array_equal(found.vectors, again.vectors)
    # The very same start is what a guess predicts that predicts nothing else.
    encode = forms.entries(form, first).encode
    none = guess | {"mean": np.asarray(encode(first)), "slope": 0 * guess["slope"]}
    expected = begun(fitted, (base, first, none), 1.0)
    good = found.good
    np.testing.assert_array_equal(found.vectors[good], expected[good])
    assert (found.vectors != begun(fitted, (base, first, guess), 1.0)).any()


@pytest.mark.parametrize(
    ("n", "heldout", "rest"), [(40, 20, 20), (90, 30, 60), (150, 30, 90), (60, 30, 30)]
)
def test_half_of_the_instances_are_held_out_as_long_as_there_are_enough(
    n, heldout, rest
):
    """Of 120 instances that are ordered by class, 30 are held out."""
    labels, out = np.arange(120) // 40, np.arange(120) % 4 == 0
    rows = refit.some(labels, out, n)
    assert (np.diff(rows) > 0).all()
    assert out[rows].sum() == heldout and (~out[rows]).sum() == rest
    for part in (rows[out[rows]], rows[~out[rows]]):
        assert np.ptp(np.bincount(labels[part], minlength=3)) <= 1


def test_where_few_are_trained_on_more_are_held_out():
    out = np.arange(20) >= 4
    rows = refit.some(np.zeros(20, int), out, 12)
    assert (~out[rows]).sum() == 4 and out[rows].sum() == 8
