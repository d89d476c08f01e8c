"""Whether there are enough fits of both parts, training and held out."""

from experiments.generator.encoding import Fitted

__all__ = ["check"]


def check(fits: Fitted, *, least: int, name: str) -> None:
    """Checks that each part has as many fits as what comes next needs.

    Args:
      fits: those that did not fail.
      least: how many fits each part needs.
      name: of the representation, for the message.

    Raises:
      ValueError: if a part has fewer, saying which and the way out.
    """
    n_heldout = int(fits.heldout.sum())
    counts = {"training": len(fits.heldout) - n_heldout, "held-out": n_heldout}
    for part, n in counts.items():
        if n < least:
            raise ValueError(
                f"fit/{name} has {n} {part} fits that did not fail, but {least} or more"
                " are needed; give the data more instances, or read in fit/"
                f"{name}/manifest.json why fits failed, and start in a new --workdir"
            )
