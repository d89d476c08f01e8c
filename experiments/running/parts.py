"""Parts of a study, one after the other: one that fails stops no other."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from absl import logging

from experiments.running import compiled

__all__ = ["each", "refuse"]

Result = TypeVar("Result")


def each(
    names: Iterable[str], run: Callable[[str], Result]
) -> tuple[dict[str, Result], dict[str, str]]:
    """Runs parts one after the other; returns their results, and why others failed.

    A ValueError or an OSError, which would end a binary with one line, fails a part.
    """
    found, failed = {}, {}
    for name in names:
        try:
            found[name] = run(name)
        except (ValueError, OSError) as error:
            logging.vlog(1, "traceback", exc_info=True)
            failed[name] = " ".join(str(error).split())
            print(f"{name}: failed: {failed[name]}", flush=True)
        finally:
            compiled.forget()
    return found, failed


def refuse(failed: Mapping[str, str], what: str) -> None:
    """Raises a ValueError that names the parts that failed, if any, with reasons.

    Args:
      failed: reasons by part, from `each`.
      what: the parts are, such as "seeds".
    """
    names: dict[str, list[str]] = {}
    for name, reason in failed.items():
        names.setdefault(reason, []).append(name)
    if names:
        lines = [f"{', '.join(some)}: {reason}" for reason, some in names.items()]
        raise ValueError(
            f"these {what} failed, all others are finished: {'; '.join(lines)}"
        )
