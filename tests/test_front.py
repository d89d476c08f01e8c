"""The front of settings, and the choice among them."""

import numpy as np
import pytest

from experiments.fitting import front
from experiments.fitting.front import Asked

AXES = ("psnr_db_mean", "numbers_per_field", "cpu_seconds_per_field")


def line(quality, numbers=100, seconds=1.0, name="mlp", **trial):
    values = dict(zip(AXES, (quality, numbers, seconds), strict=True))
    return {"name": name, "trial": trial, "n": 4, **values}


def beats(one, other):
    """Whether a line is at least as good in all three, and better in one."""
    signs = np.array([1.0, -1.0, -1.0])
    gain = signs * [one[key] - other[key] for key in AXES]
    return bool((gain >= 0).all() and (gain > 0).any())


@pytest.fixture
def many():
    """Settings with ties in each of the three; larger and slower ones are better."""
    drawn = np.random.default_rng(0).integers(0, 6, (60, 3))
    return [
        line(float(luck + numbers + seconds), int(numbers), float(seconds), width=i)
        for i, (luck, numbers, seconds) in enumerate(drawn)
    ]


def test_the_front_holds_the_settings_that_no_other_beats_and_no_more(many):
    found = front.front(many, AXES[0])
    for one in many:
        assert (one in found) == (not any(beats(other, one) for other in many))
    assert 1 < len(found) < len(many)
    keys = [(x[AXES[1]], x[AXES[0]]) for x in found]
    assert keys == sorted(keys)


def test_what_was_measured_twice_alike_is_there_twice(many):
    first = front.front(many, AXES[0])[0]
    assert len(front.front([first, first], AXES[0])) == 2


@pytest.mark.parametrize("target", [0.0, 7.5, 14.0])
@pytest.mark.parametrize("asked", [{}, {"numbers": 3}, {"seconds": 3.0, "numbers": 4}])
def test_the_choice_reaches_the_target_with_the_fewest_numbers(many, target, asked):
    limits = Asked(target=target, **asked)

    def fits(x):
        few = limits.numbers is None or x[AXES[1]] <= limits.numbers
        return few and (limits.seconds is None or x[AXES[2]] <= limits.seconds)

    chosen, kept = front.choose(many, AXES[0], limits)
    reach = [x for x in many if fits(x) and x[AXES[0]] >= target]
    assert kept == bool(reach) and fits(chosen)
    if reach:
        assert chosen in reach
        assert chosen[AXES[1]] == min(x[AXES[1]] for x in reach)


def test_without_a_target_the_best_within_the_limits_is_chosen(many):
    chosen, kept = front.choose(many, AXES[0], Asked(numbers=2))
    within = [x for x in many if x[AXES[1]] <= 2]
    assert kept and chosen in within
    assert chosen[AXES[0]] == max(x[AXES[0]] for x in within)
    best, kept = front.choose(many, AXES[0], Asked())
    assert kept and best[AXES[0]] == max(x[AXES[0]] for x in many)


def test_what_nothing_can_keep_is_said_and_the_nearest_is_chosen():
    small, large = line(20.0, 100), line(30.0, 200)
    assert front.choose([large, small], AXES[0], Asked(numbers=50)) == (small, False)
    assert front.choose([small, large], AXES[0], Asked(target=40.0)) == (large, False)
    asked = Asked(target=40.0, numbers=150)
    assert front.choose([small, large], AXES[0], asked) == (small, False)


def test_a_setting_counts_at_its_best_rate_and_not_where_it_diverged():
    lines = [line(20.0, learning_rate=0.1, width=1), line(25.0, learning_rate=0.2)]
    lines += [line(22.0, learning_rate=0.2, width=1), line(None, learning_rate=0.4)]
    lines += [line(None, width=2), line(23.0, name="lora", learning_rate=0.1)]
    found = front.settings(lines, AXES[0])
    assert [x[AXES[0]] for x in found] == [22.0, 25.0, 23.0]


def test_a_check_says_what_was_measured_beside_what_was_predicted():
    predicted = line(30.0, seconds=2.0, width=1)
    found = [
        front.compared(predicted, other, "psnr_db")
        for other in (line(29.0, seconds=3.0), line(30.5, seconds=1.5), {"n": 4})
    ]
    assert [x["psnr_db_difference"] for x in found] == [-1.0, 0.5, None]
    assert [x["cpu_seconds_excess"] for x in found] == [0.5, -0.25, None]
    total = front.summary(found, "psnr_db")
    assert total["largest_difference"] == 1.0 and total["largest_cpu_excess"] == 0.5
    assert front.summary(found[2:], "psnr_db")["largest_difference"] is None
