"""Checks that there are enough training fits and enough held-out fits."""

from experiments.generator.encoding import Fitted

__all__ = ["check"]


def check(fits: Fitted, *, training: int, heldout: int, name: str) -> None:
    """Checks that the training part and the held-out part have fits enough.

    Args:
      fits: the fits that did not fail.
      training: fewest training fits that are needed.
      heldout: the same of held-out ones.
      name: of the representation, for the message.

    Raises:
      ValueError: if a part has fewer, naming the part and the way out.
    """
    n_heldout = int(fits.heldout.sum())
    counts = {
        "training": (len(fits.heldout) - n_heldout, training),
        "held-out": (n_heldout, heldout),
    }
    for part, (n, least) in counts.items():
        if n < least:
            raise ValueError(
                f"fit/{name} has {n} {part} fits that did not fail, but {least} or more"
                " are needed; give the data more instances, or read in fit/"
                f"{name}/manifest.json why fits failed, and start in a new --workdir"
            )
