"""When a denoiser's parameters are chosen, and when its training ends.

Lines are those of train.jsonl, one per evaluation, with `step` and `loss_validation`.
"""

__all__ = ["chosen", "over"]


def chosen(lines: list[dict], tolerance: float) -> bool:
    """Whether the newest parameters become the chosen ones.

    They do if their validation loss is at most `1 + tolerance` times the lowest so far:
    the loss has a flat minimum, along which samples still get sharper.
    """
    lowest = min(line["loss_validation"] for line in lines)
    return lines[-1]["loss_validation"] <= (1.0 + tolerance) * lowest


def over(lines: list[dict], patience: int) -> bool:
    """Whether none of the newest `patience` evaluations was chosen; 0: never."""
    newest = lines[-patience:] if patience else []
    return bool(newest) and not any(line["chosen"] for line in newest)
