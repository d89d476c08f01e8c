"""Your own shapes: a folder of meshes, of point clouds, or ShapeNetSDF parquet files.

  python -m experiments.pipeline --config=configs/meshes.py --workdir=runs/mine \
      --config.data.path=meshes

Meshes (.obj .off .ply .stl .glb) lie in the folder, in one subfolder per class, or are
listed in a CSV file (`--config.data.labels=meshes/index.csv`, with the column of
classes as `--config.data.class_column`). Point clouds need normals. Each bounding box
is centred and its longest side made 1.8; the manifest of the fits holds `centre` and
`scale` of each shape.

All but the data is as in configs/shapes.py. There is no page of results; what to expect
is in configs/shapes.md. Cost: that of configs/shapes.py for as many shapes.

Variant: `configs/meshes.py:tiny` runs the same code in a minute.
"""

from ml_collections import ConfigDict

from configs import sections, shapes

VARIANTS = ("full", "tiny")


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is one of `VARIANTS`."""
    sections.check_variant(__file__, variant, VARIANTS)
    if variant == "tiny":
        return sections.tiny_shapes(sections.mesh_data(size=8, preset="coarse"))
    config = shapes.get_config()
    config.data = sections.mesh_data(size=20, preset="compact")
    config.diffusion.clusters = 0  # A folder may hold too few shapes for clusters.
    return config
