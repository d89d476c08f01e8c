"""The section `sweep`: the variants of fits that `experiments.sweep` tries.

A variant is a dictionary of what it overrides in the recipe: `learning_rate` holds the
rates at which it is tried, `adapter` options of the representation, and any other key
is one of the section `fit`. For example, `{"learning_rate": (0.04, 0.08), "pull": 0.0}`
gives two trials without the pull.
"""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict, config_dict

__all__ = ["Variant", "levers", "scales", "shape_sweep", "sweep"]

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
    """Settings of a sweep.

    Args:
      variants: by representation; None: those that were tried on the digits.
      n: number of validation instances, the first ones, on which trials are compared.
      consensus: number of training instances whose fits are averaged into the common
        start.
      rounds: how often they are fitted and averaged.
      folder: name of the results' folder in the run folder.
      target: mean PSNR in dB; the cheapest trial that reaches it wins. None: the trial
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
    """Variants of an MLP: one per Fourier scale in `values`, each at all `rates`."""
    return [
        {"learning_rate": rates, "adapter": {"field": {"scale": value}}}
        for value in values
    ]


def levers(
    fit: ConfigDict, *, n: int, rates: tuple[float, ...], target: float
) -> ConfigDict:
    """An ablation of speed: a sweep that adds the fast settings of `fit` one by one.

    The first trial fits like plain Adam: all points in every step, a cosine schedule
    and a random start. Each later one moves one more setting to the recipe's or towards
    it; the last two then take half the steps, or end a fit once it reaches `target`.

    Args:
      fit: the recipe's section `fit`, with all fast settings.
      n: number of training instances on which trials are compared.
      rates: learning rates at which each variant is tried.
      target: mean PSNR in dB; the cheapest trial that reaches it wins.
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


def shape_sweep() -> ConfigDict:
    """The sweep for shapes: few of them, as their fits are slow."""
    variants: dict[str, list[Variant]] = {
        "mlp": scales((0.02, 0.04, 0.08), 1.0, 1.5, 2.0, 3.0),
        "mlp_asym": scales((0.02, 0.04, 0.08), 0.5, 1.0, 1.5),
        "lora": [{"learning_rate": (0.01, 0.02, 0.04)}],
        "lora_asym": [{"learning_rate": (0.0025, 0.005, 0.01)}],
        "mlora": [{"learning_rate": (0.04, 0.08, 0.16)}],
        "mlora_asym": [{"learning_rate": (0.04, 0.08, 0.16)}],
    }
    return sweep(variants=variants, n=24, consensus=16, rounds=1)


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
