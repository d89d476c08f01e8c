"""Builds the library's objects from a recipe; here the config ends."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict

from experiments.dataset import Data
from wsjax import adapters, checkpoint, fields, fit, latent, models, store
from wsjax.adapters.form import cheapest, rounded
from wsjax.diffusion import PROCESSES
from wsjax.fields import Modulated
from wsjax.metrics.reconstruction import mean_squared_error, psnr
from wsjax.types import Adapter, Codec, Field, Params, Process


class Representation(NamedTuple):
    """One way to store an instance: its field, its adapter and the frozen base.

    `wiring` names the channels between the layers of the field; `standalone` says
    whether the base is the field's own shared initialisation.
    """

    name: str
    field: Field
    adapter: Adapter
    base: Params
    wiring: dict
    standalone: bool

    @property
    def masked(self) -> bool:
        """Whether some entries are frozen."""
        free = jax.tree.leaves(self.adapter.free(self.base))
        return not all(np.all(leaf) for leaf in free)


def network(config: ConfigDict, channels: int) -> Modulated:
    """The modulated field that `train_base` trains."""
    return fields.modulated(**config.base.field, channels=channels)


def keys(config: ConfigDict) -> dict[str, jax.Array]:
    """One key per purpose, all from the recipe's seed."""
    names = (
        "base",
        "batches",
        "start",
        "fit",
        "denoiser",
        "training",
        "sample",
        "trivial",
        "structure",
        "rehearsal",
        "episodes",
        "pairs",
    )
    root = jax.random.key(config.seed)
    return dict(zip(names, jax.random.split(root, len(names)), strict=True))


def keys_of(config: ConfigDict, purpose: str, rows: np.ndarray) -> jax.Array:
    """One key per instance, the same whatever else is computed beside it."""
    root = keys(config)[purpose]
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(root, rows)


def need(path: pathlib.Path, binary: str) -> None:
    """Checks for what an earlier binary writes.

    Raises:
      FileNotFoundError: naming the file and the binary to run first.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing; run `python -m experiments.{binary}` with this "
            "--config and --workdir first, or `experiments.pipeline` for everything"
        )


def representation_name(config: ConfigDict) -> str:
    """The recipe's representation.

    Raises:
      ValueError: if there is none of that name.
    """
    name = config.adapter.name
    if name not in adapters.ADAPTERS:
        raise ValueError(
            f"adapter.name={name!r} is no representation; choose one of "
            f"{sorted(adapters.ADAPTERS)}"
        )
    return name


def standalone(config: ConfigDict) -> bool:
    """Whether the recipe's representation has a field of its own, and needs no base."""
    return "field" in config.adapter[representation_name(config)]


def representation(
    config: ConfigDict, folder: pathlib.Path, channels: int
) -> Representation:
    """The recipe's representation on the base that `train_base` wrote.

    A representation whose options hold a `field` is standalone: its base is that
    field's shared initialisation.
    """
    name = representation_name(config)
    options = config.adapter[name].to_dict()
    standalone = options.pop("field", None)
    adapter = adapters.by_name(name, **options)
    if standalone is not None:
        field = fields.mlp(**standalone, channels=channels)
        base = field.init(keys(config)["base"])
        wiring = fields.mlp_wiring(base)
        return Representation(name, field, adapter, base, wiring, standalone=True)
    need(folder / "base" / "folded", "train_base")
    trained = network(config, channels).field
    like = jax.eval_shape(trained.init, jax.random.key(0))
    like = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
    base = checkpoint.restore(folder / "base" / "folded", 0, like)
    wiring = fields.residual_wiring(base)
    return Representation(name, trained, adapter, base, wiring, standalone=False)


def start(folder: pathlib.Path, form: Representation) -> ArrayTree:
    """The consensus start that `fit` wrote; also the home of frozen entries."""
    like = jax.eval_shape(form.adapter.init, jax.random.key(0), form.base)
    shard = store.read_shard(store.path_of(folder / "start", 0), like=like)
    return jax.tree.map(lambda x: x[0], shard.weights)


def entries(form: Representation, first: ArrayTree) -> Codec:
    """Codec between an adapter of this representation and its free entries."""
    return latent.free_entries(form.adapter.free(form.base), first)


def process(config: ConfigDict) -> Process:
    """The recipe's noise process."""
    name = config.diffusion.process
    if name not in PROCESSES:
        raise ValueError(
            f"diffusion.process={name!r}; choose one of {sorted(PROCESSES)}"
        )
    return PROCESSES[name](**config.diffusion[name].to_dict())


def denoiser(config: ConfigDict, form: Representation, classes: int = 0):
    """The recipe's denoiser and `apply(params, noisy, t, label, key)` over it.

    `classes` 0: labels are ignored; `key` None: no dropout.
    """
    name = config.diffusion.denoiser
    if name not in models.DENOISERS:
        raise ValueError(
            f"diffusion.denoiser={name!r}; choose one of {sorted(models.DENOISERS)}"
        )
    options = config.diffusion[name].to_dict()
    module = models.by_name(
        name, form.adapter.free(form.base), classes=classes, **options
    )

    def apply(params, noisy, t, label, key):
        if key is None:
            return module.apply(params, noisy, t, label, train=False)
        return module.apply(params, noisy, t, label, train=True, rngs={"dropout": key})

    return module, apply


def fit_one(config: ConfigDict, form: Representation, data: Data, *, precision: str):
    """The recipe's fit of one instance: `fit(shared, key, signal, rate=1.0)`.

    Args:
      config: the recipe.
      form: the representation, applied merged or attached, whichever costs less.
      data: the data set, for the number of its points.
      precision: type in which kernels multiply, such as "float32".
    """
    options = config.fit
    tx = fit.adam(
        learning_rate=options.learning_rate[form.name],
        steps=options.steps,
        b1=options.b1,
        b2=options.b2,
        power=options.power or None,
    )
    adapter = cheapest(form.adapter, points=options.points or len(data.grid))
    return fit.make_fit(
        form.field,
        rounded(adapter, precision),
        tx,
        steps=options.steps,
        points=options.points or None,
        pull=options.pull[form.name],
        target=None if options.target is None else mean_squared_error(options.target),
        loss=data.loss,
    )


def quality(form: Representation, base: Params):
    """`quality(adapter, signal) -> PSNR [] in dB` of an instance on all its points."""

    def score(adapter, signal):
        points, values = signal
        params = form.adapter.merge(base, adapter)
        return psnr(fields.render(form.field, params, points), values)

    return score


def show(form: Representation, data: Data) -> Callable[[ArrayTree], np.ndarray]:
    """`show(stacked adapters) -> [n, *size, C]`, their values on the common grid."""
    render = renderer(form, data.grid)
    many = fit.over_instances(lambda _, adapter: render(adapter), chunk=4)
    return lambda adapters: data.shown(many((), jax.tree.map(np.asarray, adapters)))


def renderer(form: Representation, grid: jax.Array):
    """`render(adapter) -> values [P, C]` on a grid of points."""

    def render(adapter):
        return fields.render(form.field, form.adapter.merge(form.base, adapter), grid)

    return render
