"""Measures of fields and pictures: reconstruction, generation, features."""
