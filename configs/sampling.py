"""How new weights are drawn, in every recipe that does not say otherwise."""

from ml_collections import ConfigDict, config_dict


def sample() -> ConfigDict:
    """The section `sample` of a recipe."""
    return config_dict.create(
        n=1000,
        sampler="multistep",  # Second order at one call a step; or "ddim", or "heun".
        steps=16,
        spacing="uniform",  # Of times; "cosine" is finer at both ends.
        chunk=125,  # Samples that are drawn at once.
        # Of a generator that knows labels:
        label=config_dict.placeholder(int),  # Samples of this class; None: of all.
        guidance=1.0,  # Weight of the label; 1: as trained,
        interval=(0.0, 1.0),  # another one at these times alone.
        # Name of a fitted instance: samples that resemble it; None: of any kind.
        near=config_dict.placeholder(str),
        strength=0.5,  # Time at which these begin: near 0 the instance, at 1 anything.
        # What `experiments.sampling_curves` tries:
        calls=(1, 2, 4, 8, 16, 64),  # Calls of the denoiser,
        weights=(1.0, 1.5, 2.0, 3.0, 4.0),  # and weights of guidance.
    )
