import shutil

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import struct

from wsjax import checkpoint


@struct.dataclass
class State:
    step: jax.Array
    params: dict
    opt_state: optax.OptState


def state(seed=0, *, width=3, layer="layer_0"):
    generator = np.random.default_rng(seed)

    def normal(*shape):
        return jnp.asarray(generator.normal(size=shape), jnp.float32)

    params = {layer: {"kernel": normal(2, width), "bias": normal(width)}}
    tx = optax.chain(optax.clip(1.0), optax.adam(optax.constant_schedule(0.1)))
    slopes = jax.tree.map(jnp.sin, params)
    _, opt_state = tx.update(slopes, tx.init(params), params)
    return State(jnp.asarray(7 + seed), params, opt_state)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three checkpoints were written, the newest two are kept."""
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    for step in (10, 20, 30):
        checkpoint.save(folder, step, state(step), keep=2)
    return folder


@pytest.mark.parametrize("step", [20, 30])
def test_a_state_comes_back_exactly(step, folder):
    found = checkpoint.restore(folder, step, state(1))
    assert isinstance(found, State)
    chex.assert_trees_all_equal_shapes_and_dtypes(found, state(step))
    chex.assert_trees_all_equal(found, state(step))


def test_the_newest_checkpoint_is_found_and_old_ones_go(folder):
    assert checkpoint.latest(folder) == 30
    assert sorted(path.name for path in folder.iterdir()) == ["20", "30"]


def test_paths_may_be_text(tmp_path):
    checkpoint.save(str(tmp_path), 7, state())
    assert checkpoint.latest(str(tmp_path)) == 7
    found = checkpoint.restore(str(tmp_path), 7, state(1))
    chex.assert_trees_all_equal(found, state())


def test_a_new_folder_has_no_checkpoint(tmp_path):
    assert checkpoint.latest(tmp_path) is None
    assert checkpoint.latest(tmp_path / "absent") is None


def test_another_shape_is_refused_with_leaf_and_both_shapes(folder):
    message = (
        rf"{folder}/20: opt_state/.*/layer_0/bias should be \(4,\), found \(3,\); use"
    )
    with pytest.raises(ValueError, match=message):
        checkpoint.restore(folder, 20, state(width=4))


def test_another_name_is_refused(folder):
    with pytest.raises(ValueError, match="layer_0/bias should be absent, found .3,"):
        checkpoint.restore(folder, 20, state(layer="layer_1"))
    bare = state().params
    with pytest.raises(ValueError, match="layer_0/bias should be .3,., found nothing"):
        checkpoint.restore(folder, 20, bare)


def test_damaged_metadata_are_refused_by_name(folder, tmp_path):
    shutil.copytree(folder / "20", tmp_path / "20")
    path = tmp_path / "20" / "state" / "_METADATA"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=f"{tmp_path}/20 is no readable .*; delete it"):
        checkpoint.restore(tmp_path, 20, state())


def test_a_missing_checkpoint_is_refused_by_name(folder):
    with pytest.raises(ValueError, match=f"{folder}/25 is no readable checkpoint"):
        checkpoint.restore(folder, 25, state())


def test_damaged_arrays_are_refused_by_name(folder, monkeypatch):
    def fail(*_):
        raise RuntimeError("checksum\n" * 100)

    monkeypatch.setattr(checkpoint.ocp, "load", fail)
    with pytest.raises(ValueError, match=rf"{folder}/20 is no .*\(RuntimeError\)"):
        checkpoint.restore(folder, 20, state())
