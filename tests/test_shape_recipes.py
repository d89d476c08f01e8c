"""The recipes of shapes: what they promise in numbers."""

import pathlib

import jax
import numpy as np
import pytest

from configs import meshes, shapenet_airplane, shapes
from experiments.recipe import representation
from experiments.recipe.generator import generator_of
from wsjax import adapters, fields
from wsjax.diffusion import PROCESSES


def numbers(config, name):
    """Free numbers per shape of one representation of a recipe."""
    options = config.adapter[name].to_dict()
    own = options.pop("field", None)
    field = representation.network(config, 1).field
    if own is not None:
        field = fields.mlp(**own, channels=1)
    base = jax.eval_shape(field.init, jax.random.key(0))
    base = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), base)
    free = adapters.by_name(name, **options).free(base)
    return sum(int(np.sum(leaf)) for leaf in jax.tree.leaves(free))


@pytest.mark.parametrize(
    "recipe, most", [(shapes, 4000), (meshes, 4000), (shapenet_airplane, 30000)]
)
def test_six_representations_of_equal_numbers(recipe, most):
    config = recipe.get_config()
    names = representation.representations_of(config)
    counts = {name: numbers(config, name) for name in names}
    assert max(counts.values()) <= 1.05 * min(counts.values()), counts
    assert max(counts.values()) <= most


def test_the_rival_has_the_field_of_hyperdiffusion():
    """Erkoç et al. 2023: three hidden layers of 128, 36,737 parameters, 500 steps."""
    config = shapes.get_config("hyperdiffusion")
    assert numbers(config, "mlp") == pytest.approx(36737, rel=0.01)
    assert representation.standalone(config) and not representation.standalone(
        shapes.get_config()
    )
    process = PROCESSES["ddpm"](**config.diffusion.ddpm.to_dict())
    clean, draw, t = np.ones(3), np.zeros(3), np.array(0.5)
    assert process.loss(clean, clean, draw, t) == 0
    form = representation.representation_of(config, pathlib.Path(), (20, 20, 20, 1))
    module = generator_of(config).denoiser.build(form, 0, (20, 20, 20, 1))
    assert len(module.tensors) == 8  # Its tokens.
