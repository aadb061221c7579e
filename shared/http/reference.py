"""The codes that answers and submissions contain, with labels for people. It holds no personal data."""

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import NamedTuple

from shared.data import rows
from shared.digest import digest
from shared.domain.needs import categories, labels
from shared.domain.services import services
from shared.domain.wordings import WordingReference, wordings
from shared.errors import http_problems
from shared.field_errors import field_error_codes
from shared.model import Model


class Label(Model):
    """A label in English and, if one exists, in Welsh."""

    en: str
    cy: str | None


class Term(Model):
    """A code and its label."""

    code: str
    label: Label


class NeedTerm(Term):
    """A needs code (J1699), with its properties. A `retired` code occurs in answers, and nobody can add it."""

    catalogue: str
    temporary: bool
    medically_dependent: bool
    relevant_to: str
    outage_tier: int
    retired: bool


class WordingTerm(WordingReference):
    """A wording that customers agree to. Show it as it is, and record its version and language."""

    valid_from: date
    text: str


class ProblemTerm(Model):
    """A type of problem: its title and the advice to the caller."""

    type: str
    status: int
    title: str
    detail: str


class FieldErrorTerm(Model):
    """A code of field errors and its sentences; `…` is for what depends on the field."""

    code: str
    details: list[str]


class Reference(Model):
    """All codes and labels. `version` changes if and only if something else does."""

    version: str
    needs: list[NeedTerm]
    statuses: list[Term]
    communication_formats: list[Term]
    languages: list[Term]
    relationships: list[Term]
    lawful_bases: list[Term]
    article_6_bases: list[Term]
    schedule_1_paragraphs: list[Term]
    capture_channels: list[Term]
    speakers: list[Term]
    referrers: list[Term]
    services: list[Term]
    wordings: list[WordingTerm]
    purposes: list[Term]
    warnings: list[Term]
    problems: list[ProblemTerm]
    field_errors: list[FieldErrorTerm]


class ReferenceText(NamedTuple):
    """The reference as JSON text, and its version."""

    version: str
    json: str


@cache
def reference() -> ReferenceText:
    """The reference of this release."""
    unversioned = Reference(
        version="",
        needs=list(_needs()),
        **terms(),
        services=[Term(code=name, label=Label(en=row.english, cy=row.welsh)) for name, row in services().items()],
        wordings=[WordingTerm(**wording._asdict()) for wording in wordings()],
        problems=[
            ProblemTerm(type=f"/problems/{kind.code}", status=kind.status, title=kind.title, detail=kind.detail)
            for kind in http_problems()
        ],
        field_errors=[
            FieldErrorTerm(code=code, details=details) for code, details in sorted(field_error_codes().items())
        ],
    )
    version = digest(unversioned.model_dump_json())[:16]
    return ReferenceText(version, unversioned.model_copy(update={"version": version}).model_dump_json())


def terms() -> dict[str, list[Term]]:
    """The lists of labels.csv, by name."""
    lists: dict[str, list[Term]] = {}
    for row in rows("labels.csv"):
        label = Label(en=row["en"], cy=row["cy"] or None)
        lists.setdefault(row["list"], []).append(Term(code=row["code"], label=label))
    return lists


def _needs() -> Iterable[NeedTerm]:
    """The catalogue has labels in English only."""
    for code, category in categories().items():
        catalogue, label = next(iter(labels()[code].items()))
        yield NeedTerm(**category._asdict(), label=Label(en=label, cy=None), catalogue=catalogue)
