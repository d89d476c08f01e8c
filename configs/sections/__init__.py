"""Functions that build the sections of recipes, with defaults that suit any data.

Each takes keyword arguments and returns a `ConfigDict`. Arguments without a default
depend on the data, so every recipe gives its own:

  config.sample = sections.sample(n=2000)
"""

from configs.sections.adapter import adapter, cells, gains
from configs.sections.base import base, budget, encoder, field, rehearsal
from configs.sections.benchmark import benchmark
from configs.sections.data import image_data, mesh_data
from configs.sections.diffusion import diffusion
from configs.sections.evaluate import evaluate, evaluate_shapes
from configs.sections.fit import fit
from configs.sections.generators import generators, shape_generators
from configs.sections.mesh import mesh
from configs.sections.plan import (
    functa_plan,
    picture_curves,
    picture_plan,
    plan,
    shape_plan,
    tiny_plan,
)
from configs.sections.reconstruction import reconstruction
from configs.sections.sample import sample
from configs.sections.structure import analyze, structure
from configs.sections.sweep import levers, scales, shape_sweep, sweep
from configs.sections.tiny import tiny_pictures, tiny_shapes
from configs.sections.tune import brief_tune, tune
from configs.sections.variants import check_variant

__all__ = [
    "adapter",
    "analyze",
    "base",
    "benchmark",
    "brief_tune",
    "budget",
    "cells",
    "check_variant",
    "diffusion",
    "encoder",
    "evaluate",
    "evaluate_shapes",
    "field",
    "fit",
    "functa_plan",
    "gains",
    "generators",
    "image_data",
    "levers",
    "mesh",
    "mesh_data",
    "picture_curves",
    "picture_plan",
    "plan",
    "reconstruction",
    "rehearsal",
    "sample",
    "scales",
    "shape_generators",
    "shape_plan",
    "shape_sweep",
    "structure",
    "sweep",
    "tiny_pictures",
    "tiny_plan",
    "tiny_shapes",
    "tune",
]
