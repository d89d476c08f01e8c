"""Fashion-MNIST: clothes in ten classes at 28x28, from an npz with `x` and `y`.

  python -m experiments.pipeline --config=configs/fashion_mnist.py \
      --workdir=runs/fashion_mnist --config.data.path=fashion_mnist.npz

10,000 pictures, 2,000 of them held out, of 507 numbers each, seed 0: 28.4 dB, FD 0.65
of 2,000 samples (floor 0.26, ceiling 0.40) at novelty 1.08. CPU-seconds, beside other
jobs: base 144, fits 182, denoiser 536.

`configs/fashion_mnist.py:tiny` runs the same code on pictures drawn on the spot, in
seconds. What is not named here is as in configs/digits.py.
"""

from ml_collections import ConfigDict, config_dict

from configs import digits, generators, tuning


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is "full" or "tiny"."""
    config = digits.get_config(variant)
    if variant == "tiny":
        config.data = config_dict.create(name="discs", size=12, n=48, heldout=0.2)
        return config
    config.data = config_dict.create(
        name="images",
        path=config_dict.placeholder(str),  # Required: npz or folder.
        size=28,
        channels=1,
        n=10000,  # First n instances only.
        heldout=0.2,
    )
    _base(config.base)
    _adapter(config.adapter)
    config.fit.points = 392
    for name in config.fit.pull:
        config.fit.pull[name] = 1e-5
    config.fit.learning_rate.update(
        mlp=0.08, mlp_asym=0.16, lora=0.06, lora_asym=0.01, mlora=0.1, mlora_asym=0.1
    )
    config.sweep.variants = _variants()
    config.diffusion.update(components=192, steps=12000, every=1000, draws=2)
    config.diffusion.residual_mlp.update(width=320, dropout=0.05)
    config.sample.n = 2000
    config.generators = generators.beside(paper_steps=12500, hyperdiffusion_steps=23000)
    return config


def _base(base: ConfigDict) -> None:
    base.field.update(width=32, omega=6.0, latent_dim=128, style_dim=128)
    base.n = 1000
    base.update(points=(0, 0, 256), batches=(128, 128, 128), steps=(600, 1000, 2000))
    base.learning_rate = 0.015
    # As long as a fit, so that the base sees the last decibels too.
    base.rehearsal.update(episodes=80, steps=120, batch=32, points=256, chunk=4)
    base.rehearsal.fit_learning_rate = 0.12


def _adapter(adapter: ConfigDict) -> None:
    """Options of each representation: about 500 trainable numbers per picture."""
    adapter.mlp.field.update(features=26, width=18, scale=2.0)
    adapter.mlp_asym.field.update(features=30, width=19, scale=2.0)
    # Without a mask, a thinner last layer makes up for the mask.
    factors = {"rank": 2, "biases": True}
    adapter.lora = config_dict.create(ranks={"output": 1}, **factors)
    adapter.lora_asym = config_dict.create(**factors)
    adapter.mlora = config_dict.create(ranks={"output": 1}, start="skip", **factors)
    adapter.mlora_asym = config_dict.create(start="skip", **factors)


def _variants() -> dict:
    """What `experiments.sweep` tries, each at its learning rates."""
    fast = {"learning_rate": (0.06, 0.12, 0.24)}
    slow = {"learning_rate": (0.04, 0.08)}
    ones = {**slow, "adapter": {"start": "ones", "spread": 0.1}}
    return {
        "mlp": [
            *tuning.scales((0.04, 0.08, 0.16), 1.0, 2.0, 4.0),
            {"learning_rate": (0.08,), "pull": 0.0},
        ],
        "mlp_asym": tuning.scales((0.08, 0.16, 0.32), 1.0, 2.0, 4.0),
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
