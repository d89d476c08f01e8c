"""Drawn 32x32 colour pictures: what the speed of fitting is measured on.

  python -m experiments.benchmark --config=configs/patterns.py --workdir=runs/patterns

1,024 points of three values; the base has three layers of 128 channels; mLoRA of rank 4
owns 3,072 numbers. `configs/patterns.py:tiny` runs the same code in seconds; `:speed`
is for `experiments.sweep`, as in configs/digits.py.
"""

from ml_collections import ConfigDict, config_dict

from configs import digits, tuning


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `digits.VARIANTS`."""
    config = digits.get_config(variant)
    if variant == "tiny":
        config.data = config_dict.create(name="patterns", size=12, n=48, heldout=0.2)
        config.base.rehearsal.episodes = 2
        return config
    config.data = config_dict.create(name="patterns", size=32, n=768, heldout=0.25)
    _base(config.base)
    _adapter(config.adapter)
    _fit(config.fit)
    config.benchmark.update(target=33.0, n=96, steps=(32, 40, 52, 64, 80, 120))
    if variant == "speed":
        tuning.levers(config, rates=(0.15, 0.3), target=33.0)
    return config


def _base(base: ConfigDict) -> None:
    base.field.update(width=128, blocks=1, omega=6.0, latent_dim=128, style_dim=128)
    base.update(factors=(2, 1), batches=(64, 64), points=(128, 256), steps=(800, 1600))
    base.learning_rate = 0.015
    base.decay = 0.998
    base.rehearsal.update(
        episodes=80, steps=60, batch=16, points=256, learning_rate=3e-3
    )


def _fit(fit: ConfigDict) -> None:
    fit.update(steps=64, points=128, b1=0.7, b2=0.8, power=1.0)
    for name in fit.pull:
        fit.pull[name] = 0.0
    fit.learning_rate.update(mlora=0.3, mlora_asym=0.3)
    fit.update(consensus=64, rounds=4, guess=0, compare=0)


def _adapter(adapter: ConfigDict) -> None:
    """Options of each representation: 3,072 trainable numbers or a few less."""
    factors = {"rank": 4, "ranks": {"output": 0}}
    adapter.lora = config_dict.create(**factors)
    adapter.lora_asym = config_dict.create(**factors)
    adapter.mlora = config_dict.create(start="skip", **factors)
    adapter.mlora_asym = config_dict.create(start="skip", **factors)
