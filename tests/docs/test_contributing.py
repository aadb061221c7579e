"""CONTRIBUTING.md: everything that it names exists, and its recipes name tests that exist."""

import re
from pathlib import Path

import pytest

from tests.docs.mentions import dead_mentions
from tools.places import ROOT

PAGE = ROOT / "CONTRIBUTING.md"
TEXT = PAGE.read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### (Add an? .*)\n((?:(?!^#).*\n)+)", TEXT, re.MULTILINE))


def rows(recipe: str) -> list[tuple[str, str, str]]:
    """The rows of a recipe's tables: file, step and check."""
    cells = [line.replace(r"\|", "/").strip("| ").split(" | ") for line in recipe.splitlines() if line.startswith("| ")]
    return [(row[0], row[1], row[2] if len(row) > 2 else "") for row in cells if row[0] not in ("File", "---")]


def blocks() -> str:
    """The commands in blocks, as the page's text has them in backticks."""
    lines = "".join(re.findall(r"^```(?:sh[a-z ]*)?\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)).splitlines()
    return "\n".join(f"`{line.partition('#')[0].strip()}`" for line in lines)


def test_the_page_has_a_recipe_for_each_thing_that_people_add() -> None:
    added = ("needs code", "event type", "setting", "API operation", "function", "recipient", "alert")
    assert [name.split(" ", 2)[2] for name in RECIPES] == list(added)


def test_everything_that_the_page_names_exists() -> None:
    assert dead_mentions(TEXT, PAGE) == []
    assert dead_mentions(blocks(), PAGE) == []
    for path in re.findall(r"\btests/[a-z_/]+(?:\.py)?", blocks()):
        assert (ROOT / path).exists(), path


def test_each_selection_of_tests_finds_one() -> None:
    selections = re.findall(r"(tests/\S+\.py) -k (\w+)", blocks())
    assert selections
    for path, word in selections:
        assert re.search(rf"def test_\w*{word}", (ROOT / path).read_text(encoding="utf-8")), (path, word)


def test_a_block_that_names_what_does_not_exist_is_found() -> None:
    assert dead_mentions("`make explode TESTS=tests/domain`", PAGE) == ["make target: explode"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_step_of_a_recipe_has_a_file_and_a_check(recipe: str) -> None:
    found = rows(RECIPES[recipe])
    assert len(found) > 1
    assert [step for file, step, check in found if not (file and check)] == []


def test_the_checks_of_the_recipes_are_tests() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in Path(ROOT, "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 15
    assert sorted(name for name in named if f"def {name}(" not in tests) == []
