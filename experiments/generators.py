"""Which generator a recipe trains: its own, or a rival that it names.

`config.generators` holds what each rival changes of the recipe, section by section;
`--config.generator=paper_ddpm` makes every binary work for that one, in folders named
after it. The recipe's own is called after its representation.
"""

from ml_collections import ConfigDict

OURS = "ours"


def chosen(config: ConfigDict) -> ConfigDict:
    """The recipe with the changes of its generator.

    Raises:
      ValueError: if the recipe names no such generator.
    """
    if config.generator == OURS:
        return config
    if config.generator not in config.generators:
        known = [OURS, *sorted(config.generators)]
        raise ValueError(f"generator={config.generator!r}; choose one of {known}")
    resolved = config.copy_and_resolve_references()
    resolved.update(config.generators[config.generator].to_dict())
    return resolved


def folder(config: ConfigDict) -> str:
    """Name of the folders that belong to the recipe's generator."""
    return config.adapter.name if config.generator == OURS else config.generator
