"""Data sets of pictures: arrays in, arrays out.

A new data set is one new file and one line here.
"""

from wsjax.data import digits, discs, images, patterns

DATASETS = {
    "digits": digits.load,
    "discs": discs.load,
    "images": images.load_path,
    "patterns": patterns.load,
}


def load(name: str, **options) -> images.Images:
    """Loads a data set by name.

    Args:
      name: a key of `DATASETS`.
      **options: keyword arguments of that data set's function.

    Returns:
      The pictures, with labels where the data set has them.

    Raises:
      ValueError: if no data set has this name, or from the data set itself.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; choose one of {sorted(DATASETS)}")
    return DATASETS[name](**options)
