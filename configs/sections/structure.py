"""The sections `analyze` and `structure`: studies of the fitted weights."""

from ml_collections import ConfigDict, config_dict

__all__ = ["analyze", "structure"]


def analyze(*, refits: int = 1000) -> ConfigDict:
    """Probes, clusters and a t-SNE map of the fitted weights.

    Args:
      refits: instances that are fitted again, all from the common start, so that probes
        of these fits read nothing that was predicted from the values; half of them are
        of the test part, if it has as many. 0: none.
    """
    return config_dict.create(perplexity=30.0, refits=refits)  # Perplexity of t-SNE.


def structure(
    *, n: int = 30, points: int = 0, learning_rate: float = 0.08
) -> ConfigDict:
    """Do fits from one start and from perturbed starts end in one linear mode?

    Args:
      n: number of held-out instances; 0: the study is left out.
      points: points per instance and step; 0: all points.
      learning_rate: of mLoRA, whose start here may differ from the recipe's.
    """
    return config_dict.create(
        n=n,
        points=points,
        # Start of mLoRA: from perturbed "ones" its fits end in one linear mode.
        start="ones",
        spread=0.01,  # Standard deviation of that start.
        learning_rate=learning_rate,
    )
