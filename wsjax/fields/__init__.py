"""Coordinate networks: one coordinate in, one value out."""

from wsjax.fields.mlp import mlp
from wsjax.fields.mlp import wiring as mlp_wiring
from wsjax.fields.modulated import Modulated, fold, modulated
from wsjax.fields.render import render
from wsjax.fields.residual import residual
from wsjax.fields.residual import wiring as residual_wiring

__all__ = [
    "Modulated",
    "fold",
    "mlp",
    "mlp_wiring",
    "modulated",
    "render",
    "residual",
    "residual_wiring",
]
