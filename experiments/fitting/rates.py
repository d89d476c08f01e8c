"""Learning rates beyond those that were tried."""

__all__ = ["beyond"]


def beyond(tried: list[dict], best: dict) -> float | None:
    """Half the rate of the best trial if it is the lowest one, twice if the highest.

    Args:
      tried: trials, each a dict with a `learning_rate` and other options.
      best: one of these; it is compared with those of the same other options.

    Returns:
      The next rate to try, None if rates on both sides of the best were tried.
    """
    rate = best["learning_rate"]
    alike = [x for x in tried if {**x, "learning_rate": rate} == best]
    known = [x["learning_rate"] for x in alike]
    if rate == min(known):
        return rate / 2
    return 2 * rate if rate == max(known) else None
