"""Parametric shapes in ten categories, made on the spot: nothing to download.

  python -m experiments.pipeline --config=configs/shapes.py --workdir=runs/shapes

Results: configs/shapes.md. Cost: base 709, fits 472, denoiser 129 CPU-seconds; half an
hour in all on two cores.

Variants: `configs/shapes.py:tiny` runs the same code on twenty shapes in seconds;
`:hyperdiffusion` is the rival: whole weights of a larger field, one token per tensor.
"""

from ml_collections import ConfigDict, config_dict

from configs import sections

VARIANTS = ("full", "tiny", "hyperdiffusion")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `VARIANTS`."""
    sections.check_variant(__file__, variant, VARIANTS)
    if variant == "tiny":
        return sections.tiny_shapes()
    config = ConfigDict()
    config.seed = 0
    config.data = config_dict.create(
        name="shapes",
        n=1000,  # Shapes, of the ten categories in turn.
        size=20,  # Cells per side of the grid that all shapes share.
        preset="compact",  # Which points of a shape are sampled.
        cache=config_dict.placeholder(str),  # Folder of samples; None: the user's.
        heldout=0.2,  # Share of the instances that nothing is trained on.
    )
    config.mesh = sections.mesh()
    config.base = _base()
    # About 2,950 trainable numbers per shape.
    config.adapter = sections.adapter(
        mlp={"features": 36, "width": 38, "depth": 2, "dim": 3, "scale": 1.5},
        mlp_asym={"features": 40, "width": 41, "depth": 2, "dim": 3, "scale": 0.5},
        factors={"rank": 4, "biases": True},
        unmasked={"ranks": {"output": 1}},
        multiplicative={"start": "skip"},
    )
    config.fit = _fit()
    config.diffusion = sections.diffusion(
        clusters=28,
        location=1.0,  # As for configs/faces.py.
        scale=1.5,
        gram_shrink=None,
        gram_points=512,
        decays=(0.998,),
    )
    config.sample = sections.sample()
    config.evaluate = sections.evaluate_shapes(points=1024, references=200)
    config.analyze = sections.analyze()
    config.structure = sections.structure(n=8, points=512)
    config.sweep = sections.sweep(variants=_variants(), n=24, consensus=16, rounds=1)
    config.benchmark = sections.benchmark()
    config.generator = "ours"  # Or one of those below.
    # No guidance: every sample is recognised without.
    config.generators = sections.generators(
        paper_steps=2000, hyperdiffusion_steps=36000, guidance=1.0
    )
    if variant == "hyperdiffusion":
        _rival(config)
    return config


def _base() -> ConfigDict:
    return sections.base(
        field=sections.field(
            width=64, blocks=2, omega=5.0, latent_dim=128, style_dim=128, dim=3
        ),
        factors=(1, 1),
        steps=(500, 500),
        batches=(64, 32),
        points=(1024, 2048),
        chunk=4,
        every=250,
        learning_rate=0.01,
        # Rehearsal helps more than anything else: IoU is 0.92 without, 0.95 after 30
        # episodes, 0.97 after these.
        rehearsal=sections.rehearsal(episodes=48, steps=160, batch=32, points=480),
    )


def _fit() -> ConfigDict:
    return sections.fit(
        steps=300,
        points=512,
        learning_rate={"mlp": 0.04, "mlp_asym": 0.04, "lora": 0.04, "lora_asym": 0.005},
        pull=1e-5,
        consensus=32,
        rounds=2,
        guess=200,
        group=50,
        compare=0,  # The other representations are fitted by commands of their own.
    )


def _variants() -> dict[str, list]:
    """What `experiments.sweep` tries, each at its learning rates."""
    return {
        "mlp": sections.scales((0.02, 0.04, 0.08), 1.0, 1.5, 2.0),
        "mlp_asym": sections.scales((0.02, 0.04, 0.08), 0.5, 1.0, 1.5),
        "lora": [{"learning_rate": (0.01, 0.02, 0.04)}],
        "lora_asym": [{"learning_rate": (0.0025, 0.005, 0.01)}],
        "mlora": [{"learning_rate": (0.04, 0.08, 0.16)}],
        "mlora_asym": [{"learning_rate": (0.04, 0.08, 0.16)}],
    }


def _rival(config: ConfigDict) -> None:
    """Erkoç et al. 2023 at a small scale: their field, start, tokens and process.

    The signals are those of the recipe. Fits and denoiser together take about as many
    CPU-seconds as the recipe's base, fits and denoiser.
    """
    config.adapter.name = "mlp"
    config.adapter.mlp.field.update(features=26, width=128, depth=3)
    # All fits start where the fit of the first instance ended.
    config.fit.update(consensus=1, rounds=1, guess=0, compare=0, steps=200)
    config.fit.update(b1=0.9, b2=0.99, power=0.0)
    config.fit.pull.mlp = 0.0
    config.fit.learning_rate.mlp = 0.004
    config.diffusion.update(
        process="ddpm", latent="none", clusters=0, denoiser="tensor_transformer"
    )
    config.diffusion.ddpm.update(steps=500, predicts="clean")
    config.diffusion.tensor_transformer.update(width=128, depth=6, heads=4, dropout=0.0)
    config.diffusion.update(steps=9000, batch=32, learning_rate=2e-4, every=500)
    config.sample.update(sampler="ddim", steps=100)
    config.structure.n = 0  # The rival is no part of that study.
    config.sweep.variants = {"mlp": [{"learning_rate": (0.002, 0.004, 0.008)}]}
