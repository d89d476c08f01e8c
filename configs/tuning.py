"""What `experiments.sweep` tries, where several recipes try it."""

from ml_collections import ConfigDict


def scales(rates: tuple[float, ...], *values: float) -> list[dict]:
    """Variants of an MLP, for a sweep: each Fourier scale at all learning rates."""
    return [
        {"learning_rate": rates, "adapter": {"field": {"scale": value}}}
        for value in values
    ]


def levers(config: ConfigDict, *, rates: tuple[float, ...], target: float) -> None:
    """Sweeps what makes fits fast, each lever on top of those before it.

    Args:
      config: the recipe, whose fit has all levers pulled.
      rates: learning rates at which each is tried.
      target: dB that the cheapest trial must reach.
    """
    fit = config.fit
    at = {"learning_rate": rates}
    plain = {"b1": 0.9, "b2": 0.999, "power": 0.0, "points": 0, "guess": 0}
    steps = [{"rounds": 0}, {"b2": 0.9}, {"rounds": fit.rounds}]
    steps += [{"b1": fit.b1, "b2": fit.b2, "power": fit.power}, {"points": fit.points}]
    steps += [{"guess": fit.guess}] if fit.guess else []
    trials, pulled = [], plain
    for step in steps:
        pulled = {**pulled, **step}
        trials.append({**at, **pulled})
    half = {**pulled, "steps": fit.steps // 2}
    early = {**pulled, "target": target}
    config.sweep.update(folder="speed", target=target, n=config.benchmark.n)
    config.sweep.consensus = fit.consensus
    config.sweep.variants = {"mlora_asym": [*trials, {**at, **half}, {**at, **early}]}
