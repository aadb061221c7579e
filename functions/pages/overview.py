"""Registrations in words: what each part says, and what a change changed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise, starmap
from typing import Any, NamedTuple

from functions.pages.words import Label, Words
from shared.clock import LONDON

#: A line of text. Its parts can be in different languages.
Line = tuple[Label, ...]
#: The lines of a registration by topic.
Topics = Mapping[str, Sequence[Line]]
Json = Mapping[str, Any]


class Difference(NamedTuple):
    """The lines of a topic that a change removed and added."""

    topic: str
    removed: list[Line]
    added: list[Line]


class Event(NamedTuple):
    """A change with its differences from the one before."""

    change: Json
    differences: list[Difference]


class Overview:
    """Registrations in the words of one language, with the labels of the API."""

    def __init__(self, words: Words, reference: Json) -> None:
        self.words = words
        self._labels = {
            (name, term["code"]): term["label"]
            for name, terms in reference.items()
            if isinstance(terms, list)
            for term in terms
            if "label" in term
        }

    def label(self, listed: str, code: str) -> Label:
        """The label of a code in a list of the API."""
        both = self._labels.get((listed, code))
        return self.words.label(both) if both else Label(code)

    def moment(self, instant: str) -> str:
        """An instant as people in London write it."""
        at = datetime.fromisoformat(instant).astimezone(LONDON)
        return f"{self.words.date(at.date())}, {at:%H:%M}"

    def fact(self, pointer: str) -> str:
        """A fact about the household, by its JSON Pointer."""
        words = self.words
        return next(filter(None, (words.get(f"desk.fact.{name}") for name in pointer.split("/"))), pointer)

    def topics(self, registration: Json) -> Topics:
        """The lines of each topic."""
        return {
            "status": [(self.label("statuses", registration["status"]),)],
            "contact": list(self._contact(registration["primary_contact"])),
            "premises": list(self._address(registration["premises"])),
            "supply_points": list(self._points(registration["supply_points"])),
            "nominee": list(self._nominee(registration["alternate_contact"])),
            "needs": [self.need(need) for need in registration["needs"]],
            "services": list(self._services(registration["services"])),
            "household": list(self._household(registration["household"] or {})),
            "sharing": list(self.sharing(registration["sharing"])),
            "referral": list(self._referral(registration["referral"])),
            "dates": list(self._dates(registration)),
        }

    def timeline(self, changes: Sequence[Json]) -> list[Event]:
        """The changes, newest first."""
        topics = [self.topics(change["registration"]) for change in changes]
        return [*map(Event, changes, [[], *starmap(differences, pairwise(topics))])][::-1]

    def need(self, need: Json) -> Line:
        """A need, with its last day and its note."""
        ends = [self._day("until", need["ends_on"])] if need.get("ends_on") else []
        notes = [Label(need["note"])] if need.get("note") else []
        return (self.label("needs", need["code"]), *ends, *notes)

    def sharing(self, sharing: Json) -> Iterator[Line]:
        """A sharing record."""
        words, capture, withdrawn = self.words, sharing.get("capture"), sharing.get("withdrawn")
        yield self.label("lawful_bases", sharing["basis"]), self.label("article_6_bases", sharing["article_6_basis"])
        if sharing.get("schedule_1_paragraph"):
            yield (self.label("schedule_1_paragraphs", sharing["schedule_1_paragraph"]),)
        if sharing.get("cannot_consent_reason"):
            yield (Label(sharing["cannot_consent_reason"]),)
        yield self._day("recorded", sharing["recorded_on"]), Label(sharing["evidence"])
        if capture:
            who = [part for part in (capture["speaker"].get("name"), capture["speaker"].get("organisation")) if part]
            channel = self.label("capture_channels", capture["channel"])
            yield channel, self.label("speakers", capture["speaker"]["role"]), *map(Label, who)
            yield (Label(words("desk.line.captured", by=capture["captured_by"])),)
            if wording := capture.get("wording"):
                language = self.label("languages", wording["language"])
                yield Label(words("desk.line.wording", version=wording["version"])), language
        if withdrawn:
            yield (Label(words("desk.line.withdrawn", at=self.moment(withdrawn["withdrawn_at"]))),)

    def _day(self, name: str, day: str) -> Label:
        words = self.words
        return Label(words(f"desk.day.{name}", day=words.date(day)))

    def _contact(self, contact: Json) -> Iterator[Line]:
        yield (Label(contact["name"]),)
        for phone in contact["phones"]:
            yield (Label(phone),)
        if contact.get("address"):
            post = ", ".join([*contact["address"]["address_lines"], contact["address"]["postcode"]])
            yield (Label(self.words("desk.line.post", address=post)),)

    def _address(self, address: Json) -> Iterator[Line]:
        for text in (*address["address_lines"], address["postcode"]):
            yield (Label(text),)

    def _points(self, points: Json) -> Iterator[Line]:
        for kind in ("mpans", "mprns"):
            for number in points[kind]:
                yield (Label(f"{kind[:-1].upper()} {number}"),)

    def _nominee(self, nominee: Json | None) -> Iterator[Line]:
        if nominee:
            yield Label(nominee["name"]), self.label("relationships", nominee["relationship"])
            for phone in nominee["phones"]:
                yield (Label(phone),)

    def _services(self, services: Json) -> Iterator[Line]:
        words = self.words
        yield (self.label("communication_formats", services["communication_format"]),)
        yield (self.label("languages", services["language"]),)
        for name in ("nominee_receives_communications", "cannot_read_meter"):
            if services[name]:
                yield (Label(words(f"desk.service.{name}")),)
        for entry in services["arranged"]:
            steps = [self._day(step, entry[step]) for step in entry if step.endswith("_on") and entry[step]]
            yield self.label("services", entry["service"]), *steps

    def _household(self, household: Json) -> Iterator[Line]:
        words = self.words
        for name, value in household.items():
            if isinstance(value, bool):
                yield Label(self.fact(name)), Label(words("form.yes" if value else "form.no"))
            elif value == []:
                yield Label(self.fact(name)), Label(words("desk.known.none"))
        for one in household.get("occupants") or []:
            yield self._occupant(one)
        for one in household.get("temporary_circumstances") or []:
            kind = Label(words(f"desk.circumstance.{one['kind']}"))
            yield Label(self.fact("temporary_circumstances")), kind, self._day("until", one["until"])

    def _occupant(self, occupant: Json) -> Line:
        """A person who lives there: their age, and their health if it is known."""
        words, band = self.words, occupant.get("age_band")
        day = words.date(occupant.get("as_of"))
        age = words(f"desk.age_band.{band}", day=day) if band else words("desk.line.born", year=occupant["birth_year"])
        health = {True: "ill", False: "well", None: None}[occupant.get("disabled_or_ill")]
        return (Label(age), *([Label(words(f"desk.health.{health}"))] if health else []))

    def _referral(self, referral: Json | None) -> Iterator[Line]:
        if referral:
            named = [Label(referral[name]) for name in ("name", "organisation", "phone") if referral.get(name)]
            yield self.label("referrers", referral["referrer"]), *named
            yield (self._day("referred", referral["referred_on"]),)

    def _dates(self, registration: Json) -> Iterator[Line]:
        for name in ("review_due_on", "follow_up_on", "closes_on", "unconfirmed_until"):
            if registration[name]:
                yield (self._day(name, registration[name]),)


def differences(before: Topics, after: Topics) -> list[Difference]:
    """The topics that a change changed. Two occupants can have the same line."""
    counted = ((topic, Counter(before.get(topic, ())), Counter(lines)) for topic, lines in after.items())
    return [
        Difference(topic, [*(old - new).elements()], [*(new - old).elements()])
        for topic, old, new in counted
        if old != new
    ]
