"""The section `data` of recipes that read the user's files."""

from collections.abc import Mapping

from ml_collections import ConfigDict, FieldReference, config_dict

__all__ = ["image_data", "mesh_data"]


def image_data(
    *,
    size: int,
    channels: int | None = None,
    n: int | None = None,
    augment: Mapping[str, object] | None = None,
) -> ConfigDict:
    """Pictures from a folder or an npz.

    Args:
      size: pixels per side, after a centre crop.
      channels: 1 or 3; None: as many as the files have.
      n: how many instances are used; None: all.
      augment: copies of the training pictures; None: the recipe has no such key.
    """
    data = config_dict.create(
        name="images",
        path=config_dict.placeholder(str),  # Required: a folder, or one npz file.
        size=size,
        channels=FieldReference(channels, field_type=int),
        n=FieldReference(n, field_type=int),
        # Values of black and white, such as (0, 1) for masks; None: by their type.
        range=config_dict.placeholder(tuple),
        heldout=0.2,  # Share of the instances that nothing is trained on.
    )
    if augment is not None:
        data.augment = dict(augment)
    return data


def mesh_data(*, size: int, preset: str) -> ConfigDict:
    """Shapes from a folder of meshes or of point clouds, or from parquet files.

    Args:
      size: cells per side of the grid that all shapes share.
      preset: which points of a shape are sampled, one of those that
        wsjax/meshes/sampling.py lists.
    """
    return config_dict.create(
        name="meshes",
        path=config_dict.placeholder(str),  # Required: a folder, or one parquet file.
        n=config_dict.placeholder(int),  # How many instances are used; None: all.
        size=size,
        preset=preset,
        cache=config_dict.placeholder(str),  # Folder of samples; None: the user's.
        labels=config_dict.placeholder(str),  # A CSV file of meshes and classes.
        class_column=config_dict.placeholder(str),  # Its column of classes.
        heldout=0.2,  # Share of the instances that nothing is trained on.
    )
