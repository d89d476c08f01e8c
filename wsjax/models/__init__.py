"""Denoisers; the only folder that knows Flax modules.

A new denoiser is one new file and one line in `DENOISERS`.
"""

import flax.linen as nn
from chex import ArrayTree

from wsjax.models.lora_encoder import LoraTransformer, layout
from wsjax.models.residual_mlp import ResidualMlp
from wsjax.models.tensor_transformer import TensorTransformer, tensors


def residual_mlp(free: ArrayTree, **options) -> nn.Module:
    """A network on the whole vector: for linear latents."""
    del free  # Knows nothing of the layers.
    return ResidualMlp(**options)


def lora_transformer(free: ArrayTree, **options) -> nn.Module:
    """The hierarchical transformer on raw low-rank factors."""
    return LoraTransformer(layout(free), **options)


def tensor_transformer(
    free: ArrayTree, *, width: int, heads: int, **options
) -> nn.Module:
    """HyperDiffusion's transformer, one token per tensor: for standalone fields."""
    if width % heads:
        raise ValueError(f"width={width} is not a multiple of heads={heads}")
    return TensorTransformer(tensors(free), width=width, heads=heads, **options)


DENOISERS = {
    "residual_mlp": residual_mlp,
    "lora_transformer": lora_transformer,
    "tensor_transformer": tensor_transformer,
}


def by_name(name: str, free: ArrayTree, **options) -> nn.Module:
    """Builds a denoiser `module(noisy [K], t [], train=...) -> [K]`.

    Args:
      name: a key of `DENOISERS`.
      free: which entries of an adapter are free (`Adapter.free`).
      **options: of the module.

    Raises:
      ValueError: if the name is unknown or the representation does not suit it.
    """
    if name not in DENOISERS:
        raise ValueError(
            f"unknown denoiser {name!r}; choose one of {sorted(DENOISERS)}"
        )
    return DENOISERS[name](free, **options)
