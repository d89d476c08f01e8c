"""Random weights for tests of laws, in whatever precision is switched on."""

import jax
import jax.numpy as jnp
import numpy as np

from wsjax import adapters, fields

FIELD = fields.residual(width=9, blocks=1, channels=2)


def normal(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def drawn_like(shapes, seed):
    generator = np.random.default_rng(seed)
    return jax.tree.map(lambda x: generator.normal(size=x.shape), shapes)


def some_adapter(name, **options):
    """An adapter, its base, its mask, its start, and generic weights it may have."""
    base = drawn_like(jax.eval_shape(FIELD.init, jax.random.key(0)), 0)
    adapter = adapters.by_name(name, **options)
    free, start = adapter.free(base), adapter.init(jax.random.key(1), base)
    weights = jax.tree.map(jnp.where, free, drawn_like(start, 1), start)
    return adapter, base, free, start, weights
