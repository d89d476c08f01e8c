"""What the audit lets through: samplers of small discs, each known for what it is."""

import jax
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from wsjax.analysis import trivial
from wsjax.metrics import audit as audits
from wsjax.metrics import features
from wsjax.metrics.audit import audit, judge
from wsjax.metrics.copying import Copying
from wsjax.metrics.excess import Draws
from wsjax.metrics.verdict import FAILED, PASSED, TRIVIAL, UNDECIDED

SIDE, N = 10, 500


def drawn(weights):
    """Pictures `[n, SIDE, SIDE, 1]` of blobs: a place, a width and a brightness."""
    y, x = (np.indices((SIDE, SIDE)) + 0.5) / SIDE
    across, down, width, bright = (w[:, None, None] for w in weights.T)
    squared = np.square(x[None] - across) + np.square(y[None] - down)
    blobs = bright * np.exp(-squared / (0.02 + np.square(width)))
    return blobs.clip(0, 1)[..., None].astype(np.float32)


def real_weights(seed, n=N):
    """Places on a ring, which no average of two stays on."""
    generator = np.random.default_rng(seed)
    angle = generator.uniform(0, 2 * np.pi, n)
    ring = 0.5 + 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    others = generator.uniform([0.05, 0.6], [0.2, 1.0], (n, 2))
    return np.concatenate([ring, others], axis=1)


TRAIN, OUT, MORE = (drawn(real_weights(seed)) for seed in (0, 1, 2))


def mixed(share, rest=MORE, seed=3):
    """Copies of training pictures in part of a set."""
    rows = np.random.default_rng(seed).permutation(N)[: round(share * N)]
    made = rest.copy()
    made[: len(rows)] = TRAIN[rows]
    return made


def flat(pictures):
    return pictures.reshape(len(pictures), -1)


def hidden(scale, seed=4):
    """Copies plus noise that the first components do not see."""
    from sklearn.decomposition import PCA

    axes = PCA(16).fit(flat(TRAIN)).components_
    noise = np.random.default_rng(seed).normal(size=(N, SIDE * SIDE))
    noise -= noise @ axes.T @ axes
    usual = np.linalg.norm(flat(OUT)[:, None] - flat(TRAIN), axis=2).min(axis=1)
    noise *= scale * np.median(usual) / np.linalg.norm(noise, axis=1, keepdims=True)
    return (flat(TRAIN) + noise).reshape(TRAIN.shape)


@pytest.fixture(scope="module")
def verdicts():
    """All verdicts, of generators and of trivial ones."""
    keys = jax.random.split(jax.random.key(0), 3)
    rows = flat(TRAIN)
    made = {
        "gaussian": trivial.gaussian_samples(keys[0], rows, n=N),
        "average": trivial.average_two(keys[1], rows, n=N),
        "noise": trivial.add_noise(keys[2], rows, n=N, scale=0.1),
    }
    sets = {
        "more": MORE,
        "half": OUT[N // 2 :],
        "tenth": mixed(0.1),
        "twentieth": mixed(0.05),
        "copies": TRAIN,
        "hidden": hidden(1.0),
        "faded": 0.6 * MORE,
        "mixture": mixed(0.4, made["gaussian"].reshape(TRAIN.shape)),
    }
    with threadpool_limits(1):
        return audit(
            TRAIN,
            OUT[: N // 2],
            sets,
            spaces={
                "pca": features.pixel_pca(TRAIN, components=16),
                "roots": lambda x: np.sqrt(flat(np.abs(x)))[:, ::3],
            },
            trivial={name: x.reshape(TRAIN.shape) for name, x in made.items()},
            repeats=40,
        )


@pytest.mark.parametrize("name", ["more", "half"])
def test_more_real_things_pass(verdicts, name):
    found = verdicts[name]
    assert found.passed and found.reasons == ()
    for quality in found.quality.values():
        assert quality.excess.low < 0 < quality.excess.high
        assert quality.leads.keys() == {"gaussian", "average"}


@pytest.mark.parametrize("name", ["copies", "tenth", "twentieth", "hidden", "mixture"])
def test_copies_fail_in_part_under_noise_and_in_bad_company(verdicts, name):
    found = verdicts[name]
    assert not found.passed and found.copying.reasons
    assert found.reasons[: len(found.copying.reasons)] == found.copying.reasons


def test_copies_would_pass_by_their_quality_alone(verdicts):
    for name in ("copies", "tenth"):
        assert verdicts[name].reasons == verdicts[name].copying.reasons


def test_what_is_no_copy_but_no_better_than_trivial_fails(verdicts):
    found = verdicts["faded"]
    assert not found.passed and not found.copying.reasons
    assert "which is trivial, by" in found.reasons[0]
    for name in ("gaussian", "average"):
        assert verdicts[name].verdict == TRIVIAL
        assert not verdicts[name].passed and not verdicts[name].copying.reasons


def test_a_trivial_generator_that_copies_is_no_bar(verdicts):
    assert verdicts["noise"].copying.reasons
    for found in verdicts.values():
        assert all("noise" not in q.leads for q in found.quality.values())


CLEAN = Copying(1.0, 0.0, 0.0, 0.5, 0.5, 0.01, 0.5, 0.0, 0.01, 0.5, 0.0, ())


def verdict(copied=CLEAN, **spaces):
    """Of ours against the others, each a list of two draws of the distance."""
    draws = {
        space: Draws(np.ones(2), {name: np.array(x) for name, x in by_name.items()})
        for space, by_name in spaces.items()
    }
    return judge(
        "ours", copied, draws, [name for name in spaces["a"] if name != "ours"]
    )


def test_a_tie_in_one_space_is_made_good_by_another():
    tie = {"ours": [1, 2], "easy": [2, 1]}
    won = {"ours": [1, 2], "easy": [3, 4]}
    found = verdict(a=tie, b=won)
    assert found.passed and found.quality["b"].leads["easy"] == (2, 2, 2)
    distance, excess, _ = found.quality["b"]
    assert (distance.mean, excess.mean) == (1.5, 0.5)
    both = verdict(a=tie, b=tie)
    assert both.verdict == UNDECIDED and not both.passed
    assert both.reasons == ("no better than easy, which is trivial, by any measure",)


def test_no_lead_makes_good_a_loss():
    lost, won = {"ours": [5, 6], "easy": [3, 4]}, {"ours": [1, 2], "easy": [3, 4]}
    found = verdict(a=won, b=lost)
    assert found.verdict == FAILED
    assert found.reasons == ("worse than easy, which is trivial, by b",)


def test_every_rival_counts_and_draws_are_compared_one_by_one():
    found = verdict(a={"ours": [1, 9], "easy": [2, 10], "hard": [0, 8]})
    assert found.reasons == ("worse than hard, which is trivial, by a",)


def test_without_a_rival_only_copies_fail():
    assert verdict(a={"ours": [1, 2]}).passed
    copied = verdict(CLEAN._replace(reasons=("too near",)), a={"ours": [1, 2]})
    assert copied.verdict == FAILED and copied.reasons == ("too near",)


def test_copies_fail_where_their_quality_is_undecided():
    tie = {"ours": [1, 2], "easy": [2, 1]}
    found = verdict(CLEAN._replace(reasons=("too near",)), a=tie)
    assert found.verdict == FAILED and len(found.reasons) == 2


def test_distances_are_to_the_reference_alone_and_copies_are_held_against_all():
    half, space = OUT[: N // 2], {"flat": lambda x: flat(x)[:, ::20]}

    def more(heldout, **options):
        sets = {"more": MORE[:100]}
        options |= {"spaces": space, "trivial": {}, "repeats": 5}
        return audit(TRAIN, heldout, sets, **options)["more"]

    found = more(OUT, reference=half)
    assert found.quality == more(half).quality != more(OUT).quality
    assert found.copying == more(OUT).copying != more(half).copying


def test_what_cannot_be_audited_is_refused():
    few = TRAIN[:20]
    space = {"flat": flat}
    with pytest.raises(ValueError, match="'x' is both a generator and a trivial one"):
        audit(few, few, {"x": few}, spaces=space, trivial={"x": few})
    with pytest.raises(ValueError, match="one feature space or more"):
        audit(few, few, {"x": few}, spaces={}, trivial={})


def test_few_rivals_are_a_low_bar_for_samples_that_are_worse_than_real_ones():
    near = CLEAN._replace(copy_fraction=0.0, copy_p=1.0)
    copied = near._replace(reasons=("copied",))
    floor, easy = np.linspace(1.0, 1.1, 50), np.linspace(9.0, 9.1, 50)
    for added, wanted in ((0.0, PASSED), (0.5, UNDECIDED)):
        sets = {"ours": floor[::-1] + added, "easy": easy, "a": floor, "b": floor}
        drawn = {"pca": Draws(floor, sets)}
        every = {"ours": near, "easy": near, "a": copied, "b": copied}
        found = audits.verdicts(every, drawn, ("easy", "a", "b"))["ours"]
        assert found.verdict == wanted
        half = audits.verdicts(
            {"ours": near, "easy": near, "a": copied}, drawn, ("easy", "a")
        )["ours"]
        assert half.verdict == PASSED and half.reasons == ()
    assert found.reasons[0].startswith("2 of 3 trivial generators copy: samples are")
    assert found.reasons[0].endswith("than training things are, by pca")


def test_with_no_rival_left_samples_fail_or_stay_undecided():
    """Where rows are few and wide, every trivial generator counts as a copy."""
    near = CLEAN._replace(copy_fraction=0.0, copy_p=1.0)
    floor = np.linspace(1.0, 1.1, 50)
    for added, wanted in ((0.0, UNDECIDED), (0.5, FAILED)):
        sets = {"ours": floor[::-1] + added, "noise": floor}
        drawn = {"pca": Draws(floor, sets)}
        copied = {"ours": near, "noise": near._replace(reasons=("copied",))}
        found = audits.verdicts(copied, drawn, ["noise"])["ours"]
        assert found.verdict == wanted
        (reason,) = found.reasons
        assert "every trivial generator copies" in reason
    copied["ours"] = near._replace(reasons=("copied",))
    found = audits.verdicts(copied, drawn, ["noise"])["ours"]
    assert found.verdict == FAILED and found.reasons[0] == "copied"
