"""The package as others get it: what is installed, imported, public and typed."""

import ast
import importlib
import pathlib
import pkgutil
import subprocess
import sys
import zipfile

import pytest

import wsjax

ROOT = pathlib.Path(__file__).parent.parent
HEAVY = ("igl", "manifold3d", "matplotlib", "skimage", "sklearn", "trimesh")
LIGHT = ("adapters", "coords", "data", "diffusion", "fields", "fit", "latent", "models")
"""What fits and generators are made of."""


FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "wsjax").rglob("*.py"))


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, text=True, capture_output=True
    )


def test_the_wheel_holds_the_library_alone(tmp_path):
    command = ("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet")
    source = tmp_path / "source"
    copy_tracked(source)
    built = python(*command, f"--wheel-dir={tmp_path}", str(source))
    wheels = list(tmp_path.glob("*.whl"))
    assert len(wheels) == 1, built.stderr
    names = {pathlib.PurePosixPath(n) for n in zipfile.ZipFile(wheels[0]).namelist()}
    info = f"wsjax-{wsjax.__version__}.dist-info"
    assert {name.parts[0] for name in names} == {"wsjax", info}
    found = {name for name in names if name.parts[0] == "wsjax"}
    modules = {path.relative_to(ROOT) for path in (ROOT / "wsjax").rglob("*.py")}
    assert found == {*modules, pathlib.PurePosixPath("wsjax/py.typed")}


def copy_tracked(target):
    """What a build needs; a build in place would leave its folders in the checkout."""
    for path in ("pyproject.toml", "README.md", "LICENSE", "wsjax", "experiments"):
        files = [ROOT / path, *(ROOT / path).rglob("*")]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                copy = target / file.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())


def test_the_package_offers_its_modules():
    found = [info.name for info in pkgutil.iter_modules(wsjax.__path__)]
    assert sorted(wsjax.__all__) == sorted(set(found) - {"__main__"})
    for name in wsjax.__all__:
        assert getattr(wsjax, name) is importlib.import_module(f"wsjax.{name}")
    assert set(wsjax.__all__) <= set(dir(wsjax))
    missing = "nothing"
    with pytest.raises(AttributeError, match="No wsjax attribute nothing"):
        getattr(wsjax, missing)


def loaded(statements):
    """Names of all modules of a fresh process that runs these statements."""
    found = python("-c", f"import sys\n{statements}\nprint(*sys.modules)")
    assert found.returncode == 0, found.stderr
    return set(found.stdout.split())


def test_importing_the_package_imports_nothing_else():
    names = loaded("import wsjax")
    assert "wsjax" in names
    ours = {name for name in names if name.startswith("wsjax.")}
    assert not ours | (names & {*HEAVY, "jax", "numpy"})


def test_fits_and_generators_need_no_geometry_and_no_figures():
    uses = "\n".join(f"wsjax.{name}" for name in LIGHT)
    names = loaded(f"import wsjax\n{uses}")
    assert {f"wsjax.{name}" for name in LIGHT} | {"jax"} <= names
    assert not names & set(HEAVY)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_module_says_its_public_names(path):
    """Sorted, and just what it defines; a package adds what it takes from inside."""
    dotted = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(dotted)
    names = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {x.id for x in targets if isinstance(x, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and path.name == "__init__.py":
            package = ".".join(path.parent.parts)
            if node.module.startswith(f"{package}."):
                names |= {alias.asname or alias.name for alias in node.names}
    names = {name for name in names if not name.startswith("_")}
    if hasattr(module, "__getattr__"):
        # A package of modules, each imported when it is used; all, if it has no more.
        inside = {info.name for info in pkgutil.iter_modules(module.__path__)}
        names |= inside & set(module.__all__) if names else inside - {"__main__"}
    assert module.__all__ == sorted(names)
    assert all(hasattr(module, name) for name in module.__all__)


def test_types_are_right():
    found = python("-m", "mypy", "wsjax")
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_package_says_what_it_holds_and_where_the_rest_is():
    found = python("-m", "wsjax")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"wsjax {wsjax.__version__}: Weights as data")
    for name in wsjax.__all__:
        assert f"wsjax.{name} " in found.stdout
    assert found.stdout.splitlines()[-1].endswith("from a checkout of the repository.")


def test_commands_are_refused_in_one_line():
    found = python("-m", "wsjax", "fit", "--workdir=x")
    assert found.returncode == 1 and not found.stdout
    (line,) = found.stderr.splitlines()
    assert "no commands" in line and "from a checkout of the repository" in line
