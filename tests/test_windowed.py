"""Laws of fields of windows: what they can hold, how numbers are shared, how learnt."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import coords, fields, representations, windowed
from wsjax.metrics.reconstruction import psnr
from wsjax.windowed.allotment import errors, price, ranks_at, ranks_of

SIZE, CHANNELS = (12, 8), 2


def pictures(n, *, seed=0, size=SIZE):
    """Smooth random pictures as values `[n, P, C]`, some windows of them flat."""
    noise = np.random.default_rng(seed).normal(size=(n, *size, CHANNELS))
    smooth = np.cumsum(np.cumsum(noise, axis=1), axis=2)
    smooth[:, : size[0] // 2, : size[1] // 2] = 0.3
    scale = np.abs(smooth).max(axis=(1, 2, 3), keepdims=True)
    return (smooth / scale).reshape(n, -1, CHANNELS).astype(np.float32)


def batches(values, at_once=16):
    def begin():
        for i in range(0, len(values), at_once):
            yield {"values": values[i : i + at_once]}

    return begin


def learnt(name, values, **options):
    family = representations.by_name(name, SIZE, CHANNELS, side=4, **options)
    return family, family.learn(jax.random.key(3), batches(values))


def fitted(family, base, values):
    """The fits of stacked values, and the PSNR of each `[n]`."""
    grid = coords.grid(SIZE)

    @jax.jit
    def one(value):
        own = family.adapter.solve(base, value)
        params = family.adapter.merge(base, own)
        return own, psnr(fields.render(family.field, params, grid), value)

    return jax.lax.map(one, jnp.asarray(values))


@pytest.mark.parametrize("size, side", [((12, 8), 4), ((7, 5), 3), ((11, 13), 5)])
def test_windows_join_to_the_picture_they_were_cut_from(size, side):
    form = windowed.layout(size, 3, side=side)
    values = np.random.default_rng(0).normal(size=(size[0] * size[1], 3))
    windows = windowed.cut(jnp.asarray(values), form)
    assert windows.shape == (form.windows, form.numbers)
    joined = windowed.joined(windows, form)
    np.testing.assert_array_equal(joined.reshape(-1, 3), values.astype(np.float32))


@pytest.mark.parametrize(
    "length, side, found", [(32, 8, 8), (28, 8, 7), (64, 8, 8), (13, 8, 13), (29, 8, 8)]
)
def test_a_side_is_the_nearest_that_divides_the_picture(length, side, found):
    assert windowed.layout((length, length), 1, side=side).side == (found, found)


def test_a_field_has_the_values_of_its_lattice_and_is_linear_between():
    form = windowed.layout(SIZE, CHANNELS, side=4)
    field = windowed.field(form, dictionaries=1, atoms=1)
    values = jnp.asarray(pictures(1)[0])
    params = {"lattice": {"values": values.reshape(*SIZE, CHANNELS)}}
    grid = coords.grid(SIZE)
    np.testing.assert_allclose(fields.render(field, params, grid), values, atol=1e-6)
    a, b, corner = grid[9], grid[10], jnp.array([-1.0, -1.0])
    points = jnp.stack([0.75 * a + 0.25 * b, corner])
    found = fields.render(field, params, points)
    expected = jnp.stack([0.75 * values[9] + 0.25 * values[10], values[0]])
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["gains", "allotted"])
def test_enough_numbers_hold_any_picture(name):
    """Also one in colour, where all training pictures are grey."""
    most = 6 * 32 + (6 if name == "allotted" else 0)
    grey = np.repeat(pictures(40)[:, :, :1], 2, axis=2)
    family, base = learnt(name, grey, numbers=most)
    noise = np.random.default_rng(1).uniform(-1, 1, (2, 96, 2)).astype(np.float32)
    _, quality = fitted(family, base, np.concatenate([noise, pictures(3, seed=5)]))
    # Double precision gives 100 dB or more; a missing atom leaves 15 dB.
    assert quality.min() > 60.0


@pytest.mark.parametrize("name", ["gains", "allotted"])
def test_more_numbers_are_better_and_never_exceeded(name):
    train, others = pictures(60), pictures(12, seed=7)
    last = None
    for numbers in (24, 48, 96):
        family, base = learnt(name, train, numbers=numbers)
        own, quality = fitted(family, base, others)
        assert sum(x[0].size for x in jax.tree.leaves(own)) <= numbers
        assert last is None or quality.mean() > last + 3.0
        last = quality.mean()


def test_gains_are_the_best_there_are():
    """The gradient of the squared error at a solved fit is zero."""
    family, base = learnt("gains", pictures(40), numbers=48)
    value = jnp.asarray(pictures(1, seed=9)[0])

    def loss(own):
        params = family.adapter.merge(base, own)
        return jnp.mean(jnp.square(params["lattice"]["values"].reshape(96, 2) - value))

    own = family.adapter.solve(base, value)
    slope = jax.grad(loss)(own)["windows"]["gains"]
    start = jax.grad(loss)(family.adapter.centre(base))["windows"]["gains"]
    assert jnp.abs(slope).max() < 1e-4 * jnp.abs(start).max()


def test_gains_have_variance_one_on_what_they_were_learnt_from():
    train = 0.5 * pictures(200) + 0.4
    family, base = learnt("gains", train, numbers=48)
    gains = np.asarray(fitted(family, base, train)[0]["windows"]["gains"])
    np.testing.assert_allclose(gains.reshape(-1, 8).mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(gains.reshape(-1, 8).var(axis=0), 1.0, atol=1e-2)


def test_windows_share_numbers_as_no_other_sharing_would():
    """Of all ways to share them in a case small enough to try each."""
    drawn = np.random.default_rng(2)
    atoms = np.linalg.qr(drawn.normal(size=(2, 6, 6)))[0][:, :, :3]
    mean = drawn.normal(size=(2, 6))
    found = {"mean": jnp.asarray(mean), "atoms": jnp.asarray(atoms)}
    windows = jnp.asarray(drawn.normal(size=(3, 6)) * np.array([[3.0], [1.0], [0.1]]))
    least = jnp.min(errors(found, windows)[0], axis=1)
    sums = least[0][:, None, None] + least[1][None, :, None] + least[2][None, None, :]
    used = np.indices((4, 4, 4)).sum(axis=0)
    for budget in range(1, 9):
        rank = ranks_at(least, price(least, budget))
        assert rank.sum() <= budget
        reached = sums[tuple(np.asarray(rank))]
        # A price finds the best of all that take no more than it takes.
        assert reached <= np.asarray(sums)[used <= int(rank.sum())].min() + 1e-5


def test_no_number_is_left_over():
    """Random windows gain from every atom, so that all numbers are worth taking."""
    family, base = learnt("allotted", pictures(40), numbers=83)
    noise = np.random.default_rng(4).uniform(-1, 1, (8, 96, 2)).astype(np.float32)
    choice = np.asarray(fitted(family, base, noise)[0]["windows"]["choice"])
    atoms = base["dictionaries"]["atoms"].shape[-1]
    ranks = np.asarray(jax.vmap(lambda x: ranks_of(x, 16, atoms)[1])(choice))
    assert ranks.sum(axis=1).tolist() == [83 - 6] * 8


@pytest.mark.parametrize("dictionary, rank", [(0, 0), (2, 5), (3, 7)])
def test_a_choice_stands_for_a_dictionary_and_a_rank(dictionary, rank):
    choice = jnp.array([dictionary * 8 + rank, dictionary * 8 + rank + 0.4, 1e9, -5.0])
    which, found = ranks_of(choice, 4, 7)
    assert which.tolist() == [dictionary, dictionary, 3, 0]
    assert found.tolist() == [rank, rank, 7, 0]


def test_several_dictionaries_beat_one_and_are_the_same_every_time():
    train, others = pictures(120), pictures(20, seed=11)
    one = learnt("allotted", train, numbers=36, dictionaries=1)
    some = learnt("allotted", train, numbers=36, dictionaries=4)
    better = fitted(*some, others)[1].mean() - fitted(*one, others)[1].mean()
    assert better > 0.5
    again = learnt("allotted", train, numbers=36, dictionaries=4)[1]
    jax.tree.map(np.testing.assert_array_equal, some[1], again)


def test_a_base_is_the_same_however_it_is_read_and_ignores_what_is_not_finite():
    train = pictures(50)
    spoilt = np.concatenate([train, np.full((1, 96, 2), np.nan, np.float32)])
    family = representations.by_name("gains", SIZE, CHANNELS, side=4, numbers=48)
    first, second = (
        family.learn(jax.random.key(0), batches(values, at_once))
        for values, at_once in ((train, 50), (spoilt, 7))
    )
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(np.abs(a), np.abs(b), atol=2e-4)
    with pytest.raises(ValueError, match="not one training picture is finite"):
        family.learn(jax.random.key(0), batches(spoilt[-1:]))


@pytest.mark.parametrize(
    "options, told",
    [
        ({"name": "gains", "size": (8, 8, 8)}, "windows are cut out of pictures"),
        ({"name": "gains", "numbers": 5}, "at least one for each of the 6 windows"),
        ({"name": "allotted", "numbers": 6}, "numbers=6 should be above the 6 windows"),
        ({"name": "gains", "side": 0}, "side=0 should be 1 pixel or more"),
        ({"name": "other"}, "unknown representation 'other'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, told):
    size = options.get("size", SIZE)
    rest = {k: x for k, x in options.items() if k not in ("name", "size")}
    with pytest.raises(ValueError, match=told):
        representations.by_name(
            options["name"], size, CHANNELS, **{"side": 4, "numbers": 48, **rest}
        )
