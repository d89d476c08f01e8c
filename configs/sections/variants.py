"""Variants of a recipe, named after the colon as in `--config=recipe.py:tiny`."""

import pathlib
from collections.abc import Sequence

__all__ = ["check_variant"]


def check_variant(recipe: str, variant: str, variants: Sequence[str]) -> None:
    """Refuses a variant that the recipe does not have.

    Args:
      recipe: path of the recipe's file; recipes pass `__file__`.
      variant: the variant that the user asked for.
      variants: all variants of the recipe.

    Raises:
      ValueError: if the recipe has no such variant, naming those it has.
    """
    if variant in variants:
        return
    path = pathlib.Path(recipe)
    name = f"{path.parent.name}/{path.name}"
    choices = ", ".join(f"{name}:{known}" for known in variants)
    raise ValueError(f"{name} has no variant {variant!r}; choose one of {choices}")
