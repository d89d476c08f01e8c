"""The shape of the code: who may import whom, and how long things may get."""

import ast
import graphlib
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
ALLOWED = {
    "__init__": set(),
    "__main__": {"__all__", "__version__"},  # Of the package itself.
    "types": set(),
    "tree": set(),
    "coords": set(),
    "costs": set(),
    "files": set(),
    "machine": set(),
    "checkpoint": {"tree"},
    "store": {"costs", "files", "tree"},
    "exchange": {"costs", "files", "store", "tree"},
    "latent": {"types"},
    "merging": {"tree"},
    "fields": {"types"},
    "adapters": {"models", "types"},  # An adapter never sees a field.
    "symmetry": {"types"},  # Acts on trees; the caller says how layers are wired.
    "fit": {"types", "tree", "coords", "fields"},
    "data": {"types", "meshes", "files", "machine"},
    "meshes": {"coords"},
    "diffusion": {"types"},  # Meets the models in a binary, as a function argument.
    "models": {"types"},
    # Weights of a judge that others trained; the network that tells samples apart.
    "metrics": {"exchange", "machine", "models"},
    "analysis": set(),
    "bits": set(),
    "windowed": {"bits", "types"},
    "cells": {"bits", "meshes", "types"},  # Its constants: see wsjax.meshes.levels.
    "representations": {"adapters", "cells", "types", "windowed"},
}
ONLY_IN = {
    "flax.linen": ["wsjax/models/*.py"],
    "h5py": ["wsjax/exchange/hdf5.py"],
    "igl": ["wsjax/meshes/*.py"],
    "onnxruntime": ["wsjax/metrics/onnx_features.py"],
    "manifold3d": ["wsjax/data/parametric/solids.py", "wsjax/meshes/polygons.py"],
    "pyarrow": ["wsjax/data/sdf_parquet.py"],
    "orbax": ["wsjax/checkpoint.py"],
    "safetensors": ["wsjax/store.py", "wsjax/exchange/*.py"],
}
# Names of others that hold the word: JAX's, a dataset of fit-a-nef's, a file of PEFT's.
FOREIGN = ("jax.config", "param_config", "adapter_config.json")


def sources(*folders):
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path.relative_to(ROOT) for path in files)


def parse(path):
    return ast.parse((ROOT / path).read_text())


def imports(path):
    """Dotted names that a file imports; of a from-import each name with its module."""
    names = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def inside(name, package):
    return name == package or name.startswith(f"{package}.")


LIBRARY = sources("wsjax")
ALL = sources("wsjax", "experiments", "configs", "tests")


@pytest.mark.parametrize("path", LIBRARY, ids=str)
def test_modules_import_only_lower_layers(path):
    layer = path.parts[1].removesuffix(".py")
    ours = {name for name in imports(path) if inside(name, "wsjax")}
    assert all("." in name for name in ours), "import from wsjax, not wsjax itself"
    imported = {name.split(".")[1] for name in ours}
    assert imported - {layer} <= ALLOWED[layer]


def test_the_table_names_every_module():
    assert {path.parts[1].removesuffix(".py") for path in LIBRARY} == set(ALLOWED)


def test_nothing_imports_what_lies_above():
    for path in LIBRARY:
        above = {
            n for n in imports(path) if n.split(".")[0] in ("experiments", "configs")
        }
        assert not above, f"{path} imports {above}"
    for path in sources("configs"):
        above = {
            n for n in imports(path) if n.split(".")[0] in ("experiments", "wsjax")
        }
        assert not above, f"{path} imports {above}"


def test_no_modules_import_each_other():
    names = {".".join(path.with_suffix("").parts): path for path in LIBRARY}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    graph = {}
    for name, path in names.items():
        # A from-import names a module, or something inside of one.
        targets = {n if n in names else n.rpartition(".")[0] for n in imports(path)}
        graph[name] = targets & set(names) - {name}
    assert sum(map(len, graph.values())) > 30
    list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("package", ONLY_IN)
def test_frameworks_stay_where_they_belong(package):
    found = {p for p in LIBRARY if any(inside(n, package) for n in imports(p))}
    homes = ONLY_IN[package]
    assert found and all(any(map(path.match, homes)) for path in found), found


def test_one_file_runs_on_many_devices():
    def uses(node):
        return "pmap" in (getattr(node, "attr", ""), getattr(node, "id", ""))

    found = [str(p) for p in LIBRARY if any(map(uses, ast.walk(parse(p))))]
    assert found == ["wsjax/fit/parallel.py"]


@pytest.mark.parametrize("path", LIBRARY, ids=str)
def test_the_library_takes_plain_arguments(path):
    code = (ROOT / path).read_text().lower()
    for word in FOREIGN:
        code = code.replace(word, "")
    assert "config" not in code


@pytest.mark.parametrize("path", ALL, ids=str)
def test_files_and_functions_are_short(path):
    length = len((ROOT / path).read_text().splitlines())
    assert length <= 250
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef):
            described = ast.get_docstring(node) is not None
            first = node.body[1 if described and len(node.body) > 1 else 0]
            lines = node.end_lineno - first.lineno + 1
            assert lines <= 50, f"{node.name} has {lines} lines below its docstring"
