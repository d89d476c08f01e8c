"""Strict JAX flags for the whole suite."""

import jax

jax.config.update("jax_num_cpu_devices", 4)  # Parallel code is always tested.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)  # A key used twice is an error.
jax.config.update("jax_disable_most_optimizations", True)  # Compiles twice as fast.
