"""Recipes, one file per study; a variant follows the name, as in `digits.py:tiny`."""
