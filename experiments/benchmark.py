r"""Measures how fast fields reach a given quality, compared with a plain fit.

  python -m experiments.benchmark --config=configs/patterns.py --workdir=runs/patterns

Trains the base if it is missing. Our fit uses the recipe's settings, with the first of
`benchmark.steps` that reaches `benchmark.target` dB on training instances. The plain
fit (`experiments/fitting/reference.py`, same base) uses the first of its pairs of steps
and learning rate that does; recipes list fewer steps first. `reached_target` says
whether any did. Both are then timed on validation instances, without compilation.
`compiled_memory_mib` is the memory of the compiled program: ours fits one device's
share of a group at a time, the plain fit all instances at once. Writes
benchmark/<representation>/metrics.json; a second run measures again.
"""

from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments import train_base
from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.fitting import engine, layout, matmul, reference
from experiments.fitting.engine import FitOptions, Layout
from experiments.fitting.smoothness import smoothness
from experiments.fitting.start import common_start
from experiments.page import columns
from experiments.recipe.fits import fit_options_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of
from experiments.running import launch
from experiments.running.keys import keys
from wsjax import costs, files, store, tree

_SHORTEST = 1e-9  # Least CPU-seconds of a step: a divisor must not be 0.


class Problem(NamedTuple):
    """The fit to measure; `spread` is the chunk size and precision on this machine."""

    config: ConfigDict
    options: FitOptions
    form: Representation
    data: Data
    spread: Layout


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Measures the recipe's representation; returns and prints the metrics."""
    base = train_base.run(config, workdir)
    data, root = opened(config, workdir)
    folder = root / "benchmark" / config.adapter.name
    form = representation_of(config, root, data.shape)
    options = fit_options_of(config)
    spread = layout.choose(options, folder, form, data)
    problem = Problem(config, options, form, data, spread)
    ours = _ours(problem)
    plain = _plain(problem)
    metrics = {
        "target_psnr_db": config.benchmark.target,
        "base_cpu_seconds": base["cpu_seconds"],
        "base_seconds": base["seconds"],
        "chunk": spread.chunk,
        **ours,
        **{f"plain_{key}": value for key, value in plain.items()},
    }
    for key in ("fields_per_cpu_second", "fields_per_second"):
        metrics[f"{key}_ratio"] = ours[key] / plain[key]
    for key in ("compile_seconds", "compiled_memory_mib", "bytes_per_field"):
        metrics[f"{key}_ratio"] = ours[key] / plain[key]
    files.write_json(folder / "metrics.json", metrics)
    columns.show(metrics, ours, plain)
    return metrics


def _rows(problem: Problem, n: int, part: str) -> np.ndarray:
    """`n` instances of a part from its last one on, repeated if too few."""
    return np.resize(problem.data.rows(part)[::-1], n)


def _read(problem: Problem, rows: np.ndarray) -> dict:
    return problem.data.domain.read(rows, problem.form.adapter.reads)


def _ours(problem: Problem) -> dict[str, float]:
    """Metrics of the recipe's fit, at the first of its steps to reach the target."""
    options, data = problem.config.benchmark, problem.data
    rows = _rows(problem, options.n, "train")
    for steps in _counts(problem):
        before = costs.compile_seconds()
        many, shared, start_cost = _prepared(problem, steps)
        ones = np.ones(len(rows), np.float32)
        _, quality, *_ = many(shared, _read(problem, rows), ones)
        reached = bool(np.mean(quality) >= options.target)
        if reached:
            break
    compiled = costs.compile_seconds() - before
    rows = _rows(problem, options.n, "validation")
    arguments = shared, _read(problem, rows), np.ones(len(rows), np.float32)
    fits, cost = _best(many, arguments, options.repeats)
    weights, quality, *_ = fits
    n = len(rows)
    metrics = smoothness(
        keys(problem.options.seed)["trivial"],
        problem.form,
        data,
        shared[1],
        weights,
        rows,
        components=problem.config.evaluate.components,
    )
    return {
        "steps": steps,
        "reached_target": reached,
        "psnr_db_mean": float(np.mean(quality)),
        "fields_per_cpu_second": n / cost.cpu_seconds,
        "fields_per_second": n / cost.seconds,
        "start_cpu_seconds": start_cost,
        "compile_seconds": compiled,
        "compiled_memory_mib": _memory_mib(problem, steps, arguments),
        "bytes_per_field": _bytes(tree.row(weights, slice(0, 64))),
        **(_per_step(problem, steps, arguments, cost.cpu_seconds) if steps else {}),
        **metrics,
    }


def _counts(problem: Problem) -> tuple[int, ...]:
    """Numbers of steps to try; a fit in closed form without refinement takes none."""
    if problem.form.adapter.solve is not None and not problem.options.steps:
        return (0,)
    return problem.config.benchmark.steps


def _per_step(
    problem: Problem, steps: int, arguments: tuple, seconds: float
) -> dict[str, float]:
    """What one step costs, where `steps` of them and all else take `seconds`."""
    # The difference to a longer fit has only steps in it, no start and no scoring.
    longer, n = _lifted(problem, 2 * steps), len(arguments[-1])
    more = _best(longer, arguments, problem.config.benchmark.repeats)[1].cpu_seconds
    # The steps of a tiny recipe can be too short for the clock.
    per_step = max((more - seconds) / n / steps, _SHORTEST)
    matmuls = matmul.step_seconds(
        problem.form.base,
        points=problem.options.points or len(problem.data.grid),
        chunk=problem.spread.chunk,
    )
    return {
        "step_cpu_milliseconds": 1e3 * per_step,
        "matmul_fraction": matmuls.cpu_seconds / per_step,
        "matmul_gflops": matmuls.gflops,
    }


def _memory_mib(problem: Problem, steps: int, arguments: tuple) -> float:
    """Memory, in MiB, of the program that fits one device's share of a group."""
    options, form, data = problem.options, problem.form, problem.data
    fit_and_score = engine.make_fit_and_score(
        options._replace(steps=steps), form, data, precision=problem.spread.precision
    )

    def one_device(shared, stacked):
        return jax.lax.map(
            lambda instance: fit_and_score(shared, *instance),
            stacked,
            batch_size=problem.spread.chunk,
        )

    shared, *stacked = arguments
    share = max(1, options.group // jax.local_device_count())
    stacked = tree.row(tuple(stacked), slice(0, share))
    return reference.memory_mib(jax.jit(one_device).lower(shared, stacked).compile())


def _best(many, arguments: tuple, repeats: int):
    """The result, and the least cost of some calls: other programs only add to it."""
    many(*arguments)  # Compiles.
    spent = []
    for _ in range(repeats):
        clock = costs.now()
        result = many(*arguments)
        spent.append(costs.Cost(**costs.since(clock)))
    return result, min(spent, key=lambda cost: cost.cpu_seconds)


def _lifted(problem: Problem, steps: int):
    """The compiled fit of many instances with that number of steps."""
    options = problem.options._replace(steps=steps)
    return engine.lifted(options, problem.form, problem.data, problem.spread)


def _prepared(problem: Problem, steps: int):
    """The compiled fit, its common start, and the CPU-seconds that the start took."""
    many, data = _lifted(problem, steps), problem.data
    clock, rows = costs.now(), data.rows("train")
    shared = common_start(problem.options, problem.form, data, many, rows)
    return many, shared, costs.since(clock)["cpu_seconds"]


def _plain(problem: Problem) -> dict[str, float]:
    """Metrics of the plain fit, at the first setting that reaches the target."""
    options, data = problem.config.benchmark, problem.data

    def measure(n: int, part: str, *, steps: int, rate: float):
        values = data.values(_rows(problem, n, part))
        key = keys(problem.options.seed)["fit"]
        return reference.measure(
            problem.form,
            key,
            values,
            data.grid,
            steps=steps,
            learning_rate=rate,
            repeats=1 if part == "train" else options.repeats,
        )

    settings = [
        (count, rate) for count in options.plain_steps for rate in options.plain_rates
    ]
    for count, rate in settings:
        tried = measure(8, "train", steps=count, rate=rate)
        reached = tried.psnr_db >= options.target
        if reached:
            break
    speed = measure(options.plain_n, "validation", steps=count, rate=rate)
    start_key = keys(problem.options.seed)["start"]
    first = problem.form.adapter.init(start_key, problem.form.base)
    return {
        "steps": speed.steps,
        "reached_target": reached,
        "learning_rate": speed.learning_rate,
        "psnr_db_mean": speed.psnr_db,
        "fields_per_cpu_second": 1 / speed.cpu_seconds_per_field,
        "fields_per_second": 1 / speed.seconds_per_field,
        "compile_seconds": speed.compile_seconds,
        "compiled_memory_mib": speed.memory_mib,
        "bytes_per_field": _bytes(jax.tree.map(lambda x: np.asarray(x)[None], first)),
    }


def _bytes(weights) -> int:
    """Bytes on disk per field, when `weights` are written as a shard."""
    n = len(jax.tree.leaves(weights)[0])
    return round(len(store.packed(store.Shard(0, weights, [{}] * n, {}))) / n)


if __name__ == "__main__":
    launch.main(as_planned(run))
