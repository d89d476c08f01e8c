"""Denoisers; the only folder that knows Flax modules.

A new denoiser is one new file and one line in `DENOISERS`.
"""

from collections.abc import Callable

import flax.linen as nn
from chex import ArrayTree

from wsjax.models.flat_transformer import FlatTransformer, sizes
from wsjax.models.grid_mixer import GridMixer
from wsjax.models.lora_encoder import LoraTransformer, layout
from wsjax.models.residual_mlp import ResidualMlp
from wsjax.models.tensor_transformer import TensorTransformer, tensors

__all__ = [
    "DENOISERS",
    "DENOISERS_ON_GRID",
    "FlatTransformer",
    "GridMixer",
    "LoraTransformer",
    "ResidualMlp",
    "TensorTransformer",
    "by_name",
    "flat_transformer",
    "grid_mixer",
    "layout",
    "lora_transformer",
    "residual_mlp",
    "sizes",
    "tensor_transformer",
    "tensors",
]


_PATCH = 8  # Cells per side of the largest patch that follows from a grid.


def residual_mlp(free: ArrayTree, **options) -> nn.Module:
    """A network on the whole vector: for linear latents."""
    del free  # Knows nothing of the layers.
    return ResidualMlp(**options)


def lora_transformer(
    free: ArrayTree, *, width: int, heads: int, rank_width: int, **options
) -> nn.Module:
    """The hierarchical transformer on raw low-rank factors."""
    where = layout(free)
    _check_heads("width", width, heads)
    for places in where.places.values():  # R heads inside a layer.
        _check_heads("rank_width", rank_width, len(places))
    options |= {"width": width, "heads": heads, "rank_width": rank_width}
    return LoraTransformer(where, **options)


def flat_transformer(
    free: ArrayTree, *, width: int, heads: int, **options
) -> nn.Module:
    """One token per layer, no rank tokens: for any representation."""
    _check_heads("width", width, heads)
    return FlatTransformer(sizes(free), width=width, heads=heads, **options)


def tensor_transformer(
    free: ArrayTree, *, width: int, heads: int, **options
) -> nn.Module:
    """HyperDiffusion's transformer, one token per tensor: for standalone fields."""
    _check_heads("width", width, heads)
    return TensorTransformer(tensors(free), width=width, heads=heads, **options)


def grid_mixer(
    free: ArrayTree, *, size: tuple[int, ...], patch: int | None = None, **options
) -> nn.Module:
    """A network on values on a grid `size`, to which vectors are mapped.

    Without a `patch` its side is a quarter of the grid's shortest one, 8 cells at most.
    """
    del free  # Knows nothing of the layers.
    if patch is None:
        patch = min(max(min(size[:-1]) // 4, 1), _PATCH)
    return GridMixer(size, patch, **options)


def _check_heads(name: str, width: int, heads: int) -> None:
    if heads < 1 or width % heads:
        raise ValueError(f"{name}={width} is not a multiple of heads={heads}")


DENOISERS: dict[str, Callable[..., nn.Module]] = {
    "residual_mlp": residual_mlp,
    "lora_transformer": lora_transformer,
    "flat_transformer": flat_transformer,
    "tensor_transformer": tensor_transformer,
    "grid_mixer": grid_mixer,
}
DENOISERS_ON_GRID = ("grid_mixer",)
"""Denoisers of values on a grid, which also need its `size`, instead of vectors."""


def by_name(name: str, free: ArrayTree, *, classes: int = 0, **options) -> nn.Module:
    """Builds a denoiser `module(noisy [K], t [], label [], train=...) -> [K]`.

    A label is an int32, -1 for none.

    Args:
      name: a key of `DENOISERS`.
      free: which entries of an adapter are free (`Adapter.free`).
      classes: of the label; 0: it is ignored and adds no parameters.
      **options: of the module.

    Raises:
      ValueError: if the name is unknown or the representation does not suit it.
    """
    if name not in DENOISERS:
        raise ValueError(
            f"unknown denoiser {name!r}; choose one of {sorted(DENOISERS)}"
        )
    return DENOISERS[name](free, classes=classes, **options)
