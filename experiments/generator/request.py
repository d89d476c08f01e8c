"""Requested samples: of one class, near one instance, with guidance."""

import numpy as np

from experiments.generator.trained import Generator, Sampling
from wsjax import files
from wsjax.diffusion.sample import call_times

__all__ = ["MOST_GUIDANCE", "calls", "check", "described", "folder_name"]

MOST_GUIDANCE = 100.0
"""Largest guidance weight that is accepted; published ones stay below 20."""


def folder_name(generator: Generator) -> str:
    """Name of the folder for a generator's samples.

    Samples of one class or near one instance do not represent the generator, so they
    get a folder of their own, such as `mlora_asym-label-3` or `mlora_asym-near-17-0.5`.
    """
    options, name = generator.sampling, generator.name
    if options.label is not None:
        name += f"-label-{options.label}"
    if options.near is not None:
        strength = str(options.strength).removesuffix(".0")
        name += f"-near-{files.safe_name(options.near, most=80)}-{strength}"
    return name


def check(generator: Generator, shares: np.ndarray) -> None:
    """Refuses sampling options that the generator cannot serve.

    Args:
      generator: with its sampling options.
      shares: `[G]` fraction of the training instances that has each label; empty if the
        generator is unconditional.

    Raises:
      ValueError: naming the option, and the way out.
    """
    options, classes = generator.sampling, len(shares)
    if options.guidance < 0 or not options.guidance <= MOST_GUIDANCE:
        raise ValueError(
            f"sample.guidance={options.guidance} should be between 0 and "
            f"{MOST_GUIDANCE:g}; 1 is none, and beyond 10 samples saturate"
        )
    wanting = {
        "label": options.label is not None and not generator.conditional,
        "guidance": options.guidance != 1.0 and not classes,
    }
    for name in [name for name, wants in wanting.items() if wants]:
        raise ValueError(
            f"sample.{name}={getattr(options, name)} needs a generator that was told "
            "labels, found diffusion.conditional=False; train one with "
            f"diffusion.conditional=True, or leave sample.{name} out"
        )
    if options.label is not None and not 0 <= options.label < classes:
        raise ValueError(
            f"sample.label={options.label} is no label of the data; choose one of 0 to "
            f"{classes - 1}"
        )
    if options.label is not None and not shares[options.label]:
        raise ValueError(
            f"sample.label={options.label} is a label that no training instance has; "
            f"choose one of {np.flatnonzero(shares).tolist()}"
        )
    low, high = options.interval
    if not 0.0 <= low <= high <= 1.0:
        raise ValueError(
            f"sample.interval={tuple(options.interval)} should be two times, "
            "0 <= first <= last <= 1"
        )
    if options.near is not None and not 0.0 < options.strength <= 1.0:
        raise ValueError(
            f"sample.strength={options.strength} is the time at which samples near an "
            "instance begin; choose it above 0, and at most 1"
        )


def described(options: Sampling) -> dict:
    """Guidance and instance of the request, as the samples' manifest records them."""
    asked: dict = {}
    if options.guidance != 1.0:
        asked |= {"guidance": options.guidance, "interval": tuple(options.interval)}
    if options.near is not None:
        asked |= {"near": options.near, "strength": options.strength}
    return asked


def calls(options: Sampling) -> int:
    """Calls of the denoiser per sample, with the unconditional ones of guidance."""
    begin = 1.0 if options.near is None else options.strength
    times = call_times(
        options.sampler, steps=options.steps, begin=begin, spacing=options.spacing
    )
    if options.guidance == 1.0:
        return len(times)
    low, high = options.interval
    return len(times) + int(((low <= times) & (times <= high)).sum())
