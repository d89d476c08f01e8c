"""Laws that hold for every recipe and every variant of it."""

import ast
import importlib
import inspect
import pathlib

import pytest
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from configs import sections
from wsjax import adapters, fields, representations

FOLDER = pathlib.Path(sections.__file__).parent.parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
RECIPES = {name: importlib.import_module(f"configs.{name}") for name in NAMES}
FURTHER = {"encoded", "shifts"}  # Representations that one variant has.
ALL = [(name, variant) for name in NAMES for variant in RECIPES[name].VARIANTS]
# What a recipe fills with choices of its own, which have laws of their own below.
OWN = ("data.", "adapter.", "generators.", "sweep.variants.", "plan.variants.")


def get(name, variant):
    return RECIPES[name].get_config(variant)


def keys(config):
    """Dotted names of all values, but for those in `OWN`."""
    flat = flatten_dict(config.to_dict(), sep=".", keep_empty_nodes=True)
    return {key for key in flat if not key.startswith(OWN)}


def defaults(section):
    """Keys of a section; arguments without a default are made up."""
    parameters = inspect.signature(section).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty]
    return set(section(**{name: {} for name in needed}))


def imports(path):
    """Dotted names that a file imports, of a from-import each name with its module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def builds_on(name):
    """The recipes that a recipe imports; beside them, it may import sections alone."""
    for imported in imports(FOLDER / f"{name}.py"):
        package, *rest = imported.split(".")
        assert package in ("configs", "ml_collections"), f"{name} imports {imported}"
        if package == "configs" and rest[0] != "sections":
            yield rest[0]


def test_there_are_recipes_and_all_have_a_full_and_a_tiny_variant():
    assert {"digits", "faces", "shapes"} <= set(NAMES)
    for name in NAMES:
        assert RECIPES[name].VARIANTS[:2] == ("full", "tiny")


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_builds_on_sections_and_at_most_one_recipe(name):
    below = set(builds_on(name))
    assert len(below) <= 1 and below <= set(NAMES)
    for other in below:
        assert not set(builds_on(other)), f"{name} -> {other} -> a third"


def test_sections_import_no_recipe_and_none_of_our_code():
    for path in (FOLDER / "sections").glob("*.py"):
        for imported in imports(path):
            assert not imported.startswith(("wsjax", "experiments")), imported
            if imported.startswith("configs"):
                assert imported.startswith("configs.sections."), imported


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_resolves_to_a_recipe_of_its_own(name):
    texts = [get(name, variant).to_json() for variant in RECIPES[name].VARIANTS]
    assert len(set(texts)) == len(texts)
    assert RECIPES[name].get_config().to_json() == texts[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variant", ["tinny", "", "FULL", "speed:tiny"])
def test_a_misspelt_variant_is_refused_with_those_there_are(name, variant):
    with pytest.raises(ValueError) as error:
        get(name, variant)
    known = ", ".join(f"configs/{name}.py:{v}" for v in RECIPES[name].VARIANTS)
    assert str(error.value) == (
        f"configs/{name}.py has no variant {variant!r}; choose one of {known}"
    )


@pytest.mark.parametrize("name, variant", ALL)
def test_variants_have_the_keys_of_the_tiny_one(name, variant):
    config = get(name, variant)
    own = {key for key in keys(config) if FURTHER & set(key.split("."))}
    assert keys(config) - own == keys(get(name, "tiny"))
    assert set(config.adapter) == {*representations_of(config), "name"}


@pytest.mark.parametrize("name, variant", ALL)
def test_every_key_of_a_section_is_one_of_its_defaults(name, variant):
    config = get(name, variant)
    shapes = "mesh" in config
    for section in set(config) - {"seed", "budget", "generator", "generators", "data"}:
        function = getattr(sections, section)
        if shapes and section == "evaluate":
            function = sections.evaluate_shapes
        own = {*representations.FAMILIES, *FURTHER} if section == "adapter" else set()
        assert set(config[section]) - own == defaults(function), section
    dimension = {"dim"} if shapes else set()
    assert set(config.base.field) == defaults(sections.field) | dimension
    assert set(config.base.rehearsal) == defaults(sections.rehearsal)
    assert set(config.base.encoder) == defaults(sections.encoder)
    for rates in (config.fit.learning_rate, config.fit.pull):
        assert set(rates) == representations_of(config)


def representations_of(config):
    """All adapters, perhaps without `FURTHER`; those in closed form that it offers."""
    own = set(representations.FAMILIES) & set(config.adapter)
    return set(adapters.ADAPTERS) - (FURTHER - set(config.adapter)) | own


@pytest.mark.parametrize("name, variant", ALL)
def test_generators_change_keys_that_the_recipe_has(name, variant):
    config = get(name, variant).to_dict()
    there = set(flatten_dict(config, sep="."))
    for generator, changes in config["generators"].items():
        assert set(flatten_dict(changes, sep=".")) <= there, generator


@pytest.mark.parametrize("name, variant", ALL)
def test_trials_change_options_that_there_are(name, variant):
    config = get(name, variant)
    tried = [*config.sweep.variants.items()]
    tried += config.plan.variants.items() if "plan" in config else []
    for adapter, trials in tried:
        for trial in trials:
            assert trial.get("learning_rate", (1.0,))
            assert set(trial) <= {*config.fit, "adapter"}
            changed = ConfigDict(config.adapter[adapter].to_dict())
            changed.update(trial.get("adapter", {}))
            build(adapter, changed.to_dict())


@pytest.mark.parametrize("name, variant", ALL)
def test_options_of_representations_are_those_the_library_takes(name, variant):
    config = get(name, variant)
    for adapter in representations_of(config):
        build(adapter, config.adapter[adapter].to_dict())
    fields.modulated(**config.base.field, channels=1)


def build(adapter, options):
    """A representation; an option that it does not have is a TypeError."""
    if adapter in representations.FAMILIES:
        size = ((20,) * 3, 1) if adapter == "cells" else ((32, 32), 3)
        representations.by_name(adapter, *size, **options)
        return
    if "field" in options:
        fields.mlp(**options.pop("field"), channels=1)
    adapters.by_name(adapter, **options)


@pytest.mark.parametrize("name", NAMES)
def test_a_change_of_one_recipe_is_not_seen_by_the_next(name):
    for variant in RECIPES[name].VARIANTS:
        before = get(name, variant)
        text = before.to_json()
        spoil(before)
        assert before.to_json() != text
        assert get(name, variant).to_json() == text


def spoil(config):
    """Changes every list and dictionary inside of a recipe."""
    for value in list(config.values()):
        if isinstance(value, list):
            for each in value:
                each["spoilt"] = 0
        elif isinstance(value, ConfigDict):
            spoil(value)
    config["spoilt"] = 0
