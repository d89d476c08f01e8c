"""The section `diffusion`: the generator of new weights and its training."""

from ml_collections import ConfigDict, config_dict

__all__ = ["diffusion"]


def diffusion(
    *,
    components: int = 96,
    clusters: int = 0,
    location: float = 0.0,
    scale: float = 1.0,
    gram_instances: int = 48,
    gram_shrink: int | None = 1,
    gram_points: int | None = None,
    width: int = 256,
    dropout: float = 0.1,
    steps: int = 3000,
    every: int = 250,
    decays: tuple[float, ...] = (0.99, 0.998),
    draws: int = 8,
) -> ConfigDict:
    """A denoiser of the latents into which fitted weights are encoded.

    Training times t of the process "flow" are logit-normal, from 0 (clean) to 1
    (noise).

    Args:
      components: numbers in the latent.
      clusters: number of k-means clusters of the latents on which the denoiser is
        conditioned; 0: none.
      location: mean of logit(t); above 0, training sees more noise.
      scale: standard deviation of logit(t).
      gram_instances: number of training instances over which the decoder's Gram matrix
        is averaged, for the latent "function_pca".
      gram_shrink: for pictures, factor by which the side of the pixel grid is shrunk on
        which the Gram matrix is computed; None for shapes.
      gram_points: for shapes, number of random points on which the Gram matrix is
        computed; None for pictures.
      width: channels of the residual MLP.
      dropout: probability of the residual MLP.
      steps: optimiser steps of training.
      every: steps between evaluations of the validation loss, each with a checkpoint.
      decays: of the moving averages of the parameters; samples are drawn with the
        average of the lowest validation loss.
      draws: times and noises per instance in the validation loss.
    """
    gram = {"shrink": gram_shrink, "points": gram_points}
    return config_dict.create(
        process="flow",  # Or "ddpm", the paper's, to be sampled with "ddim".
        flow={"location": location, "scale": scale, "floor": 0.1},
        ddpm={"steps": 1000, "first": 1e-4, "last": 2e-2, "predicts": "noise"},
        latent="function_pca",  # Or "pca", or "none": standardised weights.
        components=components,
        gram={
            "instances": gram_instances,
            **{key: value for key, value in gram.items() if value is not None},
        },
        **_denoisers(width=width, dropout=dropout),
        # Whether it learns what the best linear denoiser misses; for latents, whose
        # numbers are uncorrelated.
        precondition=False,
        # Generator from which this one is distilled: "ours" or a key of the section
        # `generators`; "": none, and it is trained on fits.
        teacher="",
        pairs=20000,  # Pairs of noise and sample that the teacher draws.
        steps=steps,
        every=every,
        batch=128,  # Instances per step.
        learning_rate=1e-3,  # At its peak, after the warm-up.
        decays=decays,
        # Whether the denoiser is conditioned on class labels; excludes clusters.
        conditional=False,
        clusters=clusters,
        drop_label=0.1,  # Probability that training hides the class or cluster.
        accumulate=1,  # Micro-batches per batch (gradient accumulation saves memory).
        # Devices per process; 0: all accelerators that divide the batch, or one CPU.
        devices=0,
        jitter=0.0,  # Standard deviation of noise added to the training latents.
        draws=draws,
        # Samples are drawn with the last parameters whose validation loss exceeds the
        # lowest one by at most this fraction.
        tolerance=0.02,
        # Consecutive evaluations above that tolerance before training stops; 0: never.
        patience=0,
    )


def _denoisers(*, width: int, dropout: float) -> dict[str, object]:
    """The name of the denoiser network, and options of all that there are."""
    transformer = {"width": 128, "depth": 4, "heads": 4}
    return {
        "denoiser": "residual_mlp",  # Without a latent: one of the transformers.
        "residual_mlp": {"width": width, "depth": 4, "dropout": dropout},
        "lora_transformer": {**transformer, "rank_width": 64, "dropout": 0.1},
        "flat_transformer": {**transformer, "dropout": 0.1},
        "tensor_transformer": {**transformer, "dropout": 0.0},
        # Sees what a vector shows on the grid: for pictures and shapes in their places.
        "grid_mixer": {
            "patch": config_dict.placeholder(int),  # Cells per side; None: a quarter.
            **{"width": 160, "depth": 4, "dropout": 0.0},
        },
    }
