"""The code of a single cell: the nearest dictionary, and what refines its choice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import balls
from tests.balls import FORM
from wsjax.cells import coding, cutting

SIDE = FORM.sides[1]


@pytest.fixture(scope="module")
def base():
    return balls.learnt()["dictionaries"][f"side{SIDE}"]


@pytest.fixture(scope="module")
def crossed():
    """Cells `[n, M]` that the surface of a ball crosses."""
    values = jnp.array(balls.several(1, seed=3)[0] / 127.0)
    cells = cutting.nodes(values, SIDE, jnp.arange(FORM.count(1) ** 3))
    low, high = cells.min(axis=1), cells.max(axis=1)
    return cells[np.asarray((low < 0) & (high > 0))]


def test_a_cell_is_projected_on_the_nearest_of_all_dictionaries(base, crossed):
    table = base["rank4"]
    flats = coding.flats(table)
    for cell in crossed[:12]:
        parts = np.asarray(cell @ base["atoms"])
        squares, best = [], []
        for mean, kernel in zip(*map(np.asarray, table.values()), strict=True):
            mean, kernel = (mean, kernel) if mean.ndim == 1 else (kernel, mean)
            own, *_ = np.linalg.lstsq(kernel, parts - mean, rcond=None)
            squares.append(np.square(parts - mean - kernel @ own).sum())
            best.append(own)
        choice, coefficients, left = coding.project(flats, jnp.array(parts))
        assert choice == np.argmin(squares)
        np.testing.assert_allclose(coefficients, best[choice], atol=2e-3)
        np.testing.assert_allclose(left, min(squares), atol=1e-3)


def test_refining_never_makes_a_code_worse_and_most_of_them_better(base, crossed):
    flats, volume = coding.flats(base["rank4"]), cutting.weights(SIDE)

    @jax.jit
    def errors(cell):
        code = coding.projected(base["atoms"], flats, cell, volume)
        mean, kernel = flats.mean[code.choice], flats.kernel[code.choice]
        pair = base["atoms"] @ mean, base["atoms"] @ kernel
        better = coding.refined(*pair, code.coefficients, cell, volume)
        wrong = coding.filled(pair[0] + pair[1] @ better) - coding.filled(cell)
        # As a column of zeros changes nothing, codes of several ranks share a width.
        wide = jnp.pad(pair[1], ((0, 0), (0, 2))), jnp.pad(code.coefficients, (0, 2))
        same = coding.refined(pair[0], *wide, cell, volume)
        return code.error, volume @ jnp.abs(wrong), better, same

    first, last, better, same = jax.vmap(errors)(crossed)
    assert (last <= first + 1e-6).all()
    assert np.mean(last < first - 1e-4) > 0.5
    np.testing.assert_allclose(same[:, :4], better, atol=1e-4)
    np.testing.assert_array_equal(same[:, 4:], 0.0)
