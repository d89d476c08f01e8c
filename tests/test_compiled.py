"""A process that does many things keeps the programs of none of them."""

import jax
import pytest
from jax.extend.backend import get_backend

from configs import digits
from experiments import generation, pipeline, study, sweep, tune
from experiments.recipe import dataset
from tests import runs

KEPT = []  # What a library's own caches hold: clearing must not need its leave.


def compiles(*args, **options):
    """Compiles a program of its own, as every stage does."""
    size = len(KEPT)
    one = jax.jit(lambda x: x + size)
    one(1.0)
    KEPT.append(one)
    return {}


def alive() -> int:
    return len(get_backend().live_executables())


def swept(folder, monkeypatch):
    config = digits.get_config("tiny")
    folder = runs.with_base(folder / "run")
    monkeypatch.setattr(sweep.measured, "measure", compiles)
    data = dataset.load(config)
    trial, rows = {"learning_rate": 0.1}, data.rows("validation")
    return lambda: sweep.tried(config, folder, data, "lora", trial, rows)


def tuned(folder, monkeypatch):
    config, at = digits.get_config("tiny"), {"learning_rate": 0.1, "batch": 8}
    losses = {"steps": 1, "cpu_seconds": 1.0, "loss_validation_lowest": 1.0}
    monkeypatch.setattr(
        tune.train_diffusion, "fitted", lambda *args: compiles() | losses
    )
    return lambda: tune._tried(config, at, folder, None)


def generated(folder, monkeypatch):
    config = digits.get_config("tiny")
    monkeypatch.setattr(generation, "_judged", compiles)
    monkeypatch.setattr(generation.report, "run", lambda config, workdir: None)
    return lambda: generation.run(config, str(folder), names=("ours",))


def studied(folder, monkeypatch):
    monkeypatch.setattr(pipeline, "run", compiles)
    monkeypatch.setattr(generation, "rows", list)
    config = digits.get_config("tiny")
    return lambda: study.run(config, str(folder), seeds=[0])


@pytest.mark.parametrize("part", [swept, tuned, generated, studied])
def test_the_programs_of_a_part_end_with_it(part, tmp_path, monkeypatch):
    run = part(tmp_path, monkeypatch)
    run()
    before, made = alive(), len(KEPT)
    for _ in range(3):
        run()
    assert len(KEPT) == made + 3 and alive() <= before
