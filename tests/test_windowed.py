"""Laws of fields of windows: what they can hold, which gains they keep, how learnt."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import coords, fields, representations, windowed
from wsjax.metrics.reconstruction import psnr
from wsjax.windowed import cutting

SIZE, CHANNELS = (12, 8), 2
WINDOWS, VALUES = 6, 32


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


def learnt(values, **options):
    options = {"side": 4, **options}
    family = representations.by_name("gains", SIZE, CHANNELS, **options)
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


def test_a_field_has_the_values_of_its_lattice_and_is_linear_between():
    form = windowed.layout(SIZE, CHANNELS, side=4)
    field = windowed.field(form, atoms=1, candidates=1)
    values = jnp.asarray(pictures(1)[0])
    params = {"lattice": {"values": values.reshape(*SIZE, CHANNELS)}}
    grid = coords.grid(SIZE)
    np.testing.assert_allclose(fields.render(field, params, grid), values, atol=1e-6)
    a, b, corner = grid[9], grid[10], jnp.array([-1.0, -1.0])
    points = jnp.stack([0.75 * a + 0.25 * b, corner])
    found = fields.render(field, params, points)
    expected = jnp.stack([0.75 * values[9] + 0.25 * values[10], values[0]])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_enough_numbers_hold_any_picture():
    """Also one in colour, where all training pictures are grey."""
    grey = np.repeat(pictures(40)[:, :, :1], 2, axis=2)
    family, base = learnt(grey, numbers=WINDOWS * VALUES)
    noise = np.random.default_rng(1).uniform(-1, 1, (2, 96, 2)).astype(np.float32)
    _, quality = fitted(family, base, np.concatenate([noise, pictures(3, seed=5)]))
    # Double precision gives 100 dB or more; a missing atom leaves 15 dB.
    assert quality.min() > 60.0


@pytest.mark.parametrize("candidates", [1.0, 3.0])
def test_more_numbers_are_better_and_never_exceeded(candidates):
    train, others = pictures(60), pictures(12, seed=7)
    last = None
    for numbers in (24, 48, 96):
        family, base = learnt(train, numbers=numbers, candidates=candidates)
        own, quality = fitted(family, base, others)
        assert sum(x[0].size for x in jax.tree.leaves(own)) <= numbers
        assert last is None or quality.mean() > last + 3.0
        last = quality.mean()


def test_a_choice_among_more_is_worth_its_bits():
    train, others = pictures(200), pictures(20, seed=11)
    same, chosen = (
        fitted(*learnt(train, numbers=24, candidates=c), others)[1].mean()
        for c in (1.0, 3.0)
    )
    assert chosen > same + 0.5


def test_gains_are_the_best_that_so_many_can_be():
    """Of all choices of three among ten, with the best gains for each."""
    family, base = learnt(pictures(40), numbers=4, candidates=2.5)
    every = windowed.gains(windowed.layout(SIZE, 2, side=4), numbers=10, candidates=10)
    some = np.array(list(itertools.combinations(range(10), 3)))
    grid = coords.grid(SIZE)

    def render(params):
        return fields.render(family.field, params, grid)

    @jax.jit
    def errors(value):
        full = every.solve(base, value)["gains"]["numbers"]
        marks = jnp.zeros((len(some), 10)).at[jnp.arange(len(some))[:, None], some]
        tried = marks.set(1.0) * full[None]
        own = render(family.adapter.merge(base, family.adapter.solve(base, value)))
        others = jax.vmap(
            lambda x: render(every.merge(base, {"gains": {"numbers": x}}))
        )
        squares = jnp.sum(jnp.square(others(tried) - value[None]), axis=(1, 2))
        return jnp.sum(jnp.square(own - value)), squares

    for value in jnp.asarray(pictures(4, seed=9)):
        found, tried = errors(value)
        np.testing.assert_allclose(found, tried.min(), rtol=1e-5)
        assert np.median(tried) > 1.1 * found


def test_the_gradient_at_a_solved_fit_is_zero():
    family, base = learnt(pictures(40), numbers=48, candidates=1.0)
    value = jnp.asarray(pictures(1, seed=9)[0])

    def loss(own):
        params = family.adapter.merge(base, own)
        return jnp.mean(jnp.square(params["lattice"]["values"].reshape(96, 2) - value))

    own = family.adapter.solve(base, value)
    slope = jax.grad(loss)(own)["gains"]["numbers"]
    start = jax.grad(loss)(family.adapter.centre(base))["gains"]["numbers"]
    assert jnp.abs(slope).max() < 1e-4 * jnp.abs(start).max()


def test_candidates_are_the_gains_that_vary_most():
    """A place that is the same in all pictures has none, where others have many."""
    train = pictures(200)
    family, base = learnt(train, numbers=48, candidates=1.0)
    gains = np.asarray(fitted(family, base, train)[0]["gains"]["numbers"])
    spread = gains.var(axis=0)
    order = np.argsort(np.argsort(-spread))
    assert np.corrcoef(order, np.arange(48))[0, 1] > 0.8
    atoms = base["dictionary"]["atoms"].shape[-1]
    place = np.asarray(base["dictionary"]["places"]) // atoms
    flat = np.isin(np.arange(WINDOWS), (0,))  # Alone wholly within the flat part.
    counts = np.bincount(place, minlength=WINDOWS)
    assert counts[flat].max() < 0.5 * counts[~flat].min()


def test_places_have_atoms_of_their_own_as_far_as_pictures_tell(monkeypatch):
    others = pictures(12, seed=7)
    own = [
        fitted(*learnt(pictures(n), numbers=48), others)[1].mean() for n in (12, 300)
    ]
    monkeypatch.setattr(
        cutting, "_MOMENTS", VALUES**2
    )  # Now all places share their atoms.
    same = [
        fitted(*learnt(pictures(n), numbers=48), others)[1].mean() for n in (12, 300)
    ]
    assert own[0] > same[0] - 0.5
    assert own[1] > same[1] + 1.0


def test_the_opened_vector_is_what_a_picture_is_made_of():
    """A picture is linear in it, which it is not in the numbers."""
    family, base = learnt(pictures(40), numbers=40)
    codec = family.adapter.opened(base)
    own, others = (
        family.adapter.solve(base, jnp.asarray(x)) for x in pictures(2, seed=8)
    )
    every = windowed.gains(
        windowed.layout(SIZE, 2, side=4), numbers=120, candidates=120
    )

    def render(vector):
        merged = every.merge(base, {"gains": {"numbers": vector}})
        return merged["lattice"]["values"]

    a, b = codec.encode(own), codec.encode(others)
    expected = family.adapter.merge(base, own)["lattice"]["values"]
    np.testing.assert_allclose(render(a), expected, atol=1e-6)
    between = render((a + b) / 2)
    np.testing.assert_allclose(between, (render(a) + render(b)) / 2, atol=1e-5)
    again = codec.decode(a)["gains"]["numbers"]
    np.testing.assert_array_equal(again, own["gains"]["numbers"])


def test_a_base_is_the_same_however_it_is_read_and_ignores_what_is_not_finite():
    train = pictures(50)
    spoilt = np.concatenate([train, np.full((1, 96, 2), np.nan, np.float32)])
    family = representations.by_name("gains", SIZE, CHANNELS, side=4, numbers=48)
    first, second = (
        family.learn(jax.random.key(0), batches(values, at_once))
        for values, at_once in ((train, 50), (spoilt, 7))
    )
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)
    with pytest.raises(ValueError, match="not one training picture is finite"):
        family.learn(jax.random.key(0), batches(spoilt[-1:]))


def test_windows_of_large_pictures_share_their_atoms(monkeypatch):
    small, large = (windowed.layout((n, n), 3, side=16) for n in (64, 1024))
    assert small.groups == small.windows and large.groups == 1
    monkeypatch.setattr(cutting, "_MOMENTS", VALUES**2)
    family, base = learnt(pictures(60), numbers=60)
    assert base["dictionary"]["mean"].shape == (1, VALUES)
    assert fitted(family, base, pictures(12, seed=7))[1].mean() > 22.0
