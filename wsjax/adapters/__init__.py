"""How one instance differs from the base field: the representations by name.

A new representation is one new file with a builder, and one line in `ADAPTERS`.
"""

from collections.abc import Callable

from wsjax.adapters import encoded as encoders
from wsjax.adapters.lora import lora
from wsjax.adapters.mask import masked
from wsjax.adapters.mlora import mlora
from wsjax.adapters.shifts import shifts
from wsjax.adapters.whole import offset, whole
from wsjax.types import Adapter

__all__ = [
    "ADAPTERS",
    "by_name",
    "encoded",
    "lora",
    "lora_asym",
    "masked",
    "mlora",
    "mlora_asym",
    "mlp_asym",
    "offset",
    "shifts",
    "whole",
]

_KAPPA = 6.0  # Frozen entries of MLP-Asym and LoRA-Asym are 6 * N(0, 1) (paper 3.4).


def mlp_asym(*, mask_seed: int = 0) -> Adapter:
    """Whole weights with frozen entries in every kernel but the last."""
    return masked(whole(), value=_KAPPA, seed=mask_seed, skip=("output",))


def lora_asym(*, mask_seed: int = 0, **options) -> Adapter:
    """Additive factors with large frozen entries in `a`; options as for `lora`."""
    return masked(lora(**options), value=_KAPPA, seed=mask_seed)


def mlora_asym(*, mask_seed: int = 0, **options) -> Adapter:
    """Multiplicative factors with zeros in `a`; options as for `mlora`."""
    return masked(mlora(**options), value=0.0, seed=mask_seed)


def encoded(
    *,
    of: str,
    size: tuple[int, ...],
    width: int = 32,
    hidden: int = 256,
    **options,
) -> Adapter:
    """An adapter that a network predicts; `of` names it, and `options` are its own."""
    inner = by_name(of, **options)
    return encoders.encoded(inner, size=size, width=width, hidden=hidden)


ADAPTERS: dict[str, Callable[..., Adapter]] = {
    "mlp": whole,
    "mlp_asym": mlp_asym,
    "lora": lora,
    "lora_asym": lora_asym,
    "mlora": mlora,
    "mlora_asym": mlora_asym,
    "shifts": shifts,
    "encoded": encoded,
}


def by_name(name: str, **options) -> Adapter:
    """Builds the adapter of a representation.

    Raises:
      ValueError: if `name` is not a key of `ADAPTERS`.
    """
    if name not in ADAPTERS:
        raise ValueError(
            f"unknown representation {name!r}; choose one of {sorted(ADAPTERS)}"
        )
    return ADAPTERS[name](**options)
