"""Message catalogues: every word on a page that the API does not answer, in English and Welsh."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup, escape

LANGUAGES = ("en", "cy")
_FOLDER = Path(__file__).parent / "words"


class Label(NamedTuple):
    """A text, and its language if that is not the page's."""

    text: str
    language: str | None = None

    def __html__(self) -> Markup:
        """The text on a page, which says so where it is in another language."""
        text = escape(self.text)
        return Markup('<span lang="{}">{}</span>').format(self.language, text) if self.language else text


class Words:
    """The catalogue of one language: `words("form.continue")`."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self.texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """The text with this key. Raises `KeyError` if there is none: a test checks every key."""
        return self.texts[key].format(**values) if values else self.texts[key]

    def get(self, key: str, **values: object) -> str:
        """The text with this key, or nothing: for texts that only some pages or fields have."""
        return self(key, **values) if key in self.texts else ""

    def date(self, day: date | str | None) -> str:
        """A day as people write it: 25 November 2026."""
        if day is None:
            return ""
        on = date.fromisoformat(day) if isinstance(day, str) else day
        month = self(f"month.{on.month}")
        return f"{on.day} {month} {on.year}"

    def label(self, both: Mapping[str, str | None]) -> Label:
        """A label of the API in this language, or else in English."""
        own = both.get(self.language)
        return Label(own) if own else Label(str(both["en"]), "en")


def read_texts(language: str) -> dict[str, str]:
    """A catalogue by key; the parts of a key have dots between them."""
    return dict(_flat(tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8")), ""))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


WORDS = {language: Words(language, read_texts(language)) for language in LANGUAGES}
