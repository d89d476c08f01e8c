import jax
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from wsjax.analysis import dimension, trivial


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they bring on sets this small, most of all if shared."""
    with threadpool_limits(1):
        yield


def two_lumps(n, width, *, far=10.0, scale=1.0):
    """Rows about two places, with a column that never changes."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(n, width))
    rows[:, 0] += far * np.where(np.arange(n) % 3, 1.0, -1.0)
    rows[:, -1] = 5.0
    return scale * rows


def test_draws_lie_in_the_lumps_and_a_gaussian_s_between_them_too():
    rows, keys = two_lumps(300, 4), jax.random.split(jax.random.key(0))
    draws = trivial.gaussian_mixture(keys[0], rows, n=3000, components=(1, 2, 5))
    plain = trivial.gaussian_samples(keys[1], rows, n=3000)
    assert np.mean(np.abs(plain[:, 0]) < 4) > 0.2
    assert np.mean(np.abs(draws[:, 0]) < 4) < 0.01
    assert np.mean(draws[:, 0] > 0) == pytest.approx(2 / 3, abs=0.05)
    np.testing.assert_allclose(draws[:, -1], 5.0, rtol=1e-9)


@pytest.mark.parametrize("width", [3, 60])  # Within the 32 components, and beyond.
def test_one_gaussian_has_the_mean_and_the_covariance_of_the_rows(width):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(400, width)) @ generator.normal(size=(width, width))
    rows = rows * np.geomspace(0.01, 100, width) + 7
    draws = trivial.gaussian_mixture(jax.random.key(0), rows, n=20_000, components=(1,))
    scale = rows.std(axis=0)
    np.testing.assert_allclose(
        (draws.mean(axis=0) - rows.mean(axis=0)) / scale, 0, atol=0.05
    )
    expected, found = (np.cov(x / scale, rowvar=False) for x in (rows, draws))
    assert np.abs(found - expected).max() < 0.05


def test_the_number_of_gaussians_is_that_of_unseen_rows():
    rows = two_lumps(200, 3)[:, :2]
    apart, together = rows, two_lumps(200, 3, far=0.0)[:, :2]
    assert trivial._chosen(apart, (1, 2), 0) == 2
    assert trivial._chosen(together, (1, 2, 20), 0) == 1
    # What fits the seen rows best is not what counts.
    fits = [trivial._fitted(together[40:], count, 0) for count in (1, 20)]
    assert fits[1].score(together[40:]) > fits[0].score(together[40:])


def test_draws_follow_their_key_and_are_shuffled():
    rows = two_lumps(60, 3)
    first, again, other = (
        trivial.gaussian_mixture(jax.random.key(seed), rows, n=40, components=(2,))
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert len({tuple(x > 0) for x in np.split(first[:, 0], 4)}) > 2


@pytest.mark.parametrize(
    ("n", "components", "wrong"),
    [
        (6, (10,), r"components=\(10,\), but 5 rows .* 1 to 2"),
        (1, (1,), r"2 rows or more, got shape \(1, 9\)"),
    ],
)
def test_too_few_rows_are_refused(n, components, wrong):
    with pytest.raises(ValueError, match=wrong):
        trivial.gaussian_mixture(
            jax.random.key(0), two_lumps(n, 9), n=3, components=components
        )


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_few_rows_take_fewer_gaussians(n):
    rows = two_lumps(n, 9)
    draws = trivial.gaussian_mixture(jax.random.key(0), rows, n=3)
    assert draws.shape == (3, 9) and np.isfinite(draws).all()
    np.testing.assert_allclose(draws[:, -1], 5.0)


GENERATORS = {
    "gaussian_samples": trivial.gaussian_samples,
    "gaussian_mixture": trivial.gaussian_mixture,
    "average_two": trivial.average_two,
    "add_noise": lambda key, x, n: trivial.add_noise(key, x, n=n, scale=1.0),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_from_equal_rows_every_generator_draws_the_row_itself(name):
    rows = np.tile([0.0, 0.1, -7.0], (12, 1))
    draws = GENERATORS[name](jax.random.key(0), rows, n=5)
    np.testing.assert_allclose(draws, rows[:5], rtol=1e-12)


def test_gaussian_samples_have_the_mean_and_covariance_of_the_rows():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(30, 3)) @ generator.normal(size=(3, 4)) + 10
    draws = trivial.gaussian_samples(jax.random.key(0), rows, n=50_000)
    assert draws.shape == (50_000, 4)
    np.testing.assert_allclose(draws.mean(axis=0), rows.mean(axis=0), atol=0.05)
    expected = np.cov(rows, rowvar=False)
    assert np.abs(np.cov(draws, rowvar=False) - expected).max() < 0.03 * expected.max()
    assert dimension.components_for(draws, share=1.0) == 3


@pytest.mark.parametrize("name", ["add_noise", "average_two"])
def test_rows_are_drawn_independently(name):
    """How often the first of two rows comes has the variance of a binomial count."""
    rows = np.array([[0.0], [1.0], [1.0], [1.0]])
    draw = {
        "add_noise": lambda key: trivial.add_noise(key, rows, n=64, scale=0.0),
        "average_two": lambda key: trivial.average_two(key, rows, n=64),
    }[name]
    counts = [(draw(jax.random.key(i)) < 1).sum() for i in range(300)]
    share = 0.25 if name == "add_noise" else 0.5
    assert np.mean(counts) == pytest.approx(64 * share, rel=0.05)
    assert np.var(counts) == pytest.approx(64 * share * (1 - share), rel=0.3)


def test_average_two_is_the_mean_of_two_different_rows():
    powers = 2.0 ** np.arange(5)[:, None]  # Every pair has its own sum.
    pairs = {a + b for a in powers[:, 0] for b in powers[:, 0] if a != b}
    draws = trivial.average_two(jax.random.key(0), powers, n=400)
    assert draws.shape == (400, 1)
    assert set(2 * draws[:, 0]) == pairs


def test_add_noise_is_rows_plus_noise_of_the_asked_deviation():
    rows = np.array([[0.0, 0.0, 5.0], [1000.0, 2.0, 5.0]])
    still = trivial.add_noise(jax.random.key(0), rows, n=50, scale=0.0)
    for row in rows:
        assert (still == row).all(axis=1).any()
    noisy = trivial.add_noise(jax.random.key(0), rows, n=4000, scale=0.1)
    noise = noisy - rows[(noisy[:, 0] > 500).astype(int)]
    np.testing.assert_allclose(noise.std(axis=0), [50, 0.1, 0], rtol=0.05)


@pytest.mark.parametrize("name", ["gaussian_samples", "average_two", "add_noise"])
def test_trivial_generators_follow_their_key_and_need_two_rows(name):
    options = {"n": 6, "scale": 0.5} if name == "add_noise" else {"n": 6}
    generate, rows = (
        getattr(trivial, name),
        np.random.default_rng(0).normal(size=(9, 2)),
    )
    first, again, other = (
        generate(jax.random.key(seed), rows, **options) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    with pytest.raises(ValueError, match=r"2 rows or more, got shape \(1, 2\)"):
        generate(jax.random.key(0), rows[:1], **options)
