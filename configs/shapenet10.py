"""ShapeNet's ten largest categories, 500 shapes each, as the paper's Table 4 has them.

  python -m experiments.pipeline --config=configs/shapenet10.py \
      --workdir=runs/shapenet10 --config.data.path=ShapeNetSDF/data

The folder holds a subfolder per category; leave the ten of the paper in it (table, car,
chair, airplane, sofa, rifle, lamp, watercraft, bench, loudspeaker). For a GPU; it has
not been run, as the data are not ours to ship. `:tiny` runs the same code on the
built-in shapes. What is not named here is as in configs/shapenet_airplane.py.
"""

from ml_collections import ConfigDict

from configs import shapenet_airplane


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is "full" or "tiny"."""
    config = shapenet_airplane.get_config(variant)
    if variant == "full":
        config.evaluate.references = 1000
        config.sample.n = 1100
        config.diffusion.components = 512
    return config
