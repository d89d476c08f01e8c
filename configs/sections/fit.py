"""The section `fit`: how an adapter is fitted to each instance."""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict, config_dict

__all__ = ["fit"]

# The best that `experiments.sweep` found on the digits; a first guess for other data.
_LEARNING_RATE = {
    "mlp": 0.08,
    "mlp_asym": 0.16,
    "lora": 0.06,
    "lora_asym": 0.01,
    "mlora": 0.08,
    "mlora_asym": 0.08,
}

# Of steps that refine a solved fit. Gains have a variance of 1 on any data.
_REFINING = 0.02


def fit(
    *,
    steps: int,
    points: int,
    refine: int = 0,
    learning_rate: Mapping[str, float] | None = None,
    pull: float = 1e-4,
    consensus: int = 96,
    rounds: int = 4,
    guess: int = 512,
    chunk: int = 0,
    group: int = 64,
    compare: int = 256,
    solved: Sequence[str] = (),
) -> ConfigDict:
    """Fits by Adam from a common start, or from a start predicted for each instance.

    Args:
      steps: most steps of Adam per instance.
      points: points per step, in passes over all points of an instance; 0: all points
        in every step.
      refine: steps that follow a fit in closed form, or an encoder's prediction.
      learning_rate: by representation, where it differs from that of the digits.
      pull: weight of the squared distance to the start in the loss.
      consensus: number of training instances whose fits are averaged into the common
        start.
      rounds: how often they are fitted and averaged, each time from the last average;
        0: the common start is a random adapter.
      guess: number of training fits from which a regression learns to predict each
        instance's own start; 0: all instances start at the common start.
      chunk: instances that one device fits at once; 0: the fastest number is measured.
      group: instances per file of weights.
      compare: number of instances that `experiments.pipeline` fits with each of the
        other five representations; 0: none.
      solved: representations in closed form that the recipe offers.
    """
    rates = {**_LEARNING_RATE, **dict.fromkeys(solved, _REFINING)}
    rates |= learning_rate or {}
    return config_dict.create(
        n=config_dict.placeholder(int),  # Number of instances to fit; None: all.
        steps=steps,
        refine=refine,
        points=points,
        b1=0.7,  # First-moment decay of Adam.
        b2=0.8,  # Second-moment decay of Adam.
        # The learning rate decays as this power of the fraction of steps left; 0: as a
        # cosine.
        power=1.0,
        # PSNR in dB at which a fit ends early; None: all steps are taken.
        target=config_dict.placeholder(float),
        # PSNR in dB below which the manifest marks a fit; None: none is marked.
        floor=config_dict.placeholder(float),
        retries=2,  # Most new attempts at a fit that diverged.
        slower=0.3,  # Factor on the learning rate for each new attempt.
        learning_rate=rates,
        pull={name: pull for name in rates},
        consensus=consensus,
        rounds=rounds,
        guess=guess,
        chunk=chunk,
        # Type in which kernels are multiplied; "auto": float32 on CPUs, and bfloat16 on
        # accelerators if it costs less than 0.1 dB.
        precision="auto",
        group=group,
        compare=compare,
    )
