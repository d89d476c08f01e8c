"""State dicts of torch, under the names and in the orientation that this project uses.

Torch applies weights `[d_out, d_in]` as `weight @ x`, our kernels are `[d_in, d_out]`.
A layer with factors A `[R, d_in]` and B `[d_out, R]` becomes `a = A` and `b = B.T`, so
that `a.T @ b` is `(B @ A).T`. If PEFT's `adapter_config.json` lies beside the file, its
scale is multiplied into `b`. Whatever else an adapter holds stays beside its factors
under its own name, such as mlora-neural-fields' `alpha_skip`.
"""

import pathlib
import re
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from wsjax import tree
from wsjax.exchange.part import (
    Part,
    check_same,
    check_size,
    kinds,
    known,
    memory,
    nested,
    numeric,
)
from wsjax.exchange.peft import Scale, scaling

__all__ = ["to_part"]

# Keys under which training programs keep a state dict. `params_ema`, the averages of
# `params`, is preferred to it.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "params_ema", "params", "net")
_DEEPEST = 3  # State dicts are looked for in dicts inside of dicts, this many.
_FACTS = ("name", "label", "psnr", "psnr_db")
# Modules that hold copies of what all instances share, next to factors.
_FROZEN = {"base", "base_layer", "trunk"}
# `lora_A`, `lora_A.weight` or, with PEFT's name of the adapter, `lora_A.default` and
# `lora_A.default.weight`; of embeddings `lora_embedding_A`; mlora-neural-fields calls
# the factors just `A` and `B`.
_FACTOR = re.compile(
    r"(?:(?P<module>.+)\.)?(?:(?P<plain>[AB])"
    r"|lora_(?:embedding_)?(?P<lora>[AB])(?:\.(?!weight$|bias$)[^.]+)?(?:\.weight)?)"
)
# Parts of adapters whose change of a layer is more than B A: biases, DoRA, KaSA, and
# the names of other programs, whose scales are elsewhere.
_OTHER = re.compile(
    r"(?:.+\.)?lora_(?:(?:embedding_)?[AB]|magnitude_vector|diag|down|mid|up)(?:\..+)?"
)


def to_part(content: object, path: pathlib.Path) -> Part:
    """Reads a state dict, or a list of them, one per instance.

    Args:
      content: tensors by key, or dicts around such a dict, for example under
        `state_dict`. Values that are no arrays are left out; `name`, `label`, `psnr`
        and `psnr_db` beside the tensors or around them are kept as facts.
      path: of the file that holds the content, by which its size is judged and PEFT's
        settings are found.

    Returns:
      The instances, `{layer: {leaf: [n, ...]}}`.

    Raises:
      ValueError: if there are no tensors, or tensors that cannot be named or paired.
    """
    scale = scaling(path.parent)
    if not isinstance(content, list | tuple):
        return _instance(content, scale)
    parts: list[Part] = []
    unpacked = 0
    for one in content:
        parts.append(_instance(one, scale))
        check_same(parts[-1].weights, kinds(parts[0].weights))
        unpacked += memory(parts[-1].weights)
        check_size(path, unpacked)
    if not parts:
        raise ValueError(
            "expected state dicts, found an empty list; leave the file out"
        )
    weights = tree.concatenate([part.weights for part in parts])
    return Part(weights, [fact for part in parts for fact in part.facts])


def _instance(content: object, scale: Scale | None) -> Part:
    if isinstance(content, Mapping) and set(content) == {"arr_0"}:
        content = content["arr_0"]  # The name that NumPy gives to an array without one.
    if isinstance(content, np.ndarray):
        raise ValueError(
            f"expected tensors by name, found one tensor {list(content.shape)} without;"
            " save a dict of named tensors for each instance"
        )
    if not isinstance(content, Mapping):
        kind = type(content).__name__
        raise ValueError(f"expected a state dict, found a {kind}; save it as a dict")
    tensors = {
        key: _plain(key, value)
        for key, value in _inner(content).items()
        if isinstance(value, np.ndarray) and isinstance(key, str) and key not in _FACTS
    }
    tensors = {key: tensor for key, tensor in tensors.items() if numeric(tensor)}
    leaves = {name: leaf[None] for name, leaf in _leaves(tensors, scale).items()}
    return Part(nested(leaves), [known(content)])


def _inner(content: Mapping) -> Mapping:
    """The state dict among the dicts of a checkpoint."""
    for _ in range(_DEEPEST):
        held = [key for key, value in content.items() if _holds_tensors(value)]
        if {"params", "params_ema"} <= set(held):
            held.remove("params")
        choices = [key for key in held if key in _WRAPPERS]
        if not choices and not _has_tensors(content):
            choices = [key for key in held if _has_tensors(content[key])]
        if not choices:
            break
        if len(choices) > 1:
            raise ValueError(
                "expected one state dict, found several:"
                f" {', '.join(map(str, choices))}; save the one alone"
            )
        content = content[choices[0]]
    return content


def _has_tensors(content: object) -> bool:
    return isinstance(content, Mapping) and any(
        isinstance(key, str) and isinstance(value, np.ndarray)
        for key, value in content.items()
    )


def _holds_tensors(content: object, depth: int = _DEEPEST) -> bool:
    """Whether a dict has tensors, or one of its dicts with a usual name has."""
    if not depth or not isinstance(content, Mapping):
        return False
    return _has_tensors(content) or any(
        _holds_tensors(content.get(key), depth - 1) for key in _WRAPPERS
    )


def _plain(key: str, tensor: np.ndarray) -> np.ndarray:
    """The same numbers in a type that NumPy has; float32 holds every shorter float."""
    if tensor.dtype.isbuiltin == 2 and jnp.issubdtype(tensor.dtype, jnp.floating):
        return tensor.astype(np.float32)
    if tensor.dtype.kind == "V":
        raise ValueError(
            f"expected numbers in {key}, found {tensor.dtype}, such as NumPy makes of"
            " bfloat16; save it as float32"
        )
    return tensor


def _leaves(
    tensors: dict[str, np.ndarray], scale: Scale | None
) -> dict[str, np.ndarray]:
    """Tensors by `layer/leaf`."""
    factors = _factors(tensors)
    leaves: dict[str, np.ndarray] = {}
    taken: set[str] = set()
    for module, keys in factors.items():
        a, b = tensors[keys["A"]], tensors[keys["B"]]
        if a.ndim != 2 or b.ndim != 2 or len(a) != b.shape[1]:
            raise ValueError(
                f"expected {keys['A']} as [R, d_in] and {keys['B']} as [d_out, R],"
                f" found {list(a.shape)} and {list(b.shape)}; only linear layers are"
                " read"
            )
        if scale is not None:
            b = b * np.asarray(scale(module, len(a)), b.dtype)
        leaves |= {_join(module, "a"): a, _join(module, "b"): b.T}
        taken |= set(keys.values())
    for key, tensor in tensors.items():
        frozen = bool(factors) and not _FROZEN.isdisjoint(key.split("."))
        if key not in taken and not frozen:
            name, leaf = _renamed(key, tensor)
            if name in leaves:
                raise ValueError(f"expected one tensor for {name}, found also {key}")
            leaves[name] = leaf
    return leaves


def _factors(tensors: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The keys of both factors, `{"A": key, "B": key}`, by module."""
    halves: dict[str, dict[str, str]] = {}
    plain = set()
    for key in tensors:
        if (match := _FACTOR.fullmatch(key)) is None:
            if _OTHER.fullmatch(key):
                raise ValueError(
                    f"expected lora_A and lora_B alone, found {key}; merge the adapter"
                    " into its base and export the merged weights"
                )
            continue
        keys = halves.setdefault(match["module"] or "", {})
        letter = match["plain"] or match["lora"]
        if letter in keys:
            raise ValueError(
                f"expected one adapter per layer, found {keys[letter]} and {key}; save"
                " them in files of their own"
            )
        keys[letter] = key
        if match["plain"]:
            plain.add(key)
    for keys in halves.values():
        # A lone `B` may be anything, such as the frequencies of a Fourier layer.
        if len(keys) == 1 and not plain & set(keys.values()):
            (key,) = keys.values()
            raise ValueError(
                f"expected both factors of a layer, found {key} alone; save both"
            )
    return {module: keys for module, keys in halves.items() if len(keys) == 2}


def _renamed(key: str, tensor: np.ndarray) -> tuple[str, np.ndarray]:
    """Our name and orientation of a tensor that is no factor."""
    if "/" in key:
        return key, tensor  # This project wrote it.
    module, _, last = key.rpartition(".")
    if last == "weight" and tensor.ndim == 2:
        return _join(module, "kernel"), tensor.T
    return _join(module, last), tensor


def _join(layer: str, leaf: str) -> str:
    return f"{layer}/{leaf}" if layer else leaf
