"""Handwritten digits: 1,797 pictures that ship with scikit-learn, at 28x28.

  python -m experiments.pipeline --config=configs/digits.py --workdir=runs/digits

`configs/digits.py:tiny` runs the same code on 48 digits in seconds.
"""

from ml_collections import ConfigDict, config_dict


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is "full" or "tiny"."""
    if variant not in ("full", "tiny"):
        raise ValueError(f"variant must be 'full' or 'tiny', got {variant!r}")
    config = ConfigDict()
    config.seed = 0

    config.data = config_dict.create(
        name="digits",
        size=28,  # Pixels per side, upsampled bicubically from 8.
        n=config_dict.placeholder(int),  # First n instances only.
        heldout=0.2,  # Share that nothing is trained on.
    )

    config.base = ConfigDict()
    config.base.field = config_dict.create(
        width=38,
        blocks=2,
        omega=3.0,  # Digits are smooth: larger values cost several dB.
        latent_dim=64,
        style_dim=64,
        mapping_depth=2,
    )
    config.base.factors = (4, 2, 1)  # Pictures shrunk by this, low resolution first.
    config.base.batches = (256, 128, 32)  # Instances per step, whole pictures.
    config.base.steps = (600, 900, 1500)
    config.base.every = 300  # Steps between checkpoints.
    config.base.learning_rate = 0.03
    config.base.penalty = 1e-4  # lambda_r of Eq. 4.
    config.base.decay = 0.995  # Of the moving average that later stages use.

    config.adapter = ConfigDict()
    config.adapter.name = "mlora_asym"
    mlp = {"width": 19, "depth": 1, "scale": 1.5}
    config.adapter.mlp = config_dict.create(field={**mlp, "features": 18})
    config.adapter.mlp_asym = config_dict.create(field={**mlp, "features": 22})
    config.adapter.lora = config_dict.create(rank=1, skip=("output",))
    config.adapter.lora_asym = config_dict.create(rank=1)
    mlora = {"rank": 1, "start": "ones", "spread": 0.1}
    config.adapter.mlora = config_dict.create(skip=("output",), **mlora)
    config.adapter.mlora_asym = config_dict.create(**mlora)

    config.fit = ConfigDict()
    config.fit.steps = 100
    config.fit.points = config_dict.placeholder(int)  # None: every pixel, every step.
    config.fit.b2 = 0.9  # Second-moment decay of Adam.
    config.fit.learning_rate = config_dict.create(
        mlp=0.03, mlp_asym=0.03, lora=0.03, lora_asym=0.01, mlora=0.05, mlora_asym=0.05
    )
    config.fit.pull = config_dict.create(  # Weight of the distance to the start.
        mlp=1e-4, mlp_asym=1e-4, lora=1e-4, lora_asym=1e-4, mlora=1e-4, mlora_asym=1e-4
    )
    config.fit.consensus = 96  # Training instances that make the common start.
    config.fit.rounds = 4
    config.fit.chunk = 4  # Instances that one core works on at once.
    config.fit.group = 64  # Instances per shard.
    config.fit.compare = 256  # Instances that `pipeline` fits with the other five.

    config.diffusion = ConfigDict()
    config.diffusion.process = "flow"  # Or "ddpm", the paper's, sampled with "ddim".
    config.diffusion.flow = config_dict.create(location=0.0, scale=1.0, floor=0.1)
    config.diffusion.ddpm = config_dict.create(steps=1000, first=1e-4, last=2e-2)
    config.diffusion.latent = "function_pca"  # Or "pca", or "none" for raw factors.
    config.diffusion.components = 96  # Numbers in the latent.
    config.diffusion.denoiser = "residual_mlp"  # Raw factors: "lora_transformer".
    config.diffusion.residual_mlp = config_dict.create(width=256, depth=4, dropout=0.1)
    config.diffusion.lora_transformer = config_dict.create(
        width=128, rank_width=64, depth=4, heads=4, dropout=0.1
    )
    config.diffusion.steps = 3500
    config.diffusion.every = 250  # Steps between held-out losses and checkpoints.
    config.diffusion.batch = 256
    config.diffusion.learning_rate = 1e-3
    config.diffusion.decay = 0.998
    config.diffusion.jitter = 0.0  # Noise on the data, in standard deviations.
    config.diffusion.draws = 16  # Noises per instance in the held-out loss.
    # The last parameters whose held-out loss is this near the lowest are sampled.
    config.diffusion.tolerance = 0.02

    config.sample = config_dict.create(n=1000, sampler="heun", steps=32, chunk=125)

    config.evaluate = config_dict.create(
        components=32,  # Of the pixel PCA.
        confident=0.9,  # Top probability that counts as recognised.
        repeats=8,  # Random halvings behind every distance and floor.
    )
    config.analyze = config_dict.create(perplexity=30.0)

    if variant == "tiny":
        _shrink(config)
    return config


def _shrink(config: ConfigDict) -> None:
    config.data.update(n=48, size=12)
    config.base.field.update(width=8, blocks=1, latent_dim=4, style_dim=8)
    config.base.update(factors=(2, 1), batches=(8, 4), steps=(20, 20), every=10)
    for name in ("mlp", "mlp_asym"):
        config.adapter[name].field.update(features=4, width=6)
    config.fit.update(steps=8, consensus=8, rounds=1, chunk=2, group=8, compare=8)
    config.diffusion.update(components=6, steps=40, every=10, batch=16, draws=2)
    config.diffusion.residual_mlp.update(width=16, depth=1)
    config.diffusion.lora_transformer.update(width=16, rank_width=8, depth=1, heads=2)
    config.sample.update(n=20, steps=4, chunk=5)
    config.evaluate.update(components=4, repeats=2)
