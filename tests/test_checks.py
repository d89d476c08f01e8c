"""Settings that no run can have are refused, by the name of their key."""

import pytest

from configs import digits, faces, fashion_mnist, patterns, shapes
from experiments.fitting.checks import (
    BaseOptions,
    check_base,
    check_rehearsal,
)
from experiments.recipe.fits import rehearsal_of

BASE = BaseOptions((2, 1), (8, 4), (0, 16), (10, 20), chunk=4)
RECIPES = (digits, faces, fashion_mnist, patterns, shapes)


@pytest.fixture(scope="module")
def config():
    return digits.get_config("tiny")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"chunk": 3}, r"base\.chunk=3: .*base\.batches, found 8.*give 2"),
        ({"steps": (10,)}, r"base\.steps=\(10,\).*factors 2, .*steps 1"),
        ({"steps": 10}, r"base\.steps=10: .*\(10,\)"),
        (
            {"factors": (), "batches": (), "points": (), "steps": ()},
            r"base\.steps=\(\)",
        ),
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
    ],
)
def test_a_rehearsal_that_the_data_do_not_allow_is_refused(config, change, key):
    options = rehearsal_of(config)._replace(episodes=1, batch=8, chunk=2)
    check_rehearsal(options, 20)
    with pytest.raises(ValueError, match=f"^--config.base.rehearsal.{key}"):
        check_rehearsal(options._replace(**change), 20)
    unused = options._replace(episodes=0, batch=21)
    check_rehearsal(unused, 20)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda x: x.__name__)
def test_every_recipe_passes(recipe):
    for variant in recipe.VARIANTS:
        config = recipe.get_config(variant)
        check_rehearsal(rehearsal_of(config), config.base.rehearsal.batch)
        check_base(BaseOptions(*(config.base[k] for k in BaseOptions._fields)))
