"""Measures of all pairs go through them in blocks: same numbers, bounded memory."""

import tracemalloc

import numpy as np
import pytest

from wsjax.metrics import generation

MEASURES = {
    "mmd_gaussian": generation.mmd_gaussian,
    "mmd_polynomial": generation.mmd_polynomial,
    "precision": generation.precision,
    "recall": generation.recall,
}


def sets(n, m, *, width=6):
    generator = np.random.default_rng(0)
    return generator.normal(size=(n, width)), 0.3 + generator.normal(size=(m, width))


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("block", [1, 40, 300, 43 * 31 - 1])
def test_blocks_of_any_size_give_the_same(name, block, monkeypatch):
    x, y = sets(43, 31)
    x[7] = x[8] = y[9]  # Copies, at distance 0 in any block.
    whole = MEASURES[name](x, y)
    monkeypatch.setattr(generation, "_BLOCK", block)
    assert MEASURES[name](x, y) == pytest.approx(whole, rel=1e-12)
    assert whole not in (0, 1)


@pytest.mark.parametrize("name", MEASURES)
def test_the_matrix_of_all_pairs_is_never_whole(name):
    x, y = sets(3600, 3500)
    tracemalloc.start()
    MEASURES[name](x, y)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * len(x) * len(y)  # Bytes of the matrix.
