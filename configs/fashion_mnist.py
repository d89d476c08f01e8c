"""Fashion-MNIST: clothes in ten classes at 28x28, from an npz with `x` and `y`.

  python -m experiments.pipeline --config=configs/fashion_mnist.py \
      --workdir=runs/fashion_mnist --config.data.path=fashion_mnist.npz

`configs/fashion_mnist.py:tiny` runs the same code on pictures drawn on the spot, in
seconds. What is not named here is as in configs/digits.py.
"""

from ml_collections import ConfigDict, config_dict

from configs import digits


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
        n=5000,  # First n instances only.
        heldout=0.2,
    )
    config.base.field.omega = 6.0
    config.base.rehearsal.update(episodes=60, batch=64, points=256, chunk=8)
    for name in config.fit.pull:
        config.fit.pull[name] = 1e-5
    config.diffusion.steps = 4000
    return config
