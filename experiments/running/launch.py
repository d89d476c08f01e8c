"""What every binary does around its `run(config, workdir)`: flags, devices, errors."""

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

_CONFIG = config_flags.DEFINE_config_file("config", help_string="Recipe.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Run folder; a second run resumes.")

# What Python and absl say of a value that they cannot read, and what was expected.
_EXPECTED = {
    "invalid literal for int": "a whole number",
    "could not convert string to float": "a number",
    "Non-boolean argument": "True or False",
}


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
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # Libraries talk a lot at INFO.
            logging.get_absl_handler().addFilter(_ours)
        # One CPU device per core lets `pmap` use them all; accelerators ignore this.
        jax.config.update("jax_num_cpu_devices", _cpu_devices())
        try:
            _check_usage(argv)
            if many_processes:
                processes.join()
            logging.info("jax %s on %s", jax.__version__, _devices())
            workdir = os.path.expanduser(_WORKDIR.value)
            with run_folder.held(workdir):
                run(_CONFIG.value, workdir)
        except (ValueError, OSError) as error:
            logging.vlog(1, "traceback", exc_info=True)
            processes.fail(f"error: {_one_line(error)}")

    app.run(start, flags_parser=_parse)


def _ours(record: python_logging.LogRecord) -> bool:
    """False for the traceback of a thread of Orbax: `main` reports its error once."""
    return not (record.exc_info and "orbax" in record.pathname)


def _check_usage(argv: list[str]) -> None:
    """Refuses what flags and environment variables say but no run can mean."""
    if len(argv) > 1:
        raise ValueError(
            f"unexpected arguments {argv[1:]}; write options as --name=value"
        )
    if not _WORKDIR.value.strip():
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
    """One per processor, or as many as JAX_NUM_CPU_DEVICES says."""
    return int(os.environ.get("JAX_NUM_CPU_DEVICES", machine.processors()))


def _devices() -> list[jax.Device]:
    """The devices of all processes.

    Raises:
      ValueError: if there are none of the kind that JAX_PLATFORMS names.
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
    """Parses flags; a mistake in the recipe or an override ends with one line."""
    try:
        arguments = flags.FLAGS(argv)
        _CONFIG.value.lock()  # It is locked; if it was not read, this raises.
        return arguments
    # A recipe is a program, and may fail in any way.
    except Exception as error:
        if {"--v=1", "--verbosity=1"} & set(argv):
            raise
        raise SystemExit(f"error: {_reason(error, argv)}") from None


def _reason(error: Exception, argv: list[str]) -> str:
    """What was wrong with the command line, in one line."""
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
