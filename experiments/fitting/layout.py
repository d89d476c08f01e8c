"""Chooses how fits lie on the machine at hand, once per run, by a short measurement."""

import pathlib
import time

import jax
import numpy as np
from absl import logging

from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.fitting import engine, start
from experiments.fitting.engine import FitOptions, Layout
from wsjax import files

# Instances that one device computes at once: few keep activations in a CPU's cache,
# many fill an accelerator. From two on, a CPU gives the same bits for all of them.
_CHUNKS = {"cpu": (2, 4, 8), "accelerator": (32, 128, 512)}
_STEPS = 32  # Of the fits that are timed, at most.
_SECONDS = 0.5  # How long each size is timed.
_LOSS = 0.1  # dB that a lower precision may cost.


def choose(
    options: FitOptions, folder: pathlib.Path, form: Representation, data: Data
) -> Layout:
    """The run's layout: kept from before, told by the recipe, or measured now.

    `fit.chunk` 0 measures the sizes of this kind of machine; `fit.precision` "auto"
    takes bfloat16 on an accelerator if that costs less than 0.1 dB. Writes layout.json,
    so that a run which is resumed, and every process of it, goes on alike.
    """
    path = folder / "layout.json"
    if not path.exists():
        precision = options.precision
        if precision == "auto":
            precision = "float32" if _on_cpu() else _guarded(options, form, data)
        chunk = options.chunk or _fastest(options, form, data, precision)
        files.write_json(path, Layout(chunk, precision)._asdict())
    return Layout(**files.read_json(path))


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def _shared(options: FitOptions, form: Representation, data: Data):
    """What all instances share, from a start that nothing was fitted for."""
    quick = options._replace(rounds=0, guess=0)
    return start.common_start(quick, form, data, None, np.array([0]))


def _fastest(options, form, data, precision: str) -> int:
    """The chunk with the most fits per second; ends at one that does not fit."""
    sizes = _CHUNKS["cpu" if _on_cpu() else "accelerator"]
    found = {}
    for chunk in sizes:
        try:
            found[chunk] = _speed(options, form, data, Layout(chunk, precision))
        except jax.errors.JaxRuntimeError as error:
            logging.warning("a chunk of %d does not fit: %s", chunk, error)
            break
        logging.info("chunk %d: %.3g short fits/s", chunk, found[chunk])
    return max(found, key=found.get, default=sizes[0])


def _speed(options, form, data, layout: Layout) -> float:
    n = options.group  # What the run computes per call, devices without work included.
    steps = min(_STEPS, options.steps)
    short = options._replace(steps=steps, guess=0, target=None)
    many = engine.lifted(short, form, data, layout)
    stacked = data.domain.read(np.arange(n) % len(data.heldout))
    arguments = _shared(options, form, data), stacked, np.ones(n, np.float32)
    many(*arguments)  # Compiles.
    spent, best = 0.0, np.inf
    while spent < _SECONDS or best == np.inf:
        begin = time.perf_counter()
        many(*arguments)
        seconds = time.perf_counter() - begin
        # The best: other programs only ever make it slower.
        spent, best = spent + seconds, min(best, seconds)
    return n / best


def _guarded(options, form, data) -> str:
    """bfloat16, if fits of the instances of the consensus start lose little by it."""
    rows = np.flatnonzero(~data.heldout)[: options.consensus]
    stacked, rate = data.domain.read(rows), np.ones(len(rows), np.float32)
    chunk = options.chunk or _CHUNKS["cpu" if _on_cpu() else "accelerator"][0]
    quality = {}
    arguments = _shared(options, form, data), stacked, rate
    for precision in ("float32", "bfloat16"):
        many = engine.lifted(options, form, data, Layout(chunk, precision))
        quality[precision] = np.mean(many(*arguments)[1])
    loss = quality["float32"] - quality["bfloat16"]
    logging.info("bfloat16 costs %.3f dB", loss)
    return "bfloat16" if loss < _LOSS else "float32"
