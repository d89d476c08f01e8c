"""The section `mesh`: how surfaces are extracted from fields of shapes."""

from ml_collections import ConfigDict, config_dict

__all__ = ["mesh"]


def mesh(*, resolution: int = 64, coarse: int = 16, chunk: int = 4096) -> ConfigDict:
    """Marching cubes on a grid that is refined near the surface.

    Args:
      resolution: cells per side where the grid is finest; a multiple of `coarse`.
      coarse: cells per side of the grid on which the field is evaluated everywhere.
      chunk: points at which the field is evaluated at once.
    """
    return config_dict.create(
        resolution=resolution,
        coarse=coarse,
        # Largest expected gradient of the field, per unit of length. A signed distance
        # that is cut off at 0.1 and scaled to 1 has 10; fits are a little steeper.
        slope=15.0,
        chunk=chunk,
        suffix=".glb",  # File format of generated meshes.
    )
