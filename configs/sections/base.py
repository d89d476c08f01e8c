"""The section `base`: the field that all instances share, and how it is trained."""

from ml_collections import ConfigDict, FieldReference, config_dict

__all__ = ["base", "field", "rehearsal"]


def field(
    *,
    width: int,
    blocks: int,
    omega: float,
    latent_dim: int,
    style_dim: int,
    dim: int | None = None,
) -> ConfigDict:
    """The modulated field.

    Args:
      width: channels of each hidden layer.
      blocks: residual blocks of two layers.
      omega: largest angular frequency of the Fourier layer, in radians per unit of the
        coordinate; fine detail needs a large one, smooth signals lose by it.
      latent_dim: numbers of an instance's latent while the base is trained.
      style_dim: numbers of the style that the latent is mapped to.
      dim: coordinates of a point; None: two, and the recipe has no such key.
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
    factors: tuple[int, ...] = (4, 2, 1),
    n: int | None = None,
    chunk: int = 8,
    every: int = 400,
    decay: float = 0.995,
) -> ConfigDict:
    """An autodecoder that is trained in stages, then in rehearsed fits.

    Args:
      field: the section's own section `field`.
      steps: of each stage.
      batches: instances per step of each stage.
      points: random points of an instance per step of each stage; 0: all of them.
      learning_rate: of the first step.
      rehearsal: the section's own section `rehearsal`.
      factors: by how much each stage shrinks the pictures, low resolution first.
      n: how many training instances the autodecoder sees; None: all. A few that it
        visits often teach it faster than many.
      chunk: instances whose gradients are computed at once.
      every: steps between checkpoints.
      decay: of the moving average of the parameters, which is what later stages use.
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
    """Batches of fits during which the base learns along, so that fits suit it.

    Args:
      episodes: how many batches of fits; 0: the base is trained without.
      steps: of each fit, and of the base along with it.
      batch: instances per episode.
      points: random points of an instance per step.
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
