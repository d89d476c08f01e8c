"""Your own shapes: a folder of meshes, of point clouds, or ShapeNetSDF parquet files.

  python -m experiments.pipeline --config=configs/meshes.py --workdir=runs/mine \
      --config.data.path=meshes

Meshes (.obj .off .ply .stl .glb) lie in the folder, or in one subfolder per class, or
are listed in a CSV file (`--config.data.labels=meshes/index.csv`;
`--config.data.class_column` names its column of classes). Point clouds need normals.
Each shape is moved and scaled such that its bounding box is centred at 0 with a longest
side of 1.8; the manifest of the fits records the `centre` and `scale` of each shape.

Most sections are as in configs/shapes.py, but nothing pulls weights towards their
start, the denoiser is not conditioned on clusters, and `experiments.plan` chooses rank
and rate. Results: configs/meshes.md.

Variants: `configs/meshes.py:cells` stores shapes most accurately, as codes in cells of
an octree (`wsjax.cells`), which `experiments.train_base`, `experiments.fit` and
`experiments.export_meshes` make; no generator learns these. `configs/meshes.py:long` is
for `experiments.plan`: it fits standalone MLPs for as long as cells take.
`configs/meshes.py:tiny` runs the same code as the recipe.
"""

from ml_collections import ConfigDict

from configs import sections, shapes

VARIANTS = ("full", "tiny", "cells", "long")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `VARIANTS`."""
    sections.check_variant(__file__, variant, VARIANTS)
    if variant == "tiny":
        config = sections.tiny_shapes(sections.mesh_data(size=8, preset="coarse"))
        config.plan = sections.tiny_plan()
        return _with_cells(config)
    config = _with_cells(shapes.get_config())
    config.data = sections.mesh_data(size=20, preset="compact")
    config.plan = sections.shape_plan()
    config.diffusion.clusters = 0  # A folder may hold fewer shapes than clusters.
    if variant == "cells":
        config.adapter.name, config.plan.first = "cells", False
        # Each takes some 300 MB while it is fitted.
        config.fit.update(chunk=2, compare=0)
    if variant == "long":
        config.fit.steps = 1200
        with config.plan.unlocked():
            config.plan.variants = {"mlp": config.plan.variants["mlp"]}
        config.plan.choose_from = ("mlp",)
    return config


def _with_cells(config: ConfigDict) -> ConfigDict:
    """The recipe, which also offers cells of an octree."""
    with config.unlocked():
        config.adapter.update(sections.cells())
        config.fit.learning_rate.cells, config.fit.pull.cells = 0.02, 0.0
    # The pull of the drawn shapes is theirs alone; `experiments.plan` chooses rates.
    config.fit.pull.update(dict.fromkeys(config.fit.pull, 0.0))
    return config
