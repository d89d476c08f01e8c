"""What samples are asked for: of which class, near which instance, how guided."""

import re

import numpy as np

from experiments.generator.trained import Generator, Sampling
from wsjax.diffusion.sample import call_times


def folder_name(generator: Generator) -> str:
    """Name of the folder of a generator's samples, by what they are drawn to be.

    Samples of one class, or near one instance, are no fair draw of the generator, and
    lie beside those that are.
    """
    options, name = generator.sampling, generator.name
    if options.label is not None:
        name += f"-label-{options.label}"
    if options.near is not None:
        plain = re.sub(r"\W+", "_", options.near).strip("_")
        name += f"-near-{plain}-{options.strength:g}"
    return name


def check(generator: Generator, shares: np.ndarray) -> None:
    """Refuses what a generator told labels of these shares, or none, cannot draw.

    Raises:
      ValueError: naming the option, and the way out.
    """
    options, classes = generator.sampling, len(shares)
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
    """What the manifest says of samples that were drawn to be something."""
    asked: dict = {}
    if options.guidance != 1.0:
        asked |= {"guidance": options.guidance, "interval": tuple(options.interval)}
    if options.near is not None:
        asked |= {"near": options.near, "strength": options.strength}
    return asked


def calls(options: Sampling) -> int:
    """Calls of the denoiser per sample, those without the label among them."""
    begin = 1.0 if options.near is None else options.strength
    times = call_times(
        options.sampler, steps=options.steps, begin=begin, spacing=options.spacing
    )
    if options.guidance == 1.0:
        return len(times)
    low, high = options.interval
    return len(times) + int(((low <= times) & (times <= high)).sum())
