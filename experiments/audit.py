r"""Audits samples of any generator: are they copied, and are they good?

  python -m experiments.audit --train=train.npz --real=test.npz --samples=new.npz

Each is an `.npz` of pictures or of rows, a folder of pictures or of meshes, or a weight
set that `fit` or `sample` wrote. `--train` is what the generator learnt from, `--real`
what it never saw; feature spaces learn from `--validation`, or else from half of
`--real`. Prints a table of the samples and of trivial generators beside them, writes
audit.json and suspects.json (samples that stand out about a training thing) into
`--out`, if given. configs/audit.md explains each figure.
"""

import pathlib
from collections.abc import Callable

import numpy as np
from absl import flags

from experiments.judging import alike, judge, rows, trials, units, verdicts
from experiments.judging.trials import Sets
from experiments.recipe import ranges
from experiments.running import blas, launch
from wsjax import files
from wsjax.metrics import audit
from wsjax.metrics.copy_measures import neighbours
from wsjax.metrics.features import has_classes
from wsjax.metrics.verdict import FAILED, PASSED, TRIVIAL, UNDECIDED

_REAL = flags.DEFINE_string("real", None, "Things that the generator never saw.")
_SAMPLES = flags.DEFINE_string("samples", None, "Things that it generated.")
_TRAIN = flags.DEFINE_string("train", None, "Things that it was trained on.")
_VALIDATION = flags.DEFINE_string(
    "validation", None, "Things that feature spaces learn from; None: half of --real."
)
_RANGE = flags.DEFINE_list("range", None, "Pixel values of black and white.")
_SIZE = flags.DEFINE_integer("size", None, "Pixels or cells per side.", 4)
_FEATURES = flags.DEFINE_list("features", [], "Feature spaces, each module:function.")
_CONTROL = flags.DEFINE_integer("control", 4, "Audits of real things.", 0)
_OUT = flags.DEFINE_string("out", None, "Folder for audit.json and suspects.json.")
_SEED = flags.DEFINE_integer("seed", 0, "Of all random choices.")
_NAME = "samples"
_SUSPECTS = 20
_KINDS = (PASSED, FAILED, UNDECIDED)


@blas.one_thread
def run(
    train: str,
    real: str,
    samples: str,
    *,
    validation: str | None = None,
    size: int | None = None,
    span: tuple[float, float] | None = None,
    features: tuple[str, ...] = (),
    repeats: int = 4,
    out: str | None = None,
    seed: int = 0,
) -> dict[str, audit.Audit]:
    """Audits samples; returns the verdict on them and on trivial generators.

    Args:
      train: path of what the generator learnt from.
      real: path of held-out things of the same kind.
      samples: path of what it generated.
      validation: path of things of the same kind, that it was not trained on either,
        from which feature spaces learn; None sets half of the held-out things aside.
      size: side to which pictures and shapes are brought; None: see `rows.read_rows`.
      span: values of black and white; None: see `rows.read_rows`.
      features: further feature spaces, each `module:function`.
      repeats: how often real things are audited in place of the samples.
      out: folder for audit.json and suspects.json; None writes nothing.
      seed: of all random choices.

    Raises:
      FileNotFoundError, ValueError: if a set cannot be read or differs in shape.
      NotADirectoryError: if `out` is a file.
    """
    folder = None if out is None else _folder(out)
    _check_seed(seed)
    paths = {"train": train, "real": real, "samples": samples}
    if validation is not None:
        paths["validation"] = validation
    read, restored = _read(paths, size=size, span=span)
    known, made = read["train"], read["samples"]
    lesson, reference = _lesson(read, seed=seed)
    learning = {"seed": seed, "restored": restored}

    def spaces(fewest: int) -> dict:
        taught = lesson.things, lesson.labels
        return rows.spaces_of(*taught, list(features), fewest=fewest, **learning)

    sets = Sets(known.things, read["real"].things, reference.things, spaces)
    n = len(made.things)
    found = trials.audited(sets, {_NAME: made.things}, n=n, seed=seed)
    found[_NAME] = _complete(found[_NAME], made.skipped)
    notes = trials.control(sets, n=n, repeats=repeats, seed=seed)
    notes |= trials.noticed(sets, made.things, seed=seed)
    _print(found, notes)
    if known.labels is not None and not has_classes(lesson.labels):
        print("no classifier: what feature spaces learn from has no two classes")
    if folder is not None:
        _write(folder, found, notes, _suspects(known, made))
    return found


def _read(paths: dict[str, str], **options) -> tuple[dict[str, rows.Rows], Callable]:
    """The sets, each training thing once, and what `units.common` returns."""
    parts = {"train": "train", "real": "test", "validation": "validation"}
    read = {
        name: rows.read_rows(path, part=parts.get(name), **options)
        for name, path in paths.items()
    }
    read["train"] = rows.different(read["train"])
    alike.check_kinds(read, paths)
    read, restored = units.common(read, paths)
    alike.check_values(read)
    return read, restored


def _lesson(read: dict[str, rows.Rows], *, seed: int) -> tuple[rows.Rows, rows.Rows]:
    """What feature spaces learn from, and the held-out things that are not in it."""
    real = read["real"]
    if "validation" in read:
        return read["validation"], real
    order = np.random.default_rng(seed).permutation(len(real.things))
    half = len(order) // 2
    return rows.some(real, order[:half]), rows.some(real, order[half:])


def _write(folder: pathlib.Path, found, notes: dict, suspects: list[dict]) -> None:
    written = {
        name: verdicts.figures(verdict) | verdicts.described({name: verdict})[name]
        for name, verdict in found.items()
    }
    written[_NAME] |= notes
    files.write_json(folder / "audit.json", files.finite(written))
    files.write_json(folder / "suspects.json", {"suspects": suspects})


def _folder(out: str) -> pathlib.Path:
    folder = pathlib.Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotADirectoryError(
            f"--out={out}: expected a folder, or a place for one ({error.strerror})"
        ) from error
    return folder


def _check_seed(seed: int) -> None:
    if not 0 <= seed <= ranges.MOST_SEED:
        raise ValueError(
            f"--seed={seed}: expected a whole number from 0 to {ranges.MOST_SEED}"
        )


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


def _print(found: dict[str, audit.Audit], notes: dict[str, float]) -> None:
    spaces = list(next(iter(found.values())).quality)
    heads = ["verdict", "novelty", "copies", "single", "z of C_T", *spaces]
    print(f"{'':20}" + "".join(f"{head:>12}" for head in heads), flush=True)
    for name, verdict in found.items():
        copied = verdict.copying
        rival = verdict.verdict != TRIVIAL or not copied.reasons
        cells = [verdict.verdict if rival else "copies", f"{copied.novelty:.2f}"]
        shares = copied.copy_fraction, copied.single_fraction
        cells += [*(f"{share:.1%}" for share in shares), f"{copied.ct_z:.1f}"]
        cells += [f"{verdict.quality[space].excess.mean:.3g}" for space in spaces]
        print(f"{name:20}" + "".join(f"{cell:>12}" for cell in cells), flush=True)
    print(f"from {spaces[0]} on: excess over the floor; 0 is as good as more data")
    print("trivial generators that copy are no rivals; intervals are in audit.json")
    own = found[_NAME]
    print(f"samples: {own.verdict}" + ":" * bool(own.reasons))
    for reason in own.reasons:
        print(f"  {reason}")
    if "control_n" in notes:
        shares = (f"{notes[f'control_{kind}']:.0%} {kind}" for kind in _KINDS)
        count = f"{notes['control_n']:.0f}"
        print(f"real things in their place ({count} of --train): {', '.join(shares)}")
    if not own.copying.reasons:
        least = notes.get("copies_noticed_from")
        seen = "at no share tried" if least is None else f"from {least:.0%} on"
        print(f"copies among such samples would be noticed {seen}", flush=True)


def _span() -> tuple[float, float] | None:
    """The flag --range as numbers."""
    if _RANGE.value is None:
        return None
    try:
        low, high = map(float, _RANGE.value)
    except ValueError as error:
        given = ",".join(_RANGE.value)
        raise ValueError(
            f"--range={given}: expected two numbers, such as --range=0,16"
        ) from error
    return low, high


if __name__ == "__main__":
    flags.mark_flags_as_required(["train", "real", "samples"])
    launch.main(
        lambda: run(
            _TRAIN.value,
            _REAL.value,
            _SAMPLES.value,
            validation=_VALIDATION.value,
            size=_SIZE.value,
            span=_span(),
            features=tuple(_FEATURES.value),
            repeats=_CONTROL.value,
            out=_OUT.value,
            seed=_SEED.value,
        ),
        recipe=False,
    )
