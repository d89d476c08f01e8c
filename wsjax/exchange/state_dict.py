"""Torch state dicts, by the names and the orientation that we use.

Torch applies weights `[d_out, d_in]` as `weight @ x`, our kernels are `[d_in, d_out]`.
A layer with factors A `[R, d_in]` and B `[d_out, R]` becomes `a = A` and `b = B.T`, so
that `a.T @ b` is `(B @ A).T`; what else its adapter holds stays beside them under its
own name, such as the `alpha_skip` that mlora-neural-fields adds to the product. A scale
that is kept outside the file, such as PEFT's `lora_alpha / r`, is not applied.
"""

import re
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from wsjax.exchange.part import Part, known, nested, numeric

WRAPPERS = ("state_dict", "model_state_dict", "model")
FACTS = ("name", "label", "psnr", "psnr_db")
# Modules that hold copies of what all instances share, next to factors.
FROZEN = {"base", "base_layer", "trunk"}
# `lora_A`, `lora_A.weight` or, with PEFT's name of the adapter, `lora_A.default` and
# `lora_A.default.weight`; mlora-neural-fields calls the factors just `A` and `B`.
_FACTOR = re.compile(
    r"(?:(?P<module>.+)\.)?"
    r"(?:(?P<plain>[AB])|lora_(?P<lora>[AB])(?:\.(?!weight$|bias$)[^.]+)?(?:\.weight)?)"
)


def to_part(content: object) -> Part:
    """The one instance of a state dict, `{layer: {leaf: [1, ...]}}`.

    Args:
      content: tensors by key, or a dict with those under a key of `WRAPPERS`. Other
        values are left out, `FACTS` are kept.

    Raises:
      ValueError: if there are no tensors or a pair of factors does not fit.
    """
    if not isinstance(content, Mapping):
        kind = type(content).__name__
        raise ValueError(f"expected a state dict, found a {kind}; save it as a dict")
    inner = content
    for key in WRAPPERS:
        if isinstance(content.get(key), Mapping):
            inner = content[key]
            break
    tensors = {
        key: _plain(value)
        for key, value in inner.items()
        if isinstance(value, np.ndarray) and isinstance(key, str) and key not in FACTS
    }
    tensors = {key: tensor for key, tensor in tensors.items() if numeric(tensor)}
    leaves = {name: leaf[None] for name, leaf in _leaves(tensors).items()}
    return Part(nested(leaves), [known(content)])


def _plain(tensor: np.ndarray) -> np.ndarray:
    """The same numbers in a type that NumPy has."""
    return tensor.astype(np.float32) if tensor.dtype == jnp.bfloat16 else tensor


def _leaves(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors by `layer/leaf`."""
    factors = _factors(tensors)
    leaves, taken = {}, set()
    for module, keys in factors.items():
        a, b = tensors[keys["A"]], tensors[keys["B"]]
        if a.ndim != 2 or b.ndim != 2 or len(a) != b.shape[1]:
            raise ValueError(
                f"expected {keys['A']} as [R, d_in] and {keys['B']} as [d_out, R],"
                f" found {list(a.shape)} and {list(b.shape)}; only linear layers are"
                " read"
            )
        leaves |= {_join(module, "a"): a, _join(module, "b"): b.T}
        taken |= set(keys.values())
    for key, tensor in tensors.items():
        frozen = bool(factors) and not FROZEN.isdisjoint(key.split("."))
        if key not in taken and not frozen:
            name, leaf = _renamed(key, tensor)
            if name in leaves:
                raise ValueError(f"expected one tensor for {name}, found also {key}")
            leaves[name] = leaf
    return leaves


def _factors(tensors: dict[str, np.ndarray]) -> dict[str, dict[str, str]]:
    """Keys of both factors by module."""
    found, plain = {}, set()
    for key in tensors:
        if (match := _FACTOR.fullmatch(key)) is None:
            continue
        keys = found.setdefault(match["module"] or "", {})
        letter = match["plain"] or match["lora"]
        if letter in keys:
            raise ValueError(
                f"expected one adapter per layer, found {keys[letter]} and {key}; save"
                " them in files of their own"
            )
        keys[letter] = key
        if match["plain"]:
            plain.add(key)
    pairs = {module: keys for module, keys in found.items() if len(keys) == 2}
    for keys in found.values():
        # A lone `B` may be anything, such as the frequencies of a Fourier layer.
        if len(keys) == 1 and not plain & set(keys.values()):
            (key,) = keys.values()
            raise ValueError(
                f"expected both factors of a layer, found {key} alone; save both"
            )
    return pairs


def _renamed(key: str, tensor: np.ndarray) -> tuple[str, np.ndarray]:
    if "/" in key:
        return key, tensor  # Written by us.
    module, _, last = key.rpartition(".")
    if last == "weight" and tensor.ndim == 2:
        return _join(module, "kernel"), tensor.T
    return _join(module, last), tensor


def _join(layer: str, leaf: str) -> str:
    return f"{layer}/{leaf}" if layer else leaf
