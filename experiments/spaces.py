"""The feature spaces that a recipe has sets compared in."""

import pathlib
from collections.abc import Callable

import numpy as np
from ml_collections import ConfigDict

from experiments import dataset
from wsjax.metrics import features
from wsjax.metrics.onnx_features import onnx_features
from wsjax.metrics.random_conv import random_conv


def by_name(
    config: ConfigDict,
    data: dataset.Data,
    real: np.ndarray,
    reader: features.Classifier | None,
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Feature functions by their names in metrics; without a reader, no `classifier`.

    Args:
      config: the recipe; of `evaluate`, what concerns features.
      data: the data set.
      real: `[N, *size, C]` its values on the grid.
      reader: a classifier of them, None without labels.

    Raises:
      ValueError: if a name is unknown, or nothing is left; as the features themselves.
      FileNotFoundError: if the ONNX file is missing.
    """
    options = config.evaluate
    k, spaces = options.components, {}
    for name in options.features:
        if name == "pixel_pca":
            view = f"{data.view.removesuffix('s')}_pca{k}"
            spaces[view] = features.pixel_pca(real, components=k)
        elif name == "random_conv":
            spaces[name] = random_conv(real.shape[1:])
        elif name != "classifier":
            raise ValueError(
                f"evaluate.features has {name!r}; choose from pixel_pca, classifier, "
                "random_conv, and name an ONNX file in evaluate.onnx"
            )
        elif reader is not None:
            spaces[name] = reader.features
    if options.onnx:
        spaces[pathlib.Path(options.onnx).stem] = onnx_features(
            options.onnx, mean=options.onnx_mean, std=options.onnx_std
        )
    if not spaces:
        raise ValueError("evaluate.features names nothing that these data have")
    if options.unit:
        spaces = {f"{name}_unit": features.unit(s) for name, s in spaces.items()}
    return spaces
