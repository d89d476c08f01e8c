"""The sections `analyze` and `structure`: studies of the fitted weights."""

from ml_collections import ConfigDict, config_dict

__all__ = ["analyze", "structure"]


def analyze() -> ConfigDict:
    """Probes, clusters and a map of the weights."""
    return config_dict.create(perplexity=30.0)  # Of the t-SNE map.


def structure(
    *, n: int = 30, points: int = 0, learning_rate: float = 0.08
) -> ConfigDict:
    """Fits from one start and from perturbed ones: do they end in one linear mode?

    Args:
      n: held-out instances; 0: the study is left out.
      points: of an instance per step; 0: all of them.
      learning_rate: of mLoRA from the start of this study.
    """
    return config_dict.create(
        n=n,
        points=points,
        start="ones",  # Of mLoRA: the start from which it has one linear mode.
        spread=0.01,  # Standard deviation of that start.
        learning_rate=learning_rate,
    )
