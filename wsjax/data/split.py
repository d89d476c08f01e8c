"""A fixed split into parts to train on, choose by and judge by, and fixed subsets."""

import numpy as np

__all__ = ["PARTS", "TEST", "TRAIN", "VALIDATION", "limited", "parts", "subset"]

PARTS = ("train", "validation", "test")
"""Names of the parts, by their numbers."""
TRAIN = 0
VALIDATION = 1
TEST = 2
_TEST_SEED = 1000  # Of the choice of the test part, which no run may move.


def parts(
    n: int,
    *,
    validation: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Splits instances into three parts, at random but always the same ones.

    The training part teaches, the validation part chooses between what was taught, the
    test part judges what was chosen. The test part does not depend on the seed: what
    one run chose by its validation part may serve others, and none saw a test instance.

    Args:
      n: number of instances.
      validation: fraction of the validation part, between 0 and 1.
      test: fraction of the test part, between 0 and 1; which instances these are
        depends on nothing else but `n` and `groups`.
      seed: of the random choice of the validation part.
      groups: `[n]` numbers, equal for copies of one thing, which stay in one part;
        None: there are no copies.

    Returns:
      `[n]` int8, each `TRAIN`, `VALIDATION` or `TEST`. The part of a fraction has
      `round(n * fraction)` instances, at least one. With groups there may be fewer, if
      the next group would make them more.

    Raises:
      ValueError: if a fraction is not between 0 and 1, `groups` has another length, or
        a part is empty.
    """
    # The test part comes first: the validation part is drawn from what is left.
    drawn = {"test": (test, _TEST_SEED), "validation": (validation, seed)}
    for name, (fraction, _) in drawn.items():
        if not 0.0 < fraction < 1.0:
            raise ValueError(f"{name}= needs a number between 0 and 1, got {fraction}")
    if groups is None:
        groups = np.arange(n)
    if len(groups) != n:
        raise ValueError(f"groups= needs {n} numbers, one each, got {len(groups)}")
    part = np.full(n, TRAIN, np.int8)
    for name, (fraction, own_seed) in drawn.items():
        order = np.random.default_rng(own_seed).permutation(n)
        count = max(1, round(n * fraction))
        part[_whole_groups(part, order, np.asarray(groups), count)] = PARTS.index(name)
    sizes = np.bincount(part, minlength=len(PARTS))
    if not sizes.all():
        found = ", ".join(f"{k} {name}" for k, name in zip(sizes, PARTS, strict=True))
        raise ValueError(
            f"validation={validation} and test={test} of {n} instances, whose copies "
            f"stay together, make {found}; expected at least one each; change them or "
            "take more instances"
        )
    return part


def _whole_groups(
    part: np.ndarray, order: np.ndarray, groups: np.ndarray, count: int
) -> np.ndarray:
    """Rows of whole groups, up to `count`, in the order in which members are drawn."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    left, chosen = count, np.zeros(len(sizes), bool)
    decided = np.zeros(len(sizes), bool)
    decided[group[part != TRAIN]] = True  # They are of another part already.
    for row in order:
        if not left:
            break
        if not decided[group[row]] and sizes[group[row]] <= left:
            chosen[group[row]] = True
            left -= int(sizes[group[row]])
        decided[group[row]] = True
    return chosen[group]


def subset(labels: np.ndarray, n: int, *, seed: int = 0) -> np.ndarray:
    """Chooses some instances of each class, so that the classes keep their shares.

    As long as n reaches, each class has at least one. The other places go to the
    classes in proportion to their size, those of fractions to the largest ones. Within
    a class the choice is random, but always the same.

    Args:
      labels: `[N]` integers.
      n: number of instances to choose, at least 1.
      seed: of the random choice.

    Returns:
      `[min(n, N)]` rows in increasing order.
    """
    _, kinds, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if n >= len(labels):
        return np.arange(len(labels))
    least = np.minimum(sizes, 1 if n >= len(sizes) else 0)
    exact = (n - least.sum()) * (sizes - least) / max((sizes - least).sum(), 1)
    counts = least + np.floor(exact).astype(int)
    by_fraction = np.argsort(np.floor(exact) - exact, kind="stable")
    counts[by_fraction[: n - counts.sum()]] += 1
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = [order[kinds[order] == k][:count] for k, count in enumerate(counts)]
    return np.sort(np.concatenate(chosen))


def limited(
    count: int, n: int | None, labels: np.ndarray | None, *, seed: int = 0
) -> np.ndarray:
    """Rows that a limit of `n` instances leaves of `count`: all if there are fewer.

    Args:
      count: N, the number of instances.
      n: how many are wanted, None: all.
      labels: `[N]` integers: the rows are a `subset` that keeps the shares of the
        classes; None: they are the first n.
      seed: of the subset.

    Returns:
      `[min(n, N)]` rows in increasing order.
    """
    if n is None or labels is None:
        return np.arange(count)[:n]
    return subset(labels, n, seed=seed)
