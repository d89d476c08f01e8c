"""How a recipe judges generated samples."""

from ml_collections import ConfigDict

from experiments.judging.spaces import Judging

__all__ = ["judging_of"]


def judging_of(config: ConfigDict) -> Judging:
    """The section `evaluate`, with the seed of the run."""
    options = {key: config.evaluate[key] for key in Judging._fields if key != "seed"}
    return Judging(seed=config.seed, **options)
