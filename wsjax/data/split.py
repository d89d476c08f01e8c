"""A fixed split into a part to fit and a part to judge by, and fixed subsets."""

import numpy as np

__all__ = ["heldout", "limited", "subset"]


def heldout(
    n: int,
    *,
    fraction: float = 0.2,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Chooses instances to hold out, at random but always the same ones.

    Args:
      n: number of instances.
      fraction: the part to hold out, between 0 and 1.
      seed: of the random choice.
      groups: `[n]` numbers, equal for copies of one thing, which stay on one side;
        None: there are no copies.

    Returns:
      `[n]` booleans, True for `round(n * fraction)` held-out instances. With groups
      there may be fewer, if the next group would make them more.

    Raises:
      ValueError: if `fraction` is not between 0 and 1, `groups` has another length, or
        either part is empty.
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"fraction= needs a number between 0 and 1, got {fraction}")
    if groups is not None and len(groups) != n:
        raise ValueError(f"groups= needs {n} numbers, one each, got {len(groups)}")
    count = round(n * fraction)
    order = np.random.default_rng(seed).permutation(n)
    mask = np.zeros(n, bool)
    if groups is None:
        mask[order[:count]] = True
    else:
        _hold_out_groups(mask, order, np.asarray(groups), count)
    chosen = int(mask.sum())
    if not 0 < chosen < n:
        copies = "" if chosen == count else ", since copies stay on one side"
        raise ValueError(
            f"fraction={fraction} of {n} instances holds out {chosen} and leaves"
            f" {n - chosen}{copies}, expected at least one each; change fraction= or"
            " take more"
        )
    return mask


def _hold_out_groups(
    mask: np.ndarray, order: np.ndarray, groups: np.ndarray, count: int
) -> None:
    """Takes whole groups, in the order in which their members are drawn."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    left, decided = count, np.zeros(len(sizes), bool)
    for row in order:
        if not left:
            return
        if not decided[group[row]] and sizes[group[row]] <= left:
            mask[group == group[row]] = True
            left -= int(sizes[group[row]])
        decided[group[row]] = True


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
