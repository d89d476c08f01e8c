"""Bases that are learnt in closed form learn from training instances alone."""

import chex
import numpy as np
import pytest

from configs import images
from experiments import fit, train_base
from experiments.recipe import dataset, representation
from wsjax import files, store


@pytest.fixture
def recipe(tmp_path):
    """`recipe(pixels)`: the tiny recipe of these pictures."""

    def made(pixels):
        config = images.get_config("tiny")
        config.data.path = str(tmp_path / "x.npz")
        config.plan.first = False
        np.savez(config.data.path, x=pixels)
        return config

    return made


def pictures(n):
    noise = np.random.default_rng(0).normal(size=(n, 12, 12, 3))
    smooth = np.cumsum(np.cumsum(noise, axis=1), axis=2)
    low, high = smooth.min(), smooth.max()
    return np.round(255 * (smooth - low) / (high - low)).astype(np.uint8)


def test_what_is_held_out_leaves_the_base_as_it_is(tmp_path, recipe):
    pixels = pictures(40)
    config = recipe(pixels)
    rows = np.flatnonzero(dataset.load(config).heldout)
    shape = dataset.load(config).shape
    train_base.run(config, str(tmp_path / "clean"))
    clean = representation.representation_of(config, tmp_path / "clean", shape).base
    spoilt = pixels.copy()
    spoilt[rows] = np.random.default_rng(1).integers(0, 256, spoilt[rows].shape)
    train_base.run(recipe(spoilt), str(tmp_path / "spoilt"))
    other = representation.representation_of(config, tmp_path / "spoilt", shape).base
    chex.assert_trees_all_equal(clean, other)
    spoilt = pixels[::-1].copy()
    train_base.run(recipe(spoilt), str(tmp_path / "others"))
    third = representation.representation_of(config, tmp_path / "others", shape).base
    atoms = "dictionary", "atoms"
    assert np.abs(third[atoms[0]][atoms[1]] - clean[atoms[0]][atoms[1]]).max() > 1e-3


def test_fits_are_what_the_adapter_solves(tmp_path, recipe):
    config, folder = recipe(pictures(40)), tmp_path / "run"
    metrics = train_base.run(config, str(folder)) and fit.run(config, str(folder))
    assert metrics["steps"] == 0 and metrics["n_failed"] == 0
    data = dataset.load(config)
    form = representation.representation_of(config, folder, data.shape)
    weights, _ = store.load(folder / "fit" / "gains")
    row = int(data.rows("test")[0])
    own = form.adapter.solve(form.base, data.values([row])[0])
    found = weights["gains"]["numbers"][row]
    np.testing.assert_allclose(found, own["gains"]["numbers"], atol=1e-4)
    assert files.read_json(folder / "base" / "metrics.json")["steps"] == 0
