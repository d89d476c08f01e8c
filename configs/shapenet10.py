"""ShapeNet's ten largest categories, 500 shapes each, as in Table 4 of the paper.

  python -m experiments.pipeline --config=configs/shapenet10.py \
      --workdir=runs/shapenet10 --config.data.path=ShapeNetSDF/data

The folder must hold the subfolders of the paper's ten categories and no others: table,
car, chair, airplane, sofa, rifle, lamp, watercraft, bench, loudspeaker. All settings
but those below are as in configs/shapenet_airplane.py. The data cannot
be shipped, so neither recipe has been run and there are no results. Both are meant for
a GPU.

Variant: `configs/shapenet10.py:tiny` runs the same code on the built-in shapes.
"""

from ml_collections import ConfigDict

from configs import sections, shapenet_airplane

VARIANTS = ("full", "tiny")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `VARIANTS`."""
    sections.check_variant(__file__, variant, VARIANTS)
    if variant == "tiny":
        return sections.tiny_shapes()
    config = shapenet_airplane.get_config()
    config.diffusion.components = 512
    config.sample.n = 1100
    config.evaluate.references = 1000
    return config
