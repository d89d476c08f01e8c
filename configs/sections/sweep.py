"""The section `sweep`: what `experiments.sweep` tries.

A variant is a dictionary: `learning_rate` holds the rates it is tried at, `adapter`
options of the representation, any other key is one of the recipe's section `fit`. What
it leaves out is as in the recipe.
"""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict, config_dict

__all__ = ["Variant", "levers", "scales", "sweep"]

Variant = Mapping[str, object]


def sweep(
    *,
    variants: Mapping[str, Sequence[Variant]] | None = None,
    n: int = 64,
    consensus: int = 48,
    rounds: int = 2,
    folder: str = "sweep",
    target: float | None = None,
) -> ConfigDict:
    """Trials on training instances.

    Args:
      variants: those of each representation; None: those tried on the digits.
      n: training instances, the last ones, that trials are judged by.
      consensus: training instances whose fits are averaged into the common start.
      rounds: how often they are.
      folder: in the run folder.
      target: mean PSNR in dB that is to be reached at the least cost; None: the trial
        of the highest PSNR wins.
    """
    section = config_dict.create(
        folder=folder,
        target=config_dict.FieldReference(target, field_type=float),
        n=n,
        consensus=consensus,
        rounds=rounds,
    )
    section.variants = dict(_digits() if variants is None else variants)
    return section


def scales(rates: tuple[float, ...], *values: float) -> list[Variant]:
    """Variants of an MLP: each Fourier scale of `values`, at all learning rates."""
    return [
        {"learning_rate": rates, "adapter": {"field": {"scale": value}}}
        for value in values
    ]


def levers(
    fit: ConfigDict, *, n: int, rates: tuple[float, ...], target: float
) -> ConfigDict:
    """A sweep of what makes fits fast: each lever on top of those before it.

    Args:
      fit: the recipe's section `fit`, which has all levers pulled.
      n: training instances that trials are judged by.
      rates: learning rates at which each is tried.
      target: mean PSNR in dB that the cheapest trial must reach.
    """
    at = {"learning_rate": rates}
    pulled: Variant = {"b1": 0.9, "b2": 0.999, "power": 0.0, "points": 0, "guess": 0}
    steps: list[Variant] = [{"rounds": 0}, {"b2": 0.9}, {"rounds": fit.rounds}]
    steps += [{"b1": fit.b1, "b2": fit.b2, "power": fit.power}, {"points": fit.points}]
    steps += [{"guess": fit.guess}] if fit.guess else []
    trials: list[Variant] = []
    for step in steps:
        pulled = {**pulled, **step}
        trials.append({**at, **pulled})
    trials.append({**at, **pulled, "steps": fit.steps // 2})
    trials.append({**at, **pulled, "target": target})
    return sweep(
        variants={"mlora_asym": trials},
        n=n,
        consensus=fit.consensus,
        folder="speed",
        target=target,
    )


def _digits() -> dict[str, list[Variant]]:
    slow: Variant = {"learning_rate": (0.04, 0.08, 0.16)}
    fast: Variant = {"learning_rate": (0.08, 0.16, 0.32)}
    mlora: list[Variant] = [
        {**slow, "adapter": {"start": "ones", "spread": 0.01}},
        {**slow, "adapter": {"start": "ones", "spread": 0.1}},
        {**slow, "adapter": {"start": "ones", "spread": 0.3}},
        {**fast, "adapter": {"start": "normal"}},
        {**fast, "adapter": {"start": "skip"}},
        {**fast, "adapter": {"start": "exp"}},
        {**fast, "pull": 0.0},
    ]
    return {
        "mlp": [*scales((0.04, 0.08, 0.16), 1.0, 2.0, 4.0), {**slow, "pull": 0.0}],
        "mlp_asym": scales((0.04, 0.08, 0.16), 0.5, 1.0, 2.0),
        "lora": [{"learning_rate": (0.03, 0.06, 0.12)}],
        "lora_asym": [{"learning_rate": (0.005, 0.01, 0.02)}],
        "mlora": mlora,
        "mlora_asym": mlora,
    }
