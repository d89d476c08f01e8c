"""The README and the pages beside the recipes: what they name is there."""

import functools
import importlib
import pathlib
import re
from typing import Any

import pytest
from ml_collections import ConfigDict

ROOT = pathlib.Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "configs").glob("*.md"))]
LONGEST = {"README.md": 170, "audit.md": 60, "data.md": 60}  # Lines.
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

_RECIPE = re.compile(r"\bconfigs/(\w+)\.py(?::(\w+))?")
_COMMAND = re.compile(r"--config=configs/(\w+)\.py(?::(\w+))?")
_OPTION = re.compile(r"--config\.([\w.]+)=")


def test_the_twelve_lines_fit_sixteen_fields():
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len([line for line in block.splitlines() if line]) == 12
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    losses = names["losses"]
    assert len(losses) == 16
    assert losses[:, -1].mean() < 0.05 * losses[:, 0].mean()


@pytest.mark.parametrize("name", LONGEST)
def test_it_is_read_in_five_minutes(name):
    (page,) = [page for page in PAGES if page.name == name]
    assert len(page.read_text().splitlines()) <= LONGEST[name]


@EACH_PAGE
def test_every_file_that_is_named_exists(page):
    folders = "wsjax|tests|colabs|configs|experiments"
    named = re.findall(rf"`((?:{folders})/[\w/.]*)", page.read_text())
    assert not [path for path in named if not (ROOT / path).exists()]


@EACH_PAGE
def test_every_recipe_and_variant_that_is_named_loads(page):
    for recipe, variant in _RECIPE.findall(page.read_text()):
        assert isinstance(_config(recipe, variant), ConfigDict)


@EACH_PAGE
def test_every_local_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [link for link in links if not link.startswith("https://")]
    lost = []
    for link in local:
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (heading and heading not in _anchors(target)):
            lost.append(link)
    assert not lost


def test_every_page_is_reached_from_the_readme_and_every_picture_is_shown():
    texts = [page.read_text() for page in PAGES]
    pages = [f"configs/{page.name}" for page in PAGES[1:]]
    assert not [page for page in pages if f"]({page}" not in texts[0]]
    pictures = [path.name for path in (ROOT / "configs" / "pictures").iterdir()]
    assert not [name for name in pictures if not any(name in text for text in texts)]


def test_the_readme_names_every_recipe():
    recipes = {
        path.stem
        for path in (ROOT / "configs").glob("*.py")
        if "def get_config(" in path.read_text()
    }
    assert recipes == {name for name, _ in _RECIPE.findall(README.read_text())}


def test_the_table_of_binaries_lists_each_once():
    table = README.read_text().split("| `python -m experiments.` |")[1].split("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    binaries = [
        path.stem
        for path in (ROOT / "experiments").glob("*.py")
        if "launch.main(" in path.read_text()
    ]
    assert sorted(listed) == sorted(binaries)


@EACH_PAGE
def test_digits_of_784_pixels_are_called_what_they_are(page):
    text = page.read_text()
    assert "8x8" in text or not re.search(r"(?<![.\d])784", text)


@EACH_PAGE
def test_every_module_that_is_run_exists(page):
    modules = re.findall(r"-m ((?:experiments|tests)\.\w+)", page.read_text())
    files = [ROOT / f"{module.replace('.', '/')}.py" for module in modules]
    assert not [file for file in files if not file.exists()]


@EACH_PAGE
def test_every_option_is_a_key_of_the_recipe_it_is_shown_with(page):
    options = _options(page)
    unknown = [
        (option, recipe)
        for option, recipe in options
        if not _has(_config(*recipe), option.split("."))
    ]
    assert not unknown


def test_options_are_told_from_the_recipe_of_their_command():
    text = "`configs/faces.py`\n    --config=configs/digits.py:tiny --config.a=1"
    assert _shown_with(text, text.index("--config.a"), None) == ("digits", "tiny")
    assert _shown_with("`--config.a=1`", 1, "digits") == ("digits", "")
    assert not _has(_config("digits", "tiny"), ["data", "sizes"])
    assert _has(_config("digits", "tiny"), ["data", "size"])


def _anchors(page: pathlib.Path) -> set[str]:
    """The headings of a page as GitHub writes them in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def _options(page: pathlib.Path) -> list[tuple[str, tuple[str, str]]]:
    """The options on a page, each with the recipe it is shown with and its variant."""
    text = page.read_text()
    own = page.stem if page.with_suffix(".py").exists() else None
    return [
        (option[1], _shown_with(text, option.start(), own))
        for option in _OPTION.finditer(text)
    ]


def _shown_with(text: str, place: int, own: str | None) -> tuple[str, str]:
    """The recipe of the command; without a command the page's own, or the last named.

    Before any recipe is named, it is the digits.
    """
    before = text[:place]
    command = max(before.rfind("\n    "), before.rfind("`"))
    named = _COMMAND.findall(before[command:])
    if not named and own is not None:
        named = [(own, "")]
    return (named or _RECIPE.findall(before) or [("digits", "")])[-1]


@functools.cache
def _config(recipe: str, variant: str) -> ConfigDict:
    module = importlib.import_module(f"configs.{recipe}")
    return module.get_config(variant) if variant else module.get_config()


def _has(config: ConfigDict, keys: list[str]) -> bool:
    for key in keys:
        if not isinstance(config, ConfigDict) or key not in config:
            return False
        config = config[key]
    return True
