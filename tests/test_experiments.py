"""The shape of experiments/: what lies where, and where a recipe ends."""

import ast

import pytest

from experiments import __main__ as experiments_main
from tests.test_layers import ROOT, imports, inside, parse, sources

# Folders may import from those before them.
LAYERS = ("running", "domain", "fitting", "generator", "judging", "page", "recipe")
BINARIES = {
    "analyze",
    "audit",
    "benchmark",
    "evaluate",
    "export",
    "export_meshes",
    "fit",
    "generation",
    "pipeline",
    "plan",
    "reconstruction",
    "report",
    "sample",
    "sampling_curves",
    "scaling",
    "starts",
    "structure",
    "study",
    "sweep",
    "tables",
    "train_base",
    "train_diffusion",
    "tune",
}
# Where the domain of shapes may be told from that of pictures.
KNOW_SHAPES = {
    "experiments/export_meshes.py",
    "experiments/page/showcase.py",
}
HELPERS = [p for p in sources("experiments") if len(p.parts) == 3]
BELOW_RECIPE = [p for p in HELPERS if p.parts[1] != "recipe"]


def starts(path):
    """Whether a file starts a program by `launch.main`."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "main"
        and getattr(node.value, "id", "") == "launch"
        for node in ast.walk(parse(path))
    )


def test_binaries_lie_on_top_and_helpers_in_folders():
    top = {p.stem for p in sources("experiments") if len(p.parts) == 2}
    assert top - {"__init__", "__main__"} == BINARIES
    assert {p.stem for p in sources("experiments") if starts(p)} == BINARIES
    folders = {p.parts[1] for p in HELPERS}
    assert folders == set(LAYERS)


@pytest.mark.parametrize("path", HELPERS, ids=str)
def test_helpers_import_only_the_folders_below(path):
    own = path.parts[1]
    lower = LAYERS[: LAYERS.index(own) + 1]
    for name in imports(path):
        if inside(name, "experiments"):
            assert name.split(".")[1] in lower, f"{path} imports {name}"


@pytest.mark.parametrize("path", BELOW_RECIPE, ids=str)
def test_the_recipe_ends_at_its_folder_and_the_binaries(path):
    """No helper takes a config, and none but the launcher knows where it comes from."""
    if path.name != "launch.py":
        assert not any(inside(n, "ml_collections") for n in imports(path))
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.arg):
            assert node.arg not in ("config", "cfg", "recipe_config")
        if isinstance(node, ast.Name):
            assert node.id not in ("config", "ConfigDict")


def test_few_places_tell_shapes_from_pictures():
    """What differs between them is a record that each brings, not a question."""

    def asks(path):
        return any(
            isinstance(node, ast.Attribute)
            and node.attr == "shapes"
            and getattr(node.value, "attr", "") == "domain"
            for node in ast.walk(parse(path))
        )

    assert {str(p) for p in sources("experiments") if asks(p)} == KNOW_SHAPES


def test_pages_of_the_report_lie_beside_the_code_that_fills_them():
    found = {p.parent.name for p in (ROOT / "experiments").rglob("*.html")}
    assert found == {"page"}


def test_the_package_lists_every_binary_with_its_summary(capsys):
    experiments_main.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(BINARIES)
    for name, line in zip(sorted(BINARIES), lines, strict=True):
        command, summary = line.split(maxsplit=3)[:3], line.split(maxsplit=3)[3]
        assert command == ["python", "-m", f"experiments.{name}"]
        assert summary.endswith((".", "?"))
