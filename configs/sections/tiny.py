"""The variant `:tiny` of every recipe, which runs the same code in seconds.

A tiny recipe has the keys of the full one, with values as small as the code allows.
"""

from ml_collections import ConfigDict, config_dict

from configs.sections.adapter import adapter, gains
from configs.sections.base import base, budget, field, rehearsal
from configs.sections.benchmark import benchmark
from configs.sections.diffusion import diffusion
from configs.sections.evaluate import evaluate, evaluate_shapes
from configs.sections.fit import fit
from configs.sections.generators import generators
from configs.sections.mesh import mesh
from configs.sections.reconstruction import reconstruction
from configs.sections.sample import sample
from configs.sections.structure import analyze, structure
from configs.sections.sweep import Variant, sweep
from configs.sections.tune import tune

__all__ = ["tiny_pictures", "tiny_shapes"]


def tiny_pictures(
    data: ConfigDict,
    *,
    episodes: int = 0,
    windowed: bool = False,
    name: str = "mlora_asym",
) -> ConfigDict:
    """A tiny recipe for pictures.

    Args:
      data: the recipe's section `data`; some 48 pictures of 12x12 are enough.
      episodes: of rehearsal; 0: no rehearsal.
      windowed: whether the recipe offers gains of windows.
      name: the representation that the recipe fits.
    """
    config = ConfigDict()
    config.seed = 0
    config.budget = budget()
    config.data = data
    config.base = base(
        field=_field(),
        factors=(2, 1),
        steps=(20, 20),
        batches=(8, 4),
        points=(0, 9),
        chunk=4,
        every=10,
        learning_rate=0.03,
        rehearsal=_rehearsal(episodes),
    )
    config.adapter = _adapter()
    if windowed:
        config.adapter.update(gains())
    config.fit = fit(
        steps=8,
        points=48,
        learning_rate={"mlp_asym": 0.02},
        consensus=8,
        rounds=1,
        guess=16,
        chunk=2,
        group=8,
        compare=8,
        solved=("gains",) if windowed else (),
    )
    config.diffusion = _diffusion(diffusion(components=6, steps=40, every=10, draws=2))
    _judged(config, n=20)
    config.evaluate = _evaluate(evaluate())
    config.adapter.name = name
    if name == "gains":
        config.structure.n = config.fit.compare = 0
        config.generators = _rivals(factors=False)
    return config


def tiny_shapes(data: ConfigDict | None = None) -> ConfigDict:
    """A tiny recipe for shapes; without `data`, for the parametric ones."""
    config = ConfigDict()
    config.seed = 0
    config.budget = budget()
    config.data = data or config_dict.create(
        name="shapes",
        n=20,
        size=8,
        preset="coarse",
        cache=config_dict.placeholder(str),
        validation=0.1,
        test=0.2,
    )
    config.mesh = mesh(resolution=16, coarse=8, chunk=512)
    config.base = base(
        field=_field(dim=3),
        factors=(1, 1),
        steps=(20, 20),
        batches=(8, 4),
        points=(32, 64),
        chunk=4,
        every=10,
        learning_rate=0.03,
        rehearsal=_rehearsal(0),
    )
    config.adapter = _adapter(dim=3, depth=2)
    config.fit = fit(
        steps=8,
        points=64,
        learning_rate={"mlp_asym": 0.02},
        consensus=4,
        rounds=1,
        guess=8,
        chunk=2,
        group=4,
        compare=4,
    )
    config.diffusion = _diffusion(
        diffusion(
            components=4,
            gram_instances=4,
            gram_shrink=None,
            gram_points=16,
            steps=40,
            every=10,
            draws=2,
        )
    )
    _judged(config, n=8)
    config.evaluate = _evaluate(evaluate_shapes(points=64, references=4))
    return config


def _field(dim: int | None = None) -> ConfigDict:
    return field(width=8, blocks=1, omega=3.0, latent_dim=4, style_dim=8, dim=dim)


def _rehearsal(episodes: int) -> ConfigDict:
    return rehearsal(episodes=episodes, steps=3, batch=4, points=6, every=2)


def _adapter(**options: int) -> ConfigDict:
    """All six representations; `options` are more options of the fields of MLPs."""
    mlp = {"features": 4, "width": 6, "depth": 1, **options}
    return adapter(
        mlp={**mlp, "scale": 2.0},
        mlp_asym={**mlp, "scale": 1.0},
        factors={"rank": 2},
        unmasked={"ranks": {"output": 1}},
        multiplicative={"start": "ones", "spread": 0.1},
    )


def _diffusion(section: ConfigDict) -> ConfigDict:
    """The section with the smallest network of each kind."""
    section.update(batch=16, pairs=40)
    section.residual_mlp.update(width=16, depth=1)
    section.lora_transformer.update(width=16, rank_width=8, depth=1, heads=2)
    section.flat_transformer.update(width=16, depth=1, heads=2)
    section.tensor_transformer.update(width=16, depth=1, heads=2)
    section.grid_mixer.update(width=8, depth=1)
    return section


def _evaluate(section: ConfigDict) -> ConfigDict:
    section.update(components=4, repeats=2, control=1, looks=1)
    return section


def _judged(config: ConfigDict, *, n: int) -> None:
    """Adds the sections that follow `diffusion`, except `evaluate`, for `n` samples."""
    config.sample = sample(n=n, steps=4, chunk=5)
    config.sample.update(calls=(1, 3), weights=(1.0, 2.0))
    config.analyze = analyze(refits=20)
    config.structure = structure(n=2)
    variants: dict[str, list[Variant]] = {
        name: [{"learning_rate": (0.01,)}] for name in config.fit.pull
    }
    config.sweep = sweep(variants=variants, n=4, consensus=4, rounds=1)
    config.reconstruction = reconstruction(episodes=2, n=4, doublings=1)
    config.tune = tune(learning_rates=(1e-3, 4e-3), batches=(8, 16), share=1.0)
    config.benchmark = benchmark(
        target=10.0, n=8, steps=(4, 8), repeats=1, plain_n=4, plain_steps=(4, 8)
    )
    config.benchmark.plain_rates = (0.04,)
    config.generator = "ours"
    config.generators = _rivals()


def _rivals(*, factors: bool = True) -> ConfigDict:
    return generators(
        steps=40,
        paper_steps=40,
        hyperdiffusion_steps=40,
        longer=2,
        factors=factors,
    )
