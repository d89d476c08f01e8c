"""The end of a training whose loss is no number any more."""

import numpy as np
from ml_collections import ConfigDict

from wsjax.fit.consensus import Diverged

__all__ = ["check"]


def check(line: dict, config: ConfigDict) -> None:
    """Raises Diverged if the validation loss of a line of train.jsonl is not finite.

    `config`: from `chosen`; the message names the flag that sets its learning rate.
    """
    if np.isfinite(line["loss_validation"]):
        return
    own = config.generators.get(config.generator, {}).get("diffusion", {})
    section = f"generators.{config.generator}." if "learning_rate" in own else ""
    raise Diverged(
        f"training diverged before step {line['step']}; lower --config.{section}"
        f"diffusion.learning_rate={config.diffusion.learning_rate}"
    )
