"""Tables of the report that set representations, or generators, side by side."""

import pathlib
from collections.abc import Mapping

import numpy as np

from wsjax import adapters, files, store
from wsjax.analysis.interval import interval

__all__ = ["alike", "fits", "generators", "ordered", "strengths"]


def ordered(metrics: dict[str, dict]) -> dict[str, dict]:
    """Metrics by representation, in the order that all tables share."""
    return {name: metrics[name] for name in adapters.ADAPTERS if name in metrics}


def fits(
    root: pathlib.Path, metrics: dict[str, dict], rates: Mapping[str, float]
) -> list[dict]:
    """Metrics of every fit, and its PSNR in dB on the instances that all of them have.

    Args:
      root: the run folder.
      metrics: of the finished fits, by representation.
      rates: the learning rates of the recipe.

    Returns:
      A row per representation: `psnr_db_common`, and on the held-out ones among the
      common instances `psnr_db_common_heldout` with its 95 % confidence interval.
    """
    manifests = _manifests(root, metrics)
    common = set.intersection(*map(set, manifests.values())) if manifests else set()
    rows = []
    for name, found in ordered(metrics).items():
        instances = [i for key, i in manifests[name].items() if key in common]
        done = [i for i in instances if i.get("psnr_db") is not None]
        heldout = [i["psnr_db"] for i in done if i["heldout"]]
        mean, half = interval(np.array(heldout)) if len(heldout) > 1 else (None, None)
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


def alike(root: pathlib.Path, metrics: dict[str, dict]) -> dict[str, dict]:
    """How near fits of shapes come on held-out instances that all fits have.

    A fit without a surface has no distance from the true one, so distances are compared
    on the instances of which every fit has a surface.

    Args:
      root: the run folder.
      metrics: of the finished fits, by representation.

    Returns:
      By representation `n_flat`, its fits without a surface, and for `iou` and
      `chamfer_squared` the number `n_` of instances, the mean and its 95 % confidence
      interval `_ci95`, where there are two instances or more.
    """
    manifests = _manifests(root, metrics)
    rows: dict[str, dict[str, float]] = {}
    for name, manifest in manifests.items():
        measured = [i for i in manifest.values() if i.get("iou") is not None]
        rows[name] = {"n_flat": sum(map(flat, measured))}
    for measure in ("iou", "chamfer_squared"):
        chosen = [
            {k for k, i in m.items() if i["heldout"] and i.get(measure) is not None}
            for m in manifests.values()
        ]
        names = sorted(set.intersection(*chosen)) if chosen else []
        for name, row in rows.items():
            row[f"n_{measure}"] = len(names)
            if len(names) > 1:
                values = np.array([manifests[name][k][measure] for k in names])
                row[measure], row[f"{measure}_ci95"] = interval(values)
    return rows


def flat(instance: dict) -> bool:
    """Whether a fit was measured and has no surface."""
    has_iou = instance.get("iou") is not None
    return has_iou and not instance.keys() & {"chamfer_squared", "unmeasured"}


def _manifests(root: pathlib.Path, metrics) -> dict[str, dict[str, dict]]:
    """The instances of every fit by name."""
    found = {}
    for name in metrics:
        instances = store.manifest(root / "fit" / name)["instances"]
        found[name] = {i["name"]: i for i in instances}
    return found


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


def generators(
    root: pathlib.Path, judged: dict[str, dict], own: str, rivals: list[str]
) -> list[dict]:
    """Figures of every generator: what was trained, what learns nothing, the ends.

    Args:
      root: the run folder.
      judged: metrics by the name of what was trained, the recipe's own first.
      own: name of the recipe's own.
      rivals: names of the others in the recipe, judged or not.

    Returns:
      A row each with its `name`, its `kind`, "trained", "trivial" or "real", and
      whether it is the recipe's `own`; last come the `floor` and the `ceiling`, which
      have the figures of real instances. Of what was trained `cpu_seconds_training`
      is known where all were compared.
    """
    paths = [root / "evaluate" / name / "baselines.json" for name in [own, *judged]]
    path = next((path for path in paths if path.exists()), None)
    known = {} if path is None else files.read_json(path)
    # Rivals that were judged stand there too.
    trivial = {name: row for name, row in known.items() if name not in rivals}
    path = root / "generation.json"
    spent = files.read_json(path) if path.exists() else {}
    key = "cpu_seconds_training"
    rows = [
        {"name": name, "kind": "trained", key: spent.get(name, {}).get(key), **row}
        for name, row in judged.items()
    ]
    rows += [{"name": name, "kind": "trivial", **row} for name, row in trivial.items()]
    for row in rows:
        row["own"] = row["name"] == own
    return rows + [_end(rows[0], end) for end in ("floor", "ceiling") if rows]


def _end(row: dict, end: str) -> dict:
    """What real instances reach, as every row says beside its own figures."""
    found = {"name": end, "kind": "real", "own": False}
    for key, value in row.items():
        if key.endswith("_floor"):
            found[key] = value
        if key.endswith(f"_{end}"):
            found[key.removesuffix(f"_{end}")] = value
    if end == "floor" and "class_accuracy_heldout" in row:
        found["class_accuracy"] = row["class_accuracy_heldout"]
    return found
