"""The denoiser in function space: its patches, and weights that belong to places."""

import jax
import numpy as np
import pytest

from tests.denoisers import build
from wsjax import models
from wsjax.models.grid_mixer import from_patches, to_patches

SIZES = [((6, 6, 1), 3), ((7, 5, 2), 3), ((4, 6, 5, 1), 2), ((3, 3, 3), 4)]


@pytest.mark.parametrize(("size", "patch"), SIZES)
def test_patches_join_to_the_grid_they_were_cut_from(size, patch):
    values = np.arange(1.0, 1 + np.prod(size), dtype=np.float32)
    patches = to_patches(values, size, patch)
    axes = len(size) - 1
    assert patches.shape == (
        np.prod([-(-n // patch) for n in size[:-1]]),
        patch**axes * size[-1],
    )
    np.testing.assert_array_equal(from_patches(patches, size, patch), values)
    # Beside the cells of the grid there are zeros alone.
    assert np.count_nonzero(patches) == len(values)


def test_a_patch_holds_the_cells_of_its_place():
    grid = np.arange(5 * 7 * 2.0).reshape(5, 7, 2)
    patches = to_patches(grid.reshape(-1), (5, 7, 2), 2)
    # Four patches stand side by side, three below each other.
    np.testing.assert_array_equal(patches[1 * 4 + 2], grid[2:4, 4:6].reshape(-1))
    solid = np.arange(4.0**3).reshape(4, 4, 4, 1)
    patches = to_patches(solid.reshape(-1), (4, 4, 4, 1), 2)
    np.testing.assert_array_equal(patches[0b101], solid[2:, :2, 2:].reshape(-1))


def without_mixing(built):
    """Its parameters, but that tokens exchange nothing."""
    params = {**built.params["params"]}
    mixed = params["_Mixed_0"]["kernel"]
    params["_Mixed_0"] = {"kernel": 0 * mixed}
    return {"params": params}


def tokens(values):
    return to_patches(values, (9, 9, 1), 3)


def test_patches_meet_in_the_mixing_alone():
    built = build("grid_mixer")
    changed = np.array(tokens(built.noisy))
    changed[4] += 1.0
    changed = from_patches(changed, (9, 9, 1), 3)
    for params, meet in ((built.params, True), (without_mixing(built), False)):
        outs = [tokens(built.apply(params, x, 0.5)) for x in (built.noisy, changed)]
        differ = np.abs(outs[0] - outs[1]).max(axis=1) > 1e-6
        assert differ[4] and np.all(np.delete(differ, 4) == meet)


def test_weights_belong_to_places():
    """Equal patches give different outputs, by kernels that no other place uses."""
    built = build("grid_mixer")
    same = from_patches(np.tile(tokens(built.noisy)[:1], (9, 1)), (9, 9, 1), 3)
    out = tokens(built.apply(without_mixing(built), same, 0.5))
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(out, out[1:], strict=False))

    def third(params):
        return tokens(built.apply(params, built.noisy, 0.5))[3].sum()

    slopes = jax.grad(third)(without_mixing(built))["params"]
    for name in ("_Own_0", "_Own_1", "_Own_2", "_Own_3"):
        of_place = np.abs(slopes[name]["kernel"]).max(axis=(1, 2))
        assert of_place[3] > 0 and not np.delete(of_place, 3).any()


@pytest.mark.parametrize(
    ("size", "patch"),
    [((28, 28, 1), 7), ((64, 48, 3), 8), ((3, 9, 1), 1), ((20, 20, 20, 1), 5)],
)
def test_a_patch_follows_from_the_grid_unless_it_is_given(size, patch):
    options = {"size": size, "width": 4, "depth": 1}
    assert models.by_name("grid_mixer", {}, **options).patch == patch
    assert models.by_name("grid_mixer", {}, patch=2, **options).patch == 2
