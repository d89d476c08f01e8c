"""Metrics of generated samples and of fitted weights."""
