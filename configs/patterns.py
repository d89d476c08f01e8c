"""Synthetic 32x32 colour pictures, on which the speed of fitting is measured.

  python -m experiments.benchmark --config=configs/patterns.py --workdir=runs/patterns

A picture has 1,024 points of three values each; the base has three layers of 128
channels; an mLoRA adapter of rank 4 has 3,072 numbers. Results: configs/speed.md.

Variants: `configs/patterns.py:tiny` runs the same code; with `:speed`,
`experiments.sweep` tries settings that make fits faster, each on top of those before
it.
"""

from ml_collections import ConfigDict, config_dict

from configs import sections

VARIANTS = ("full", "tiny", "speed")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `VARIANTS`."""
    sections.check_variant(__file__, variant, VARIANTS)
    if variant == "tiny":
        data = config_dict.create(
            name="patterns", size=12, n=48, validation=0.1, test=0.2
        )
        return sections.tiny_pictures(data, episodes=2, windowed=True)
    config = ConfigDict()
    config.seed = 0
    config.budget = sections.budget()
    config.data = config_dict.create(
        name="patterns", size=32, n=768, validation=0.1, test=0.25
    )
    config.base = _base()
    # 3,072 trainable numbers per picture for mLoRA; the others have slightly fewer.
    config.adapter = sections.adapter(
        mlp={"features": 18, "width": 19, "depth": 1, "scale": 2.0},
        mlp_asym={"features": 22, "width": 19, "depth": 1, "scale": 1.0},
        factors={"rank": 4, "ranks": {"output": 0}},
        unmasked={},
        multiplicative={"start": "skip"},
        more=sections.gains(),
    )
    config.fit = sections.fit(
        steps=64,
        points=128,
        learning_rate={"mlora": 0.3, "mlora_asym": 0.3},
        pull=0.0,
        consensus=64,
        guess=0,  # No two patterns are alike, so no start can be predicted.
        compare=0,
        solved=("gains",),
    )
    config.diffusion = sections.diffusion()
    config.sample = sections.sample()
    config.evaluate = sections.evaluate()
    config.analyze = sections.analyze()
    config.structure = sections.structure(learning_rate={"skip": 0.3})
    config.sweep = sections.sweep()
    config.reconstruction = sections.reconstruction(episodes=80)
    config.tune = sections.tune()
    config.benchmark = sections.benchmark(
        target=33.0, n=96, steps=(32, 40, 52, 64, 80, 120)
    )
    config.generator = "ours"  # Or a key of `config.generators`.
    config.generators = sections.generators(
        steps=config.diffusion.steps, paper_steps=1800, hyperdiffusion_steps=5000
    )
    if variant == "speed":
        config.sweep = sections.levers(config.fit, n=96, rates=(0.15, 0.3), target=33.0)
    return config


def _base() -> ConfigDict:
    return sections.base(
        field=sections.field(
            width=128, blocks=1, omega=6.0, latent_dim=128, style_dim=128
        ),
        factors=(2, 1),
        steps=(800, 1600),
        batches=(64, 64),
        points=(128, 256),
        learning_rate=0.015,
        decay=0.998,
        rehearsal=sections.rehearsal(
            episodes=80, steps=60, batch=16, points=256, learning_rate=3e-3
        ),
    )
