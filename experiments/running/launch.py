"""What every binary does around its `run(config, workdir)`: flags, devices, errors."""

import os
from collections.abc import Callable

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from experiments.running import processes, run_folder

_CONFIG = config_flags.DEFINE_config_file("config", help_string="Recipe.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Run folder; a second run resumes.")


def main(run: Callable[..., object], *, many_processes: bool = False) -> None:
    """Parses the flags and calls `run(config, workdir)` while it holds the run folder.

    A mistake of the caller ends the program with one line; `--v=1` adds the traceback.

    Args:
      run: the binary's own part.
      many_processes: whether several processes may share the work; they are told of
        each other by the flags of `processes`.
    """
    flags.mark_flags_as_required(["config", "workdir"])
    if many_processes:
        processes.define_flags()

    def start(argv: list[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(f"unexpected arguments: {argv[1:]}")
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # Libraries talk a lot at INFO.
        # One CPU device per core lets `pmap` use them all; accelerators ignore this.
        jax.config.update("jax_num_cpu_devices", _cpu_devices())
        try:
            if many_processes:
                processes.join()
            logging.info("jax %s on %s", jax.__version__, jax.devices())
            with run_folder.held(_WORKDIR.value):
                run(_CONFIG.value, _WORKDIR.value)
        except (ValueError, OSError) as error:
            logging.vlog(1, "traceback", exc_info=True)
            processes.fail(f"error: {error}")

    app.run(start, flags_parser=_parse)


def _cpu_devices() -> int:
    """One per core, or as many as the environment's JAX_NUM_CPU_DEVICES says."""
    return int(os.environ.get("JAX_NUM_CPU_DEVICES") or os.cpu_count())


def _parse(argv: list[str]) -> list[str]:
    """Parses flags; a misspelt or ill-typed override ends with one line."""
    try:
        return app.parse_flags_with_usage(argv)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        line = " ".join(str(error.args[0] if error.args else error).split())
        raise SystemExit(f"error: in the recipe or an override of it: {line}") from None
