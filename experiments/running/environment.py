"""Checks the environment variables that JAX reads, before JAX is imported."""

import os

__all__ = ["check"]

# The values that JAX accepts for a boolean variable.
_TRUTH = ("y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0")


def check() -> None:
    """Checks JAX_NUM_CPU_DEVICES and JAX_ENABLE_X64, which JAX parses when imported.

    Raises:
      SystemExit: with a one-line message if JAX could not parse a variable: its own
        error would be a traceback out of `import jax`.
    """
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
