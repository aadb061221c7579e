"""Wordings that customers agree to, with versions: data in `shared/data/wordings.csv`. A wording never changes."""

from datetime import date
from functools import cache
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from shared.data import TableError, rows
from shared.model import Model


class WordingReference(Model):
    """A version of the wording, and the language in which the customer read it or was read it."""

    version: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{1,2}$"), Field(examples=["2026-1"])]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$"), Field(examples=["en"])]


class Wording(NamedTuple):
    """A wording that may be used from `valid_from`, a London day."""

    version: str
    language: str
    valid_from: date
    text: str


@cache
def wordings() -> tuple[Wording, ...]:
    """Every wording, in the order of the table. Raises `TableError` for a wording that occurs twice."""
    found = tuple(
        Wording(row["version"], row["language"], date.fromisoformat(row["valid_from"]), row["text"])
        for row in rows("wordings.csv")
    )
    if len({(wording.version, wording.language) for wording in found}) < len(found):
        raise TableError("wordings.csv: a version occurs twice in a language")
    return found


def wording(reference: WordingReference) -> Wording | None:
    """The wording of a version in a language; None if there is none."""
    of_reference = (reference.version, reference.language)
    return next((wording for wording in wordings() if (wording.version, wording.language) == of_reference), None)
