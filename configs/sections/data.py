"""The section `data` of recipes that read files of the user."""

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
    """Pictures from a folder or an npz file.

    Args:
      size: pixels per side, after a centre crop.
      channels: 1 (gray) or 3 (RGB); None: as in the files.
      n: number of instances that are used, drawn at random; None: all.
      augment: number of `copies` of each training picture and how they are changed, see
        `wsjax.data.augment`; only generators are trained on them. None leaves the key
        out, which means no copies.
    """
    data = config_dict.create(
        name="images",
        path=config_dict.placeholder(str),  # Required: a folder, or one npz file.
        size=size,
        channels=FieldReference(channels, field_type=int),
        n=FieldReference(n, field_type=int),
        # Pixel values of black and white, such as (0, 1) for masks; None: those of the
        # pixels' type, such as (0, 255) for bytes.
        range=config_dict.placeholder(tuple),
        most_bytes=2**31,  # Of decoded pixels in memory; more lie in a file.
        cache=config_dict.placeholder(str),  # Its folder; None: in the user's cache.
        validation=0.1,  # Fraction of the instances by which to choose.
        test=0.2,  # Fraction by which `evaluate` and `analyze` alone judge.
    )
    if augment is not None:
        data.augment = dict(augment)
    return data


def mesh_data(*, size: int, preset: str) -> ConfigDict:
    """Shapes from a folder of meshes or of point clouds, or from parquet files.

    Args:
      size: cells per side of the grid that all shapes share.
      preset: which points of a shape are sampled, a key of `PRESETS` in
        wsjax/meshes/sampling.py.
    """
    return config_dict.create(
        name="meshes",
        path=config_dict.placeholder(str),  # Required: a folder, or one parquet file.
        n=config_dict.placeholder(int),  # Number of instances used; None: all.
        size=size,
        preset=preset,
        # Folder in which samples are cached; None: a folder in the user's cache.
        cache=config_dict.placeholder(str),
        # CSV file that lists meshes and their classes; None: subfolders are classes.
        labels=config_dict.placeholder(str),
        class_column=config_dict.placeholder(str),  # Column of that file with classes.
        validation=0.1,  # Fraction of the instances by which to choose.
        test=0.2,  # Fraction by which `evaluate` and `analyze` alone judge.
    )
