"""How the labels of a file are understood."""

import numpy as np

from wsjax.data.scan import natural

__all__ = ["numbered"]


def numbered(
    where: str, y: np.ndarray, count: int
) -> tuple[np.ndarray, list[str] | None]:
    """Numbers the classes of some instances.

    Args:
      where: the array, in messages.
      y: one label per instance, `[N]` or `[N, 1]`: integers, floats that are whole,
        bools, or strings; or one-hot, `[N, K]` of numbers with one 1 in each row.
      count: N.

    Returns:
      `(labels [N] int32, classes)`. Integers stay as they are and have no names of
      classes (None). Strings become places in `classes`, which are in natural order;
      rows that are one-hot the place of the 1.

    Raises:
      ValueError: if they are anything else, or too large.
    """
    flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    numeric = flat.dtype.kind in "iubf"
    if flat.ndim == 2 and len(flat) == count and numeric:
        if not ((flat == 0) | (flat == 1)).all() or (flat.sum(axis=1) != 1).any():
            raise ValueError(
                f"{where}: expected one label per picture, or rows with a single 1,"
                f" found {y.dtype} {list(y.shape)} with other rows; save the number of"
                " one class each"
            )
        return flat.argmax(axis=1).astype(np.int32), None
    if flat.shape != (count,) or not (numeric or flat.dtype.kind in "US"):
        raise ValueError(
            f"{where}: expected labels [{count}], one per picture, as integers, strings"
            f" or one-hot rows, found {y.dtype} {list(y.shape)}; correct or leave it"
            " out"
        )
    if not numeric:
        names = [_text(name) for name in flat.tolist()]
        classes = sorted(set(names), key=natural)
        places = {name: i for i, name in enumerate(classes)}
        return np.array([places[name] for name in names], np.int32), classes
    if (
        flat.dtype.kind == "f"
        and not (np.isfinite(flat) & (flat == np.rint(flat))).all()
    ):
        bad = flat[~(np.isfinite(flat) & (flat == np.rint(flat)))][0]
        raise ValueError(
            f"{where}: expected whole numbers as labels, found {bad:g}; number the"
            " classes from 0"
        )
    bounds = np.iinfo(np.int32)
    if (flat < bounds.min).any() or (flat > bounds.max).any():
        raise ValueError(
            f"{where}: expected labels within int32, found {flat.min():.0f} to"
            f" {flat.max():.0f}; number the classes from 0"
        )
    return flat.astype(np.int32), None


def _text(name: str | bytes) -> str:
    if isinstance(name, bytes):
        return name.decode("utf-8", "backslashreplace")
    return name
