"""What an eye would see: figures of whole samples beside rebuilt test instances."""

import numpy as np
import pytest

from configs import digits
from experiments.judging import likeness
from experiments.judging.judge import Judge
from experiments.judging.samples import Made
from experiments.recipe.evaluation import judging_of
from tests.test_two_sample import blobs

N, OUT = 64, 32


def judging(looks=4):
    config = digits.get_config("tiny")
    config.evaluate.looks = looks
    return judging_of(config)


def jury(rebuilt):
    """A judge that knows no more than these figures ask for."""
    nothing = dict.fromkeys(Judge._fields)
    heldout = np.arange(len(rebuilt)) >= len(rebuilt) - OUT
    return Judge(**nothing | {"rebuilt": rebuilt, "heldout": heldout})


def made(values):
    n = len(values)
    return Made(n, None, values, np.zeros((n, 1)), np.full(n, -1), {})


@pytest.fixture(scope="module")
def pictures():
    return jury(blobs(0, n=N))


def test_what_rebuilt_training_instances_reach_is_the_floor(pictures):
    """Half of them, told from held-out ones by a network that saw the other half."""
    train = pictures.rebuilt[~pictures.heldout]
    half = made(train[: len(train) // 2])
    found = likeness.figures(judging(), pictures, half)
    apart = pictures._replace(
        rebuilt=np.delete(pictures.rebuilt, np.arange(len(half.values)), axis=0),
        heldout=pictures.heldout[len(half.values) :],
    )
    own = likeness.figures(judging(), apart, half)
    assert set(own) == {
        f"{key}{end}"
        for key in (
            *("two_sample_accuracy", "two_sample_accuracy_ci95"),
            *("octave_power_ratio_min", "octave_power_ratio_max"),
        )
        for end in ("", "_floor")
    }
    for key, value in own.items():
        if not key.endswith("_floor"):
            assert found[f"{key}_floor"] == value, key


def test_pale_blurred_samples_are_told_and_lack_their_last_octave(pictures):
    values = 0.4 * blobs(1, n=N)
    blurred = (np.roll(values, 1, 1) + values + np.roll(values, -1, 1)) / 3
    found = likeness.figures(judging(looks=8), pictures, made(blurred))
    assert found["two_sample_accuracy"] > 0.8 > found["two_sample_accuracy_floor"]
    assert found["octave_power_ratio_min"] < 0.1
    # Half the interval of the share of OUT + OUT answers.
    share = found["two_sample_accuracy"]
    expected = 1.96 * np.sqrt(share * (1 - share) / (2 * OUT))
    assert found["two_sample_accuracy_ci95"] == pytest.approx(expected)


def test_floors_are_taken_over_for_as_many_samples_only(pictures):
    first = likeness.figures(judging(1), pictures, made(blobs(1, n=N)))
    planted = {key: 7.0 for key in first} | {"n_sampled": N}
    again = likeness.figures(judging(1), pictures, made(blobs(1, n=N)), like=planted)
    for key, value in again.items():
        assert value == (7.0 if key.endswith("_floor") else first[key])
    fewer = made(blobs(1, n=N - 1))
    other = likeness.figures(judging(1), pictures, fewer, like=planted)
    assert 7.0 not in other.values()


def test_few_things_are_not_told_apart_by_a_network(pictures):
    found = likeness.figures(judging(1), pictures, made(blobs(1, n=7)))
    assert set(found) == {
        f"octave_power_ratio_{end}{floor}"
        for end in ("min", "max")
        for floor in ("", "_floor")
    }


def test_stray_pieces_and_holes_of_shapes_are_counted():
    """Distances below zero are inside: whole blocks, and some that are not."""
    values = np.ones((N, 8, 8, 8, 1), np.float32)
    values[:, 1:7, 1:7, 1:7] = -1.0
    judge, samples = jury(values), values[:20].copy()
    samples[:5, 3] = 1.0  # In two.
    samples[5:12, :, 3:5, 3:5] = 1.0  # With a handle.
    samples[12:14, 3:5, 3:5, 3:5] = 1.0  # Hollow.
    found = likeness.figures(judging(1), judge, made(samples))
    assert found["stray_fraction"] == 5 / 20
    assert found["hole_fraction"] == 9 / 20
    assert found["bodies_mean"] == 25 / 20 and found["handles_mean"] == 7 / 20
    assert found["bodies_mean_floor"] == 1.0
    assert found["stray_fraction_floor"] == found["hole_fraction_floor"] == 0.0
