"""Generators of weights: their training data, their conditioning, their samples."""
