"""Settings that no run can have are refused, by the name of their key."""

import pytest

from configs import digits, faces, fashion_mnist, patterns, shapes
from experiments.fitting.checks import (
    BaseOptions,
    check_base,
    check_fit,
    check_rehearsal,
)
from experiments.recipe.fits import fit_options_of, rehearsal_of

BASE = BaseOptions((2, 1), (8, 4), (0, 16), (10, 20), chunk=4, every=5, width=8, n=None)
RECIPES = (digits, faces, fashion_mnist, patterns, shapes)


@pytest.fixture(scope="module")
def config():
    return digits.get_config("tiny")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"chunk": 3}, r"base\.chunk=3: .*base\.batches, found 8.*give 2"),
        ({"chunk": 0}, r"base\.chunk=0"),
        ({"batches": (0, 4)}, r"base\.batches=\(0, 4\).*found 0"),
        ({"steps": (10,)}, r"base\.steps=\(10,\).*factors 2, .*steps 1"),
        ({"steps": 10}, r"base\.steps=10: .*\(10,\)"),
        ({"steps": (10, 2.5)}, r"base\.steps=.*found 2\.5"),
        (
            {"factors": (), "batches": (), "points": (), "steps": ()},
            r"base\.steps=\(\)",
        ),
        ({"points": (0, -1)}, r"base\.points=\(0, -1\)"),
        ({"width": 0}, r"base\.field\.width=0"),
        ({"every": 0}, r"base\.every=0"),
        ({"n": 0}, r"base\.n=0"),
    ],
)
def test_a_base_that_cannot_be_trained_is_refused(change, key):
    check_base(BASE)
    with pytest.raises(ValueError, match=f"^--config.{key}"):
        check_base(BASE._replace(**change))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"batch": 21}, r"batch=21: .*at most the 20 training"),
        ({"chunk": 3, "batch": 8}, r"chunk=3: .*give 2"),
        ({"points": 0}, "points=0"),
        ({"episodes": -1}, "episodes=-1"),
    ],
)
def test_a_rehearsal_that_the_data_do_not_allow_is_refused(config, change, key):
    options = rehearsal_of(config)._replace(episodes=1, batch=8, chunk=2)
    check_rehearsal(options, 20)
    with pytest.raises(ValueError, match=f"^--config.base.rehearsal.{key}"):
        check_rehearsal(options._replace(**change), 20)
    unused = options._replace(episodes=0, batch=21)
    check_rehearsal(unused, 20)


@pytest.mark.parametrize("key", ["steps", "group", "consensus"])
@pytest.mark.parametrize("value", [0, -5, 1.5])
def test_a_fit_needs_a_step_and_an_instance(config, key, value):
    with pytest.raises(ValueError, match=f"^--config.fit.{key}={value}: .* 1 or more"):
        check_fit(fit_options_of(config)._replace(**{key: value}))


@pytest.mark.parametrize("key", ["points", "chunk", "retries", "rounds", "guess"])
def test_a_fit_takes_zero_where_that_means_something(config, key):
    check_fit(fit_options_of(config)._replace(**{key: 0}))
    with pytest.raises(ValueError, match=f"^--config.fit.{key}=-1: .* 0 or more"):
        check_fit(fit_options_of(config)._replace(**{key: -1}))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda x: x.__name__)
def test_every_recipe_passes(recipe):
    for variant in recipe.VARIANTS:
        config = recipe.get_config(variant)
        check_fit(fit_options_of(config))
        check_rehearsal(rehearsal_of(config), config.base.rehearsal.batch)
        base = config.base
        own = {k: base[k] for k in BaseOptions._fields if k != "width"}
        check_base(BaseOptions(**own, width=base.field.width))
