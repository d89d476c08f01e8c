"""Intrinsic dimension of fitted weights: a part of `analyze`."""

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments.domain.data import Data, signal
from experiments.domain.representation import Representation, entries, quality
from experiments.generator import encoding
from experiments.generator.encoding import Fitted, Latent
from wsjax import latent
from wsjax.analysis import dimension

__all__ = ["LATENTS", "LEAST_FITS", "measure"]

LEAST_FITS = 3
"""Fewest fits that `analyze` demands of each part, training and held-out.

Two principal components, the fewest that `measure` tries, need three training fits.
"""

_LEAST = 20  # Fewer training fits are too sparse for nearest neighbours.
LATENTS = {"plain": "pca", "function": "function_pca"}  # By their name in metrics.


def measure(
    options: Latent,
    form: Representation,
    data: Data,
    fits: Fitted,
    standard: np.ndarray,
) -> tuple[dict[str, float], Figure | None]:
    """Measures the intrinsic dimension of the weights.

    Args:
      options: the recipe's latent, for the points of its Gram matrix.
      form: the representation.
      data: the data set.
      fits: the fitted instances, training and held-out.
      standard: `[N, K]` standardised free entries of the training fits.

    Returns:
      `(metrics, figure)`. `components_90`: principal components that hold 90 % of the
      variance; `participation_ratio`: their effective number; `two_nn`: the estimate
      from nearest neighbours, left out for under 20 fits; `psnr_db_plain_pcaM` and
      `psnr_db_function_pcaM`: mean PSNR of held-out fits after projection to M
      components. If all training weights are equal, `components_90` is 0, the other
      metrics are left out, and the figure is None.
    """
    if not dimension.varies(standard):
        return {"components_90": 0}, None
    counts = _counts(len(standard), standard.shape[1])
    metrics = {
        "components_90": dimension.components_for(standard),
        "participation_ratio": dimension.participation_ratio(standard),
    }
    if len(standard) >= _LEAST and dimension.has_two_nn(standard):
        metrics["two_nn"] = dimension.two_nn(standard)
    kept, reached = {}, _heldout_quality(form, data, fits)
    for label, kind in LATENTS.items():
        own = options._replace(kind=kind, components=counts[-1], clusters=0)
        whole = encoding.make(own, form, fits, data, seed=0)
        kept[label] = [reached(_first(whole, count)) for count in counts]
        metrics |= {
            f"psnr_db_{label}_pca{count}": value
            for count, value in zip(counts, kept[label], strict=True)
        }
    return metrics, _figure(dimension.spectrum(standard), counts, kept)


def _counts(n: int, k: int) -> list[int]:
    """Numbers of components to try: powers of two that n fits of k entries allow."""
    most = min(n - 1, k)
    return [2**i for i in range(1, 20) if 2**i <= most]


def _first(whole: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """The encoding `whole` with all components after the first `count` set to 0."""
    project = whole["project"]
    return {**whole, "project": project * (np.arange(project.shape[1]) < count)}


def _heldout_quality(form: Representation, data: Data, fits: Fitted):
    """Builds `quality(encoding)`: mean PSNR in dB of held-out fits, as a float.

    Every held-out fit is encoded and decoded before it is rendered.
    """
    free = entries(form, fits.first)
    instances = data.domain.few(data.domain.read(fits.rows[fits.heldout]))
    score, grid = quality(form, form.base), data.grid

    @jax.jit
    def mean(encoded, vectors, instances):
        codec = latent.codec(free, encoded)

        def one(pair):
            vector, instance = pair
            adapter = codec.decode(codec.encode(free.decode(vector)))
            return score(adapter, signal(grid, instance))

        return jax.lax.map(one, (vectors, instances)).mean()

    return lambda encoded: float(mean(encoded, fits.vectors[fits.heldout], instances))


def _figure(shares: np.ndarray, counts: list[int], kept: dict[str, list]) -> Figure:
    figure = Figure(figsize=(7.2, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(1 + np.arange(len(shares)), shares.cumsum())
    left.set(xscale="log", xlabel="principal components", ylabel="share of variance")
    for label, qualities in kept.items():
        right.plot(counts, qualities, marker=".", label=f"{label} PCA")
    right.set(xscale="log", xlabel="components kept", ylabel="PSNR, dB")
    right.legend()
    return figure
