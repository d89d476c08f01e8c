"""Tables of the report that compare representations, or generators."""

import pathlib
from collections.abc import Mapping

import numpy as np

from wsjax import files, store
from wsjax.analysis.interval import interval
from wsjax.representations import NAMES

__all__ = ["alike", "fits", "generators", "ordered", "perturbations", "probed"]

_ACCURACIES = ("one_nn_accuracy", "logistic_accuracy")


def ordered(metrics: dict[str, dict]) -> dict[str, dict]:
    """Sorts metrics by representation into the order of `NAMES`."""
    return {name: metrics[name] for name in NAMES if name in metrics}


def fits(
    root: pathlib.Path, metrics: dict[str, dict], rates: Mapping[str, float]
) -> list[dict]:
    """Compares the fits of all representations on the instances that all of them have.

    Args:
      root: the run folder.
      metrics: of the finished fits, by representation.
      rates: learning rates of the recipe, by representation.

    Returns:
      A row per representation: its metrics, `name`, `learning_rate`, `n_common` and
      `n_common_test` instances, mean PSNR in dB over both sets (`psnr_db_common`,
      `psnr_db_common_test`) and `psnr_db_common_test_ci95`, half the width of the
      95 % confidence interval. A mean without enough instances is None.
    """
    manifests = _manifests(root, metrics)
    common = set.intersection(*map(set, manifests.values())) if manifests else set()
    rows = []
    for name, row in ordered(metrics).items():
        instances = [i for key, i in manifests[name].items() if key in common]
        done = [i for i in instances if i.get("psnr_db") is not None]
        test = [i["psnr_db"] for i in done if i["part"] == "test"]
        mean, half = interval(np.array(test)) if len(test) > 1 else (None, None)
        extra = {
            "name": name,
            "n_common": len(common),
            "n_common_test": sum(i["part"] == "test" for i in instances),
            "psnr_db_common": np.mean([i["psnr_db"] for i in done]) if done else None,
            "psnr_db_common_test": mean,
            "psnr_db_common_test_ci95": half,
            "learning_rate": rates.get(name),
        }
        rows.append(row | extra)
    return rows


def alike(root: pathlib.Path, metrics: dict[str, dict]) -> dict[str, dict]:
    """Compares the surfaces of all representations on the test part.

    Each measure is averaged over the test instances for which all representations
    have it. A fitted field without a surface has an IoU but no Chamfer distance, so
    there may be fewer instances for the latter.

    Args:
      root: the run folder.
      metrics: of the finished fits, by representation.

    Returns:
      By representation: `n_flat`, the number of its fits without a surface; `n_iou`
      and `n_chamfer_squared`, the numbers of instances compared; and, for two instances
      or more, the means `iou` and `chamfer_squared`, and half the width of their 95 %
      confidence intervals, `iou_ci95` and `chamfer_squared_ci95`.
    """
    manifests = _manifests(root, metrics)
    rows: dict[str, dict[str, float]] = {}
    for name, manifest in manifests.items():
        measured = [i for i in manifest.values() if i.get("iou") is not None]
        rows[name] = {"n_flat": sum(map(flat, measured))}
    for measure in ("iou", "chamfer_squared"):
        chosen = [
            {
                k
                for k, i in m.items()
                if i["part"] == "test" and i.get(measure) is not None
            }
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
    """Whether an instance of the manifest was measured and its field has no surface."""
    has_iou = instance.get("iou") is not None
    return has_iou and not instance.keys() & {"chamfer_squared", "unmeasured"}


def _manifests(root: pathlib.Path, metrics) -> dict[str, dict[str, dict]]:
    """Instances of the manifests, by representation and by their own name."""
    manifests = {}
    for name in metrics:
        instances = store.manifest(root / "fit" / name)["instances"]
        manifests[name] = {i["name"]: i for i in instances}
    return manifests


def probed(metrics: dict, view: str) -> list[dict]:
    """Compares the features that `analyze` read classes off.

    Args:
      metrics: of `analyze`.
      view: name in them of the values on the common grid.

    Returns:
      A row per kind of features that was probed: its `name`, the prefix of its metrics
      without the underscore; `n_train` and `n_heldout` instances; and the metrics
      without the prefix. The weights are named "weights"; "paired" are those of the
      instances that "common" has.
    """
    rows = []
    for name in (view, "weights", "start", "moved", "paired", "common"):
        prefix = "" if name == "weights" else f"{name}_"
        keys = [f"{k}{end}" for k in _ACCURACIES for end in ("", "_ci95")]
        row = {k: metrics.get(prefix + k) for k in (*keys, "kmeans_ari")}
        if row["one_nn_accuracy"] is not None:
            some = "common_" if name in ("paired", "common") else ""
            judged = metrics[f"{some}n_heldout"]
            counts = {"n_train": metrics[f"{some}n"] - judged, "n_heldout": judged}
            rows.append({"name": name, **counts, **row})
    return rows


def perturbations(metrics: dict[str, dict], *, near: float = 0.3) -> dict[str, str]:
    """Chooses the perturbations of the structure study that the page shows.

    Args:
      metrics: of the structure study, by row.
      near: the strength lambda nearest to it is chosen, after the three largest
        displacements.

    Returns:
      By label, such as "d = 0.1", how the keys of the metrics end: "displaced_0.1".
    """
    keys = {key for row in metrics.values() for key in row}

    def sizes(kind: str) -> list[str]:
        """As written in the keys, rising."""
        beginning = f"barrier_{kind}_"
        means = [k for k in keys if k.startswith(beginning) and k[-5:] != "_ci95"]
        return sorted((k.removeprefix(beginning) for k in means), key=float)

    nearest = sorted(sizes("lambda"), key=lambda text: abs(float(text) - near))[:1]
    shown = {f"d = {text}": f"displaced_{text}" for text in sizes("displaced")[-3:]}
    return shown | {f"λ = {text}": f"lambda_{text}" for text in nearest}


def generators(
    root: pathlib.Path, judged: dict[str, dict], own: str, rivals: list[str]
) -> list[dict]:
    """Compares all generators: trained ones, trivial ones, and real instances.

    Args:
      root: the run folder.
      judged: metrics of the trained generators by name, the recipe's own first.
      own: name of the recipe's own generator.
      rivals: names of the recipe's other generators, judged or not.

    Returns:
      A row per generator: its metrics, its `name`, the `reasons` why it failed the
      audit, its `kind` ("trained", "trivial" or
      "real"), and whether it is the recipe's `own`. The last two rows, `floor` and
      `ceiling`, are those of real instances. `cpu_seconds_training` of trained ones is
      None unless `experiments.generation` has compared them.
    """
    paths = [root / "evaluate" / name / "baselines.json" for name in [own, *judged]]
    path = next((path for path in paths if path.exists()), None)
    known = {} if path is None else files.read_json(path)
    # The file may hold rivals too, which have rows of their own.
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
        row["reasons"] = _reasons(root, row["name"])
    return rows + [_end(rows[0], end) for end in ("floor", "ceiling") if rows]


def _reasons(root: pathlib.Path, name: str) -> list[str]:
    """Why a trained generator failed the audit; none of one that was not audited."""
    path = root / "evaluate" / name / "audit.json"
    found = files.read_json(path) if path.exists() else {}
    return found.get(name, {}).get("reasons", [])


def _end(row: dict, end: str) -> dict:
    """The row of real instances, from the floors or ceilings in a generator's row.

    For example, `fd_pixel_pca32_ceiling` becomes `fd_pixel_pca32` of the row "ceiling".
    """
    real = {"name": end, "kind": "real", "own": False}
    for key, value in row.items():
        if key.endswith("_floor"):
            real[key] = value
        if key.endswith(f"_{end}"):
            real[key.removesuffix(f"_{end}")] = value
    return real


def noticed(judged: dict[str, float]) -> dict[str, list[float]]:
    """How often the audit refuses samples of which a share are copies.

    Args:
      judged: metrics of a generator.

    Returns:
      `shares` of the copies, rising, and fractions of refused draws at each: of
      `copies` and of `noisy_copies`; empty if they were not measured.
    """
    start = "refused_copies_"
    texts = [key.removeprefix(start) for key in judged if key.startswith(start)]
    if not texts:
        return {}
    texts = sorted(texts, key=float)
    found = {"shares": [float(text) for text in texts]}
    for kind in ("copies", "noisy_copies"):
        found[kind] = [judged.get(f"refused_{kind}_{text}") for text in texts]
    return found
