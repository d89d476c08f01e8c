"""`python -m wsjax` says what the package holds, and what it does not."""

import ast
import pathlib
import sys

from wsjax import __all__ as MODULES
from wsjax import __version__

__all__ = ["describe", "main"]

_ELSEWHERE = (
    "The binaries (`python -m experiments.fit` and others) and their recipes are not "
    "installed: run them from a checkout of the repository."
)


def describe() -> str:
    """Version and modules, each with the first line of its docstring."""
    lines = [f"wsjax {__version__}: {_summary('__init__')}", ""]
    width = max(map(len, MODULES))
    lines += [f"  wsjax.{name:{width}}  {_summary(name)}" for name in MODULES]
    return "\n".join([*lines, "", _ELSEWHERE])


def _summary(name: str) -> str:
    """First line of a module's docstring, read without importing the module."""
    folder = pathlib.Path(__file__).parent
    path = folder / name / "__init__.py"
    source = path if path.exists() else folder / f"{name}.py"
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    return (text or "").partition("\n")[0]


def main(arguments: list[str]) -> None:
    """Prints the description; refuses arguments, as there are no commands here."""
    if arguments:
        sys.exit(f"python -m wsjax has no commands, got {arguments}. {_ELSEWHERE}")
    print(describe())


if __name__ == "__main__":
    main(sys.argv[1:])
