"""Recipes: one per study, variants after a colon."""
