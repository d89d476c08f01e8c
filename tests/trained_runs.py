"""Run folders whose fits and denoiser nobody trained: there to be drawn from."""

import pathlib

import jax
import numpy as np
from ml_collections import ConfigDict

from configs import digits
from experiments.generator import conditions, encoding, network
from experiments.recipe import dataset, representation
from experiments.recipe.generator import generator_of
from wsjax import checkpoint, costs, store

NAME = "mlora_asym"


def recipe(*, conditional: bool = False, clusters: int = 0, **options) -> ConfigDict:
    """The tiny recipe on raw factors; `options` are those of its samples."""
    config = digits.get_config("tiny")
    config.diffusion.update(latent="none", conditional=conditional, clusters=clusters)
    config.sample.update({"n": 12, "chunk": 12, **options})
    return config


def folder(path: pathlib.Path, config: ConfigDict) -> pathlib.Path:
    """Writes base, fits and a denoiser of random numbers, as binaries would."""
    data = dataset.load(config)
    base = representation.network(config, data.channels).field.init(jax.random.key(0))
    checkpoint.save(path / "base" / "folded", 0, base)
    form = representation.representation_of(config, path, data.shape)
    fits = path / "fit" / NAME
    keys = jax.random.split(jax.random.key(1), len(data.names))
    weights = jax.vmap(form.adapter.init, (0, None))(keys, form.base)
    first = jax.tree.map(lambda x: np.asarray(x[:1]), weights)
    cost = costs.since(costs.now())
    start = store.Shard(0, first, [{"name": "start", "status": store.DONE}], cost)
    store.write_shard(fits / "start", start)
    instances = [{"name": name, "status": store.DONE} for name in data.names]
    instances[1]["status"] = "failed: by hand"
    weights = jax.tree.map(np.asarray, weights)
    store.write_shard(fits, store.Shard(0, weights, instances, cost))
    store.finish(fits, {})
    found = encoding.fitted(path, form, data, beside="validation")
    generator = generator_of(config)
    code = encoding.make(generator.latent, form, found, data, seed=config.seed)
    home = path / "diffusion" / NAME
    encoding.save(home, code)
    if generator.denoiser.grid:
        network.paint(home, form, found, data, code)
    count = len(conditions.shares(generator.conditional, data, code))
    own = generator.denoiser, generator.process
    built = network.network(*own, home, form, data, code, classes=count)
    shapes = jax.eval_shape(built.init, jax.random.key(0))
    draws = np.random.default_rng(0)
    random = jax.tree.map(
        lambda x: draws.normal(scale=0.3, size=x.shape).astype(np.float32), shapes
    )
    checkpoint.save(home / "chosen", 0, random)
    return path
