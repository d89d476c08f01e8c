"""A recipe that its data cannot serve is refused before anything is written."""

import re

import numpy as np
import pytest

from configs import digits, images
from experiments import train_diffusion
from experiments.recipe import dataset
from experiments.recipe.checks import check
from experiments.recipe.opening import opened


@pytest.fixture(scope="module")
def data():
    return dataset.load(digits.get_config("tiny"))


def few(data, n):
    return data._replace(labels=data.labels[:n], part=data.part[:n])


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("interval", (0.5,), "sample.interval=(0.5,) should be two times"),
        ("sampler", "euler2", "sample.sampler='euler2'; choose one of"),
        ("guidance", -2.0, "sample.guidance=-2.0 should be between 0 and"),
    ],
)
def test_a_wrong_way_of_sampling_is_refused(data, key, value, expected):
    config = digits.get_config("tiny")
    config.sample[key] = value
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}"):
        check(config, data)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"features": ("inception",)}, "evaluate.features has 'inception'; choose"),
        ({"features": ("random_conv",)}, "random_conv needs .* got (7, 12, 1)"),
        ({"features": (), "onnx": "no.onnx"}, "evaluate.onnx=no.onnx: no such file"),
    ],
)
def test_a_feature_space_that_the_data_cannot_have_is_refused(data, change, expected):
    config = digits.get_config("tiny")
    config.evaluate.update(change)
    expected = re.escape(expected).replace(re.escape(".*"), ".*")
    with pytest.raises((ValueError, FileNotFoundError), match=f"^{expected}"):
        check(config, data._replace(size=(7, 12)))


@pytest.mark.parametrize(
    ("section", "key"), [("diffusion", "decays"), ("evaluate", "features")]
)
def test_an_empty_list_is_refused(data, section, key):
    config = digits.get_config("tiny")
    config[section][key] = ()
    with pytest.raises(ValueError, match=rf"\.{section}\.{key}=\(\): expected at"):
        check(config, data)


def test_what_needs_no_base_is_not_held_to_one(data):
    config = digits.get_config("tiny")
    config.base.rehearsal.update(episodes=1, batch=len(data.names) + 1)
    config.adapter.name = "mlp"
    with pytest.raises(ValueError, match=r"base\.rehearsal\.batch"):
        check(config, data)
    config.fit.compare = config.structure.n = 0
    check(config, data)


def test_the_recipe_itself_passes(data):
    check(digits.get_config("tiny"), data)


def test_too_few_instances_for_a_latent_are_told_the_number_that_works(data):
    config = digits.get_config("tiny")
    small = few(data, 6)
    n = int((~small.heldout).sum())
    with pytest.raises(ValueError, match=r"diffusion\.components=6 should") as caught:
        check(config, small)
    assert f"--config.diffusion.components={n - 1} " in str(caught.value)
    config.diffusion.components, config.diffusion.clusters = n - 1, 0
    check(config, small)


def test_a_class_alone_is_no_condition(data):
    config = digits.get_config("tiny")
    config.diffusion.conditional, config.diffusion.clusters = True, 0
    alone = data._replace(labels=np.zeros_like(data.labels))
    with pytest.raises(ValueError, match=r"two classes or more, found only \[0\]; use"):
        check(config, alone)


def test_a_refused_recipe_leaves_nothing_behind(tmp_path):
    config = digits.get_config("tiny")
    config.sample.n = 0
    with pytest.raises(ValueError, match=r"sample\.n=0: expected 1 or more"):
        opened(config, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("heldout", "missing"), [([False] * 4, "validation"), ([True] * 4, "training")]
)
def test_fits_of_one_part_alone_train_no_denoiser(heldout, missing):
    with pytest.raises(ValueError, match=f"none of the 4 .* {missing} .*fit.n"):
        train_diffusion._check_split(np.array(heldout))
    train_diffusion._check_split(np.array([True, False]))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("path", None, r"set --config\.data\.path= to a folder"),
        ("test", 1.5, r"--config\.data\.test="),
    ],
)
def test_errors_of_the_data_name_the_flag(tmp_path, key, value, expected):
    config = images.get_config("tiny")
    config.data.path = str(tmp_path / "x.npz")
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    np.savez(config.data.path, x=pictures)
    with config.data.ignore_type():
        config.data[key] = value
    with pytest.raises(ValueError, match=expected):
        dataset.load(config)
