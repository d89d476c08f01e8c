"""Steps of one training are the same on 1, 2 and 4 devices, and in parts."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wsjax import checkpoint, diffusion, models
from wsjax.diffusion import train

K, BATCH = 6, 16


def ingredients():
    """Of a small real denoiser: options of `make_advance`, state, vectors, labels."""
    shape = {"width": 16, "depth": 1, "dropout": 0.1}
    module = models.by_name("residual_mlp", {}, classes=3, **shape)

    def apply(params, noisy, t, label, key):
        rngs = {"dropout": key}
        return module.apply(params, noisy, t, label, train=True, rngs=rngs)

    def init(key):
        return module.init(key, jnp.zeros(K), jnp.zeros(()), jnp.asarray(0), train=True)

    params = jax.jit(init)({"params": jax.random.key(0), "dropout": jax.random.key(1)})
    tx = optax.adam(1e-3)
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(20, K)).astype(np.float32)
    options = {"batch": BATCH, "decays": (0.9, 0.99), "jitter": 0.1, "drop_label": 0.3}
    state = train.start(params, tx, averages=2)
    return (
        (diffusion.flow(), apply, tx),
        options,
        state,
        train.Examples(vectors, np.arange(20) % 3),
    )


def steps(advance, state, data, mesh, count):
    """So many steps: the state and the losses, on the host."""
    state = train.replicate(state, mesh)
    return jax.device_get(advance(jax.random.key(2), state, data, steps=count))


def mesh_of(count):
    return jax.sharding.Mesh(jax.devices()[:count], ("data",))


def close(found, wanted):
    chex.assert_trees_all_close(found, wanted, rtol=1e-4, atol=1e-6)


def made(parts, options, mesh, args):
    """The compiled steps, and the operations of each device in them."""
    jitted, jit = [], jax.jit

    def spy(*args, **kwargs):
        jitted.append(jit(*args, **kwargs))
        return jitted[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "jit", spy)
        advance = train.make_advance(*parts, **options, mesh=mesh, accumulate=2)
    (steps,) = jitted
    return advance, steps.lower(*args, 3).compile().cost_analysis()["flops"]


@pytest.fixture(scope="module")
def halves():
    """Of each number of devices: the steps, what they cost, and where they led."""
    parts, options, state, data = ingredients()
    found = {}
    for count in (1, 2, 4):
        args = jax.random.key(2), state, data
        advance, work = made(parts, options, mesh_of(count), args)
        half, losses = steps(advance, state, data, mesh_of(count), 3)
        whole = steps(advance, half, data, mesh_of(count), 3)
        found[count] = advance, work, half, (losses, whole)
    return found


def test_devices_share_the_work_of_the_same_steps(halves):
    _, work, _, ended = zip(*halves.values(), strict=True)
    assert work[2] < 0.75 * work[1] < 0.75**2 * work[0]
    close(ended[1], ended[0])
    close(ended[2], ended[0])
    assert len(np.unique(ended[0][0])) == 3


def test_a_training_of_four_devices_goes_on_with_fewer(halves, tmp_path):
    *_, state, data = ingredients()
    *_, half, (_, whole) = halves[4]
    checkpoint.save(tmp_path, 3, train.replicate(half, mesh_of(4)))
    for count, (advance, *_) in halves.items():
        like = train.replicate(state, mesh_of(count))
        restored = checkpoint.restore(tmp_path, 3, like)
        assert restored.step.sharding == like.step.sharding
        found = steps(advance, restored, data, mesh_of(count), 3)
        close(found, whole)
    chex.assert_trees_all_equal(found, whole)


def test_a_batch_in_four_parts_is_the_same_batch():
    parts, options, state, data = ingredients()
    found = [
        steps(
            train.make_advance(*parts, **options, accumulate=count),
            state,
            data,
            mesh_of(1),
            3,
        )
        for count in (1, 4)
    ]
    close(*found)
    assert np.ptp(found[0][1]) > 0


def test_a_batch_that_does_not_divide_is_refused():
    parts, options, *_ = ingredients()
    line = r"batch=16 should be a multiple of 3: accumulate=3 x 1 devices; change one"
    with pytest.raises(ValueError, match=line):
        train.make_advance(*parts, **options, accumulate=3, mesh=mesh_of(1))
