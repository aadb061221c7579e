"""The questions that an agent asks a caller, on one page: the customers', the household, and the sharing record."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from functions.pages import bodies
from functions.pages.agent import desk_field, today
from functions.pages.api import Answer
from functions.pages.forms import Field, Kind, Option, options_of, read_values
from functions.pages.overview import Overview
from functions.pages.questions import (
    OF_CUSTOMERS,
    OF_REFERRALS,
    SITUATIONS,
    YOUNG_CHILDREN,
    Asked,
    Question,
    answer_lines,
    applying,
    newest_wordings,
)
from functions.pages.visit import Form, Visit
from functions.pages.words import Label

#: Facts for protections that are yes or no. A fact that is not known is never a no.
FACTS = (
    "supported",
    "can_top_up",
    "chronic_or_severe_illness",
    "warm_home_dependency",
    "owns_home",
    "means_tested_benefit",
)
_KNOWN = {"yes": True, "no": False}


class Part(NamedTuple):
    """A field, and the fields that a choice of it reveals."""

    field: Field
    reveals: Mapping[str, list[Field]] = {}


class Row(NamedTuple):
    """A field that somebody else changed meanwhile, or the agent: as read, as it is now, as typed."""

    label: Label
    read: list[Label]
    now: list[Label]
    typed: list[Label]


def _facts(asked: Asked) -> list[Field]:
    words = asked.words
    options = [Option(code, Label(words(f"desk.known.{code or 'not'}"))) for code in ("", *_KNOWN)]
    return [
        Field(f"fact_{name}", "select", Label(words(f"desk.fact.{name}")), "", options, pointers=[f"/household/{name}"])
        for name in FACTS
    ]


_QUESTIONS = [
    *(question for question in OF_REFERRALS if question.name == "account"),
    *(question for question in OF_CUSTOMERS if question.name != "situations"),
    Question("household", _facts),
]
#: Field, kind, the part of the sharing record, and the list of codes to choose from.
_SHARING: tuple[tuple[str, Kind, str, str], ...] = (
    ("basis", "choice", "basis", "lawful_bases"),
    ("wording", "choice", "capture/wording", ""),
    ("evidence", "text", "evidence", ""),
    ("channel", "select", "capture/channel", "capture_channels"),
    ("speaker", "select", "capture/speaker/role", "speakers"),
    ("speaker_name", "text", "capture/speaker/name", ""),
    ("speaker_organisation", "text", "capture/speaker/organisation", ""),
    ("article_6", "select", "article_6_basis", "article_6_bases"),
    ("paragraph", "select", "schedule_1_paragraph", "schedule_1_paragraphs"),
    ("cannot_consent", "text", "cannot_consent_reason", ""),
)
_REQUIRED = {"basis", "evidence", "channel", "speaker", "article_6"}


class Questions:
    """The customers' questions on one page, with those about sharing. `stored`: the registration to amend."""

    def __init__(self, visit: Visit, codes: Mapping[str, Any], stored: Answer | None) -> None:
        self.visit = visit
        self.stored = stored
        self.now = _values_of(stored.body, codes) if stored else {}
        self._codes = codes
        given = visit.given
        self.values: dict[str, Any] = {**self.now} if given is None else self._read(given)

    @property
    def asked(self) -> Asked:
        """The answers."""
        return self._asked(self.values)

    def _asked(self, values: Mapping[str, Any]) -> Asked:
        return Asked(self.visit.words, self._codes, values, knows_account=self.stored is not None)

    @property
    def _everything(self) -> Asked:
        """As if every situation and every need applied: the page has a field for each."""
        asked = self._asked(self.now)
        needs = {f"needs_{name}": codes for name, codes in asked.situations().items()}
        return asked._replace(values={"situations": list(SITUATIONS), "nominee": "yes", **needs})

    def _read(self, given: Form) -> dict[str, Any]:
        values = read_values([*self._all_fields, *self.sharing_fields], given)
        values["situations"] = [name for name in SITUATIONS if values.get(f"needs_{name}")]
        values["nominee"] = values["nominee"] or "no"
        return values

    @property
    def _all_fields(self) -> list[Field]:
        everything = self._everything
        return [field for one in _QUESTIONS for field in one.fields(everything)]

    @property
    def records_sharing(self) -> bool:
        """Whether the agent records on what basis needs are shared."""
        return self.stored is None or self.values.get("new_basis") == "yes"

    @property
    def fields(self) -> list[Field]:
        """The fields that must be right, given the answers."""
        asked = self.asked
        fields = [field for one in applying(_QUESTIONS, asked) for field in one.fields(asked)]
        return fields + (self.sharing_fields if self.records_sharing else [])

    @property
    def sharing_fields(self) -> list[Field]:
        """The basis, the wording that was read out, and who spoke."""
        words, codes = self.visit.words, self._codes
        fields = [desk_field(words, "new_basis", "switch")] if self.stored else []
        for name, kind, place, listed in _SHARING:
            options = options_of(codes[listed], words) if listed else []
            if name == "wording":
                options = self._wordings()
            elif kind == "select" and name not in _REQUIRED:
                options = [Option("", Label(words("form.none"))), *options]
            more = {"options": options, "required": name in _REQUIRED}
            fields.append(desk_field(words, name, kind, f"/sharing/{place}", **more))
        return fields

    def _wordings(self) -> list[Option]:
        """The newest wording in each language, to read out."""
        words, show = self.visit.words, Overview(self.visit.words, self._codes)
        return [
            Option(
                f"{one['version']} {language}",
                Label(one["text"], None if language == words.language else language),
                show.label("languages", language).text,
            )
            for language, one in newest_wordings(self._codes, today()).items()
        ]

    @property
    def parts(self) -> dict[str, list[Part]]:
        """The page: its sections, in order."""
        everything = self._everything
        of = {one.name: one.fields(everything) for one in _QUESTIONS}
        nominee = of["nominee"][0]._replace(kind="switch")
        return {
            **({} if self.stored else {"account": [*map(Part, of["account"])]}),
            "customer": [*map(Part, of["name"] + of["phones"] + of["home"])],
            "needs": [Part(self._needs(field), self._details(field, of)) for field in of["needs"]],
            "services": [
                *map(Part, of["services"]),
                *(Part(field._replace(kind="select")) for field in of["format"] + of["language"]),
                Part(nominee, {"yes": of["nominee_details"]}),
                *map(Part, of["password"]),
            ],
            "household": [*map(Part, of["household"])],
            "sharing": [*map(Part, self.sharing_fields)],
        }

    def _needs(self, needs: Field) -> Field:
        """A choice of needs under its situation's own name. Other fields keep theirs."""
        title = self.visit.words.get(f"situation.{needs.name.removeprefix('needs_')}.title")
        return needs._replace(label=Label(title)) if title else needs

    def _details(self, needs: Field, of: Mapping[str, list[Field]]) -> dict[str, list[Field]]:
        """The date and the note of each need."""
        words = self.visit.words
        details: dict[str, list[Field]] = {option.value: [] for option in needs.options}
        for field in of["dates"] + of["notes"]:
            about, _, code = field.name.partition("_")
            kind = "text" if field.kind == "note" else field.kind
            short = field._replace(label=Label(words(f"desk.detail.{about}")), hint="", kind=kind)
            details.get(code or YOUNG_CHILDREN, []).append(short)
        return details

    def body(self, at: datetime) -> dict[str, Any]:
        """A new registration, or the merge patch of one. `at`: when the form was first shown."""
        body = self._body(self.asked, at)
        if self.stored is None:
            body |= bodies.new_body(self.asked, self.visit.signed_in)
        else:
            body = bodies.patch(body, self._body(self._asked(self.now), at))
        if self.records_sharing:
            body["sharing"] = bodies.sharing(self.values, at, self.visit.signed_in.subject)
        return body

    def _body(self, asked: Asked, at: datetime) -> dict[str, Any]:
        household = {name: _KNOWN.get(asked.values.get(f"fact_{name}", "")) for name in FACTS}
        known = self.stored or any(fact is not None for fact in household.values())
        return {**bodies.customer_body(asked, self.stored, at), "household": household if known else None}

    def merge(self, read: Mapping[str, Any]) -> list[Row]:
        """Take over what somebody else changed since `read`, unless the agent changed it too. All that differs."""
        typed = {**self.values}
        for name, value in self.now.items():
            if typed.get(name) == read.get(name):
                self.values[name] = value
        versions = [self._asked(values) for values in (read, self.now, typed)]
        rows = [
            Row(self._needs(field).label, *(answer_lines(field, asked) for asked in versions))
            for field in self._all_fields
        ]
        return [row for row in rows if not row.read == row.now == row.typed]


def _values_of(registration: Mapping[str, Any], codes: Mapping[str, Any]) -> dict[str, Any]:
    """A registration as the answers that the caller would have given."""
    household, typed = registration["household"] or {}, {True: "yes", False: "no", None: ""}
    facts = {f"fact_{name}": typed[household.get(name)] for name in FACTS}
    return {**bodies.values_of(registration, codes), **facts}
