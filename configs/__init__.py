"""Recipes, one per study; `:tiny` and other variants follow the file's name."""
