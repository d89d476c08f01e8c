"""The section `sample`: how new weights are drawn."""

from ml_collections import ConfigDict, config_dict

__all__ = ["sample"]


def sample(
    *, n: int = 1000, steps: int = 16, spacing: str = "uniform", chunk: int = 125
) -> ConfigDict:
    """Draws from the trained generator.

    Args:
      n: how many samples.
      steps: of the sampler.
      spacing: of the sampler's times: "uniform", or "cosine", finer at both ends.
      chunk: samples that are drawn at once.
    """
    return config_dict.create(
        n=n,
        sampler="multistep",  # Second order, one call a step; or "ddim", or "heun".
        steps=steps,
        spacing=spacing,
        chunk=chunk,
        # For a generator that is conditioned on the class labels:
        label=config_dict.placeholder(int),  # The class; None: all, as in the data.
        guidance=1.0,  # Weight of classifier-free guidance; 1: none.
        interval=(0.0, 1.0),  # Guidance is applied only at times t in this interval.
        # For samples that resemble a fitted instance: its name; None: samples of all
        # kinds.
        near=config_dict.placeholder(str),
        # Time at which such samples start: near 0 the instance itself, at 1 any sample.
        strength=0.5,
        # What `experiments.sampling_curves` compares:
        calls=(1, 2, 4, 8, 16, 64),  # Calls of the denoiser per sample.
        weights=(1.0, 1.5, 2.0, 3.0, 4.0),  # Weights of guidance.
    )
