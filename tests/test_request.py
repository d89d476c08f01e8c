"""What samples may be asked for, and the folders that they are drawn into."""

import re

import numpy as np
import pytest

from configs import digits
from experiments.generator import request
from experiments.recipe.generator import generator_of

SHARES = np.array([0.5, 0.0, 0.5])


def generator(**options):
    """The generator of the tiny recipe, told labels, with other options of `sample`."""
    config = digits.get_config("tiny")
    config.diffusion.conditional, config.diffusion.clusters = True, 0
    config.sample.update(options)
    return generator_of(config)


def test_every_instance_and_strength_has_a_folder_of_its_own():
    asked = [
        {"near": name, "strength": strength}
        for name in ("cat-1.png", "cat_1.png", "Cat_1.png", "a/cat_1.png", "7")
        for strength in (0.5, 0.5000001, 1.0)
    ]
    names = {request.folder_name(generator(**options)).lower() for options in asked}
    assert len(names) == len(asked)


@pytest.mark.parametrize("weight", [-2.0, 1e9, float("nan")])
def test_an_absurd_weight_of_guidance_is_refused(weight):
    message = rf"sample\.guidance={re.escape(str(weight))} should be between 0 and"
    with pytest.raises(ValueError, match=message):
        request.check(generator(guidance=weight), SHARES)


def test_a_label_that_no_instance_has_is_refused_with_those_that_are_there():
    with pytest.raises(ValueError, match=r"sample\.label=1 .*one of \[0, 2\]"):
        request.check(generator(label=1), SHARES)
    request.check(generator(label=2), SHARES)
