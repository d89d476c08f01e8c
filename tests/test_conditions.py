"""What a denoiser is told: classes, clusters or nothing, and how often."""

import jax
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from experiments import sample
from experiments.generator import conditions, trained
from experiments.recipe import dataset, representation
from experiments.recipe.generator import generator_of
from experiments.running.keys import keys
from tests import trained_runs
from wsjax import store

G = 4
N = 60


def recipe(**options):
    return trained_runs.recipe(clusters=G, **options)


@pytest.fixture(scope="module")
def blobs():
    """Vectors around four places, and the place of each."""
    generator = np.random.default_rng(0)
    place = generator.choice(G, N, p=[0.4, 0.3, 0.2, 0.1])
    centres = 20.0 * np.eye(G, 6)
    return centres[place] + generator.normal(size=(N, 6)), place


@pytest.fixture(scope="module")
def found(blobs):
    return conditions.clusters(G, blobs[0], seed=0)


def test_clusters_are_the_places_that_instances_lie_around(blobs, found):
    vectors, place = blobs
    labels = conditions.labels(False, None, found, vectors, np.arange(N))
    assert labels.dtype == np.int32
    assert adjusted_rand_score(place, labels) == 1.0
    np.testing.assert_allclose(
        found["shares"], np.bincount(labels, minlength=G) / N, rtol=1e-6
    )
    means = [vectors[labels == g].mean(axis=0) for g in range(G)]
    np.testing.assert_allclose(found["centres"], means, atol=1e-4)


def test_an_instance_is_of_the_cluster_with_the_nearest_centre():
    generator = np.random.default_rng(1)
    vectors, centres = generator.normal(size=(2, 50, 3))
    distances = np.linalg.norm(vectors[:, None] - centres, axis=-1)
    nearest = conditions.cluster(vectors, centres)
    np.testing.assert_array_equal(nearest, distances.argmin(axis=1))


def test_labels_are_independent_and_as_likely_as_their_shares_say():
    shares = np.asarray([0.5, 0.0, 0.29, 0.21], np.float32)
    draws = [conditions.drawn(shares, 100, seed=seed) for seed in range(400)]
    counts = np.stack([np.bincount(x, minlength=4) for x in draws])
    # Mean and variance of a binomial count; evenly spread labels have no variance.
    np.testing.assert_allclose(counts.mean(axis=0), 100 * shares, atol=1.0)
    expected = 100 * shares * (1 - shares)
    np.testing.assert_allclose(counts.var(axis=0), expected, rtol=0.3)


def test_shares_need_not_quite_sum_to_one():
    labels = conditions.drawn(np.full(3, 0.33, np.float32), 300, seed=0)
    assert set(labels) == {0, 1, 2}


def test_without_shares_nothing_is_told():
    assert set(conditions.drawn(np.zeros(0), 5, seed=0)) == {-1}


def test_labels_are_the_classes_of_the_data_or_none():
    data = dataset.load(trained_runs.recipe())
    rows = np.asarray([3, 1, 14])
    told = conditions.labels(False, data, {}, np.zeros((3, 2)), rows)
    assert list(told) == [-1] * 3 and not len(conditions.shares(False, data, {}))
    told = conditions.labels(True, data, {}, np.zeros((3, 2)), rows)
    np.testing.assert_array_equal(told, data.labels[rows])
    expected = np.bincount(data.labels[~data.heldout], minlength=10)
    shares = conditions.shares(True, data, {})
    np.testing.assert_allclose(shares, expected / expected.sum())
    some = data._replace(labels=np.where(data.labels == 3, -1, data.labels))
    counts = np.where(np.arange(10) == 3, 0, expected)
    np.testing.assert_allclose(conditions.shares(True, some, {}), counts / counts.sum())
    with pytest.raises(ValueError, match="conditional=True needs labels, .*has none"):
        conditions.shares(True, data._replace(labels=None), {})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"clusters": N + 1}, "clusters=61 should be 0, or up to the 60 training"),
        ({"clusters": -1}, "clusters=-1 should be 0, or up to the 60 training"),
        ({"conditional": True}, "clusters=4 and .*conditional=True exclude each other"),
    ],
)
def test_clusters_that_cannot_be_are_refused_in_one_line(blobs, changes, line):
    config = recipe()
    config.diffusion.update(changes)
    with pytest.raises(ValueError, match=line) as refused:
        latent = generator_of(config).latent
        conditions.clusters(latent.clusters, blobs[0], seed=0)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with samples of a generator that is told clusters."""
    root = trained_runs.folder(tmp_path_factory.mktemp("runs") / "run", recipe())
    sample.run(recipe(), str(root))
    return root


@pytest.fixture(scope="module")
def drawing(run):
    """`drawing(**options of sample) -> (generator, labels)`."""
    data = dataset.load(recipe())
    form = representation.representation_of(recipe(), run, data.shape)
    generator = trained.load(generator_of(recipe()), run, form, data)

    def drawing(**options):
        own = generator_of(recipe(**options))
        _, labels = sample._drawing(own, run, form, data, generator)
        return generator, labels

    return drawing


def test_samples_lie_in_clusters_as_often_as_instances_and_have_no_class(run, drawing):
    generator, told = drawing()
    expected = conditions.drawn(generator.shares, 12, seed=recipe().seed)
    np.testing.assert_array_equal(told, expected)
    assert len(set(told)) > 1
    manifest = store.manifest(run / "samples" / trained_runs.NAME)
    assert not any("label" in instance for instance in manifest["instances"])


def test_the_denoiser_is_told_the_cluster(run, drawing):
    """Another cluster and the same noise: another sample."""
    generator, labels = drawing()
    one = trained.drawer(
        generator, trained.sampler(generator_of(recipe()).sampling, generator.process)
    )

    def drawn(labels):
        own = jax.random.split(keys(recipe().seed)["sample"], 12)
        return jax.jit(jax.vmap(one, (None, 0, 0)))(generator.params, own, labels)[0]

    weights, _ = store.load(run / "samples" / trained_runs.NAME)
    told, moved = (
        np.asarray(drawn(x)["output"]["b"]) for x in (labels, (labels + 1) % G)
    )
    np.testing.assert_allclose(told, weights["output"]["b"], rtol=1e-4, atol=1e-5)
    assert np.all(np.abs(moved - told).max(axis=(1, 2)) > 1e-4)


def test_near_an_instance_its_own_cluster_holds(run, drawing):
    generator, labels = drawing(near="7")
    fit, _ = store.load_row(run / "fit" / trained_runs.NAME, 7)
    vector = np.asarray(generator.codec.encode(fit))
    distances = np.linalg.norm(vector - np.asarray(generator.centres), axis=1)
    assert set(labels) == {distances.argmin()}


def test_a_class_is_nothing_to_ask_of_clusters(run):
    with pytest.raises(ValueError, match="label=1 needs .*conditional=True"):
        sample.run(recipe(label=1), str(run))
