"""Small denoisers of every kind, and the adapters that they denoise."""

import functools

import jax
import numpy as np

from wsjax import adapters, models

OPTIONS = {
    "residual_mlp": {"width": 7, "depth": 2},
    "lora_transformer": {"width": 6, "rank_width": 9, "depth": 1, "heads": 2},
    "flat_transformer": {"width": 6, "depth": 1, "heads": 2},
    "tensor_transformer": {"width": 6, "depth": 1, "heads": 2},
    # As many values as the vector has numbers: for it, a grid of one channel.
    "grid_mixer": {"size": (9, 9, 1), "patch": 3, "width": 6, "depth": 1},
}
LOW_RANK = ("lora", "lora_asym", "mlora", "mlora_asym")
BASE = {
    "layer_0": {"kernel": np.ones((5, 5)), "bias": np.ones(5)},
    "layer_1": {"kernel": np.ones((5, 5)), "bias": np.ones(5)},
    "output": {"kernel": np.ones((5, 2)), "bias": np.ones(2)},
}


def free_of(name, **options):
    return adapters.by_name(name, rank=3, **options).free(BASE)


def numbered_leaves(free):
    """Free entries numbered from 1 in the order of the tree; the others are 0."""
    leaves, structure = jax.tree.flatten(free)
    ends = np.cumsum([np.sum(leaf) for leaf in leaves])
    filled = []
    for leaf, end in zip(leaves, ends, strict=True):
        values = np.zeros(leaf.shape)
        values[np.asarray(leaf)] = np.arange(end - np.sum(leaf), end) + 1
        filled.append(values)
    return jax.tree.unflatten(structure, filled)


class Built:
    """One denoiser with dropout, compiled once for training and once without."""

    def __init__(self, name, free, **options):
        options = {**OPTIONS[name], "dropout": 0.5, **options}
        module = models.by_name(name, free, **options)
        self.size = sum(int(np.sum(leaf)) for leaf in jax.tree.leaves(free))
        generator = np.random.default_rng(0)
        self.noisy = generator.normal(size=self.size).astype(np.float32)
        init = jax.jit(lambda key: module.init(key, self.noisy, 0.5, -1, train=False))
        self.fresh = init(jax.random.key(0))
        self.params = jax.tree.map(
            lambda x: np.asarray(x) + 0.3 * generator.normal(size=x.shape), self.fresh
        )
        self.by_label = jax.jit(
            lambda p, x, t, c: module.apply(p, x, t, c, train=False)
        )
        self.train = jax.jit(
            lambda key, p, x, t: module.apply(
                p, x, t, -1, train=True, rngs={"dropout": key}
            )
        )

    def apply(self, params, noisy, t):
        return self.by_label(params, noisy, t, -1)


@functools.cache
def build(name, **options):
    """A denoiser of unmasked factors, the same one for all tests."""
    return Built(name, free_of("lora"), **options)
