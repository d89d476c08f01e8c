"""Lists the binaries: `python -m experiments`."""

import ast
import pathlib

__all__ = ["main"]


def main() -> None:
    """Prints every binary with the first line of its docstring."""
    for path in sorted(pathlib.Path(__file__).parent.glob("[!_]*.py")):
        summary = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "\n"
        print(f"python -m experiments.{path.stem:16} {summary.splitlines()[0]}")


if __name__ == "__main__":
    main()
