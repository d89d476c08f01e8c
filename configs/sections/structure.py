"""The sections `analyze` and `structure`: studies of the fitted weights."""

from collections.abc import Mapping

from ml_collections import ConfigDict, config_dict

__all__ = ["analyze", "structure"]

# The best of 0.04 to 0.32 on 64 validation digits that the study leaves out, for the
# two forms of mLoRA together.
_LEARNING_RATE = {"ones": 0.08, "normal": 0.16, "skip": 0.16}


def analyze(*, refits: int = 1000) -> ConfigDict:
    """Probes, clusters and a t-SNE map of the fitted weights.

    Args:
      refits: instances that are fitted again, all from the common start, so that probes
        of these fits read nothing that was predicted from the values; half of them are
        of the test part, if it has as many. 0: none.
    """
    return config_dict.create(perplexity=30.0, refits=refits)  # Perplexity of t-SNE.


def structure(
    *,
    n: int = 30,
    points: int = 0,
    learning_rate: Mapping[str, float] | None = None,
) -> ConfigDict:
    """Do fits from one start and from perturbed starts end in one linear mode?

    Args:
      n: number of validation instances; 0: the study is left out.
      points: points per instance and step; 0: all points.
      learning_rate: of mLoRA by start, where it differs from that of the digits.
    """
    rates = {**_LEARNING_RATE, **(learning_rate or {})}
    return config_dict.create(
        n=n,
        points=points,
        # Starts of mLoRA, which has a row for each; `spread` is the standard deviation
        # of `ones`, here that of the authors' other code.
        starts={
            start: {"learning_rate": rate, "spread": 0.01}
            for start, rate in rates.items()
        },
        # How far other starts lie from the first, relative to its norm.
        displacements=(0.01, 0.03, 0.1, 0.3, 1.0),
        # The paper's lambdas: a third of the grid of the authors' other code.
        strengths=(0.0786, 0.3143, 0.7071),
    )
