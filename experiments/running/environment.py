"""Environment variables that JAX reads when it is imported; checked before that."""

import os

__all__ = ["check"]

_TRUTH = ("y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0")


def check() -> None:
    """Ends the program with one line if a variable would make JAX's import fail."""
    count = os.environ.get("JAX_NUM_CPU_DEVICES")
    if count is not None and not (count.isdecimal() and int(count) > 0):
        raise SystemExit(
            f"error: JAX_NUM_CPU_DEVICES={count!r} should be a whole number, 1 or "
            "more; correct the variable, or unset it to use every processor"
        )
    double = os.environ.get("JAX_ENABLE_X64")
    if double is not None and double.lower() not in _TRUTH:
        raise SystemExit(
            f"error: JAX_ENABLE_X64={double!r} should be 0; correct the variable, or "
            "unset it"
        )
