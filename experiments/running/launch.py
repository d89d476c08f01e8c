"""Starts a binary: parses flags, sets up devices, reports errors in one line."""

import logging as python_logging
import os
import re
from collections.abc import Callable

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from experiments.running import processes, run_folder
from wsjax import machine

__all__ = ["main"]

_CONFIG = config_flags.DEFINE_config_file("config", help_string="File of the recipe.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Run folder; a second run resumes.")

# Messages of Python and absl about a value that they cannot parse: what to ask for.
_EXPECTED = {
    "invalid literal for int": "a whole number",
    "could not convert string to float": "a number",
    "Non-boolean argument": "True or False",
}


def main(
    run: Callable[..., object], *, many_processes: bool = False, recipe: bool = True
) -> None:
    """Parses the flags, locks the run folder and calls `run(config, workdir)`.

    A ValueError or OSError ends the program with a one-line message; `--v=1` also
    prints the traceback.

    Args:
      run: the function of the binary.
      many_processes: whether several processes may share the work; if so, the flags
        of `processes.define_flags` tell each process about the others.
      recipe: False for a binary of files, without recipe and run folder: `run()`.
    """
    if recipe:
        flags.mark_flags_as_required(["config", "workdir"])
    if many_processes:
        processes.define_flags()

    def start(argv: list[str]) -> None:
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # Libraries talk a lot at INFO.
            logging.get_absl_handler().addFilter(_ours)
        # One CPU device per core, so that `pmap` uses all cores; no effect on a GPU.
        jax.config.update("jax_num_cpu_devices", _cpu_devices())
        try:
            _check_usage(argv)
            if many_processes:
                processes.join()
            logging.info("jax %s on %s", jax.__version__, _devices())
            if not recipe:
                run()
                return
            workdir = os.path.expanduser(_WORKDIR.value)
            with run_folder.held(workdir):
                run(_CONFIG.value, workdir)
        except (ValueError, OSError) as error:
            logging.vlog(1, "traceback", exc_info=True)
            processes.fail(f"error: {_one_line(error)}")

    app.run(start, flags_parser=_parse)


def _ours(record: python_logging.LogRecord) -> bool:
    """Filters tracebacks that Orbax threads log: `main` reports the error itself."""
    return not (record.exc_info and "orbax" in record.pathname)


def _check_usage(argv: list[str]) -> None:
    """Checks flags and environment variables that parse, but that no run can use.

    Raises:
      ValueError: for positional arguments, an empty `--workdir`, or 64-bit numbers.
    """
    if len(argv) > 1:
        raise ValueError(
            f"unexpected arguments {argv[1:]}; write options as --name=value"
        )
    if _WORKDIR.value is not None and not _WORKDIR.value.strip():
        raise ValueError(
            f"--workdir={_WORKDIR.value} should name the run folder, such as "
            "--workdir=runs/digits"
        )
    if jax.config.jax_enable_x64:
        raise ValueError(
            "JAX_ENABLE_X64=1 asks for 64-bit numbers, which would change every fit; "
            "expected 32-bit numbers: unset the variable"
        )


def _cpu_devices() -> int:
    """Number of CPU devices: JAX_NUM_CPU_DEVICES if set, else one per core."""
    return int(os.environ.get("JAX_NUM_CPU_DEVICES", machine.processors()))


def _devices() -> list[jax.Device]:
    """Returns the devices of all processes.

    Raises:
      ValueError: if JAX finds no device, as when JAX_PLATFORMS names a missing kind.
    """
    try:
        return jax.devices()
    except (AssertionError, RuntimeError) as error:
        name = os.environ.get("JAX_PLATFORMS", "")
        raise ValueError(
            f"JAX_PLATFORMS={name!r}: JAX found no such device here "
            f"({_one_line(error) or 'no driver or no plugin'}); install JAX for it, or "
            "use JAX_PLATFORMS=cpu"
        ) from error


def _parse(argv: list[str]) -> list[str]:
    """Parses the flags and loads the recipe; returns the remaining arguments.

    Raises:
      SystemExit: with a one-line message if a flag, an override or the recipe is wrong.
    """
    try:
        arguments = flags.FLAGS(argv)
        if flags.FLAGS["config"].present:
            _CONFIG.value.lock()  # It is, but `.value` raises if loading failed.
        return arguments
    # A recipe is Python code and may raise anything.
    except Exception as error:
        if {"--v=1", "--verbosity=1"} & set(argv):
            raise
        raise SystemExit(f"error: {_reason(error, argv)}") from None


def _reason(error: Exception, argv: list[str]) -> str:
    """One-line explanation of an error that parsing the command line raised."""
    first = error.args[0] if error.args else error
    # ml_collections wraps the KeyError of a misspelt key in an AttributeError.
    text = str(first.args[0] if isinstance(first, KeyError) else first)
    flag = re.match(r"flag (--[^=]+=.*?): (.*)", text, re.DOTALL)
    key = re.match(r"[\"\s]*'(\w+)'", text)
    if isinstance(error, AttributeError | KeyError) and key:
        options = [arg for arg in argv if re.search(rf"\b{key[1]}\b", arg)]
        hint = text[key.end() :].strip('" \n') or "Choose a key that it has"
        return f"{' '.join(options)}: the recipe has no key {key[1]!r}. {hint}"
    if isinstance(error, SyntaxError) or "failure to load" in text:
        given = " ".join(arg for arg in argv if arg.startswith("--config="))
        last = str(error).strip().splitlines()[-1].strip()
        return f"{given}: {last}; name a recipe, such as configs/digits.py"
    if flag and "Traceback" in flag[2]:
        last = re.sub(r"^\w+: ", "", flag[2].strip().splitlines()[-1])
        return f"{flag[1]}: {last}"
    for said, expected in _EXPECTED.items():
        if flag and said in flag[2]:
            return f"{flag[1]} should be {expected}; correct it, or leave it out"
    return " ".join(text.split())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
