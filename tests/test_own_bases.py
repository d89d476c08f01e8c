"""Each representation on a base of its own: meta-learnt starts, and the comparison."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import digits
from experiments import reconstruction, sweep, train_base
from experiments.recipe.representation import needs_base, own_field, representation_of
from tests import runs
from wsjax import adapters, coords, costs, fields, files, fit
from wsjax.fit import autodecoder, rehearsal

FORMS = {"whole": adapters.whole(), "masked": adapters.mlp_asym()}


@pytest.fixture(scope="module")
def field():
    return fields.mlp(features=6, width=8, depth=1, scale=1.0, channels=1)


@pytest.fixture(scope="module")
def base(field):
    return field.init(jax.random.key(0))


@pytest.mark.parametrize("name", FORMS)
def test_without_an_offset_a_field_is_its_start(name, base):
    adapter = FORMS[name]
    moved = adapters.offset(adapter)
    key = jax.random.key(1)
    start = adapter.merge(base, adapter.init(key, base))
    for merge in (moved.merge, moved.attach):
        chex.assert_trees_all_equal(merge(base, moved.init(key, base)), start)
    chex.assert_trees_all_equal(moved.free(base), adapter.free(base))


@pytest.mark.parametrize("name", FORMS)
def test_base_and_offset_move_a_field_alike_and_frozen_entries_stay(name, field, base):
    adapter = adapters.offset(FORMS[name])
    points = coords.grid((4, 4))

    def loss(base, offsets):
        return fields.render(field, adapter.merge(base, offsets), points).sum()

    offsets = adapter.init(jax.random.key(0), base)
    shared, own = jax.grad(loss, argnums=(0, 1))(base, offsets)
    shared = {layer: shared[layer] for layer in own}
    chex.assert_trees_all_equal(shared, own)
    frozen = jax.tree.map(lambda x: ~x, adapter.free(base))
    assert not any(
        map(np.any, jax.tree.leaves(jax.tree.map(jnp.multiply, own, frozen)))
    )


def test_a_meta_learnt_start_makes_later_fits_better(field, base):
    """Against the same fits from the random start."""
    points = coords.grid((5, 6))
    phases = np.arange(4)[:, None, None]
    values = jnp.asarray(np.sin(3.0 * np.asarray(points)[None, :, :1] + phases))
    adapter = adapters.offset(adapters.whole())

    def losses(outer):
        episode = rehearsal.make_episode(
            field,
            adapter,
            fit.adam(learning_rate=0.02, steps=6, final=0.1),
            outer,
            steps=6,
            points=30,
            chunk=4,
            rate=0.0,
        )
        state = rehearsal.begin(base, adapter.init(jax.random.key(1), base), outer)
        for _ in range(40):
            state, found = episode(jax.random.key(2), state, points, values)
        return found[-1]

    learnt = losses(autodecoder.adam(learning_rate=0.02, steps=240))
    assert learnt < 0.5 * losses(optax.sgd(0.0))


def recipe(**changes):
    config = digits.get_config("tiny")
    config.adapter.name = "mlp"
    config.base.rehearsal.update(adapter="mlp", episodes=2)
    config.fit.compare = config.structure.n = 0
    config.base.rehearsal.update(changes)
    return config


def test_fits_of_whole_fields_begin_at_the_start_that_was_learnt(tmp_path):
    config = recipe()
    assert needs_base(config) and not needs_base(recipe(adapter="lora"))
    field, random = own_field(config, "mlp", 1)
    with pytest.raises(FileNotFoundError, match="train_base"):
        representation_of(config, tmp_path, (12, 12, 1))
    metrics = train_base.run(config, str(tmp_path))
    assert metrics["episodes"] == 2
    form = representation_of(config, tmp_path, (12, 12, 1))
    assert form.standalone
    start = form.adapter.init(jax.random.key(0), form.base)
    assert np.abs(start["layer_0"]["kernel"] - random["layer_0"]["kernel"]).max() > 1e-4
    other = representation_of(recipe(episodes=0), tmp_path, (12, 12, 1))
    chex.assert_trees_all_equal(other.base, random)


@pytest.fixture
def compared(tmp_path, monkeypatch):
    """A comparison of two representations whose fits are made up, and their calls.

    A fit gains 3 dB per doubling of its steps up to 32, and likes the rate 0.02.
    """
    config = digits.get_config("tiny")
    config.sweep.variants = {
        "mlp": [{"learning_rate": (0.01, 0.02)}],
        "lora": [{"learning_rate": (0.02, 0.01)}],
    }
    config.reconstruction.update(n=5, doublings=4)
    calls, seconds = (
        [],
        {"mlp": 0.001, "lora": 0.004, "mlora": 0.008, "mlora_asym": 0.001},
    )

    def tried(config, root, data, name, trial, rows):
        steps = trial.get("steps", config.fit.steps)
        calls.append(
            (name, root, trial, {data.part_of(row) for row in rows}, len(rows))
        )
        if trial["learning_rate"] > 1:
            return {"trial": trial, "psnr_db_mean": None}
        quality = 3 * np.log2(min(steps, 32)) - 100 * abs(trial["learning_rate"] - 0.02)
        return {
            "trial": trial,
            "learning_rate": trial["learning_rate"],
            "steps": steps,
            "psnr_db_mean": quality,
            "psnr_db_ci95": 0.1,
            "cpu_seconds_per_field": seconds[name] * steps / config.fit.steps,
            "numbers_per_field": 50,
        }

    def based(config, workdir):
        calls.append((config.base.rehearsal.adapter, workdir))
        return {"cpu_seconds": 7.0}

    monkeypatch.setattr(sweep, "tried", tried)
    monkeypatch.setattr(train_base, "run", based)
    folder = runs.with_base(tmp_path / "run")
    files.write_lines(folder / "base" / "train.jsonl", [{"step": 1}])
    files.write_bytes(folder / "base" / "checkpoints" / "1", b"by hand")
    return reconstruction.run(config, str(folder)), calls, folder, config


def test_validation_chooses_and_test_instances_judge(compared):
    found, calls, folder, config = compared
    steps = config.fit.steps
    for name, row in found.items():
        own = [call for call in calls if call[0] == name]
        place = folder / "reconstruction" / name / "run"
        assert own[0] == (name, str(place))  # Its base rehearsed its own fits.
        judged = [call for call in own[1:] if call[3] == {"test"}]
        assert len(judged) == 3 and all(call[4] == 5 for call in judged)
        assert all(call[3] == {"validation"} for call in own[1:] if call not in judged)
        assert all(call[1] == place for call in own[1:])
        assert row["learning_rate"] == 0.02 and row["steps"] == steps
        metrics = files.read_json(folder / "reconstruction" / name / "metrics.json")
        assert {k: x for k, x in metrics.items() if k not in costs.KEYS} == {
            k: x for k, x in row.items() if k not in costs.KEYS
        }


def test_all_have_the_time_of_the_slowest_and_as_many_steps_as_help(compared):
    found, _, _, config = compared
    assert found["lora"]["steps_equal_cpu"] == config.fit.steps
    assert found["mlp"]["steps_equal_cpu"] == 4 * config.fit.steps
    for row in found.values():
        assert row["steps_converged"] == 32
        assert row["psnr_db_test_mean_converged"] == pytest.approx(15.0)


def test_another_seed_judges_the_trials_of_the_first(compared, tmp_path):
    found, calls, folder, config = compared
    other = runs.with_base(tmp_path / "other")
    files.write_lines(other / "base" / "train.jsonl", [{"step": 1}])
    files.write_bytes(other / "base" / "checkpoints" / "1", b"by hand")
    calls.clear()
    config.seed = 1
    again = reconstruction.run(config, str(other), like=str(folder))
    tried = [call for call in calls if len(call) > 2]
    assert len(tried) == 6 and all(call[3] == {"test"} for call in tried)
    for name, row in found.items():
        for key in ("steps_equal_cpu", "steps_converged", "learning_rate_converged"):
            assert again[name][key] == row[key]
    (folder / "reconstruction" / "lora" / "chosen.json").unlink()
    third = runs.with_base(tmp_path / "third")
    files.write_lines(third / "base" / "train.jsonl", [{"step": 1}])
    files.write_bytes(third / "base" / "checkpoints" / "1", b"by hand")
    with pytest.raises(FileNotFoundError, match=r"lora/chosen\.json is missing"):
        reconstruction.run(config, str(third), like=str(folder))


def test_the_autodecoder_is_trained_once(compared):
    _, _, folder, _ = compared
    own = folder / "reconstruction" / "lora" / "run" / "base"
    assert {p.name for p in own.iterdir()} == {"checkpoints", "train.jsonl"}
    assert files.read_lines(own / "train.jsonl") == [{"step": 1}]
    assert (own / "checkpoints" / "1").read_bytes() == b"by hand"
    assert not (folder / "reconstruction" / "mlp" / "run" / "base").exists()


def test_a_slower_representation_gives_the_others_more_steps(compared):
    found, calls, folder, config = compared
    config.sweep.variants = {
        **config.sweep.variants.to_dict(),
        "mlora": [{"learning_rate": (0.02,)}],
    }
    calls.clear()
    again = reconstruction.run(config, str(folder))
    for name, factor in (("mlp", 8), ("lora", 2), ("mlora", 1)):
        assert again[name]["steps_equal_cpu"] == factor * config.fit.steps
        metrics = files.read_json(folder / "reconstruction" / name / "metrics.json")
        assert metrics["steps_equal_cpu"] == factor * config.fit.steps
    # Of the old ones, nothing else is fitted again.
    tried = [call for call in calls if len(call) > 2 and call[0] != "mlora"]
    assert [(x[0], x[2]["steps"]) for x in tried] == [
        (name, again[name]["steps_equal_cpu"]) for name in ("lora", "mlp")
    ]
    for key in ("steps", "steps_converged", "psnr_db_test_mean_converged"):
        assert again["mlp"][key] == found["mlp"][key]
    calls.clear()
    assert reconstruction.run(config, str(folder)) == again
    assert not [call for call in calls if len(call) > 2]


def test_a_representation_that_diverges_stops_no_other(compared):
    found, _, folder, config = compared
    config.sweep.variants = {
        "mlora": [{"learning_rate": (2.0,)}],
        **config.sweep.variants.to_dict(),
        "mlora_asym": [{"learning_rate": (0.02,)}],
    }
    with pytest.raises(ValueError, match="failed, .*: mlora: all 1 trials of mlora"):
        reconstruction.run(config, str(folder))
    assert (folder / "reconstruction" / "mlora_asym" / "metrics.json").exists()
