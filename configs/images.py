"""Your own pictures: a folder (classes as subfolders) or an npz, at 32x32.

  python -m experiments.pipeline --config=configs/images.py --workdir=runs/mine \
      --config.data.path=pictures

An npz holds `x` `[N, H, W]` or `[N, H, W, C]` and optionally `y` `[N]`, or JPEG bytes
`jpeg` with `offsets` `[N + 1]`. `configs/images.py:tiny` runs in seconds. Everything
but the data and the width of the field is as in configs/digits.py.
"""

from ml_collections import ConfigDict, config_dict

from configs import digits


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is "full" or "tiny"."""
    config = digits.get_config(variant)
    tiny = variant == "tiny"
    config.data = config_dict.create(
        name="images",
        path=config_dict.placeholder(str),  # Required: folder or npz.
        size=12 if tiny else 32,  # Pixels per side, after a centre crop.
        channels=config_dict.placeholder(int),  # 1 or 3; None: as the source is.
        n=config_dict.placeholder(int),  # First n instances only.
        heldout=0.2,
    )
    if not tiny:
        config.base.field.update(width=64, blocks=2, omega=8.0)
        config.fit.steps = 150
        config.adapter.mlp.field.update(features=32, width=38, scale=3.0)
        config.adapter.mlp_asym.field.update(features=38, width=38, scale=3.0)
    return config
