import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import adapters, fields, latent

N = 9


@pytest.fixture(scope="module")
def adapter():
    return adapters.lora_asym(rank=3)


@pytest.fixture(scope="module")
def base():
    field = fields.residual(width=5, blocks=0, channels=2)
    shapes = jax.eval_shape(field.init, jax.random.key(0))
    return jax.tree.map(lambda x: np.ones(x.shape, np.float32), shapes)


@pytest.fixture(scope="module")
def start(adapter, base):
    return adapter.init(jax.random.key(0), base)


@pytest.fixture(scope="module")
def free(adapter, base):
    return adapter.free(base)


@pytest.fixture(scope="module")
def fitted(start, free):
    """N stacked adapters whose frozen entries are those of the start."""
    generator = np.random.default_rng(0)

    def leaf(x, free):
        moved = generator.normal(loc=2.0, scale=3.0, size=(N, *x.shape))
        return np.where(np.asarray(free)[None], moved.astype(np.float32), x)

    return jax.tree.map(leaf, start, free)


@pytest.fixture(scope="module")
def entries(free, start):
    return latent.free_entries(free, start)


@pytest.fixture(scope="module")
def vectors(entries, fitted):
    return np.asarray(jax.vmap(entries.encode)(fitted))


@pytest.fixture(scope="module")
def statistics(vectors, free):
    return latent.statistics(vectors, latent.groups(free))


def test_decode_inverts_encode_bit_for_bit(entries, vectors, fitted):
    decoded = jax.jit(jax.vmap(entries.decode))(vectors)
    jax.tree.map(np.testing.assert_array_equal, decoded, fitted)


def test_frozen_entries_never_enter_and_come_back_from_the_start(
    entries, start, free, fitted
):
    one = jax.tree.map(lambda x: x[0], fitted)
    disturbed = jax.tree.map(lambda x, f: np.where(f, x, np.nan), one, free)
    vector = entries.encode(disturbed)
    assert np.all(np.isfinite(vector))
    jax.tree.map(np.testing.assert_array_equal, entries.decode(vector), one)


def test_groups_number_the_leaves_of_the_free_entries(entries, start, free):
    leaves, structure = jax.tree.flatten(start)
    numbers = [np.full(leaf.shape, i) for i, leaf in enumerate(leaves)]
    expected = entries.encode(jax.tree.unflatten(structure, numbers))
    np.testing.assert_array_equal(latent.groups(free), expected)


def test_standardised_vectors_have_mean_zero_and_unit_scale(vectors, free, statistics):
    standardised = (vectors - statistics["mean"]) / statistics["scale"]
    np.testing.assert_allclose(standardised.mean(axis=0), 0.0, atol=1e-5)
    group = latent.groups(free)
    for i in range(group.max() + 1):
        size = np.sqrt(np.mean(np.square(standardised[:, group == i])))
        np.testing.assert_allclose(size, 1.0, rtol=1e-5)
        assert len(np.unique(statistics["scale"][group == i])) == 1


def test_entries_that_never_vary_keep_their_scale(vectors, free):
    group = latent.groups(free)
    constant = np.where(group[None] == 1, 7.0, vectors)
    found = latent.statistics(constant, group)
    assert np.all(found["scale"][group == 1] == 1.0)
    assert np.all(found["mean"][group == 1] == 7.0)


def test_a_factor_without_free_entries_is_no_group():
    """With a rank above the width all of `a` is frozen."""
    free = {"x": {"a": np.zeros((3, 2), bool), "b": np.ones((3, 2), bool)}}
    group = latent.groups(free)
    np.testing.assert_array_equal(group, np.ones(6))
    rows = np.random.default_rng(0).normal(size=(N, 6))
    np.testing.assert_allclose(
        latent.statistics(rows, group)["scale"], rows.std(axis=0).mean(), rtol=0.2
    )


def test_the_standardised_codec_is_inverse_to_rounding(entries, statistics, fitted):
    codec = latent.codec(entries, statistics)
    one = jax.tree.map(lambda x: x[3], fitted)

    def assert_close(x, y):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)

    vector = codec.encode(one)
    jax.tree.map(assert_close, codec.decode(vector), one)
    assert latent.size(statistics) == len(vector)
    assert 0.1 < np.std(vector) < 3


def correlated(n, k, rank, seed=0):
    """Standardised rows `[n, k]` in a subspace of `rank` dimensions."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, rank)) @ generator.normal(size=(rank, k))
    return (rows - rows.mean(axis=0)) / rows.std()


def metric(k, seed=1):
    root = np.random.default_rng(seed).normal(size=(k, k))
    return root @ root.T


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("components", [1, 3, 6])
def test_project_undoes_lift(components, measured):
    found = latent.principal(
        correlated(20, 6, 6), components, metric=metric(6) if measured else None
    )
    identity = found["lift"] @ found["project"]
    np.testing.assert_allclose(identity, np.eye(components), atol=1e-4)
    assert latent.size(found) == components


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize(("rank", "components"), [(6, 6), (2, 2), (2, 4)])
def test_enough_components_reconstruct_exactly(rank, components, measured):
    rows = correlated(20, 6, rank)
    found = latent.principal(rows, components, metric=metric(6) if measured else None)
    np.testing.assert_allclose(rows @ found["project"] @ found["lift"], rows, atol=1e-4)


def test_latents_have_variance_one_on_average_and_are_uncorrelated():
    rows = correlated(20, 6, 6)
    latents = rows @ latent.principal(rows, 3)["project"]
    covariance = latents.T @ latents / len(rows)
    np.testing.assert_allclose(np.trace(covariance), 3.0, rtol=1e-4)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-4)


def test_without_a_metric_the_directions_are_those_of_pca():
    rows = correlated(20, 6, 6)
    found = latent.principal(rows, 2)
    values, directions = np.linalg.eigh(rows.T @ rows)
    kept = np.sum(np.square(rows @ found["project"] @ found["lift"]))
    np.testing.assert_allclose(kept, values[-2:].sum(), rtol=1e-4)


@pytest.mark.parametrize("measured", [False, True])
def test_equal_rows_have_latents_of_zero_and_come_back(measured):
    gram = np.zeros((6, 6)) if measured else None  # Of a decoder that is constant.
    found = latent.principal(np.full((5, 6), 0.1, np.float32), 2, metric=gram)
    assert all(np.all(np.isfinite(leaf)) for leaf in found.values())
    np.testing.assert_allclose(found["lift"] @ found["project"], np.eye(2), atol=1e-6)


def test_plain_pca_is_that_of_the_identity_and_makes_no_square_of_the_numbers():
    rows = correlated(20, 6, 6)
    plain, measured = (latent.principal(rows, 4, metric=m) for m in (None, np.eye(6)))
    for name in plain:
        np.testing.assert_allclose(plain[name], measured[name], rtol=1e-5, atol=1e-7)
    wide = correlated(4, 300_000, 3)  # Squared, 720 GB.
    assert latent.principal(wide, 3)["project"].shape == (300_000, 3)


def test_latent_distances_are_rendered_distances():
    """For a linear decoder, up to one scale and the floor of small eigenvalues."""
    rows = correlated(20, 6, 6)
    render = np.random.default_rng(2).normal(size=(6, 30))
    gram = latent.average_gram(lambda x, _: x @ render, rows[:3], np.zeros((3, 1, 1)))
    found = latent.principal(rows, 6, metric=gram)
    pairs = np.random.default_rng(3).integers(20, size=(50, 2))
    differences = rows[pairs[:, 0]] - rows[pairs[:, 1]]
    rendered = np.sum(np.square(differences @ render), axis=1)
    latents = np.sum(np.square(differences @ found["project"]), axis=1)
    different = rendered > 0
    ratios = latents[different] / rendered[different]
    np.testing.assert_allclose(ratios, ratios.mean(), rtol=1e-2)


@pytest.mark.parametrize("count", [1, 3])  # Fewer values than numbers, and more.
def test_average_gram_is_the_mean_of_the_squared_jacobians(count):
    """Each instance's Jacobian is taken at points of its own."""
    generator = np.random.default_rng(0)
    root = generator.normal(size=(4, count, 2)).astype(np.float32)
    points = generator.normal(size=(3, count, 1)).astype(np.float32)
    vectors = np.array([[1, 2, 3, 4], [0, 1, -1, 2], [3, 0, 1, 1]], np.float32)

    def decode(x, points):  # The Jacobian is the root times 2 x and the points.
        return jnp.einsum("kpc,k->pc", root, x**2) * points

    flat = (root[None] * points[:, None]).reshape(3, 4, 2 * count)
    expected = np.mean([d @ d.T for d in 2 * vectors[:, :, None] * flat], axis=0)
    found = latent.average_gram(decode, vectors, points)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("components", [0, 5, 7])
def test_more_components_than_the_data_can_tell_are_refused(components):
    message = f"latent of {components} numbers .* got 5 instances of 6"
    with pytest.raises(ValueError, match=message):
        latent.principal(correlated(5, 6, 4), components)


def test_the_projected_codec_reconstructs_what_lies_in_its_span(
    entries, vectors, statistics, fitted
):
    standardised = (vectors - statistics["mean"]) / statistics["scale"]
    linear = latent.principal(standardised, N - 1)
    codec = latent.codec(entries, {**statistics, **linear})
    one = jax.tree.map(lambda x: x[4], fitted)
    vector = codec.encode(one)
    assert vector.shape == (N - 1,)

    def assert_close(x, y):
        np.testing.assert_allclose(x, y, atol=1e-3)

    jax.tree.map(assert_close, codec.decode(vector), one)
