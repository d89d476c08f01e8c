"""The section `fit`: how an adapter is fitted to each instance."""

from collections.abc import Mapping

from ml_collections import ConfigDict, config_dict

__all__ = ["fit"]

# The best that `experiments.sweep` found on the digits; a first try on other data.
_LEARNING_RATE = {
    "mlp": 0.08,
    "mlp_asym": 0.16,
    "lora": 0.06,
    "lora_asym": 0.01,
    "mlora": 0.08,
    "mlora_asym": 0.08,
}


def fit(
    *,
    steps: int,
    points: int,
    learning_rate: Mapping[str, float] | None = None,
    pull: float = 1e-4,
    consensus: int = 96,
    rounds: int = 4,
    guess: int = 512,
    chunk: int = 0,
    group: int = 64,
    compare: int = 256,
) -> ConfigDict:
    """Adam from a start that all instances share, or from one that is predicted.

    Args:
      steps: of Adam.
      points: of an instance per step, in passes over all; 0: all, in every step.
      learning_rate: of each representation, where it is not that of the digits.
      pull: weight of the squared distance to the start.
      consensus: training instances whose fits are averaged into the common start.
      rounds: how often they are, each time from the average before.
      guess: training fits from which each instance's own start is learnt; 0: all
        instances begin at the common start.
      chunk: instances that one device works on at once; 0: as many as is fastest.
      group: instances per file of weights.
      compare: instances that `experiments.pipeline` fits with each of the other five
        representations.
    """
    rates = {**_LEARNING_RATE, **(learning_rate or {})}
    return config_dict.create(
        n=config_dict.placeholder(int),  # How many instances are fitted; None: all.
        steps=steps,
        points=points,
        b1=0.7,  # First-moment decay of Adam.
        b2=0.8,  # Second-moment decay of Adam.
        # The learning rate falls as this power of the steps left; 0: as a cosine.
        power=1.0,
        target=config_dict.placeholder(float),  # dB at which a fit ends early.
        floor=config_dict.placeholder(float),  # dB below which a fit is marked.
        retries=2,  # New starts of a fit that diverges,
        slower=0.3,  # each at this share of the learning rate before.
        learning_rate=rates,
        pull={name: pull for name in _LEARNING_RATE},
        consensus=consensus,
        rounds=rounds,
        guess=guess,
        chunk=chunk,
        precision="auto",  # Of kernels: bfloat16 on accelerators if it costs little.
        group=group,
        compare=compare,
    )
