"""Strict JAX flags for the whole suite."""

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)  # Parallel code is always tested.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)  # A key used twice is an error.
jax.config.update("jax_disable_most_optimizations", True)  # Compiles twice as fast.


@pytest.fixture
def double():
    """Double precision: laws hold to rounding."""
    with jax.enable_x64(True):
        yield
