"""What PEFT keeps outside of the weights: by how much it scales each product."""

import json
import math
import pathlib
import re
from collections.abc import Callable

__all__ = ["Scale", "scaling"]

Scale = Callable[[str, int], float]
"""`scale(module, rank)`: the factor of the product B A of a module."""

_FILE = "adapter_config.json"
# Options under which the change of a layer is more than a scaled B A.
_OTHER = (
    "alora_invocation_tokens",
    "bias",
    "layer_replication",
    "lora_bias",
    "target_parameters",
)


def scaling(folder: pathlib.Path) -> Scale | None:
    """The scales of a folder that PEFT wrote, None if its settings are not there.

    PEFT multiplies each product by `alpha / r`, with rsLoRA by `alpha / sqrt(r)`
    (Kalajdzievski 2023); `alpha_pattern` may give some modules an alpha of their own.

    Raises:
      ValueError: if the settings cannot be read, or are not those of plain LoRA.
    """
    path = folder / _FILE
    if not path.exists():
        return None
    try:
        settings = json.loads(path.read_bytes())
        kind = settings["peft_type"]
        alpha = float(settings["lora_alpha"]) if kind == "LORA" else math.nan
        own = {
            key: float(x) for key, x in (settings.get("alpha_pattern") or {}).items()
        }
        patterns = {re.compile(rf"(.*\.)?({key})$"): x for key, x in own.items()}
    except Exception as error:  # Someone else's file can hold anything.
        raise ValueError(
            f"expected PEFT's settings in {_FILE} beside the weights, found something"
            f" else ({error!r}); copy it again"
        ) from error
    used = [key for key in settings if key.startswith("use_") and settings[key]]
    used = [key for key in used if key != "use_rslora"]
    used += [key for key in _OTHER if settings.get(key) not in (None, False, "none")]
    if kind != "LORA" or used:
        raise ValueError(
            f"expected plain LoRA, found {used[0] if used else kind} in {_FILE}; merge"
            " the adapter into its base with PEFT and export the merged weights"
        )
    root = settings.get("use_rslora")

    def scale(module: str, rank: int) -> float:
        inner = module.removeprefix("base_model.model.")
        alphas = (x for pattern, x in patterns.items() if pattern.match(inner))
        return next(alphas, alpha) / (math.sqrt(rank) if root else rank)

    return scale
