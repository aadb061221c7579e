"""The catalogues: both languages have every text that the pages use, and no other."""

import json
import re
from collections.abc import Iterator
from functools import cache
from string import Formatter

from functions.pages.questions import SITUATIONS
from functions.pages.words import WORDS
from shared.http.reference import reference
from tools.places import FUNCTIONS

FOLDER = FUNCTIONS / "pages"
#: A key in a template (`t("a." ~ name)`) or in Python (`words(f"a.{name}")`, `words.get(…)`, `visit.words(…)`).
_IN_TEMPLATES = re.compile(r"\bt(?:\.get)?\(([^(),]+)[,)]")
_IN_PYTHON = re.compile(r"\b(?:words|self)(?:\.get)?\((f?\"[^\"]+\")")
ENGLISH, WELSH = WORDS["en"].texts, WORDS["cy"].texts


@cache
def used() -> frozenset[str]:
    """Patterns of the keys that the pages use."""
    return frozenset(_patterns())


def _patterns() -> Iterator[str]:
    for path in FOLDER.glob("templates/**/*.html"):
        for expression in _IN_TEMPLATES.findall(path.read_text(encoding="utf-8")):
            parts = [part.strip() for part in expression.split("~")]
            yield "".join(re.escape(part[1:-1]) if part[0] in "\"'" else ".+" for part in parts)
    for path in FOLDER.glob("*.py"):
        for literal in _IN_PYTHON.findall(path.read_text(encoding="utf-8")):
            text = literal.removeprefix("f")[1:-1]
            yield re.sub(r"\\\{.*?\\\}", ".+", re.escape(text)) if literal[0] == "f" else re.escape(text)


def test_both_languages_have_the_same_keys() -> None:
    assert sorted(ENGLISH.keys() ^ WELSH.keys()) == []


def test_every_key_that_is_written_out_exists() -> None:
    written_out = {pattern.replace("\\", "") for pattern in used() if ".+" not in pattern}
    assert len(written_out) > 60
    assert sorted(written_out - ENGLISH.keys()) == []


def test_every_key_that_is_composed_has_texts() -> None:
    composed = {pattern for pattern in used() if ".+" in pattern}
    assert len(composed) > 10
    assert [pattern for pattern in composed if not any(re.fullmatch(pattern, key) for key in ENGLISH)] == []


def test_every_text_is_used() -> None:
    assert [key for key in ENGLISH if not any(re.fullmatch(pattern, key) for pattern in used())] == []


def test_a_translation_has_the_same_values_and_is_one() -> None:
    assert [key for key in ENGLISH if _fields(ENGLISH[key]) != _fields(WELSH[key])] == []
    untranslated = {key for key in ENGLISH if not WELSH[key].strip() or WELSH[key] == ENGLISH[key]}
    assert untranslated == {"layout.language.en", "layout.language.cy"}


def test_every_need_has_plain_words_and_a_situation() -> None:
    codes = {str(need["code"]) for need in _needs() if not need["retired"]}
    assert {key.removeprefix("need.") for key in ENGLISH if key.startswith("need.")} == codes
    assert sorted(code for listed in SITUATIONS.values() for code in listed) == sorted(codes)


def _needs() -> list[dict[str, object]]:
    needs: list[dict[str, object]] = json.loads(reference()[1])["needs"]
    return needs


def _fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
