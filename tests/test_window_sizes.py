"""Laws of how pictures of any size are cut, and which sizes are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import representations, windowed


@pytest.mark.parametrize("size, side", [((12, 8), 4), ((7, 5), 3), ((11, 13), 5)])
def test_windows_join_to_the_picture_they_were_cut_from(size, side):
    form = windowed.layout(size, 3, side=side)
    values = np.random.default_rng(0).normal(size=(size[0] * size[1], 3))
    windows = windowed.cut(jnp.asarray(values), form)
    assert windows.shape == (form.windows, form.numbers)
    joined = windowed.joined(windows, form)
    np.testing.assert_array_equal(joined.reshape(-1, 3), values.astype(np.float32))


@pytest.mark.parametrize(
    "length, side, found",
    [(32, 8, 8), (28, 8, 7), (64, 8, 8), (13, 8, 13), (29, 8, 8)]
    + [(28, None, 7), (64, None, 16), (256, None, 16), (3, None, 1)],
)
def test_a_side_is_the_nearest_that_divides_the_picture(length, side, found):
    assert windowed.layout((length, length), 1, side=side).side == (found, found)


@pytest.mark.parametrize("size", [(29, 29), (7, 5), (6, 4)])
def test_pixels_beyond_the_picture_take_no_number(size):
    """As many numbers as values hold any picture, and more are not taken."""
    values = np.random.default_rng(0).uniform(-1, 1, (20, size[0] * size[1], 1))
    values = values.astype(np.float32)
    family = representations.gains(size, 1, numbers=10**6, side=4)
    base = family.learn(jax.random.key(0), lambda: iter([{"values": values}]))
    own = jax.jit(family.adapter.solve)(base, values[0])
    assert own["gains"]["numbers"].shape == (size[0] * size[1],)
    found = jax.jit(family.adapter.merge)(base, own)["lattice"]["values"]
    np.testing.assert_allclose(found.reshape(-1, 1), values[0], atol=1e-4)
    mean = base["lattice"]["values"].reshape(-1, 1)
    np.testing.assert_allclose(mean, values.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(
    "options, told",
    [
        ({"size": (8, 8, 8)}, "windows are cut out of pictures"),
        ({"numbers": 1}, "at least one gain"),
        ({"side": 0}, "side=0 should be 1 pixel or more"),
        ({"candidates": 0.5}, "candidates=0.5 should be 1 or more"),
        ({"candidates": float("inf")}, "candidates=inf should be 1 or more"),
        ({"share": 0.0}, "share=0.0 above 0"),
        ({"side": 128, "size": (256, 256)}, "would fill memory; take 76 or less"),
        ({"name": "other"}, "unknown representation 'other'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, told):
    rest = {"side": 4, "numbers": 48, "name": "gains", "size": (12, 8), **options}
    with pytest.raises(ValueError, match=told):
        representations.by_name(channels=2, **rest)
