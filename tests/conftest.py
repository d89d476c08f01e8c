"""Strict JAX flags, the memory that a test process may take, and shared fixtures."""

import gc
import os

import jax
import pytest

from tests import kills, memory, runs

jax.config.update("jax_num_cpu_devices", 4)  # Parallel code is always tested.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)  # A key used twice is an error.
jax.config.update("jax_disable_most_optimizations", True)  # Compiles twice as fast.


def pytest_configure(config):
    config.pluginmanager.register(memory.Peaks(), "peaks")


@pytest.fixture(scope="module", autouse=True)
def freed():
    """Compiled programs live until the end of their module, not of the process."""
    yield
    jax.clear_caches()
    gc.collect()
    memory.trim()


@pytest.fixture
def double():
    """Double precision: laws hold to rounding."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
    """One compilation cache for all modules, test processes and what they start."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder = folder / "compiled"
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    return folder


@pytest.fixture(scope="session")
def environment(compilation_cache):
    """That of all processes: they differ in nothing but the test."""
    return runs.environment(compilation_cache)


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory, environment):
    """The run folder of a fit that nobody touched, with `kills.FLAGS`: small shards."""
    folder = runs.with_base(tmp_path_factory.mktemp("runs") / "unbroken")
    runs.finish("fit", folder, environment, *kills.FLAGS)
    return folder
