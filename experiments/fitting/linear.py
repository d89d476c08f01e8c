"""Principal components of the pixels at equal numbers: what every fit has to beat."""

import numpy as np

from experiments.domain.data import Data
from wsjax.analysis.interval import interval
from wsjax.data import split
from wsjax.metrics import projection

_MOST = 4096  # Training pictures that are learnt from.
_AT_ONCE = 1024  # Pictures that are rebuilt at once.


def measure(
    data: Data, rows: np.ndarray, *, numbers: int, part: str = ""
) -> dict[str, float]:
    """PSNR of pictures that are rebuilt from principal components of the pixels.

    The components are those of up to 4,096 training pictures, fewer if these are more
    than `Data.most_bytes`.

    Args:
      data: the data set.
      rows: `[n]` indices of the pictures to rebuild, none of the training part.
      numbers: components that are asked for, as many as a field has numbers.
      part: name of the part that the rows belong to, for the keys.

    Returns:
      `pca_components`: how many were used, as the training pictures may have fewer;
      `pca_psnr_db_PART_mean` in dB and `pca_psnr_db_PART_ci95`, half the width of its
      95 % confidence interval. `{}` for shapes, whose fields are not fitted to values
      at common points, and for fewer than two pictures of either part.
    """
    train = data.rows("train")
    train = train[data.originals[train]]
    first = data.domain.read(train[:1])
    if "points" in first:
        return {}
    most = min(_MOST, max(2, data.most_bytes // first["values"].nbytes))
    values = data.values(train[split.subset(np.zeros(len(train), int), most)])
    values = values[np.isfinite(values).all(axis=(1, 2))]
    if min(len(rows), len(values)) < 2:
        return {}
    fitted = projection.components(values, numbers)
    parts = [
        projection.projected_psnr(fitted, data.values(rows[i : i + _AT_ONCE]))
        for i in range(0, len(rows), _AT_ONCE)
    ]
    mean, half = interval(np.concatenate(parts))
    key = f"pca_psnr_db_{part}_" if part else "pca_psnr_db_"
    return {
        "pca_components": len(fitted.axes),
        f"{key}mean": mean,
        f"{key}ci95": half,
    }
