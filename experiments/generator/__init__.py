"""A generator of weights: what it learns from, how it is trained, how it draws."""
