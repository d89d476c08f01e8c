"""Pictures of a user, for tests of recipes that read files."""

import pathlib

import numpy as np

from configs import images


def write(path: pathlib.Path) -> pathlib.Path:
    """Forty pictures of two classes, the classes one after the other."""
    at = np.linspace(0, 3, 12)
    number = np.arange(40)[:, None, None]
    waves = np.sin(at[:, None] * (1 + number % 3) + at * (number // 20) + number)
    np.savez(path, x=np.uint8(127 + 127 * waves), y=np.arange(40) // 20)
    return path


def recipe(path: pathlib.Path):
    """The tiny recipe for these pictures."""
    config = images.get_config("tiny")
    config.data.path = str(path)
    config.data.validation = 0.2
    config.base.update(factors=(1,), batches=(4,), points=(9,), steps=(10,))
    return config
