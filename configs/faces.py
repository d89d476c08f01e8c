"""Faces, or other colour pictures, at 64x64 from a folder or an npz.

  python -m experiments.pipeline --config=configs/faces.py --workdir=runs/faces \
      --config.data.path=faces

3,000 faces, 600 of them held out, of 2,959 numbers each, seed 0: 32.2 dB, FD 17.3 of
1,000 samples (floor 5.4, ceiling 9.1) at novelty 0.95. CPU-seconds, beside other jobs:
base 645, fits 880, denoiser 236.

`configs/faces.py:tiny` runs the same code on pictures drawn on the spot, in seconds;
`:speed` is for `experiments.sweep`, as in configs/digits.py.
What is not named here is as in configs/digits.py.
"""

from ml_collections import ConfigDict, config_dict

from configs import digits, generators, tuning


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `digits.VARIANTS`."""
    config = digits.get_config(variant)
    if variant == "tiny":
        config.data = config_dict.create(
            name="discs", size=12, n=40, channels=3, classes=4, heldout=0.2
        )
        config.base.rehearsal.episodes = 2
        return config
    config.data = config_dict.create(
        name="images",
        path=config_dict.placeholder(str),  # Required: folder or npz.
        size=64,  # Pixels per side, after a centre crop.
        channels=3,
        n=3000,  # First n instances only.
        heldout=0.2,
        # Of the training part, fitted as well; a copy each costs 1.8 times the fits,
        # for 4 % less held-out FD.
        augment={"copies": 0, "flip": True},
    )
    _base(config.base)
    _adapter(config.adapter)
    _fit(config.fit)
    config.structure.update(points=512, learning_rate=0.05)
    _sweep(config.sweep)
    config.benchmark.update(target=33.0, n=24, steps=(100, 150, 200, 300), repeats=1)
    config.benchmark.update(plain_steps=(100, 150, 200, 300, 450), plain_n=8)
    config.diffusion.update(components=512, steps=5000, every=500, draws=4)
    config.diffusion.clusters = 150  # FD 20.2 without, 18.3 with 49.
    # The directions of most variance, seven deviations of the mean one, are settled
    # near pure noise: times of training and of sampling are dense there.
    config.diffusion.flow.update(location=1.0, scale=1.5)
    config.diffusion.gram = config_dict.create(instances=12, shrink=2)
    config.sample.update(n=1000, steps=64, spacing="cosine", chunk=50)
    config.generators = generators.beside(paper_steps=2500, hyperdiffusion_steps=30000)
    if variant == "speed":
        _speed(config.sweep)
    return config


def _base(base: ConfigDict) -> None:
    base.n = 512
    base.field.update(width=64, blocks=2, omega=6.0, latent_dim=256, style_dim=256)
    base.update(batches=(64, 64, 64), points=(64, 128, 256), steps=(360, 600, 1440))
    base.learning_rate = 0.015
    base.decay = 0.998
    # As long as a fit, so that the base sees the last decibels too.
    base.rehearsal.update(episodes=80, steps=200, batch=16, learning_rate=3e-3)


def _adapter(adapter: ConfigDict) -> None:
    """Options of each representation: about 3,000 trainable numbers per face."""
    mlp = {"features": 64, "width": 44, "depth": 1, "scale": 4.0}
    adapter.mlp.field.update(mlp)
    adapter.mlp_asym.field.update({**mlp, "width": 50, "scale": 2.0})
    # Without a mask, a thinner last layer makes up for the mask.
    factors = {"rank": 4, "biases": True}
    adapter.lora = config_dict.create(ranks={"output": 1}, **factors)
    adapter.lora_asym = config_dict.create(**factors)
    adapter.mlora = config_dict.create(ranks={"output": 1}, start="skip", **factors)
    adapter.mlora_asym = config_dict.create(start="skip", **factors)


def _fit(fit: ConfigDict) -> None:
    fit.steps = 200
    # The best of sweeps, but for mLoRA: for `mlora` 0.18 is level, `mlora_asym` it won
    # 0.7 dB on whole pictures, with weights that are harder to generate.
    fit.learning_rate.update(
        mlp=0.045,
        mlp_asym=0.07,
        lora=0.04,
        lora_asym=0.005,
        mlora=0.08,
        mlora_asym=0.08,
    )
    for name in fit.pull:
        fit.pull[name] = 1e-6
    fit.update(points=512, consensus=24, rounds=2, group=32, compare=100)


def _sweep(sweep: ConfigDict) -> None:
    """What `experiments.sweep` tries, each at its learning rates."""
    sweep.update(n=24, consensus=16, rounds=1)
    fast = {"learning_rate": (0.05, 0.08, 0.12, 0.18, 0.27)}
    deep = {"features": 48, "width": 34, "depth": 2}
    ones = {"start": "ones", "spread": 0.03}
    higher = {"rank": 5, "biases": False, "ranks": {"output": 1, "layer_0": 4}}
    masked = [
        fast,
        {"learning_rate": (0.08,), "b2": 0.95},
        {"learning_rate": (0.08,), "adapter": ones},
        {"learning_rate": (0.08,), "adapter": {"start": "exp"}},
        {"learning_rate": (0.08,), "adapter": {"start": "normal"}},
        {"learning_rate": (0.08,), "adapter": higher},
    ]
    sweep.variants = {
        "mlp": [
            *tuning.scales((0.03, 0.045, 0.07), 3.0, 4.0, 5.0),
            {"learning_rate": (0.03, 0.06), "adapter": {"field": deep}},
            {"learning_rate": (0.06,), "b2": 0.95},
            {"learning_rate": (0.06,), "pull": 0.0},
        ],
        "mlp_asym": tuning.scales((0.045, 0.07, 0.12, 0.2), 2.0, 3.0, 4.0),
        "lora": [{"learning_rate": (0.01, 0.02, 0.04, 0.08)}],
        "lora_asym": [{"learning_rate": (0.0025, 0.005, 0.01)}],
        "mlora": [fast, {"learning_rate": (0.08,), "adapter": ones}],
        "mlora_asym": masked,
    }


def _speed(sweep: ConfigDict) -> None:
    """What makes fits fast, each at its learning rates."""
    sweep.update(folder="speed", n=32, consensus=24, rounds=2)
    one, two = {"learning_rate": (0.08,)}, {"learning_rate": (0.08, 0.16)}
    quick = {"b1": 0.7, "b2": 0.8, "power": 1.0}
    sweep.variants = {
        "mlora_asym": [
            one,
            {**one, "points": 1024},
            {**two, **quick, "points": 1024},
            {**two, **quick, "points": 512},
            {**one, **quick, "points": 512, "guess": 192},
            {**one, **quick, "points": 512, "steps": 300},
            {**one, **quick, "points": 256, "steps": 300},
        ]
    }
