"""Tables of the report that set the representations side by side."""

import pathlib

import numpy as np
from ml_collections import ConfigDict

from wsjax import adapters, store
from wsjax.analysis.interval import interval


def ordered(metrics: dict[str, dict]) -> dict[str, dict]:
    """Metrics by representation, in the order that all tables share."""
    return {name: metrics[name] for name in adapters.ADAPTERS if name in metrics}


def fits(root: pathlib.Path, metrics: dict[str, dict], rates: ConfigDict) -> list[dict]:
    """Metrics of every fit, and its PSNR in dB on the instances that all of them have.

    Args:
      root: the run folder.
      metrics: of the finished fits, by representation.
      rates: the learning rates of the recipe.

    Returns:
      A row per representation: `psnr_db_common`, and on the held-out ones among the
      common instances `psnr_db_common_heldout` with its 95 % confidence interval.
    """
    manifests = {}
    for name in metrics:
        instances = store.manifest(root / "fit" / name)["instances"]
        manifests[name] = {i["name"]: i for i in instances}
    common = set.intersection(*map(set, manifests.values())) if manifests else set()
    rows = []
    for name, found in ordered(metrics).items():
        instances = [i for key, i in manifests[name].items() if key in common]
        done = [i for i in instances if i["psnr_db"] is not None]
        heldout = [i["psnr_db"] for i in done if i["heldout"]]
        mean, half = interval(heldout) if len(heldout) > 1 else (None, None)
        extra = {
            "name": name,
            "n_common": len(common),
            "n_common_heldout": sum(i["heldout"] for i in instances),
            "psnr_db_common": np.mean([i["psnr_db"] for i in done]) if done else None,
            "psnr_db_common_heldout": mean,
            "psnr_db_common_heldout_ci95": half,
            "learning_rate": rates.get(name),
        }
        rows.append(found | extra)
    return rows


def strengths(metrics: dict[str, dict], *, near: float = 0.3) -> list[str]:
    """Perturbations of the structure study that the page shows, rising.

    Args:
      metrics: of the structure study, by representation.
      near: the two strengths nearest to it are shown, and the largest.

    Returns:
      Strengths as the keys of the metrics spell them.
    """
    prefix = "barrier_lambda_"
    keys = {key for found in metrics.values() for key in found}
    texts = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
    rising = sorted(texts, key=float)
    nearest = sorted(rising, key=lambda text: abs(float(text) - near))[:2]
    return sorted({*nearest, *rising[-1:]}, key=float)
