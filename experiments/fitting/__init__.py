"""How many instances are fitted, how fast, and how the base rehearses it."""
