"""Chooses chunk size and precision for the machine at hand, by a short measurement."""

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

# Candidates for the chunk size. Small chunks keep activations in a CPU's cache, large
# ones fill an accelerator. A CPU gives the same bits for every size of two or more.
_CHUNKS = {"cpu": (2, 4, 8), "accelerator": (32, 128, 512)}
_STEPS = 32  # Most steps of a fit that is timed.
_SECONDS = 0.5  # How long each candidate is timed.
_LOSS = 0.1  # Largest loss in dB at which bfloat16 is accepted.


def choose(
    options: FitOptions, folder: pathlib.Path, form: Representation, data: Data
) -> Layout:
    """Returns the layout in layout.json; if there is none, chooses and writes it.

    A resumed run and all processes of a run thus use one layout. `options.chunk` 0
    takes the fastest candidate; `options.precision` "auto" takes bfloat16 on an
    accelerator if that costs less than 0.1 dB of PSNR, else float32.
    """
    path = folder / "layout.json"
    if not path.exists():
        precision = options.precision
        if precision == "auto":
            precision = "float32" if _on_cpu() else _guarded(options, form, data)
        chunk = options.chunk or _fastest(options, form, data, precision)
        files.write_json(path, Layout(chunk, precision)._asdict())
    return Layout(**files.read_json(path, keys=Layout._fields))


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def _shared(options: FitOptions, form: Representation, data: Data):
    """`(base, start, guess)` for timing only: the start is the initial adapter."""
    quick = options._replace(rounds=0, guess=0)
    return start.common_start(quick, form, data, None, np.array([0]))


def _fastest(options, form, data, precision: str) -> int:
    """The fastest chunk size; larger ones are not tried once one runs out of memory."""
    sizes = _CHUNKS["cpu" if _on_cpu() else "accelerator"]
    speeds = {}
    for chunk in sizes:
        try:
            speeds[chunk] = _speed(options, form, data, Layout(chunk, precision))
        except jax.errors.JaxRuntimeError as error:
            logging.warning("a chunk of %d does not fit: %s", chunk, error)
            break
        logging.info("chunk %d: %.3g short fits/s", chunk, speeds[chunk])
    return max(speeds, key=speeds.get, default=sizes[0])


def _speed(options, form, data, layout: Layout) -> float:
    """Instances per second of short fits, without compilation."""
    n = options.group  # As in the run, so devices that idle there idle here, too.
    steps = min(_STEPS, options.steps)
    short = options._replace(steps=steps, guess=0, target=None)
    many = engine.lifted(short, form, data, layout)
    stacked = data.domain.read(np.resize(data.rows("train"), n))
    arguments = _shared(options, form, data), stacked, np.ones(n, np.float32)
    many(*arguments)  # Compiles.
    spent, best = 0.0, np.inf
    while spent < _SECONDS or best == np.inf:
        begin = time.perf_counter()
        many(*arguments)
        seconds = time.perf_counter() - begin
        # The minimum: other programs can only make a call slower.
        spent, best = spent + seconds, min(best, seconds)
    return n / best


def _guarded(options, form, data) -> str:
    """Returns "bfloat16" if it costs less than 0.1 dB, else "float32".

    The cost is in mean PSNR, over the instances of the consensus start.
    """
    rows = data.rows("train")[: options.consensus]
    stacked = data.domain.read(rows, form.adapter.reads)
    rate = np.ones(len(rows), np.float32)
    chunk = options.chunk or _CHUNKS["cpu" if _on_cpu() else "accelerator"][0]
    quality = {}
    arguments = _shared(options, form, data), stacked, rate
    for precision in ("float32", "bfloat16"):
        many = engine.lifted(options, form, data, Layout(chunk, precision))
        quality[precision] = np.mean(many(*arguments)[1])
    loss = quality["float32"] - quality["bfloat16"]
    logging.info("bfloat16 costs %.3f dB", loss)
    return "bfloat16" if loss < _LOSS else "float32"
