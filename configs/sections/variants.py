"""The variants of a recipe: what may follow the colon in `--config=recipe.py:tiny`."""

import pathlib
from collections.abc import Sequence

__all__ = ["check_variant"]


def check_variant(recipe: str, variant: str, variants: Sequence[str]) -> None:
    """Refuses a variant that the recipe does not have.

    Args:
      recipe: the recipe's file; recipes pass `__file__`.
      variant: what the user asked for.
      variants: what the recipe has.

    Raises:
      ValueError: naming the recipe and its variants.
    """
    if variant in variants:
        return
    path = pathlib.Path(recipe)
    name = f"{path.parent.name}/{path.name}"
    choices = ", ".join(f"{name}:{known}" for known in variants)
    raise ValueError(f"{name} has no variant {variant!r}; choose one of {choices}")
