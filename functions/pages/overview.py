"""Registrations in words: what each part says, and what a change changed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
        topics: Mapping[str, Iterable[Line]] = {
            "status": [line(self.label("statuses", registration["status"]))],
            "contact": self._contact(registration["primary_contact"]),
            "premises": self._address(registration["premises"]),
            "supply_points": self._points(registration["supply_points"]),
            "nominee": self._nominee(registration["alternate_contact"]),
            "needs": map(self._need, registration["needs"]),
            "services": self._services(registration["services"]),
            "household": self._household(registration["household"] or {}),
            "sharing": self.sharing(registration["sharing"]),
            "referral": self._referral(registration["referral"]),
            "dates": self._dates(registration),
        }
        return {topic: list(filter(None, lines)) for topic, lines in topics.items()}

    def timeline(self, changes: Sequence[Json]) -> list[Event]:
        """The changes, newest first."""
        topics = [self.topics(change["registration"]) for change in changes]
        return [*map(Event, changes, [[], *starmap(differences, pairwise(topics))])][::-1]

    def sharing(self, sharing: Json) -> Iterator[Line]:
        """A sharing record."""
        words, capture, withdrawn = self.words, sharing.get("capture"), sharing.get("withdrawn")
        article_6 = self.label("article_6_bases", sharing["article_6_basis"])
        yield line(self.label("lawful_bases", sharing["basis"]), article_6)
        if paragraph := sharing.get("schedule_1_paragraph"):
            yield line(self.label("schedule_1_paragraphs", paragraph))
        if reason := sharing.get("cannot_consent_reason"):
            yield line(reason)
        yield line(self._day("recorded", sharing["recorded_on"]), sharing["evidence"])
        if capture:
            speaker, wording = capture["speaker"], capture.get("wording")
            channel, role = self.label("capture_channels", capture["channel"]), self.label("speakers", speaker["role"])
            yield line(channel, role, speaker.get("name"), speaker.get("organisation"))
            yield line(words("desk.line.captured", by=capture["captured_by"]))
            if wording:
                language = self.label("languages", wording["language"])
                yield line(words("desk.line.wording", version=wording["version"]), language)
        if withdrawn:
            yield line(words("desk.line.withdrawn", at=self.moment(withdrawn["withdrawn_at"])))

    def _day(self, name: str, day: str | None) -> str | None:
        words = self.words
        return words(f"desk.day.{name}", day=words.date(day)) if day else None

    def _need(self, need: Json) -> Line:
        return line(self.label("needs", need["code"]), self._day("until", need.get("ends_on")), need.get("note"))

    def _contact(self, contact: Json) -> Iterator[Line]:
        yield from map(line, [contact["name"], *contact["phones"]])
        if post := contact.get("address"):
            yield line(self.words("desk.line.post", address=", ".join([*post["address_lines"], post["postcode"]])))

    def _address(self, address: Json) -> Iterator[Line]:
        return map(line, [*address["address_lines"], address["postcode"]])

    def _points(self, points: Json) -> Iterator[Line]:
        return (line(f"{kind} {number}") for kind in ("MPAN", "MPRN") for number in points[f"{kind.lower()}s"])

    def _nominee(self, nominee: Json | None) -> Iterator[Line]:
        if nominee:
            yield line(nominee["name"], self.label("relationships", nominee["relationship"]))
            yield from map(line, nominee["phones"])

    def _services(self, services: Json) -> Iterator[Line]:
        yield line(self.label("communication_formats", services["communication_format"]))
        yield line(self.label("languages", services["language"]))
        for name in ("nominee_receives_communications", "cannot_read_meter"):
            yield line(self.words(f"desk.service.{name}") if services[name] else None)
        for entry in services["arranged"]:
            steps = (self._day(step, day) for step, day in entry.items() if step.endswith("_on"))
            yield line(self.label("services", entry["service"]), *steps)

    def _household(self, household: Json) -> Iterator[Line]:
        words = self.words
        for name, value in household.items():
            if isinstance(value, bool):
                yield line(self.fact(name), words("form.yes" if value else "form.no"))
            elif value == []:
                yield line(self.fact(name), words("desk.known.none"))
        for one in household.get("occupants") or []:
            age, day = one.get("age_band"), words.date(one.get("as_of"))
            known = words(f"desk.age_band.{age}", day=day) if age else words("desk.line.born", year=one["birth_year"])
            health = {True: "ill", False: "well", None: None}[one.get("disabled_or_ill")]
            yield line(known, health and words(f"desk.health.{health}"))
        for one in household.get("temporary_circumstances") or []:
            kind = words(f"desk.circumstance.{one['kind']}")
            yield line(self.fact("temporary_circumstances"), kind, self._day("until", one["until"]))

    def _referral(self, referral: Json | None) -> Iterator[Line]:
        if referral:
            referrer = self.label("referrers", referral["referrer"])
            yield line(referrer, *(referral.get(name) for name in ("name", "organisation", "phone")))
            yield line(self._day("referred", referral["referred_on"]))

    def _dates(self, registration: Json) -> Iterator[Line]:
        for name in ("review_due_on", "follow_up_on", "closes_on", "unconfirmed_until"):
            yield line(self._day(name, registration[name]))


def line(*parts: Label | str | None) -> Line:
    """A line of those parts that there are."""
    return tuple(Label(part) if isinstance(part, str) else part for part in parts if part)


def differences(before: Topics, after: Topics) -> list[Difference]:
    """The topics that a change changed. Two occupants can have the same line."""
    counted = ((topic, Counter(before.get(topic, ())), Counter(lines)) for topic, lines in after.items())
    return [
        Difference(topic, [*(old - new).elements()], [*(new - old).elements()])
        for topic, old, new in counted
        if old != new
    ]
