"""Pictures that several generators are held against are described once."""

import numpy as np
import pytest

from configs import digits
from experiments.judging import spaces
from experiments.recipe import dataset
from experiments.recipe.evaluation import judging_of


@pytest.fixture
def described(monkeypatch):
    """How many pictures the network saw, call by call."""
    seen = []

    def network(pictures):
        seen.append(len(pictures))
        return pictures.reshape(len(pictures), int(np.prod(pictures.shape[1:]))) * 2.0

    monkeypatch.setattr(spaces, "imagenet_features", network)
    monkeypatch.setattr(spaces, "_features", type(spaces._features)())
    return seen


def pictures(seed, n=5):
    return np.random.default_rng(seed).random((n, 4, 4, 1), np.float32)


def test_equal_pictures_are_described_once_by_the_spaces_of_all_judges(described):
    config = digits.get_config("tiny")
    config.evaluate.features = ("imagenet",)
    data, found = dataset.load(config), []
    real = data.pictures(data.rows("train")[:5])
    for _ in range(2):  # Two judges, as two rivals have.
        lesson = data.rows("validation")[:3]
        space = spaces.by_name(judging_of(config), data, lesson, fewest=5)["imagenet"]
        found.append(space(real.copy()))
    assert described.count(5) == described.count(3) == 1
    np.testing.assert_array_equal(found[0], found[1])
    assert found[0].shape == (5, 1)  # Five rows tell of one feature.


def test_other_pictures_and_other_shapes_are_described_anew(described):
    real = pictures(0)
    for other in (real, real[:4], real.reshape(5, 2, 8, 1), pictures(1)):
        wanted = other.reshape(len(other), -1) * 2.0
        np.testing.assert_array_equal(spaces._described(other), wanted)
    assert described == [5, 4, 5, 5]


def test_who_changes_the_features_changes_no_others(described):
    real = pictures(0)
    spaces._described(real)[:] = -1.0
    np.testing.assert_array_equal(spaces._described(real), real.reshape(5, -1) * 2.0)


def test_the_oldest_are_forgotten(described):
    for seed in range(spaces._KEPT + 1):
        spaces._described(pictures(seed))
    spaces._described(pictures(1))
    assert len(described) == spaces._KEPT + 1
    spaces._described(pictures(0))
    assert len(described) == spaces._KEPT + 2
