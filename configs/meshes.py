"""Your own shapes: a folder of meshes, of point clouds, or ShapeNetSDF parquet files.

  python -m experiments.pipeline --config=configs/meshes.py --workdir=runs/mine \
      --config.data.path=meshes

Meshes (.obj .off .ply .stl .glb) lie in the folder, in one subfolder per class, or are
listed in a CSV file (`--config.data.labels=meshes/index.csv`, with the column of
classes as `--config.data.class_column`). Point clouds need normals. Bounding boxes are
centred and their longest side made 1.8; the manifest of the fits holds centre and scale
of each. `configs/meshes.py:tiny` runs in a minute. What is not named here is as in
configs/shapes.py.
"""

from ml_collections import ConfigDict, config_dict

from configs import shapes


def get_config(variant: str = "full") -> ConfigDict:
    """Returns the recipe; `variant` is "full" or "tiny"."""
    if variant not in ("full", "tiny"):
        raise ValueError(f"variant must be full or tiny, got {variant!r}")
    config = shapes.get_config(variant)
    drawn = config.data
    config.data = config_dict.create(
        name="meshes",
        path=config_dict.placeholder(str),  # Required: a folder, or one parquet file.
        n=config_dict.placeholder(int),  # First n instances only.
        size=drawn.size,
        preset=drawn.preset,
        cache=config_dict.placeholder(str),
        labels=config_dict.placeholder(str),  # A CSV file of meshes and classes.
        class_column=config_dict.placeholder(str),
        heldout=0.2,
    )
    config.diffusion.clusters = 0  # A folder may hold too few for them.
    return config
