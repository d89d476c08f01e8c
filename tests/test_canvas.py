"""The linear map between vectors and values, and generators that work through it."""

import json
import shutil

import numpy as np
import pytest

from experiments import sample, train_diffusion
from experiments.domain.representation import entries, renderer
from experiments.generator import encoding, trained
from experiments.recipe import dataset
from experiments.recipe.generator import generator_of
from experiments.recipe.representation import representation_of
from tests import runs, trained_runs
from wsjax import checkpoint, latent

N, M, P = 40, 6, 15


@pytest.fixture(scope="module")
def linear():
    """Vectors, and values that are a linear function of them."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(N, M))
    matrix = generator.normal(size=(M, P))
    return vectors, matrix, vectors @ matrix + 3.0


def test_a_linear_map_is_found_up_to_its_length(linear):
    vectors, matrix, values = linear
    found = latent.canvas(vectors, values)
    length = np.sqrt(np.mean(np.square(matrix).sum(axis=1)))
    np.testing.assert_allclose(found["lift"], matrix / length, atol=1e-5)
    assert np.mean(np.square(found["lift"]).sum(axis=1)) == pytest.approx(1.0)


def test_what_was_lifted_comes_back(linear):
    found = latent.canvas(*linear[::2])
    back = found["lift"] @ found["lower"]
    np.testing.assert_allclose(back, np.eye(M), atol=1e-5)


def test_numbers_that_show_nothing_come_back_as_zero(linear):
    vectors, _, values = linear
    blind = np.concatenate([vectors, np.random.default_rng(1).normal(size=(N, 2))], 1)
    blind[:, -1] = 5.0  # And one that never varies.
    found = latent.canvas(blind, values)
    back = found["lift"] @ found["lower"]
    np.testing.assert_allclose(back, np.diag([1.0] * M + [0.0] * 2), atol=1e-4)


def test_fewer_instances_than_numbers_give_what_they_span(linear):
    vectors, _, values = linear
    found = latent.canvas(vectors[:4], values[:4])
    assert np.linalg.matrix_rank(found["lift"], tol=1e-3) == 3  # Beside their mean.
    assert np.abs(found["lower"]).max() < 1e3


@pytest.mark.parametrize(
    ("vectors", "values", "said"),
    [
        (np.ones((0, 2)), np.ones((0, 3)), "as many vectors as values, got 0 and 0"),
        (np.ones((4, 2)), np.ones((3, 3)), "as many vectors as values, got 4 and 3"),
        (np.eye(4), np.ones((4, 3)), "show the same values"),
    ],
)
def test_what_has_no_canvas_is_refused(vectors, values, said):
    with pytest.raises(ValueError, match=said):
        latent.canvas(vectors, values)


def recipe():
    config = trained_runs.recipe()
    config.diffusion.denoiser = "grid_mixer"
    return config


def test_the_canvas_shows_what_weights_show(tmp_path):
    """Lifted vectors are the rendered values, but for length and what is not linear."""
    config, data = recipe(), dataset.load(recipe())
    folder = trained_runs.folder(tmp_path, config)
    home = folder / "diffusion" / runs.NAME
    form = representation_of(config, folder, data.shape)
    fits = encoding.fitted(folder, form, data, beside="validation")
    known = trained.load(generator_of(config), folder, form, data)
    like = {
        "lift": np.zeros((known.size, np.prod(data.shape)), np.float32),
        "lower": np.zeros((np.prod(data.shape), known.size), np.float32),
    }
    lift = checkpoint.restore(home / "canvas", 0, like)["lift"]
    decode, render = entries(form, fits.first).decode, renderer(form, data.grid)
    values = np.stack([render(decode(row)) for row in fits.vectors[:12]])
    values = values.reshape(12, -1)
    code = encoding.restore(generator_of(config).latent, home, form)
    lifted = np.asarray(encoding.project(fits.vectors[:12], code)) @ lift
    centred = [x - x.mean(axis=0) for x in (values, lifted)]
    alike = np.corrcoef(*[x.ravel() for x in centred])[0, 1]
    assert alike > 0.9


# These weights are Gaussian: the preconditioned one has little to learn.
@pytest.mark.parametrize(("precondition", "most"), [(False, 0.7), (True, 0.98)])
def test_a_generator_on_the_grid_learns_and_draws(tmp_path, precondition, most):
    config = recipe()
    config.diffusion.precondition = precondition
    folder = trained_runs.folder(tmp_path, config)
    home = folder / "diffusion" / runs.NAME
    shutil.rmtree(home)
    config.diffusion.update(steps=100, every=50, learning_rate=3e-3)
    train_diffusion.run(config, str(folder))
    lines = (home / "train.jsonl").read_text().splitlines()
    first, last = (json.loads(line)["loss_train"] for line in lines)
    assert last < most * first
    drawn = sample.run(config, str(folder))
    assert drawn["n"] == config.sample.n and drawn["n_failed"] == 0
