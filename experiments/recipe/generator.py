"""Which generator a recipe trains: its own, or one of the rivals that it names.

`config.generators` holds, for each rival, the values of the recipe that it overrides,
section by section. `--config.generator=paper_ddpm` makes every binary use that rival,
in folders named "paper_ddpm"; the folders of the recipe's own generator are named after
its representation.
"""

import json

from ml_collections import ConfigDict

from experiments.domain.representation import Representation, modelled
from experiments.generator.encoding import LATENTS, Latent
from experiments.generator.network import Denoiser
from experiments.generator.trained import Generator, Sampling
from wsjax import models
from wsjax.diffusion import PROCESSES

__all__ = [
    "OURS",
    "chosen",
    "drawing_of",
    "generator_name",
    "generator_of",
    "settings_of",
    "short",
    "teacher_of",
    "with_generator",
]

OURS = "ours"


def chosen(config: ConfigDict) -> ConfigDict:
    """The recipe with the overrides of the generator that `config.generator` names.

    Raises:
      ValueError: if `config.generators` has no such generator.
    """
    if config.generator == OURS:
        return config
    if config.generator not in config.generators:
        known = [OURS, *sorted(config.generators)]
        raise ValueError(f"generator={config.generator!r}; choose one of {known}")
    resolved = config.copy_and_resolve_references()
    resolved.update(config.generators[config.generator].to_dict())
    return resolved


def short(config: ConfigDict) -> list[str]:
    """Names of the recipe's generators, its own first, but for those trained longer."""
    return [OURS, *(x for x in config.generators if not x.endswith("_long"))]


def with_generator(config: ConfigDict, name: str) -> ConfigDict:
    """A copy of the recipe whose `generator` is `name`."""
    own = config.copy_and_resolve_references()
    own.generator = name
    return own


def generator_name(config: ConfigDict) -> str:
    """Name of the folders that belong to the recipe's generator."""
    return config.adapter.name if config.generator == OURS else config.generator


def generator_of(config: ConfigDict) -> Generator:
    """The generator of a recipe that `chosen` returned.

    Raises:
      ValueError: if there is no process, denoiser or latent of the name that the recipe
        gives, or if it asks for clusters and for classes.
    """
    settings = config.diffusion
    name = settings.process
    if name not in PROCESSES:
        raise ValueError(
            f"diffusion.process={name!r}; choose one of {sorted(PROCESSES)}"
        )
    return Generator(
        key=config.generator,
        name=generator_name(config),
        process=PROCESSES[name](**settings[name].to_dict()),
        denoiser=_denoiser(config),
        latent=_latent(config),
        conditional=settings.conditional,
        sampling=_sampling(config),
        seed=config.seed,
    )


def settings_of(config: ConfigDict) -> dict:
    """What a trained generator depends on beside its data and fits, as JSON types.

    `config`: from `chosen`.
    """
    settings = json.loads(config.diffusion.to_json())
    del settings["devices"]
    return {"adapter": {"name": config.adapter.name}, "diffusion": settings}


def drawing_of(config: ConfigDict) -> dict:
    """What samples depend on beside their number and generator, as JSON types.

    `config`: from `chosen`.
    """
    settings = json.loads(config.sample.to_json())
    return {"sample": {k: x for k, x in settings.items() if k not in ("n", "chunk")}}


def _denoiser(config: ConfigDict) -> Denoiser:
    name = config.diffusion.denoiser
    if name not in models.DENOISERS:
        raise ValueError(
            f"diffusion.denoiser={name!r}; choose one of {sorted(models.DENOISERS)}"
        )
    options, grid = config.diffusion[name].to_dict(), name in models.DENOISERS_ON_GRID

    def build(form: Representation, classes: int, shape: tuple[int, ...]):
        own = options | ({"size": shape} if grid else {})
        return models.by_name(name, modelled(form), classes=classes, **own)

    return Denoiser(build, grid, config.diffusion.precondition)


def _latent(config: ConfigDict) -> Latent:
    settings = config.diffusion
    if settings.latent not in LATENTS:
        raise ValueError(
            f"diffusion.latent={settings.latent!r}; choose one of {LATENTS}"
        )
    if settings.clusters and settings.conditional:
        raise ValueError(
            f"diffusion.clusters={settings.clusters} and diffusion.conditional=True "
            "exclude each other; leave one of them out"
        )
    return Latent(
        kind=settings.latent,
        components=settings.components,
        clusters=settings.clusters,
        instances=settings.gram.instances,
        points=settings.gram.get("points"),
        shrink=settings.gram.get("shrink"),
    )


def _sampling(config: ConfigDict) -> Sampling:
    return Sampling(**{key: config.sample[key] for key in Sampling._fields})


def teacher_of(recipe: ConfigDict) -> Generator:
    """The generator from which the recipe's generator is distilled.

    Args:
      recipe: before `chosen`; its `generator` is the learner, and the learner's
        `diffusion.teacher` names the teacher.

    Raises:
      ValueError: if the recipe has no such teacher, if learner and teacher are one, or
        if they differ in representation, denoiser, latent or conditioning.
    """
    learner = chosen(recipe)
    try:
        taught = chosen(with_generator(recipe, learner.diffusion.teacher))
    except ValueError as error:
        raise ValueError(f"in diffusion.teacher: {error}") from None
    _check_alike(learner, taught)
    return generator_of(taught)


def _check_alike(learner: ConfigDict, teacher: ConfigDict) -> None:
    """Checks that two different generators share one network and one latent."""
    name = learner.diffusion.teacher
    if teacher.generator == learner.generator:
        raise ValueError(f"generator={name!r} cannot teach itself; name another one")
    for section, key in [
        ("adapter", "name"),
        ("diffusion", "denoiser"),
        ("diffusion", "latent"),
        ("diffusion", "precondition"),
        ("diffusion", "conditional"),
        ("diffusion", "clusters"),
    ]:
        ours, theirs = learner[section][key], teacher[section][key]
        if ours != theirs:
            raise ValueError(
                f"diffusion.teacher={name!r} has {section}.{key}={theirs!r}, the one "
                f"that learns from it {ours!r}; give both the same"
            )
