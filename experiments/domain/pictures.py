"""The domain of pictures: fields are fitted to pixels."""

import pathlib
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Domain, Rows
from experiments.domain.representation import Representation, renderer
from experiments.domain.views import Views
from wsjax import coords
from wsjax.data import images, pile
from wsjax.data.resample import as_float
from wsjax.fit import autodecoder, losses
from wsjax.metrics.reconstruction import ssim

_SHRUNK = 2**26  # Bytes of pixels that are shrunk at once.
_WINDOW = 11  # Pixels per side of the sliding window of SSIM.


def domain(source: images.Images, *, most_bytes: int = pile.MOST_BYTES) -> Domain:
    """Builds the `Domain` of a set of pictures.

    Args:
      source: the pictures.
      most_bytes: of pixels in full resolution that are read at once.
    """
    size = source.pixels.shape[1:3]
    at_once = max(1, min(most_bytes, _SHRUNK) // (4 * source.pixels[0].size))

    def read(rows: Rows, also: Sequence[str] = ()) -> dict[str, np.ndarray]:
        del also  # All that a picture has are its pixels.
        return {"values": images.to_values(source.pixels[rows])}

    def train_on(rows: Rows, factor: int) -> tuple[jax.Array, jax.Array]:
        parts = []
        for some in pile.blocks(np.asarray(rows), most=at_once):
            places, values = autodecoder.at_resolution(
                as_float(source.pixels[some]), factor
            )
            parts.append(values)
        return places, parts[0] if len(parts) == 1 else jnp.concatenate(parts)

    def shown(values: np.ndarray) -> np.ndarray:
        return images.to_pixels(values, size)

    def views(form: Representation) -> Views:
        render = jax.jit(jax.vmap(renderer(form, coords.grid(size))))

        def of_adapters(stacked: ArrayTree) -> np.ndarray:
            return shown(np.asarray(render(stacked)))

        return Views(of_adapters, lambda rows: shown(read(rows)["values"]), zoom=2)

    return Domain(
        kind="pictures",
        view="pixels",
        classes=source.classes,
        loss=losses.squared_error,
        read=read,
        train_on=train_on,
        shown=shown,
        notes=lambda row: {},
        shapes=None,
        views=views,
        fidelity=lambda form: lambda rows, stacked: [{} for _ in rows],
        overlap=None,
        nearness=None,
        few=lambda instances: instances,
        places=lambda rows, points, shrink: _places(size, len(rows), shrink),
        whole=lambda values: np.ones(len(values), bool),
        finish=lambda form, folder, adapters: {},
        compare=_similarity,
        examples=lambda form, folder, adapters, rows: None,
    )


def _places(size: tuple[int, ...], n: int, shrink: int) -> np.ndarray:
    """Coordinates `[n, P, D]` of a grid that is `shrink` times coarser per axis."""
    grid = np.asarray(coords.grid(tuple(side // shrink for side in size)))
    return np.broadcast_to(grid, (n, *grid.shape))


def _similarity(
    folder: pathlib.Path,
    rows: np.ndarray,
    heldout: np.ndarray,
    pairs: Callable[[], tuple[np.ndarray, np.ndarray]],
) -> dict[str, float]:
    """Mean SSIM of held-out pictures and their fits; `{}` if smaller than a window."""
    del folder, rows, heldout
    real, fitted = pairs()
    if min(real.shape[1:3]) < _WINDOW:
        return {}
    similar = [ssim(a, b) for a, b in zip(real, fitted, strict=True)]
    return {"ssim_test_mean": float(np.mean(similar))}
