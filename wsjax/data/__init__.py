"""Data sets of pictures and of shapes: arrays in, arrays out.

A new data set is one new file and one line here.
"""

from wsjax.data import digits, discs, images, patterns, shapes

DATASETS = {
    "digits": digits.load,
    "discs": discs.load,
    "images": images.load_path,
    "meshes": shapes.load_path,
    "patterns": patterns.load,
    "shapes": shapes.load_parametric,
}


def load(name: str, **options) -> images.Images | shapes.Shapes:
    """Loads a data set by name.

    Args:
      name: a key of `DATASETS`.
      **options: keyword arguments of that data set's function.

    Returns:
      The pictures or shapes, with labels where the data set has them.

    Raises:
      ValueError: if no data set has this name, or from the data set itself.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; choose one of {sorted(DATASETS)}")
    return DATASETS[name](**options)
