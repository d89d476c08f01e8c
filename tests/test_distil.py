"""A generator that learns from another: its pairs, its start, and where it ends."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import sample, train_diffusion
from experiments.generator import conditions, distil, trained
from experiments.recipe import dataset, representation
from experiments.recipe.generator import (
    chosen,
    generator_of,
    teacher_of,
    with_generator,
)
from tests import trained_runs
from tests.known_flows import MEAN, SPREAD, K, end_point
from wsjax import diffusion
from wsjax.diffusion import train

PUPIL = "one_step"
GUIDED = {"steps": 2, "guidance": 2.0, "interval": (0.2, 0.8)}


def recipe(**changes):
    """The one that learns; `changes` are those of its diffusion."""
    config = trained_runs.recipe(conditional=True, **GUIDED)
    config.generator = PUPIL
    config.diffusion.pairs = 20
    config.generators[PUPIL].diffusion.update(changes)
    return config


def named(config, name):
    """The same recipe, resolved for another generator."""
    return chosen(with_generator(config, name))


def taught(config, root, folder, form, data):
    """The lesson of a recipe's generator, in a folder of its own."""
    learner, teacher = generator_of(chosen(config)), teacher_of(config)
    return distil.lesson(learner, teacher, root, folder, form, data, pairs=20)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A run folder with a teacher of random parameters."""
    config = trained_runs.recipe(conditional=True, **GUIDED)
    return trained_runs.folder(tmp_path_factory.mktemp("runs") / "taught", config)


@pytest.fixture(scope="module")
def data():
    return dataset.load(trained_runs.recipe())


@pytest.fixture(scope="module")
def form(root):
    return representation.representation_of(trained_runs.recipe(), root, (12, 12, 1))


@pytest.fixture(scope="module")
def teacher(root, form, data):
    return trained.load(generator_of(named(recipe(), "ours")), root, form, data)


@pytest.fixture(scope="module")
def lesson(root, form, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pupil")
    return taught(recipe(), root, folder, form, data)


def test_pairs_are_noise_and_what_sampling_makes_of_it(
    root, form, data, teacher, lesson, monkeypatch
):
    config = named(recipe(), "ours")
    draw, _ = sample._drawing(generator_of(config), root, form, data, teacher)
    monkeypatch.setattr(jax.random, "normal", lambda noise, shape: noise)
    vectors, seen, noise = lesson.examples
    adapters, good = jax.jit(jax.vmap(draw, (None, 0, 0)))(teacher.params, noise, seen)
    assert good.all() and vectors.shape == noise.shape == (20, teacher.size)
    again = jax.jit(jax.vmap(teacher.codec.encode))(adapters)
    np.testing.assert_allclose(again, vectors, atol=1e-3 * vectors.std())
    expected = conditions.drawn(teacher.shares, 20, seed=config.seed)
    np.testing.assert_array_equal(seen, expected)
    assert len(set(seen.tolist())) > 3


def test_the_noise_is_normal_and_one_pair_in_ten_is_kept_to_judge_by(lesson):
    noise = np.asarray(lesson.examples.noise)
    assert abs(noise.mean()) < 0.1 and noise.std() == pytest.approx(1, abs=0.05)
    assert len(np.unique(noise[:, 0])) == 20
    assert list(np.flatnonzero(lesson.heldout)) == [0, 10]


def test_before_it_learns_the_pupil_is_its_teacher(root, form, data, teacher, lesson):
    """Steps of no length, so that what is chosen is what it began with."""
    config = recipe(learning_rate=1e-30, steps=10)
    metrics = train_diffusion.run(config, str(root))
    assert metrics["n_train"] == 18
    assert metrics["numbers_diffused"] == teacher.size
    pupil = trained.load(generator_of(named(config, PUPIL)), root, form, data)
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-5),
        pupil.params,
        teacher.params,
    )
    noisy, t, label = lesson.examples.noise[3], jnp.asarray(0.7), jnp.asarray(4)
    for known in (lesson, pupil):
        np.testing.assert_allclose(
            known.apply(known.params, noisy, t, label, None),
            teacher.apply(teacher.params, noisy, t, label, None),
            rtol=1e-4,
            atol=1e-4,
        )
    np.testing.assert_allclose(
        pupil.codec.decode(noisy)["output"]["b"],
        teacher.codec.decode(noisy)["output"]["b"],
    )


def _learnt(noise):
    """What one call makes of noise after training on samples of a known flow."""
    process, tx = diffusion.flow(), optax.adam(0.03)

    def apply(params, noisy, t, label, key):
        """The share of noise that straight paths to a Gaussian leave, turned back."""
        mean, spread = params
        return mean + spread * (noisy - (1 - t) * mean) / ((1 - t) * spread + t)

    start = jax.random.normal(jax.random.key(0), (500, K))
    ends = jax.vmap(lambda x: end_point(process, x))(start)
    labels = jnp.full(500, -1)
    examples = train.Examples(ends, labels, start if noise else None)
    advance = train.make_advance(process, apply, tx, batch=32, decays=(0.9,))
    state = train.start((jnp.zeros(K), jnp.ones(K)), tx)
    state, _ = advance(jax.random.key(1), state, examples, steps=600)
    (params,) = state.averages
    sampler = diffusion.ddim(process, steps=1)
    fresh = jax.random.normal(jax.random.key(2), (50, K))

    def one(noise):
        return sampler(lambda x, t: apply(params, x, t, -1, None), noise)

    return np.asarray(fresh), np.asarray(jax.vmap(one)(fresh))


def test_straight_paths_lead_in_one_call_to_where_the_flow_ends():
    """A Gaussian's flow is linear, and so are the paths learnt from its own pairs."""
    noise, found = _learnt(noise=True)
    np.testing.assert_allclose(found, MEAN + SPREAD * noise, atol=0.01)
    # Mixed with noise of no such origin, the same samples teach another map.
    noise, found = _learnt(noise=False)
    assert np.abs(found - MEAN - SPREAD * noise).mean() > 0.1


@pytest.mark.parametrize(
    ("teacher", "other", "error", "line"),
    [
        ("nobody", {}, ValueError, "in diffusion.teacher: .*'nobody'; choose one of"),
        (PUPIL, {}, ValueError, "'one_step' cannot teach itself; name another one"),
        (
            "twin",
            {"diffusion": {"latent": "pca"}},
            ValueError,
            "'twin' has diffusion.latent='pca', .* 'none'; give both the same",
        ),
        (
            "twin",
            {"diffusion": {"conditional": False}},
            ValueError,
            "'twin' has diffusion.conditional=False, .* True; give both the same",
        ),
        (
            "twin",
            {"diffusion": {"clusters": 3}},
            ValueError,
            "'twin' has diffusion.clusters=3, .* 0; give both the same",
        ),
        (
            "twin",
            {"diffusion": {"denoiser": "flat_transformer"}},
            ValueError,
            "'twin' has diffusion.denoiser='flat_transformer', .* give both the same",
        ),
        (
            "lora",
            {},
            ValueError,
            "'lora' has adapter.name='lora', .*'mlora_asym'; give",
        ),
        (
            "twin",
            {},
            FileNotFoundError,
            r"'twin' has no .*/diffusion/twin/chosen yet; run .*generator=twin first",
        ),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused_in_one_line(
    root, form, data, tmp_path, teacher, other, error, line
):
    config = recipe(teacher=teacher)
    config.generators.twin = other
    with pytest.raises(error, match=line) as refused:
        taught(config, root, tmp_path / "pupil", form, data)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "pupil").exists()
