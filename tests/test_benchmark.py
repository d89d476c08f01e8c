"""The benchmark on the tiny recipe, and that its two sides fit the same thing."""

import jax
import numpy as np
import optax
import pytest
from threadpoolctl import threadpool_limits

from configs import patterns, sections
from experiments import benchmark, sweep
from experiments.domain import representation as forms
from experiments.fitting import matmul, reference
from experiments.recipe import dataset, representation
from wsjax import files, fit


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Run folder and metrics of one benchmark."""
    folder = tmp_path_factory.mktemp("runs") / "patterns"
    with threadpool_limits(1):
        return folder, benchmark.run(patterns.get_config("tiny"), str(folder))


def test_ratios_are_those_of_the_printed_figures(study):
    folder, metrics = study
    path = folder / "benchmark" / "mlora_asym" / "metrics.json"
    assert files.read_json(path) == metrics
    for key in (
        "fields_per_cpu_second",
        "fields_per_second",
        "compiled_memory_mib",
        "bytes_per_field",
    ):
        ratio = metrics[key] / metrics[f"plain_{key}"]
        assert metrics[f"{key}_ratio"] == pytest.approx(ratio)
    assert all(np.isfinite(value) for value in metrics.values())


def test_both_sides_take_the_fewest_steps_that_reach_the_target(study, capsys):
    config = patterns.get_config("tiny")
    folder, metrics = study
    assert metrics["steps"] in config.benchmark.steps
    config.benchmark.target = -100.0
    easy = benchmark.run(config, str(folder))
    assert easy["reached_target"] and easy["plain_reached_target"]
    assert "no setting" not in capsys.readouterr().out
    assert easy["steps"] == min(config.benchmark.steps)
    assert easy["plain_steps"] == min(config.benchmark.plain_steps)
    config.benchmark.target = 100.0
    hard = benchmark.run(config, str(folder))
    assert hard["reached_target"] is hard["plain_reached_target"] is False
    assert capsys.readouterr().out.count("no setting reached 100.0 dB") == 2
    assert hard["steps"] == max(config.benchmark.steps)
    assert hard["plain_steps"] == max(config.benchmark.plain_steps)


def test_a_fit_in_closed_form_takes_no_steps(tmp_path):
    config = patterns.get_config("tiny")
    config.adapter.name, config.benchmark.target = "gains", 5.0
    with threadpool_limits(1):
        metrics = benchmark.run(config, str(tmp_path / "run"))
    assert metrics["steps"] == 0 and metrics["reached_target"]
    assert "step_cpu_milliseconds" not in metrics
    assert metrics["psnr_db_mean"] > metrics["plain_psnr_db_mean"]


def test_the_reference_is_a_plain_fit_of_each_instance(study):
    config, (folder, _) = patterns.get_config("tiny"), study
    data = dataset.load(config)
    form = representation.representation_of(config, folder, data.shape)
    values = data.values([0, 1])
    options = {"steps": 3, "learning_rate": 0.02}
    found = reference.measure(form, jax.random.key(5), values, data.grid, **options)
    one = fit.make_fit(form.field, form.adapter, optax.adam(0.02), steps=3)
    quality = []
    for row, row_key in zip(values, jax.random.split(jax.random.key(5)), strict=True):
        start_key, fit_key = jax.random.split(row_key)
        start = form.adapter.init(start_key, form.base)
        signal = data.grid, row
        weights, _ = one((form.base, start), fit_key, signal)
        quality.append(forms.quality(form, form.base)(weights, signal))
    assert found.psnr_db == pytest.approx(np.mean(quality), abs=1e-3)


def test_memory_is_that_of_each_program_and_not_of_the_process():
    """A program of more rows takes more, whichever was compiled before."""
    many = jax.jit(lambda x: np.float32(2) * x)
    sizes = [many.lower(np.zeros(n, np.float32)).compile() for n in (2**20, 2**18)]
    assert [reference.memory_mib(program) for program in sizes] == [8.0, 2.0]


def test_products_of_a_step_are_counted_forward_and_backward(monkeypatch):
    base = {
        "fourier": {"frequencies": np.zeros((2, 8))},
        "layer_0": {"kernel": np.zeros((8, 6))},
        "output": {"kernel": np.zeros((6, 3))},
    }
    monkeypatch.setattr(matmul, "_seconds", lambda m, k, n, chunk: 1e-9 * m * k * n)
    found = matmul.step_seconds(base, points=10, chunk=2)
    # Both layers forwards and for the kernel's gradient, the last one for its inputs.
    products = 10 * (2 * 8 * 6 + 3 * 6 * 3)
    assert found.cpu_seconds == pytest.approx(1e-9 * products)
    assert found.gflops == pytest.approx(2.0)


def test_levers_are_pulled_one_after_the_other():
    config = patterns.get_config("speed")
    trials = config.sweep.variants.mlora_asym
    assert [trial["rounds"] for trial in trials[:3]] == [0, 0, config.fit.rounds]
    plain, last = trials[0], trials[-3]
    assert plain["b2"] == 0.999 and plain["points"] == plain["guess"] == 0
    for key in ("b1", "b2", "power", "points", "guess"):
        assert last[key] == config.fit[key]
    assert trials[-2]["steps"] == config.fit.steps // 2
    assert trials[-1]["target"] == config.sweep.target


def test_the_cheapest_trial_that_reaches_the_target_is_the_best():
    lines = [
        {"psnr_db_mean": 30.0, "fields_per_cpu_second": 9.0},
        {"psnr_db_mean": 33.0, "fields_per_cpu_second": 5.0},
        {"psnr_db_mean": 34.0, "fields_per_cpu_second": 2.0},
        {"psnr_db_mean": None},
    ]
    assert sweep.best("mlora", lines, 32.0) == lines[1]
    assert sweep.best("mlora", lines, 40.0) == lines[2]
    assert sweep.best("mlora", lines, None) == lines[2]
    with pytest.raises(ValueError, match="all 1 trials of mlora diverged"):
        sweep.best("mlora", lines[3:], None)


def test_every_lever_exists():
    config = patterns.get_config("tiny")
    config.sweep = sections.levers(config.fit, n=4, rates=(0.1,), target=1.0)
    for trial in sweep.trials(config, "mlora_asym"):
        sweep.with_trial(config, "mlora_asym", trial)
    with pytest.raises(ValueError, match="changes 'step', which is no key"):
        sweep.with_trial(config, "mlora_asym", {"learning_rate": 1.0, "step": 3})
