"""The section `sample`: how samples, new weights, are drawn."""

from ml_collections import ConfigDict, config_dict

__all__ = ["sample"]


def sample(
    *, n: int = 1000, steps: int = 16, spacing: str = "uniform", chunk: int = 125
) -> ConfigDict:
    """Settings for drawing from the trained generator.

    Args:
      n: number of samples.
      steps: of the sampler.
      spacing: of the sampler's times: "uniform", or "cosine", which is finer at both
        ends.
      chunk: samples that are drawn at once.
    """
    return config_dict.create(
        n=n,
        # "multistep" (second order, one denoiser call per step), "heun" (second order,
        # two calls per step) or "ddim" (first order).
        sampler="multistep",
        steps=steps,
        spacing=spacing,
        chunk=chunk,
        # Class of all samples, if the generator is conditioned on classes; None: each
        # class as often as in the training data.
        label=config_dict.placeholder(int),
        guidance=1.0,  # Weight of classifier-free guidance; 1: none.
        interval=(0.0, 1.0),  # Guidance is applied only at times t in this interval.
        # Name of a fitted instance that the samples are to resemble; None: none.
        near=config_dict.placeholder(str),
        # Time t to which that instance is noised before sampling begins: near 0 the
        # samples equal it, at 1 they do not depend on it.
        strength=0.5,
        # Values that `experiments.sampling_curves` compares.
        calls=(1, 2, 4, 8, 16, 64),  # Calls of the denoiser per sample.
        weights=(1.0, 1.5, 2.0, 3.0, 4.0),  # Weights of guidance.
    )
