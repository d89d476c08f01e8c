"""Coordinate networks: one coordinate in, one value out."""

from wsjax.fields.mlp import mlp
from wsjax.fields.modulated import Modulated, fold, modulated
from wsjax.fields.residual import residual

__all__ = ["Modulated", "fold", "mlp", "modulated", "residual"]
