"""The section `base`: the frozen field that all instances share, and its training."""

from ml_collections import ConfigDict, FieldReference, config_dict

__all__ = ["base", "budget", "encoder", "field", "rehearsal"]


def budget(*, seconds: float | None = None) -> FieldReference:
    """How long the training of the base may take; it scales steps and episodes.

    Args:
      seconds: of the processor, on an accelerator of the clock, compiling left out;
        None: as many steps and episodes as the section `base` has.
    """
    return FieldReference(seconds, field_type=float)


def field(
    *,
    width: int,
    blocks: int,
    omega: float,
    latent_dim: int,
    style_dim: int,
    dim: int | None = None,
) -> ConfigDict:
    """Sizes of the base field; a latent modulates it while it is trained.

    Args:
      width: channels of each hidden layer.
      blocks: residual blocks of two layers.
      omega: largest angular frequency of the Fourier layer, in radians per unit of the
        coordinate. Fine detail needs a large one, which costs smooth signals quality.
      latent_dim: numbers in the latent of each instance while the base is trained.
      style_dim: numbers in the style to which the latent is mapped.
      dim: coordinates of a point; None leaves the key out, which means two.
    """
    own = config_dict.create(
        width=width,
        blocks=blocks,
        omega=omega,
        latent_dim=latent_dim,
        style_dim=style_dim,
        mapping_depth=2,  # Layers from the latent to the style.
    )
    if dim is not None:
        own.dim = dim
    return own


def base(
    *,
    field: ConfigDict,
    steps: tuple[int, ...],
    batches: tuple[int, ...],
    points: tuple[int, ...],
    learning_rate: float,
    rehearsal: ConfigDict,
    encoder: ConfigDict | None = None,
    factors: tuple[int, ...] = (4, 2, 1),
    n: int | None = None,
    chunk: int = 8,
    every: int = 400,
    decay: float = 0.995,
) -> ConfigDict:
    """Training of the base as an autodecoder, by rehearsal, then with an encoder.

    Args:
      field: from `field`.
      steps: optimiser steps of each stage.
      batches: instances per step of each stage.
      points: random points per instance and step of each stage; 0: all points.
      learning_rate: of the autodecoder's first step.
      rehearsal: from `rehearsal`.
      encoder: from the function `encoder`; None: no encoder is trained.
      factors: factor by which each stage shrinks the side of pictures, the largest
        first; shapes ignore them.
      n: number of training instances that the autodecoder sees; None: all. It learns
        faster from a few instances that recur often than from many.
      chunk: instances whose gradients are computed at once.
      every: steps between checkpoints.
      decay: of the moving average of the parameters, which becomes the base.
    """
    return config_dict.create(
        field=field,
        n=FieldReference(n, field_type=int),
        factors=factors,
        batches=batches,
        points=points,
        chunk=chunk,
        steps=steps,
        every=every,
        learning_rate=learning_rate,
        penalty=1e-4,  # Weight of the squared latents: lambda_r of the paper's Eq. 4.
        decay=decay,
        rehearsal=rehearsal,
        encoder=encoder or _no_encoder(),
    )


def rehearsal(
    *,
    episodes: int,
    steps: int,
    batch: int,
    points: int,
    chunk: int = 2,
    fit_learning_rate: float = 0.08,
    learning_rate: float = 2e-3,
    every: int = 10,
) -> ConfigDict:
    """Meta-learning of the base: it is trained during fits, so that later fits go well.

    Each episode fits adapters to a batch of training instances, and every step of these
    fits is also a step of the base (`wsjax.fit.rehearsal`).

    Args:
      episodes: number of episodes; 0: no rehearsal.
      steps: of each fit, and of the base, per episode.
      batch: instances per episode.
      points: random points per instance and step.
      chunk: instances whose gradients are computed at once.
      fit_learning_rate: of the fits.
      learning_rate: of the base.
      every: episodes between checkpoints.
    """
    return config_dict.create(
        episodes=episodes,
        adapter="mlora_asym",  # Representation of the fits.
        batch=batch,
        steps=steps,
        points=points,
        chunk=chunk,
        fit_learning_rate=fit_learning_rate,
        b2=0.9,  # Second-moment decay of the fits' Adam.
        learning_rate=learning_rate,
        every=every,
    )


def encoder(
    *,
    steps: int,
    batch: int = 32,
    points: int = 256,
    chunk: int = 2,
    learning_rate: float = 2e-3,
    every: int = 200,
) -> ConfigDict:
    """Training of the encoder of the representation `encoded`, and of the base with it.

    Args:
      steps: of the optimiser; 0: no encoder is trained.
      batch: instances per step.
      points: random points per instance and step.
      chunk: instances whose fields are computed at once.
      learning_rate: of the network and of the base, after the warm-up.
      every: steps between checkpoints.
    """
    return config_dict.create(
        steps=steps,
        batch=batch,
        points=points,
        chunk=chunk,
        learning_rate=learning_rate,
        every=every,
    )


def _no_encoder() -> ConfigDict:
    return encoder(steps=0)
