"""Every number of every recipe has a range, and a number outside it is refused."""

import copy
import math
import re

import jax
import pytest
from flax.traverse_util import flatten_dict

from configs import digits, faces, fashion_mnist, images, meshes, patterns, shapes
from experiments import pipeline, tune
from experiments.recipe import ranges
from experiments.recipe.opening import opened
from experiments.running.keys import keys

RECIPES = (digits, faces, fashion_mnist, images, meshes, patterns, shapes)
# The loader of the data, or what the request is judged against, has the range of these.
ELSEWHERE = ("data.", "sample.guidance", "sample.interval", "sample.strength")
# Of each range: numbers outside it, and one at its end.
NUMBERS = {
    "1 or more, and whole": ((0, -1, 1.5, True, "two"), 1),
    "0 or more, and whole": ((-1, 0.5, False), 0),
    "a whole number from 0 to 4294967295": ((2**32, -1, 0.5, True), 2**32 - 1),
    "a number above 0": ((0.0, -1e-9, math.inf, math.nan), 1e-30),
    "a number of 0 or more": ((-1e-9, math.inf, math.nan), 0.0),
    "a number from 0 to below 1": ((-0.1, 1.0, 7.0, math.nan), 0.0),
    "a number from 0 to 1": ((-0.1, 1.1, math.nan), 1.0),
    "a finite number": ((math.inf, -math.inf, math.nan, "high"), -3.0),
}


def numbers(config):
    """Keys of a recipe that hold numbers, with these."""
    for key, value in flatten_dict(config.to_dict(), sep=".").items():
        items = value if isinstance(value, tuple) else (value,)
        if all(type(x) in (int, float) for x in items):
            yield key, value


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda x: x.__name__)
def test_every_number_of_a_recipe_has_one_range_and_keeps_it(recipe):
    for variant in recipe.VARIANTS:
        config = recipe.get_config(variant)
        ranges.check(config)
        for key, _ in numbers(config):
            bare = re.sub(r"^generators\.\w+\.", "", key)
            expected = 0 if bare.startswith(ELSEWHERE) else 1
            assert len(list(ranges.ranges_of(key))) == expected, key


def put(config, key, value):
    """Sets a key by its whole name, whatever the type of its value."""
    *folders, last = key.split(".")
    for folder in folders:
        config = config[folder]
    with config.ignore_type():
        config[last] = value


@pytest.mark.parametrize("recipe", [digits, shapes], ids=lambda x: x.__name__)
def test_a_number_outside_its_range_is_refused_by_the_name_of_its_flag(recipe):
    tried, whole = set(), recipe.get_config("tiny")
    for key, value in numbers(whole):
        for wanted in ranges.ranges_of(key):
            outside, end = NUMBERS[wanted.words]
            for number in outside[:1] if wanted.words in tried else outside:
                config = copy.deepcopy(whole)
                found = (number,) if isinstance(value, tuple) else number
                put(config, key, found)
                with pytest.raises(ValueError) as caught:
                    ranges.check(config)
                # Sections that share a value are refused by the first that has it.
                name = key.rpartition(".")[2]
                end_of = f".{name}={found!r}: expected {wanted.words}, found {number!r}"
                assert str(caught.value).endswith(end_of)
            put(config, key, end)
            ranges.check(config)
            tried.add(wanted.words)
    assert tried >= NUMBERS.keys() - {"a finite number"}


def test_what_is_left_out_passes():
    config = digits.get_config("tiny")
    config.fit.n = config.base.n = config.fit.floor = None
    ranges.check(config)


def test_different_seeds_have_different_keys():
    """Up to the largest that a recipe may have; its successor would be seed 0 again."""
    seeds = (0, 1, ranges.MOST_SEED - 1, ranges.MOST_SEED)
    drawn = {tuple(jax.random.key_data(keys(s)["fit"]).tolist()) for s in seeds}
    assert len(drawn) == len(seeds)


def test_a_seed_is_refused_before_it_splits_the_data(tmp_path):
    config = digits.get_config("tiny")
    config.seed = -1
    for run in (opened, pipeline.run, tune.run):
        with pytest.raises(ValueError, match=r"--config\.seed=-1: expected a whole"):
            run(config, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
