"""Diffusion of vectors; knows nothing of adapters, fields or networks."""

from wsjax.diffusion.process import PROCESSES, ddpm, flow
from wsjax.diffusion.sample import SAMPLERS, ddim, heun

__all__ = ["PROCESSES", "SAMPLERS", "ddim", "ddpm", "flow", "heun"]
