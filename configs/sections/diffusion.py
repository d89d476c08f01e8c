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
    """A denoiser of the latents that fitted weights are encoded into.

    Args:
      components: numbers in the latent.
      clusters: k-means clusters of the latents that the denoiser is conditioned on;
        0: none.
      location: mean of the logit of the training times; above 0: more noise.
      scale: standard deviation of the logit of the training times.
      gram_instances: over how many the Gram matrix of the decoder is averaged.
      gram_shrink: by how much it shrinks the side of a picture.
      gram_points: random points of a shape that it is computed on, in place of
        `gram_shrink`; of the two, the recipe has the key that is not None.
      width: of the residual MLP.
      dropout: of the residual MLP.
      steps: of training.
      every: steps between held-out losses, and between checkpoints.
      decays: of moving averages of the parameters; the average that is best on held-out
        weights is sampled.
      draws: noises per instance in the held-out loss.
    """
    gram = {"shrink": gram_shrink, "points": gram_points}
    return config_dict.create(
        process="flow",  # Or "ddpm", the paper's, which is sampled with "ddim".
        flow={"location": location, "scale": scale, "floor": 0.1},
        ddpm={"steps": 1000, "first": 1e-4, "last": 2e-2, "predicts": "noise"},
        latent="function_pca",  # Or "pca", or "none" for the adapter's own numbers.
        components=components,
        gram={
            "instances": gram_instances,
            **{key: value for key, value in gram.items() if value is not None},
        },
        **_denoisers(width=width, dropout=dropout),
        # The generator whose pairs of noise and sample are learnt in place of fits,
        # "ours" or a name in the section `generators`; "": none.
        teacher="",
        pairs=20000,  # Of noise and sample, if there is a teacher.
        steps=steps,
        every=every,
        batch=128,  # Instances per step.
        learning_rate=1e-3,  # The highest, after a warm-up.
        decays=decays,
        conditional=False,  # Whether the denoiser is conditioned on the class labels,
        clusters=clusters,  # which excludes clusters.
        drop_label=0.1,  # How often training withholds the label or cluster.
        accumulate=1,  # Micro-batches per batch; more of them save memory.
        devices=0,  # Of each process; 0: all accelerators, or one CPU device.
        jitter=0.0,  # Standard deviation of noise that is added to the latents.
        draws=draws,
        # The last parameters whose held-out loss is within this share of the lowest
        # are sampled.
        tolerance=0.02,
        patience=0,  # Evaluations without such parameters until it stops; 0: never.
    )


def _denoisers(*, width: int, dropout: float) -> dict[str, object]:
    """Which network denoises, and the options of each."""
    transformer = {"width": 128, "depth": 4, "heads": 4}
    return {
        "denoiser": "residual_mlp",  # Without a latent: one of the transformers.
        "residual_mlp": {"width": width, "depth": 4, "dropout": dropout},
        "lora_transformer": {**transformer, "rank_width": 64, "dropout": 0.1},
        "flat_transformer": {**transformer, "dropout": 0.1},
        "tensor_transformer": {**transformer, "dropout": 0.0},
    }
