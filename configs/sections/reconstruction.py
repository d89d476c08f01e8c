"""The section `reconstruction`: a fair comparison of representations."""

from ml_collections import ConfigDict, config_dict

__all__ = ["reconstruction"]


def reconstruction(*, episodes: int, n: int = 128, doublings: int = 4) -> ConfigDict:
    """Each representation is prepared for its own fits, tuned, and judged.

    Args:
      episodes: of the rehearsal of each representation's fits; the other settings are
        those of the recipe's own rehearsal.
      n: most test instances on which representations are judged.
      doublings: how often the steps of a fit are doubled at most, until more of them
        gain nothing.
    """
    return config_dict.create(episodes=episodes, n=n, doublings=doublings)
