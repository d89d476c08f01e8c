"""Handwritten digits: 1,797 pictures of 8x8 pixels, upsampled to 28x28.

  python -m experiments.pipeline --config=configs/digits.py --workdir=runs/digits

The pictures ship with scikit-learn. Results and costs: configs/digits.md.

Variants: `configs/digits.py:tiny` runs the same code on 48 digits; with
`:speed`, `experiments.sweep` tries settings that make fits faster, each on top of those
before it; `:large` fits 20,000 synthetic pictures of the same size (discs, rings, bars
and gradients).
"""

from ml_collections import ConfigDict, config_dict

from configs import sections

VARIANTS = ("full", "tiny", "speed", "large")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `VARIANTS`."""
    sections.check_variant(__file__, variant, VARIANTS)
    if variant == "tiny":
        return sections.tiny_pictures(_digits(size=12, n=48))
    config = ConfigDict()
    config.seed = 0
    config.budget = sections.budget()
    config.data = _digits(size=28)
    config.base = sections.base(
        # Digits are smooth signals: a larger omega costs several dB of PSNR.
        field=sections.field(
            width=30, blocks=1, omega=3.0, latent_dim=64, style_dim=64
        ),
        steps=(800, 1200, 2000),
        batches=(256, 128, 32),
        points=(0, 0, 0),  # All pixels of a picture in every step.
        learning_rate=0.03,
        rehearsal=sections.rehearsal(episodes=0, steps=60, batch=32, points=512),
    )
    # 381 to 391 trainable numbers per digit.
    config.adapter = sections.adapter(
        mlp={"features": 18, "width": 19, "depth": 1, "scale": 2.0},
        mlp_asym={"features": 22, "width": 19, "depth": 1, "scale": 1.0},
        factors={"rank": 2},
        unmasked={"ranks": {"output": 1}},
        multiplicative={"start": "ones", "spread": 0.1},
    )
    config.fit = sections.fit(steps=120, points=196)
    config.diffusion = sections.diffusion()
    config.sample = sections.sample()
    config.evaluate = sections.evaluate()
    config.analyze = sections.analyze(refits=2000)  # All.
    config.structure = sections.structure()
    config.sweep = sections.sweep()
    config.reconstruction = sections.reconstruction(episodes=60)
    config.tune = sections.tune()
    config.benchmark = sections.benchmark()
    config.generator = "ours"  # Or a key of `config.generators`.
    config.generators = _generators(config.diffusion.steps)
    if variant == "speed":
        config.sweep = sections.levers(
            config.fit, n=256, rates=(0.04, 0.08, 0.16), target=31.5
        )
    if variant == "large":
        config.data = _discs()
        config.base.n = 1000
        config.fit.compare = 0
    return config


def _discs() -> ConfigDict:
    """Many drawn discs of the size of the digits."""
    return config_dict.create(
        name="discs",
        size=28,
        n=20000,
        channels=1,
        classes=4,
        validation=0.1,
        test=0.2,
    )


def _digits(*, size: int, n: int | None = None) -> ConfigDict:
    """`n` digits, or all if None, upsampled bicubically to `size` pixels per side."""
    return config_dict.create(
        name="digits",
        size=size,
        n=config_dict.FieldReference(n, field_type=int),
        validation=0.1,  # Fraction of the instances by which to choose.
        test=0.2,  # Fraction by which `evaluate` and `analyze` alone judge.
    )


def _generators(steps: int) -> ConfigDict:
    """The rivals, with the best settings that `experiments.tune` found for each.

    Denoisers take as much CPU time as the recipe's own and its latent, compilation left
    out; `hyperdiffusion` takes as much as its base, fits and denoiser together.
    """
    return sections.generators(
        steps=steps,
        paper_steps=2000,
        hyperdiffusion_steps=9700,
        tuned={
            "mlp": {"batch": 64, "steps": 4500, "every": 250},
            "lora": {"learning_rate": 4e-3},
            "paper_mlp": {"learning_rate": 2e-3, "batch": 32, "steps": 5000},
            "paper_lora": {"learning_rate": 2e-3},
            "paper_mlora": {"learning_rate": 2e-3},
            "paper_ddpm": {"learning_rate": 2e-3},
            "hyperdiffusion": {"learning_rate": 2e-3, "batch": 32},
        },
    )
