"""How many numbers an instance really needs: a part of `analyze`."""

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
"""Fits that each part needs: a component takes two differences of training fits."""

_LEAST = 20  # Fewer instances have too few neighbours.
LATENTS = {"plain": "pca", "function": "function_pca"}


def measure(
    options: Latent,
    form: Representation,
    data: Data,
    fits: Fitted,
    standard: np.ndarray,
) -> tuple[dict[str, float], Figure | None]:
    """Intrinsic dimension of the weights, as metrics and a figure.

    The spectrum and both dimensions are of `standard` `[N, K]`, the standardised
    training weights; the quality at M components is that of held-out instances which
    were projected. Where all training weights are equal there is no variance, and no
    figure but a number of components of 0.
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
    """Powers of two up to what the data can carry."""
    most = min(n - 1, k)
    return [2**i for i in range(1, 20) if 2**i <= most]


def _first(whole: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """An encoding whose later components are always 0."""
    project = whole["project"]
    return {**whole, "project": project * (np.arange(project.shape[1]) < count)}


def _heldout_quality(form: Representation, data: Data, fits: Fitted):
    """`quality(encoding)`: mean PSNR in dB of held-out instances after the way back."""
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
