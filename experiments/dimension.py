"""How many numbers an instance really needs: a part of `analyze`."""

import jax
import numpy as np
from matplotlib.figure import Figure
from ml_collections import ConfigDict

from experiments import encoding, parts
from wsjax import latent
from wsjax.analysis import dimension, spectrum
from wsjax.metrics.reconstruction import psnr

_LEAST = 20  # Fewer instances have too few neighbours.
LATENTS = {"plain": "pca", "function": "function_pca"}


def measure(
    config: ConfigDict,
    form: parts.Representation,
    data: parts.Data,
    fits: encoding.Fitted,
) -> tuple[dict[str, float], Figure]:
    """Intrinsic dimension of the weights, as metrics and a figure.

    The spectrum and both dimensions are of the standardised training weights; the
    quality at M components is that of held-out instances which were projected.
    """
    train = fits.vectors[~fits.heldout]
    scaled = latent.statistics(train, latent.groups(form.adapter.free(form.base)))
    standard = (train - scaled["mean"]) / scaled["scale"]
    counts = _counts(len(standard), standard.shape[1])
    metrics = {
        "components_90": spectrum.components_for(standard),
        "participation_ratio": dimension.participation_ratio(standard),
    }
    if len(standard) >= _LEAST:
        metrics["two_nn"] = dimension.two_nn(standard)
    kept = {}
    for label, kind in LATENTS.items():
        kept[label] = _kept(config, kind, form, data, fits, counts)
        metrics |= {
            f"psnr_db_{label}_pca{count}": quality
            for count, quality in zip(counts, kept[label], strict=True)
        }
    return metrics, _figure(dimension.spectrum(standard), counts, kept)


def _counts(n: int, k: int) -> list[int]:
    """Powers of two up to what the data can carry."""
    most = min(n - 1, k)
    return [2**i for i in range(1, 20) if 2**i <= most]


def _kept(config, kind, form, data, fits, counts) -> list[float]:
    """Mean PSNR in dB of held-out instances rebuilt from their first M components."""
    own = config.copy_and_resolve_references()
    own.diffusion.latent, own.diffusion.components = kind, counts[-1]
    whole = encoding.make(own, form, fits, data)
    entries = parts.entries(form, fits.first)
    rows = fits.rows[fits.heldout]
    points, values = data.signals(rows)
    render = parts.renderer(form, points[0])

    @jax.jit
    def quality(encoded, vectors, values):
        codec = latent.codec(entries, encoded)

        def one(pair):
            vector, target = pair
            adapter = codec.decode(codec.encode(entries.decode(vector)))
            return psnr(render(adapter), target)

        return jax.lax.map(one, (vectors, values)).mean()

    found = []
    for count in counts:
        encoded = {
            **whole,
            "project": whole["project"] * (np.arange(counts[-1]) < count),
        }
        found.append(float(quality(encoded, fits.vectors[fits.heldout], values)))
    return found


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
