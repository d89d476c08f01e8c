"""The feature spaces in which a recipe compares samples with real instances."""

import importlib
import pathlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from experiments.domain.data import Data
from wsjax import tree
from wsjax.metrics import features
from wsjax.metrics.imagenet_features import imagenet_features
from wsjax.metrics.onnx_features import onnx_features
from wsjax.metrics.random_conv import random_conv

__all__ = ["Judging", "by_name", "check", "imported", "reader"]

_NAMES = ("pixel_pca", "classifier", "random_conv", "imagenet")
_KEPT = 32  # Sets of pictures whose features are kept.


class Judging(NamedTuple):
    """How samples are judged; every field but `seed` is a key of a recipe's `evaluate`.

    `features`: names of the feature spaces; `components`: most features of each;
    `onnx`: file of a network whose outputs are one more space, None for none, and
    `onnx_mean` and `onnx_std`, which standardise its input per channel; `unit`: whether
    features are scaled to length 1; `neighbours`: the k of precision and recall;
    `confident`: class probability that counts as recognised; `repeats`: random draws of
    sets that each distance is averaged over; `control`: how often real instances are
    audited in place of samples; `looks`: most looks at a network of the two-sample
    test; `seed` of the run.
    """

    features: Sequence[str]
    components: int
    onnx: str | None
    onnx_mean: Sequence[float]
    onnx_std: Sequence[float]
    unit: bool
    neighbours: int
    confident: float
    repeats: int
    control: int
    looks: int
    seed: int


def check(judging: Judging, shape: tuple[int, ...]) -> None:
    """Refuses feature spaces that instances of a shape `(*size, C)` cannot have.

    Raises:
      ValueError: if a name is unknown, or the pictures are too small for one.
      FileNotFoundError: if the ONNX file is missing.
      ImportError: if the package of the space "imagenet" is missing.
    """
    for name in judging.features:
        if ":" in name:
            imported(name)
        elif name not in _NAMES:
            raise ValueError(
                f"evaluate.features has {name!r}; choose from {', '.join(_NAMES)}, "
                "write module:function, or name an ONNX file in evaluate.onnx"
            )
    if "imagenet" in judging.features:
        if len(shape) != 3:
            raise ValueError(
                f"evaluate.features has 'imagenet', which needs pictures, got {shape}; "
                "leave it out"
            )
        imagenet_features(np.zeros((0, *shape)))  # Are the weights installed?
    if "random_conv" in judging.features:
        random_conv(shape)
    if judging.onnx and not pathlib.Path(judging.onnx).is_file():
        raise FileNotFoundError(f"evaluate.onnx={judging.onnx}: no such file")


def by_name(
    judging: Judging, data: Data, lesson: np.ndarray, *, fewest: int
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Feature functions `(values [n, *size, C]) -> [n, F]` by their names in metrics.

    F is at most `judging.components`: of more features these are the main axes. For
    example, "pixel_pca" of 32 components is called "pixel_pca32", and of shapes
    "grid_pca32"; with `unit`, "_unit" is appended.

    Args:
      judging: the settings.
      data: the data set.
      lesson: `[L]` indices of the instances from which spaces learn; "classifier" is
        left out unless they are of two classes.
      fewest: things in the smallest set that will be compared; F is at most
        `features.most_features` of these.

    Raises:
      ValueError: as `check`; if there are fewer than 2 instances to learn from, no
        space is left, or an ONNX file is no network of pictures.
      FileNotFoundError: as `check`.
    """
    if len(lesson) < 2:
        raise ValueError(
            f"feature spaces learn from 2 instances or more, found {len(lesson)}; give "
            "the data more instances, or a larger data.validation"
        )
    real = data.pictures(lesson)
    check(judging, real.shape[1:])
    most = min(judging.components, features.most_features(fewest))
    k, spaces = min(most, features.most_components(real)), {}
    for name in judging.features:
        if name == "pixel_pca":
            view = f"{data.domain.view.removesuffix('s')}_pca{k}"
            spaces[view] = features.pixel_pca(real, components=k)
        elif name == "random_conv":
            spaces[name] = random_conv(real.shape[1:])
        elif name == "imagenet":
            spaces[name] = _described
        elif ":" in name:
            spaces[name.replace(":", ".")] = imported(name)
        elif data.labels is not None:
            learner = reader(judging, real, data.labels[lesson])
            if learner is not None:
                spaces[name] = learner.features
    if judging.onnx:
        spaces[pathlib.Path(judging.onnx).stem] = onnx_features(
            judging.onnx, mean=tuple(judging.onnx_mean), std=tuple(judging.onnx_std)
        )
    if not spaces:
        raise ValueError("evaluate.features names nothing that these data have")
    if judging.unit:
        spaces = {f"{name}_unit": features.unit(s) for name, s in spaces.items()}
    return {
        name: features.reduced(space, real, components=most)
        for name, space in spaces.items()
    }


_features: OrderedDict[str, np.ndarray] = OrderedDict()


def _described(pictures: np.ndarray) -> np.ndarray:
    """`imagenet_features`, kept for the next generator that is judged in this process.

    All of a recipe's are held against the same real and trivial pictures, and the
    network takes longer than all other spaces together.
    """
    key = tree.fingerprint({"pictures": pictures})
    if key not in _features:
        _features[key] = imagenet_features(pictures)
        if len(_features) > _KEPT:
            _features.popitem(last=False)
    _features.move_to_end(key)
    return _features[key].copy()


def reader(
    judging: Judging, things: np.ndarray, labels: np.ndarray | None
) -> features.Classifier | None:
    """A classifier of things `[n, *S]` by labels `[n]`, None unless of two classes."""
    if not features.has_classes(labels):
        return None
    return features.classifier(things, labels, seed=judging.seed)


def imported(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Imports a feature function `([n, *S]) -> [n, F]` by `module:function`.

    Raises:
      ValueError: if there is no such function; from the function, if it fails or
        returns anything else.
    """
    module, _, function = name.partition(":")
    try:
        own = getattr(importlib.import_module(module), function)
    except Exception as error:  # A module may raise anything.
        raise ValueError(
            f"feature space {name}: expected module:function, such as mine.nets:embed, "
            f"on the path of Python ({error})"
        ) from error

    def space(things: np.ndarray) -> np.ndarray:
        try:
            found = np.asarray(own(things.copy()))
        except Exception as error:
            raise ValueError(
                f"feature space {name}: the function raised {error!r} for things of "
                f"shape {things.shape}"
            ) from error
        good = (
            found.ndim == 2 and len(found) == len(things) and found.dtype.kind in "fiu"
        )
        if not good or not np.isfinite(found).all():
            raise ValueError(
                f"feature space {name}: expected finite numbers of shape "
                f"({len(things)}, F), found {found.dtype} of shape {found.shape}"
                f"{', not all finite' if good else ''}"
            )
        return found

    return space
