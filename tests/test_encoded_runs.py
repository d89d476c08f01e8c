"""Runs of a recipe whose base keeps an encoder, and the maps of shifts."""

import shutil

import chex
import jax
import numpy as np
import pytest

from configs import digits, sections
from experiments import fit, train_base
from experiments.domain.data import signal
from experiments.domain.representation import quality
from experiments.recipe import dataset
from experiments.recipe.representation import representation_of, with_name
from wsjax import checkpoint, costs, files, store, tree

N, STEPS = 40, 4


def recipe(path=None):
    """Digits, or pictures at `path`; an encoder is trained, and fits are its own."""
    config = digits.get_config("tiny")
    config.data.n = N
    if path is not None:
        config.data = sections.image_data(size=12)
        config.data.path = str(path)
    config.base.update(factors=(1,), batches=(4,), points=(9,), steps=(10,))
    config.base.encoder.update(steps=STEPS, every=2, batch=4, points=9)
    rank = {"rank": 2, "start": "skip"}
    with config.unlocked():
        config.adapter.encoded = {"of": "mlora_asym", "size": (12, 12), **rank}
        config.adapter.encoded.update(width=2, hidden=8)
        config.adapter.shifts = {"latent": 5}
        for name in ("encoded", "shifts"):
            config.fit.learning_rate[name], config.fit.pull[name] = 0.02, 0.0
    config.adapter.name = "encoded"
    config.fit.compare = config.structure.n = 0
    return config


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "encoded"
    return folder, train_base.run(recipe(), str(folder))


def folded(folder):
    """The base that all fits share."""
    data = dataset.load(recipe())
    return representation_of(recipe(), folder, data.shape).base


def lines(folder):
    found = files.read_lines(folder / "base" / "encoder.jsonl")
    return [{k: x for k, x in line.items() if k not in costs.KEYS} for line in found]


def test_the_base_keeps_what_its_representations_read(trained):
    folder, metrics = trained
    base = folded(folder)
    field = {"fourier", "layer_0", "layer_1", "layer_2", "output"}
    assert set(base) == field | {"encoder", "modulation"}
    assert metrics["encoder_steps"] == STEPS
    assert [line["step"] for line in lines(folder)] == [2, 4]


def test_fits_without_steps_are_what_the_encoder_predicts(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "run")
    config = recipe()
    metrics = fit.run(config, str(folder), limit=16)
    data = dataset.load(config)
    form = representation_of(config, folder, data.shape)
    weights, instances = store.load(folder / "fit" / "encoded")
    read = data.domain.read(np.arange(16))
    solve = jax.jit(jax.vmap(form.adapter.solve, in_axes=(None, 0)))
    chex.assert_trees_all_close(
        weights, solve(form.base, read["values"]), rtol=1e-4, atol=1e-5
    )
    score = jax.jit(jax.vmap(quality(form, form.base), in_axes=(0, (None, 0))))
    expected = score(weights, signal(data.grid, read))
    found = [instance["psnr_db"] for instance in instances]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert [instance["steps"] for instance in instances] == [0] * 16
    assert metrics["n_failed"] == 0


def test_steps_refine_a_prediction_and_shifts_fit_on_the_same_base(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "run")
    found = {}
    for name, refine in (("encoded", 6), ("shifts", 0)):
        config = with_name(recipe(), name)
        config.fit.refine = refine
        # The base does not depend on what follows it, but a run folder would refuse.
        (folder / "recipe.json").unlink()
        fit.run(config, str(folder), limit=16)
        found[name] = store.load(folder / "fit" / name)
    weights, instances = found["encoded"]
    base = folded(folder)
    assert {instance["steps"] for instance in instances} == {6}
    data = dataset.load(recipe())
    form = representation_of(recipe(), folder, data.shape)
    values = data.values(np.arange(16))
    predicted = jax.jit(jax.vmap(form.adapter.solve, in_axes=(None, 0)))(base, values)
    score = jax.jit(jax.vmap(quality(form, base), in_axes=(0, (None, 0))))
    before = score(predicted, (data.grid, values))
    assert np.mean([i["psnr_db"] for i in instances]) > np.mean(before) + 0.1
    codes = found["shifts"][0]["latent"]["code"]
    assert codes.shape == (16, 5) and np.ptp(codes, axis=0).min() > 1e-3


def test_an_interrupted_training_ends_like_an_unbroken_one(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "run")
    for gone in ("folded", "metrics.json", f"encoder/{STEPS}"):
        path = folder / "base" / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert checkpoint.latest(folder / "base" / "encoder") == 2
    train_base.run(recipe(), str(folder))
    chex.assert_trees_all_equal(folded(folder), folded(trained[0]))
    assert lines(folder) == lines(trained[0])
    # Seconds are never the same twice: the first half was not trained again.
    first, second = (
        files.read_lines(x / "base" / "encoder.jsonl") for x in (folder, trained[0])
    )
    assert first[0] == second[0] and first[1] != second[1]


@pytest.mark.parametrize("heldout", [True, False])
def test_nothing_is_learnt_from_what_is_held_out(heldout, tmp_path):
    digit = dataset.load(recipe())
    pixels = np.uint8(np.round(digit.pictures(np.arange(N))[..., 0] * 255))
    found = []
    for name in ("clean", "poisoned"):
        config, folder = recipe(tmp_path / f"{name}.npz"), tmp_path / name
        np.savez(config.data.path, x=pixels, y=digit.labels)
        train_base.run(config, str(folder))
        found.append((folded(folder), lines(folder)))
        rows = dataset.load(config).heldout == heldout
        pixels[rows] = 255 - pixels[rows]
    (base, told), (other, retold) = found
    same = tree.fingerprint(base) == tree.fingerprint(other)
    assert same == (told == retold) == heldout
