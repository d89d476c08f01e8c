"""A budget of seconds for the base: what it gives, and that it is given once."""

import chex
import jax
import pytest
from absl import logging

from configs import digits
from experiments import train_base
from experiments.fitting import budget
from experiments.fitting.budget import LEAST, Seconds
from experiments.recipe import representation
from tests import runs
from wsjax import checkpoint, costs, files

STEPS, EPISODES = (800, 1200, 2000), 40
COSTS = {
    "equal": Seconds((0.01, 0.01, 0.01), 0.5, 1.0),
    "rising": Seconds((0.002, 0.013, 0.05), 0.001, 3.0),
    "rehearsal alone": Seconds((1e-5, 1e-5, 1e-5), 7.0, 14.0),
}


def planned(path, seconds, cost, steps=STEPS, episodes=EPISODES):
    return budget.planned(path / "spent.json", seconds, steps, episodes, lambda: cost)


@pytest.mark.parametrize("cost", COSTS.values(), ids=list(COSTS))
def test_a_plan_takes_what_the_budget_has_and_not_more(tmp_path, cost):
    for seconds in (100.0, 1000.0):
        plan = planned(tmp_path / str(seconds), seconds, cost)
        taken = sum(n * one for n, one in zip(plan.steps, cost.steps, strict=True))
        assert plan.seconds == taken + plan.episodes * cost.episode
        # Of each stage less than a step is left over, of the rehearsal an episode.
        rest = seconds - cost.measuring - plan.seconds
        assert 0 <= rest < sum(cost.steps) + cost.episode
        assert files.read_json(tmp_path / str(seconds) / "spent.json")["enough"]


@pytest.mark.parametrize("cost", COSTS.values(), ids=list(COSTS))
def test_twice_the_budget_gives_twice_the_steps(tmp_path, cost):
    one, two = (planned(tmp_path / str(x), x, cost) for x in (150.0, 300.0))
    assert sum(two.steps) >= 1.5 * sum(one.steps)
    assert two.episodes >= 1.5 * one.episodes


def test_stages_keep_their_shares(tmp_path):
    steps = planned(tmp_path, 500.0, COSTS["rising"]).steps
    for n, wanted in zip(steps, STEPS, strict=True):
        assert abs(n / sum(steps) - wanted / sum(STEPS)) < 2 / sum(steps)


def test_a_budget_too_small_leaves_the_fewest_steps_and_says_so(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        logging, "warning", lambda text, *args: said.append(text % args)
    )
    plan = planned(tmp_path, 0.5, COSTS["equal"])
    assert plan.steps == (LEAST,) * 3 and plan.episodes == 1
    assert "--config.budget=0.5 is too small" in said[0] and len(said) == 1
    assert not files.read_json(tmp_path / "spent.json")["enough"]
    few = planned(tmp_path / "few", 0.5, COSTS["equal"], steps=(3, 1, 50), episodes=0)
    assert few.steps == (3, 1, LEAST) and few.episodes == 0


def test_a_plan_is_made_once(tmp_path):
    first = planned(tmp_path, 100.0, COSTS["equal"])
    assert planned(tmp_path, 100.0, COSTS["rising"]) == first


def test_a_call_costs_what_the_clock_says_without_compiling(monkeypatch):
    """Each call takes three seconds, one of them in the compiler."""
    passed = [0.0]

    def call():
        passed[0] += 3.0
        return jax.numpy.zeros(())

    monkeypatch.setattr(costs, "now", lambda: costs.Cost(passed[0], passed[0]))
    monkeypatch.setattr(costs, "compile_seconds", lambda: passed[0] / 3)
    assert budget.seconds_of(call, 1.0) == (2.0, 4.0)
    # Six seconds are a hundredth of the budget: three calls after the first.
    each, spent = budget.seconds_of(call, 600.0)
    assert (each, spent, passed[0]) == (2.0, 8.0, 6.0 + 12.0)


@pytest.fixture
def measured(monkeypatch):
    """Every call takes a second, which is 10 steps or an episode; counts the calls."""
    calls = []

    def seconds_of(call, total):
        jax.block_until_ready(call())
        calls.append(total)
        return 1.0, 2.0

    monkeypatch.setattr(budget, "seconds_of", seconds_of)
    return calls


def recipe(seconds=None, **changes):
    config = digits.get_config("tiny")
    config.budget = seconds
    config.base.update({"every": 30, **changes})
    return config


def trained(folder, config):
    train_base.run(config, str(folder))
    return folder


def base_of(folder):
    field = representation.network(recipe(), 1).field.init(jax.random.key(0))
    return checkpoint.restore(folder / "base" / "folded", 0, field)


def test_a_killed_training_goes_on_as_planned_and_is_that_of_its_steps(
    tmp_path, measured, monkeypatch
):
    save = checkpoint.save

    def killed(folder, step, state):
        save(folder, step, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "save", killed)
        trained(tmp_path / "run", recipe(10.0))
    # Two stages are measured in 4 seconds; those of the recipe take as many.
    spent = files.read_json(tmp_path / "run" / "base" / "spent.json")
    assert (spent["steps"], spent["episodes"]) == ([30, 30], 0)
    assert measured == [10.0] * 2
    found = trained(tmp_path / "run", recipe(10.0))
    plain = trained(tmp_path / "plain", recipe(steps=(30, 30)))
    assert len(measured) == 2 and not (plain / "base" / "spent.json").exists()
    chex.assert_trees_all_equal(base_of(found), base_of(plain))
    metrics = runs.metrics(found / "base")
    assert metrics == runs.metrics(plain / "base") and metrics["steps"] == 60


def test_a_learnt_start_of_whole_fields_has_a_budget_of_episodes(tmp_path, measured):
    config = recipe(9.0)
    config.adapter.name = "mlp"
    config.fit.compare = config.structure.n = 0
    config.base.rehearsal.update(adapter="mlp", episodes=2)
    folder = trained(tmp_path, config)
    # Two of nine seconds are for measuring, one is for each episode.
    assert runs.metrics(folder / "base")["episodes"] == 7
    assert files.read_json(folder / "base" / "spent.json")["steps"] == []


def test_a_folder_keeps_its_budget(tmp_path):
    train_base.opened(recipe(15.0), str(tmp_path))
    with pytest.raises(ValueError, match=r"budget: 15.0 -> 30.0"):
        train_base.opened(recipe(30.0), str(tmp_path))
