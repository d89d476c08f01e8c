"""Signatures of the library follow the house rules."""

import importlib
import inspect
import pkgutil

import pytest

import wsjax


def modules():
    found = pkgutil.walk_packages(wsjax.__path__, "wsjax.")
    return [importlib.import_module(info.name) for info in found]


def public(kind):
    """Public functions or classes by full name, each where it is defined."""
    return {
        f"{module.__name__}.{name}": member
        for module in modules()
        for name, member in inspect.getmembers(module, kind)
        if member.__module__ == module.__name__ and not name.startswith("_")
    }


FUNCTIONS, CLASSES = public(inspect.isfunction), public(inspect.isclass)


def test_the_library_was_found():
    assert "wsjax.fit.instance.make_fit" in FUNCTIONS
    assert "wsjax.types.Adapter" in CLASSES


@pytest.mark.parametrize("name", FUNCTIONS)
def test_random_keys_are_called_key_and_come_first(name):
    names = list(inspect.signature(FUNCTIONS[name]).parameters)
    assert not {"rng", "rng_key", "prng", "seed_key"} & set(names)
    assert "key" not in names or names[0] == "key"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_options_are_keyword_only(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    options = [p for p in parameters if p.default is not p.empty]
    positional = [p.name for p in options if p.kind is not p.KEYWORD_ONLY]
    assert not positional, f"put a star before {positional}"


@pytest.mark.parametrize("name", FUNCTIONS | CLASSES)
def test_everything_public_is_documented(name):
    # Records and dataclasses get a generated docstring: the name and its fields.
    member = (FUNCTIONS | CLASSES)[name]
    text = inspect.getdoc(member) or ""
    assert text and not text.startswith(f"{member.__name__}(")


@pytest.mark.parametrize("name", [module.__name__ for module in modules()])
def test_every_module_says_what_it_is(name):
    assert importlib.import_module(name).__doc__
