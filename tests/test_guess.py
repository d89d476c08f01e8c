"""The amortised start: ridge regression from an instance's values to its weights."""

import jax
import numpy as np
import pytest

from wsjax.fit.guess import constant, guessed, learn

N, P, C, K = 48, 3, 2, 5
M = P * C
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def problem(*, noise, seed=0):
    """Values, and weights that are a linear function of them up to noise."""
    values, slope = normal(N, P, C, seed=seed), normal(M, K, seed=seed + 100)
    values = values * 0.7 ** np.arange(M, dtype=np.float32).reshape(P, C) + 2
    exact = values.reshape(N, M) @ slope + 3
    return values, exact + noise * normal(N, K, seed=seed + 200)


def guesses(guess, values):
    return np.asarray(jax.jit(jax.vmap(guessed, in_axes=(None, 0)))(guess, values))


def ridge(x, y, new, penalty):
    """From the normal equations, in double precision."""
    x, y, new = (a.astype(np.float64) for a in (x, y, new))
    centre = x.mean(axis=0)
    squares = (x - centre).T @ (x - centre)
    squares += penalty * np.linalg.eigvalsh(squares)[-1] * np.eye(M)
    slope = np.linalg.solve(squares, (x - centre).T @ (y - y.mean(axis=0)))
    return y.mean(axis=0) + (new - centre) @ slope


def best_penalty(x, y):
    """Whose predictions of the last quarter, from the rest, are best."""
    cut = 3 * N // 4
    errors = [
        np.mean(np.square(ridge(x[:cut], y[:cut], x[cut:], p) - y[cut:]))
        for p in PENALTIES
    ]
    return PENALTIES[int(np.argmin(errors))]


def test_weights_that_are_linear_in_the_values_are_guessed_exactly():
    values, vectors = problem(noise=0.0)
    guess = learn(values[8:], vectors[8:])
    error = guesses(guess, values[:8]) - vectors[:8]
    assert np.abs(error).max() < 0.01 * vectors.std()


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0, 3.0, 10.0, 100.0])
def test_a_guess_is_the_ridge_that_predicts_the_last_quarter_best(noise):
    values, vectors = problem(noise=noise)
    new = normal(9, P, C, seed=1) + 2
    x, penalty = values.reshape(N, M), best_penalty(values.reshape(N, M), vectors)
    expected = ridge(x, vectors, new.reshape(9, M), penalty)
    found = guesses(learn(values, vectors), new)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * (1 + noise))


def test_the_noises_of_that_test_ask_for_small_and_large_penalties():
    chosen = [
        best_penalty(values.reshape(N, M), vectors)
        for values, vectors in (problem(noise=noise) for noise in (0.0, 100.0))
    ]
    assert chosen == [1e-4, 1.0]


@pytest.mark.parametrize("n", [8, 9])
def test_constant_weights_are_the_guess_for_any_values(n):
    constant = normal(K)
    guess = learn(normal(n, P, C, seed=1), np.tile(constant, (n, 1)))
    found = guesses(guess, 10 * normal(4, P, C, seed=2))
    np.testing.assert_allclose(found, np.tile(constant, (4, 1)), atol=1e-5)


def test_values_that_are_all_alike_give_the_mean_of_the_weights():
    vectors = normal(N, K)
    guess = learn(np.ones((N, P, C), np.float32), vectors)
    found = guesses(guess, normal(4, P, C, seed=2))
    np.testing.assert_allclose(found, np.tile(vectors.mean(axis=0), (4, 1)), atol=1e-6)


def test_fewer_than_eight_fits_are_refused():
    values, vectors = problem(noise=0.0)
    with pytest.raises(ValueError, match="8 fits or more to learn from, got 7"):
        learn(values[:7], vectors[:7])


@pytest.mark.parametrize(("n", "components"), [(N, 2), (N, 256), (10, 256)])
def test_a_guess_has_the_shapes_it_says_whatever_it_learnt_from(n, components):
    m = 40  # More values than the fewest fits.
    guess = learn(normal(n, 20, 2), normal(n, K, seed=1), components=components)
    q = components
    shapes = {"centre": (m,), "project": (m, q), "slope": (q, K), "mean": (K,)}
    assert {name: leaf.shape for name, leaf in guess.items()} == shapes
    assert np.linalg.matrix_rank(guess["project"]) == min(components, n, m)
    assert {leaf.dtype for leaf in guess.values()} == {np.dtype(np.float32)}


def test_components_are_those_along_which_the_values_vary_most():
    values, vectors = problem(noise=0.0)
    guess = learn(values, vectors, components=2)
    moved = values - values.mean(axis=0)
    _, _, ways = np.linalg.svd(moved.reshape(N, M))
    away = guess["centre"] + 10 * ways  # Along each principal direction.
    change = np.abs(guesses(guess, away.reshape(M, P, C)) - guess["mean"]).max(axis=1)
    assert change[:2].min() > 0.1 and change[2:].max() < 1e-3


@pytest.mark.parametrize("components", [0, 4])
def test_the_constant_guess_expects_the_same_of_everyone(components):
    vector = normal(K)
    guess = constant(vector, size=M, components=components)
    found = guesses(guess, normal(7, P, C, seed=1))
    np.testing.assert_array_equal(found, np.tile(vector, (7, 1)))
    learnt = learn(normal(N, P, C), normal(N, K), components=components)
    assert {k: x.shape for k, x in guess.items()} == {
        k: x.shape for k, x in learnt.items()
    }
