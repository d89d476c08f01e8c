r"""Audits samples of any generator: are they copied, and are they good?

  python -m experiments.audit --train=train.npz --real=test.npz --samples=new.npz

Each is an `.npz` of pictures or of rows, a folder of pictures or of meshes, or a weight
set that `fit` or `sample` wrote. `--train` is what the generator learnt from, `--real`
what it never saw. Prints a table of the samples and of trivial generators beside them,
writes audit.json and suspects.json (the samples nearest to a training thing) into
`--out`, if given. configs/audit.md explains each figure.
"""

import pathlib

import numpy as np
from absl import flags

from experiments.judging import alike, judge, rows, verdicts
from experiments.running import blas, launch
from wsjax import files
from wsjax.metrics import audit
from wsjax.metrics.copy_measures import neighbours

_REAL = flags.DEFINE_string("real", None, "Things that the generator never saw.")
_SAMPLES = flags.DEFINE_string("samples", None, "Things that it generated.")
_TRAIN = flags.DEFINE_string("train", None, "Things that it was trained on.")
_SIZE = flags.DEFINE_integer("size", None, "Pixels or cells per side.", 4)
_FEATURES = flags.DEFINE_list("features", [], "Feature spaces, each module:function.")
_OUT = flags.DEFINE_string("out", None, "Folder for audit.json and suspects.json.")
_SEED = flags.DEFINE_integer("seed", 0, "Of all random choices.")
_NAME = "samples"
_SUSPECTS = 20


@blas.one_thread
def run(
    train: str,
    real: str,
    samples: str,
    *,
    size: int | None = None,
    features: tuple[str, ...] = (),
    out: str | None = None,
    seed: int = 0,
) -> dict[str, audit.Audit]:
    """Audits samples; returns the verdict on them and on trivial generators.

    Args:
      train: path of what the generator learnt from.
      real: path of held-out things of the same kind.
      samples: path of what it generated.
      size: side to which pictures and shapes are brought; None: see `rows.read_rows`.
      features: further feature spaces, each `module:function`.
      out: folder for audit.json and suspects.json; None writes nothing.
      seed: of all random choices.

    Raises:
      FileNotFoundError, ValueError: if a set cannot be read or differs in shape.
    """
    paths = {"train": train, "real": real, "samples": samples}
    parts = {"train": "train", "real": "test"}
    read = {
        name: rows.read_rows(path, size=size, part=parts.get(name))
        for name, path in paths.items()
    }
    alike.check(read, paths)
    taught, labels = read["train"].things, read["train"].labels
    made = read["samples"].things
    found = audit.audit(
        _different(taught),
        read["real"].things,
        {_NAME: made},
        spaces=rows.spaces_of(taught, labels, list(features), seed=seed),
        trivial=verdicts.of_values(taught, len(made), seed=seed),
        seed=seed,
    )
    found[_NAME] = _complete(found[_NAME], read["samples"].skipped)
    _print(found)
    if out is not None:
        folder = pathlib.Path(out).expanduser()
        written = {
            name: verdicts.figures(verdict) | verdicts.described({name: verdict})[name]
            for name, verdict in found.items()
        }
        files.write_json(folder / "audit.json", files.finite(written))
        files.write_json(
            folder / "suspects.json",
            {"suspects": _suspects(read["train"], read["samples"])},
        )
    return found


def _different(things: np.ndarray) -> np.ndarray:
    """Each thing once: what is there twice would hide copies of it from the ratio."""
    first = {row.tobytes(): i for i, row in reversed(list(enumerate(things)))}
    return things[sorted(first.values())]


def _complete(verdict: audit.Audit, skipped: dict[str, str]) -> audit.Audit:
    """The verdict, failed if samples could not be used: these may be the copies."""
    if not skipped:
        return verdict
    name, why = next(iter(skipped.items()))
    return verdict.failed(
        f"{len(skipped)} samples cannot be used, the first is {name}: {why}"
    )


def _suspects(train: rows.Rows, made: rows.Rows) -> list[dict]:
    """The samples that stand out most about one training thing, and which that is."""
    near = neighbours(judge.flat(train.things), cells=1)(judge.flat(made.things))
    order = np.argsort(near.ratio, kind="stable")[:_SUSPECTS]
    return [
        {
            "sample": made.names[i],
            "train": train.names[near.place[i]],
            "distance": float(near.distance[i]),
            "ratio": float(near.ratio[i]),
        }
        for i in order
    ]


def _print(found: dict[str, audit.Audit]) -> None:
    spaces = list(next(iter(found.values())).quality)
    heads = ["audit", "novelty", "copies", "single", "C_T", *spaces]
    print(" " * 20 + "".join(f"{head:>12}" for head in heads), flush=True)
    for name, verdict in found.items():
        copied = verdict.copying
        cells = ["passed" if verdict.passed else "failed", f"{copied.novelty:.2f}"]
        shares = copied.copy_fraction, copied.single_fraction
        cells += [*(f"{share:.1%}" for share in shares), f"{copied.ct:.1f}"]
        cells += [f"{verdict.quality[space].excess.mean:.3g}" for space in spaces]
        print(f"{name:20}" + "".join(f"{cell:>12}" for cell in cells), flush=True)
    for reason in found[_NAME].reasons:
        print(f"  {reason}")


if __name__ == "__main__":
    flags.mark_flags_as_required(["train", "real", "samples"])
    launch.main(
        lambda: run(
            _TRAIN.value,
            _REAL.value,
            _SAMPLES.value,
            size=_SIZE.value,
            features=tuple(_FEATURES.value),
            out=_OUT.value,
            seed=_SEED.value,
        ),
        recipe=False,
    )
