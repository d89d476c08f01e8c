import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from wsjax.analysis import dimension

AMBIENT = 20


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they bring on sets this small, most of all if shared."""
    with threadpool_limits(1):
        yield


def rotation(generator):
    return np.linalg.qr(generator.normal(size=(AMBIENT, AMBIENT)))[0]


def flat(dimensions, n=1500):
    """Rows spread evenly in a cube of some dimensions, turned in the ambient space."""
    generator = np.random.default_rng(dimensions)
    rows = np.zeros((n, AMBIENT))
    rows[:, :dimensions] = generator.uniform(size=(n, dimensions))
    return rows @ rotation(generator)


@pytest.mark.parametrize("shape", [(30, 7), (7, 30), (2, 5), (9, 1)])
def test_spectrum_is_made_of_falling_shares(shape):
    shares = dimension.spectrum(np.random.default_rng(0).normal(size=shape) + 100)
    assert shares.shape == (min(shape[0] - 1, shape[1]),)
    assert shares.sum() == pytest.approx(1)
    assert np.all(shares >= 0) and np.all(np.diff(shares) <= 0)


def test_spectrum_counts_variance_about_the_mean():
    # Orthogonal axes with variances 1 : 6 : 3 about a far mean.
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    rows = signs * np.sqrt([1, 6, 3]) + 50
    np.testing.assert_allclose(dimension.spectrum(rows), [0.6, 0.3, 0.1])
    assert dimension.participation_ratio(rows) == pytest.approx(1 / 0.46)


@pytest.mark.parametrize("dimensions", [1, 3, 12])
def test_participation_ratio_counts_equal_components(dimensions):
    generator = np.random.default_rng(0)
    rows = np.zeros((5000, AMBIENT))
    rows[:, :dimensions] = generator.normal(size=(5000, dimensions))
    found = dimension.participation_ratio(3 * rows @ rotation(generator) + 7)
    assert found == pytest.approx(dimensions, rel=0.02)


def test_participation_ratio_of_a_line_is_one():
    steps = np.random.default_rng(0).exponential(size=(40, 1))
    assert dimension.participation_ratio(steps * np.arange(6) + 5) == pytest.approx(1)


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_two_nn_finds_the_dimension_of_a_flat_sample(dimensions):
    assert dimension.two_nn(flat(dimensions)) == pytest.approx(dimensions, rel=0.15)


def test_two_nn_finds_the_dimension_of_a_bent_sample():
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, size=(1500, 2))
    torus = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    assert dimension.two_nn(torus) == pytest.approx(2, rel=0.15)
    assert dimension.participation_ratio(torus) == pytest.approx(4, rel=0.15)


def test_two_nn_does_not_see_rotation_shift_scale_or_order():
    rows, generator = flat(3, n=300), np.random.default_rng(0)
    moved = 1e-3 * rows @ rotation(generator) + 1e4
    # Far from the origin the rows themselves keep some eight digits.
    assert dimension.two_nn(moved) == pytest.approx(dimension.two_nn(rows), rel=1e-5)
    mixed = generator.permutation(rows)
    assert dimension.two_nn(mixed) == pytest.approx(dimension.two_nn(rows))


def test_two_nn_uses_equal_rows_once():
    rows = flat(2, n=200)
    rows[0] = 0.0
    repeated = np.concatenate([rows, rows[:50], -rows[:1]])
    assert dimension.two_nn(repeated) == dimension.two_nn(rows)


def test_two_nn_measures_near_copies_exactly():
    # Twenty pairs on a line: every ratio is 2^10 / 2^-20, all but exactly.
    places = 2.0**10 * np.arange(20)
    rows = np.concatenate([places, places + 2.0**-20])[:, None]
    heights = -np.log(1 - np.arange(1, 37) / 40)  # A tenth of 40 rows is discarded.
    expected = heights.mean() / (30 * np.log(2))
    assert dimension.two_nn(rows) == pytest.approx(expected)


@pytest.mark.parametrize("discard", [0.0, 0.1, 0.5])
def test_two_nn_does_not_need_the_large_ratios(discard):
    found = dimension.two_nn(flat(2), discard=discard)
    assert found == pytest.approx(2, rel=0.15)


def test_two_nn_leaves_out_the_largest_ratios():
    rows = flat(2, n=200)
    # Pairs far from everything: each row of them has a huge ratio.
    corners = 1e6 * np.repeat(np.eye(4, AMBIENT), 2, axis=0)
    corners[::2] += 1e-3
    found = {
        discard: dimension.two_nn(np.concatenate([rows, corners]), discard=discard)
        for discard in (0.0, 0.1)
    }
    assert found[0.0] < 0.5 < 1.5 < found[0.1]


ROWS = {
    "flat": flat(2, n=200),
    "equal": np.full((20, 3), 0.1),
    "one": np.ones((1, 3)),
    "two": np.eye(2),
    "few": flat(2, n=9),
    "enough": flat(2, n=12),
    "twice": np.repeat(flat(2, n=10), 30, axis=0),
    "same distances": np.eye(AMBIENT),
}


@pytest.mark.parametrize("name", ROWS)
def test_it_is_known_before_whether_rows_have_a_dimension(name):
    rows = ROWS[name]
    for known, measure in (
        (dimension.has_two_nn, dimension.two_nn),
        (dimension.varies, dimension.participation_ratio),
    ):
        if known(rows):
            assert 0 < measure(rows) < AMBIENT
        else:
            with pytest.raises(ValueError):
                measure(rows)
    assert dimension.has_two_nn(rows) == (name in ("flat", "enough"))
    assert dimension.varies(rows) == (name not in ("equal", "one"))


def test_measures_name_what_was_wrong():
    for measure in (dimension.spectrum, dimension.participation_ratio):
        with pytest.raises(ValueError, match="all 4 rows are equal"):
            measure(np.full((4, 3), 0.1))
        with pytest.raises(ValueError, match=r"2 rows or more, got shape \(1, 3\)"):
            measure(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"got shape \(3,\)"):
        dimension.two_nn(np.ones(3))
    with pytest.raises(ValueError, match="got 1$"):
        dimension.two_nn(flat(2), discard=1)
    with pytest.raises(ValueError, match="after discarding, got 9"):
        dimension.two_nn(np.repeat(flat(2, n=10), 30, axis=0))
    with pytest.raises(ValueError, match="second neighbour"):
        dimension.two_nn(np.eye(AMBIENT))


@pytest.mark.parametrize("dimensions", [1, 7, 12])
@pytest.mark.parametrize("shape", [(60, 20), (15, 90)])
def test_components_for_finds_the_planted_dimension(dimensions, shape):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(shape[0], dimensions))
    axes = generator.normal(size=(dimensions, shape[1]))
    assert dimension.components_for(rows @ axes + 3, share=1.0) == dimensions


def test_components_for_counts_shares_of_variance_and_not_of_deviation():
    # Orthogonal axes with variances 6 : 3 : 1 about a far mean.
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    rows = signs * np.sqrt([6, 3, 1]) + 50
    shares = (0.59, 0.61, 0.89, 0.91, 1.0)
    counts = [dimension.components_for(rows, share=share) for share in shares]
    assert counts == [1, 2, 2, 3, 3]


def test_components_for_equal_rows_is_zero():
    assert dimension.components_for(np.full((7, 3), 0.1)) == 0
    assert dimension.components_for(np.ones((1, 3))) == 0


def test_components_for_names_what_was_wrong():
    with pytest.raises(ValueError, match="got 90"):
        dimension.components_for(np.eye(3), share=90)
    with pytest.raises(ValueError, match=r"got shape \(3,\)"):
        dimension.components_for(np.ones(3))
