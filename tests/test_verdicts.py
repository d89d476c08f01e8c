"""Copies are found among training instances as they are rebuilt, and as they are."""

import numpy as np
import pytest

from experiments.judging import verdicts
from experiments.judging.judge import Judge

TRAIN, TEST = 600, 400


def drawn(n, seed):
    """What fits keep of instances: `n` pictures of 4 numbers each, and 20 zeros."""
    rows = np.zeros((n, 24), np.float32)
    rows[:, :4] = np.random.default_rng(seed).normal(size=(n, 4))
    return rows.reshape(n, 4, 6, 1)


@pytest.fixture(scope="module")
def judge():
    """Instances with detail that no fit keeps, larger than what fits keep."""
    rebuilt = drawn(TRAIN + TEST, 0)
    detail = np.random.default_rng(1).normal(size=rebuilt.shape, scale=2.0)
    detail.reshape(len(rebuilt), -1)[:, :4] = 0
    real = rebuilt + detail.astype(np.float32)
    heldout = np.arange(TRAIN + TEST) >= TRAIN

    def taught():
        yield real[~heldout].reshape(TRAIN, -1)

    rest = {}, {}, None, {}, lambda values: values
    sides = heldout, ~heldout
    return Judge(real, rebuilt, taught, rebuilt, *sides, "test", *rest)


@pytest.fixture(scope="module")
def known(judge):
    return verdicts.training(judge, seed=0)


def test_fresh_samples_are_no_copies(known):
    assert not known.compared(drawn(500, 2).reshape(500, -1)).reasons


def test_a_twentieth_of_copied_weights_is_refused(judge, known):
    """Beside instances as they are in the data, they look like any other sample."""
    found = verdicts.noticed(judge, known, drawn(500, 2), seed=0)
    assert found["refused_copies_0"] == 0 and found["copies_noticed_from"] <= 0.05
    assert found["refused_copies_0.05"] == 1
    alone = known._replace(finds=known.finds[1:], real=known.real[1:])
    missed = verdicts.noticed(judge, alone, drawn(500, 2), seed=0)
    assert missed["refused_copies_0.05"] < 0.2


def test_copies_of_the_data_themselves_are_refused(judge, known):
    rows = judge.real[~judge.heldout][:300].reshape(300, -1)
    found = known.compared(rows)
    assert found.reasons and found.novelty > 1  # Far from all that is rebuilt.
    alone = known._replace(finds=known.finds[:1], real=known.real[:1])
    assert not alone.compared(drawn(300, 3).reshape(300, -1)).reasons


def test_figures_are_about_rebuilt_instances(judge, known):
    rows = judge.rebuilt[~judge.heldout][:300].reshape(300, -1)
    found = known.compared(rows)
    assert found.novelty == 0 and found.copy_fraction == 1
    assert found.authentic_fraction == 0
