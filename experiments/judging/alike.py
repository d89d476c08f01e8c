"""Whether sets can be compared: training things, held-out ones and samples."""

from collections.abc import Mapping

import numpy as np

from experiments.judging import judge
from experiments.judging.rows import Rows
from wsjax.metrics import generation

__all__ = ["check_kinds", "check_values"]

_LEAST = 10
_FARTHER = 5.0  # How many times as wide, or as far as training things spread.
_ROUNDING = 1e-6  # Times the largest value, in each number.


def check_kinds(sets: Mapping[str, Rows], paths: Mapping[str, str]) -> None:
    """Refuses sets of different kinds, or of too few things.

    Args:
      sets: "train", "real" and "samples"; "validation" may be there.
      paths: where each was read.

    Raises:
      ValueError: if a set has fewer than 10 things, or things of another shape or kind
        than the training set; or if training or held-out things could not all be used.
    """
    for name, own in sets.items():
        _check_one(name, own, sets["train"], f"--{name}={paths[name]}")


def check_values(sets: Mapping[str, Rows]) -> None:
    """Refuses sets of one kind of which no comparison would mean anything.

    Args:
      sets: "train", "real" and "samples"; "validation" may be there.

    Raises:
      ValueError: if held-out things are in another set, too; or if they spread
        five times as wide, or narrow, as training things.
    """
    flat = {name: judge.flat(own.things) for name, own in sets.items()}
    for name in ("real", "validation"):
        if name in flat:
            for other in (x for x in flat if x != name):
                _check_apart(flat[name], flat[other], name, other)
            _check_units(flat["train"], flat[name], name)


def _check_one(name: str, own: Rows, train: Rows, at: str) -> None:
    """Refuses a set that has too few things, or other ones than the training set."""
    if len(own.things) < _LEAST:
        raise ValueError(
            f"{at}: expected {_LEAST} different things or more, found {len(own.things)}"
        )
    if own.things.shape[1:] != train.things.shape[1:]:
        raise ValueError(
            f"{at}: expected things of shape {train.things.shape[1:]}, as in --train, "
            f"found {own.things.shape[1:]}; --size brings pictures and shapes to one "
            "size, other differences need converting"
        )
    if not own.things[0].size:
        raise ValueError(f"{at}: expected numbers in each thing, found none")
    if own.origin != train.origin:
        raise ValueError(
            f"{at}: expected {train.origin or 'no weights'}, as in --train, found "
            f"{own.origin or 'no weights'}; give all as weight sets of one "
            "representation, or all as rows of an npz"
        )
    if own.skipped and name != "samples":
        first, why = next(iter(own.skipped.items()))
        raise ValueError(
            f"{at}: {len(own.skipped)} things cannot be used, the first is {first}: "
            f"{why}; remove or mend them, since copies of them would go unseen"
        )


def _check_apart(held: np.ndarray, rows: np.ndarray, name: str, other: str) -> None:
    """Refuses held-out things that are in another set as well, but for rounding."""
    distances, _ = generation.nearest(held, rows)
    rounding = _ROUNDING * np.abs(held).max() * np.sqrt(held.shape[1])
    shared = np.flatnonzero(distances <= rounding)
    if len(shared):
        raise ValueError(
            f"--{name}: {len(shared)} of {len(held)} things are in --{other} as well, "
            f"the first is number {shared[0]}; expected things that are in no other "
            f"set; remove them from --{name}, unless they are equal by chance, as of "
            "few discrete values: of such things no copy can be told"
        )


def _check_units(train: np.ndarray, held: np.ndarray, name: str) -> None:
    """Refuses held-out things of another spread, or far from where training things are.

    As of another unit or offset. Medians are compared: where tails are heavy, means and
    variances of two halves of one set may differ as much.
    """
    centre, place = (np.median(x, axis=0) for x in (train, held))
    spreads = [
        float(np.median(np.linalg.norm(x - m, axis=1)))
        for x, m in ((train, centre), (held, place))
    ]
    apart = float(np.linalg.norm(centre - place))
    wide = max(spreads) / max(min(spreads), np.finfo(np.float32).tiny)
    if wide > _FARTHER or apart > _FARTHER * spreads[0]:
        raise ValueError(
            f"--{name}: expected things of one kind and in one unit as in --train, "
            f"which spread by {spreads[0]:.3g}, found a spread of {spreads[1]:.3g} and "
            f"medians that are {apart:.3g} apart"
        )
