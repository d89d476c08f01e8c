"""Diffusion of vectors; knows nothing of adapters, fields or networks."""

from wsjax.diffusion.guidance import guided
from wsjax.diffusion.process import PROCESSES, ddpm, flow
from wsjax.diffusion.sample import SAMPLERS, ddim, heun, multistep, noised

__all__ = [
    "PROCESSES",
    "SAMPLERS",
    "ddim",
    "ddpm",
    "flow",
    "guided",
    "heun",
    "multistep",
    "noised",
]
