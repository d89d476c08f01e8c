"""Copies are found among training instances as they are rebuilt, and as they are."""

from types import SimpleNamespace

import numpy as np
import pytest

from experiments.judging import copies, verdicts
from experiments.judging.baselines import AGAIN
from experiments.judging.judge import Judge
from experiments.judging.samples import Made
from tests.test_audit import CLEAN

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
    return Judge(real, rebuilt, taught, rebuilt, heldout, "test", *rest)


@pytest.fixture(scope="module")
def known(judge):
    return of(judge)


def of(judge):
    return copies.known(judge, judge.rebuilt, judge.heldout, seed=0).own


def test_fresh_samples_are_no_copies(known):
    assert not known.compared(drawn(500, 2).reshape(500, -1)).reasons


def test_a_twentieth_of_copied_weights_is_refused(judge, known):
    """Beside instances as they are in the data, they look like any other sample."""
    found = copies.noticed(judge, known, drawn(500, 2), seed=0)
    assert found["refused_copies_0"] == 0 and found["copies_noticed_from"] <= 0.05
    assert found["refused_copies_0.05"] == 1
    alone = known._replace(finds=known.finds[1:], real=known.real[1:])
    missed = copies.noticed(judge, alone, drawn(500, 2), seed=0)
    assert missed["refused_copies_0.05"] < 0.2


def test_copies_of_the_data_themselves_are_refused(judge, known):
    rows = judge.real[~judge.heldout][:300].reshape(300, -1)
    found = known.compared(rows)
    assert found.reasons and found.novelty > 1  # Far from all that is rebuilt.
    alone = known._replace(finds=known.finds[:1], real=known.real[:1])
    assert not alone.compared(drawn(300, 3).reshape(300, -1)).reasons


def flat(values):
    return values.reshape(len(values), -1)


def made(values):
    n = len(values)
    rows = flat(values)
    return Made(n, {}, values, rows, np.full(n, -1), {"flat": rows})


def test_rivals_are_the_same_whatever_the_fits_of_the_row_that_is_judged(judge, known):
    """Beside worse fits, that lie elsewhere, copied weights look like no copies."""
    judge = judge._replace(
        features={"flat": flat},
        seen={"flat": (flat(judge.real), flat(judge.rebuilt))},
    )
    worse = judge._replace(rebuilt=drawn(TRAIN + TEST, 8))
    noisy = judge.rebuilt[:300] + 0.01 * drawn(300, 5)
    trivial = {"add_noise": made(noisy), "mixture": made(drawn(300, 6))}
    judging, rivals = SimpleNamespace(seed=0), []
    for row in (judge, worse):
        own = copies.Known(of(row), known, known)
        assert bool(own.own.compared(flat(noisy)).reasons) == (row is judge)
        found = verdicts.verdicts(
            judging, judge, own, {"ours": made(drawn(300, 7))}, trivial, n=300
        )
        rivals.append(set(found["ours"].quality["flat"].leads))
    assert rivals[0] == rivals[1]
    assert "mixture" in rivals[0] and "add_noise" not in rivals[0]


def test_trivial_generators_of_values_are_held_against_what_no_fit_has_blurred(judge):
    """Beside blurred held-out instances, new sharp ones look far from everything."""
    known = copies.known(judge, judge.rebuilt, judge.heldout, seed=0)
    sharp = flat(judge.real[judge.heldout])
    assert known.values.compared(sharp).novelty == 1
    assert known.common.finds[1] is known.values.finds[0]
    blurred = flat(judge.rebuilt[judge.heldout])
    assert known.values.compared(blurred).reasons  # Nearer than sharp ones are.
    assert not known.common.compared(blurred).reasons


def test_each_is_held_against_instances_as_it_saw_them(judge):
    judge = judge._replace(
        features={"flat": flat},
        seen={"flat": (flat(judge.real), flat(judge.rebuilt))},
    )

    def saying(reason):
        found = CLEAN._replace(reasons=(reason,))
        return SimpleNamespace(compared=lambda rows: found)

    known = copies.Known(*map(saying, copies.Known._fields))
    sets = {"ours": made(drawn(30, 7)), AGAIN: made(drawn(30, 8))}
    trivial = {"add_noise": made(drawn(30, 9))}
    judging = SimpleNamespace(seed=0)
    found = verdicts.verdicts(judging, judge, known, sets, trivial, n=30)
    said = {name: verdict.copying.reasons for name, verdict in found.items()}
    assert said.pop("ours") == ("own",)
    assert said.pop(AGAIN) == said.pop("add_noise") == ("common",)
    assert len(said) == 8 and set(said.values()) == {("values",)}


def test_samples_that_are_not_finite_fail(judge, known):
    """Good ones among them say nothing of the others."""
    judge = judge._replace(
        features={"flat": flat},
        seen={"flat": (flat(judge.real), flat(judge.rebuilt))},
    )
    sets = {"whole": made(drawn(300, 7)), "lost": made(drawn(300, 7))._replace(n=301)}
    both = copies.Known(known, known, known)
    found = verdicts.verdicts(SimpleNamespace(seed=0), judge, both, sets, {}, n=300)
    assert found["lost"].verdict == "failed"
    assert found["lost"].reasons[-1] == "1 of 301 samples are not finite"
    assert not any("finite" in reason for reason in found["whole"].reasons)


def test_figures_are_about_rebuilt_instances(judge, known):
    rows = judge.rebuilt[~judge.heldout][:300].reshape(300, -1)
    found = known.compared(rows)
    assert found.novelty == 0 and found.copy_fraction == 1
    assert found.authentic_fraction == 0
