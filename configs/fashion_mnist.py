"""Fashion-MNIST: clothes in ten classes at 28x28, from an npz with `x` and `y`.

  python -m experiments.pipeline --config=configs/fashion_mnist.py \
      --workdir=runs/fashion_mnist --config.data.path=fashion_mnist.npz

Results: configs/fashion_mnist.md.

Variants: `configs/fashion_mnist.py:tiny` runs the same code on synthetic pictures in
seconds; `:small` takes 2,000 pictures and trains for a shorter time, for studies of
several seeds.
"""

from ml_collections import ConfigDict, config_dict

from configs import sections

VARIANTS = ("full", "tiny", "small")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `VARIANTS`."""
    sections.check_variant(__file__, variant, VARIANTS)
    if variant == "tiny":
        return sections.tiny_pictures(
            config_dict.create(name="discs", size=12, n=48, validation=0.1, test=0.2)
        )
    config = ConfigDict()
    config.seed = 0
    config.budget = sections.budget()
    config.data = sections.image_data(size=28, channels=1, n=10000)
    config.base = _base()
    # About 500 trainable numbers per picture.
    config.adapter = sections.adapter(
        mlp={"features": 26, "width": 18, "depth": 1, "scale": 2.0},
        mlp_asym={"features": 30, "width": 19, "depth": 1, "scale": 2.0},
        factors={"rank": 2, "biases": True},
        unmasked={"ranks": {"output": 1}},
        multiplicative={"start": "skip"},
    )
    config.fit = sections.fit(
        steps=120,
        points=392,
        learning_rate={"mlora": 0.1, "mlora_asym": 0.1},
        pull=1e-5,
    )
    config.diffusion = sections.diffusion(
        components=192, width=320, dropout=0.05, steps=12000, every=1000, draws=2
    )
    config.sample = sections.sample(n=2000)
    config.evaluate = sections.evaluate()
    config.analyze = sections.analyze()
    config.structure = sections.structure(learning_rate={"normal": 0.08, "skip": 0.1})
    config.sweep = sections.sweep(variants=_variants())
    config.reconstruction = sections.reconstruction(episodes=80)
    config.tune = sections.tune()
    config.benchmark = sections.benchmark()
    config.generator = "ours"  # Or a key of `config.generators`.
    config.generators = sections.generators(
        steps=config.diffusion.steps,
        paper_steps=12500,
        hyperdiffusion_steps=23000,
    )
    if variant == "small":
        _small(config)
    return config


def _base() -> ConfigDict:
    return sections.base(
        field=sections.field(
            width=32, blocks=1, omega=6.0, latent_dim=128, style_dim=128
        ),
        n=1000,
        steps=(600, 1000, 2000),
        batches=(128, 128, 128),
        points=(0, 0, 256),  # All pixels in a step, except in the last stage.
        learning_rate=0.015,
        rehearsal=sections.rehearsal(
            episodes=80,
            steps=120,  # As many as a fit has, so that its last dB improves too.
            batch=32,
            points=256,
            chunk=4,
            fit_learning_rate=0.12,
        ),
    )


def _variants() -> dict[str, list]:
    """The trials of `experiments.sweep`, each at several learning rates."""
    fast = {"learning_rate": (0.06, 0.12, 0.24)}
    slow = {"learning_rate": (0.04, 0.08)}
    ones = {**slow, "adapter": {"start": "ones", "spread": 0.1}}
    return {
        "mlp": [
            *sections.scales((0.04, 0.08, 0.16), 1.0, 2.0, 4.0),
            {"learning_rate": (0.08,), "pull": 0.0},
        ],
        "mlp_asym": sections.scales((0.08, 0.16, 0.32), 1.0, 2.0, 4.0),
        "lora": [{"learning_rate": (0.03, 0.06, 0.12)}],
        "lora_asym": [{"learning_rate": (0.005, 0.01, 0.02)}],
        "mlora": [fast, ones],
        "mlora_asym": [
            fast,
            ones,
            {**slow, "adapter": {"start": "exp"}},
            {**slow, "adapter": {"start": "normal"}},
        ],
    }


def _small(config: ConfigDict) -> None:
    """Fewer pictures, and denoisers that are smaller and trained for a shorter time."""
    config.data.n = 2000
    config.base.rehearsal.episodes = 40
    config.diffusion.update(components=128, steps=1500, every=125, batch=64)
    config.diffusion.residual_mlp.width = 256
    config.sample.n = 500
    config.analyze.refits = 200
    config.structure.n = 0
    config.reconstruction = sections.reconstruction(episodes=40, n=64, doublings=3)
    config.tune = sections.brief_tune()
    config.generators = sections.generators(
        steps=config.diffusion.steps,
        paper_steps=370,
        hyperdiffusion_steps=4700,
        tuned={
            "lora": {"learning_rate": 2e-3},
            "mlora": {"learning_rate": 2e-3},
            "paper_mlp": {"learning_rate": 2e-3, "steps": 640},
            "paper_ddpm": {"learning_rate": 4e-3},
            "paper_lora": {"learning_rate": 4e-3},
            "paper_mlora": {"learning_rate": 2e-3},
            "hyperdiffusion": {"learning_rate": 2e-3},
        },
    )
