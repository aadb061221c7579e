"""Protections: answers about a household, by the rules of the day. They are computed when they are read, never stored.

Logic has three values: a condition holds, does not hold, or nobody knows (None). A missing fact that could make an
outcome stronger gives `cannot_determine`, so a household is never less protected for lack of facts.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache, lru_cache, partial
from typing import Any, Literal, NamedTuple

from pydantic import Field

from shared.domain.household import Ages, Household, completed_years
from shared.domain.needs import YOUNG_CHILDREN, categories, holds_on
from shared.domain.protection_rules import (
    CANNOT_DETERMINE,
    Answer,
    Conditions,
    PensionersAndChildren,
    Rule,
    Why,
    answers,
)
from shared.domain.registration import Registration, Status
from shared.domain.services import Services
from shared.model import Model

_OCCUPANTS = "/household/occupants"
_NOTHING_KNOWN = Household()
_ADULT = 18
_USUAL_COMMUNICATION = [
    (name, getattr(Services(), name))
    for name in ("communication_format", "language", "nominee_receives_communications")
]


class Protection(Model):
    """An answer: an aid for a decision that a person takes, never the decision."""

    outcome: str
    rules: list[str] = Field(description="The rules that decided, or that facts are missing for (docs/protections.md)")
    facts: list[str] = Field(description="The facts that decided, as JSON Pointers into the registration")
    missing: list[str] = Field(
        description="The facts that are missing, as JSON Pointers: ask for them, then read again"
    )
    why: Why | None = Field(description="To read out to the customer; null in answers about many registrations")


class PrepaymentInstallation(Protection):
    """Whether a prepayment meter may be installed, or a smart meter switched, without the customer's agreement."""

    outcome: Literal["do_not_install", "cannot_determine", "assess_further", "no_bar_known"]


class WinterDisconnection(Protection):
    """Whether the supply may be disconnected for debt on this day, by the rule for winter."""

    outcome: Literal["do_not_disconnect", "cannot_determine", "take_all_reasonable_steps", "not_winter"]


class GasSafetyCheck(Protection):
    """Whether the customer can have a free gas safety check, if there was none in the last 12 months."""

    outcome: Literal["eligible", "cannot_determine", "not_eligible"]


class DisconnectionNotice(Protection):
    """How notice of a disconnection must be given, in addition to the statutory notice."""

    outcome: Literal["personal_contact", "cannot_determine", "adapted", "statutory"]


class Protections(Model):
    """The protections of a household on a day in London, as far as the register knows: an aid for people who decide.

    `cannot_determine` never means that something is allowed. Rules and ages depend on the day: read again on another.
    """

    on: date
    prepayment_installation: PrepaymentInstallation
    winter_disconnection: WinterDisconnection
    gas_safety_check_eligible: GasSafetyCheck
    disconnection_notice: DisconnectionNotice


_KINDS: dict[str, Any] = {name: field.annotation for name, field in Protections.model_fields.items()}


class Finding(NamedTuple):
    """Whether a condition holds, and the facts that decide it; if nobody knows (None), the facts that are missing."""

    holds: bool | None
    facts: tuple[str, ...] = ()


_OCCUPANTS_UNKNOWN = Finding(None, (_OCCUPANTS,))


class _Home(NamedTuple):
    """All that protections depend on. `needs` are those that hold on the day: pointer, code, youngest child's birth.

    `ages` has the pointer and the ages of each occupant of the household; None if nobody knows the occupants.
    """

    day: date
    status: Status
    needs: tuple[tuple[str, str, date | None], ...]
    has_gas: bool
    adapted: tuple[str, ...]
    household: Household = _NOTHING_KNOWN
    ages: list[tuple[str, Ages]] | None = None

    def with_household(self, household: Household) -> "_Home":
        """The same, with what is known of the household."""
        stated = household.occupants
        if stated is None:
            return self._replace(household=household)
        ages = [(f"{_OCCUPANTS}/{index}", one.ages_on(self.day)) for index, one in enumerate(stated)]
        return self._replace(household=household, ages=ages)

    def occupants(self, holds: Callable[[Ages], bool | None]) -> list[Finding]:
        """A finding about each occupant by their ages on the day; one that is not known if the occupants are not."""
        if self.ages is None:
            return [_OCCUPANTS_UNKNOWN]
        return [Finding(holds(ages), (pointer,)) for pointer, ages in self.ages]


_Check = Callable[[_Home], Finding]


class _RuleInForce(NamedTuple):
    """A rule of the day. `rank` is the place of its outcome, 0 is the strongest."""

    id: str
    rank: int
    check: _Check


def protections_of(registration: Registration, day: date, *, explained: bool = True) -> Protections:
    """The protections of a registration on a day; `explained` with the sentences to read out."""
    return _protections(*_home(registration, day), explained=explained)


def protections_json(registration: Registration, day: date) -> str:
    """The same, explained, as the JSON text of an answer."""
    return _protections_json(*_home(registration, day))


def _home(registration: Registration, day: date) -> tuple[_Home, str]:
    """All that decides, with the household as its JSON: that is compared and hashed in less time than a model."""
    services = registration.services
    needs = tuple(
        (f"/needs/{index}", need.code, need.youngest_child_born_on)
        for index, need in enumerate(registration.needs)
        if holds_on(need.ends_on, day)
    )
    home = _Home(
        day,
        registration.status.with_needs(known=bool(needs)),
        needs,
        bool(registration.supply_points.mprns),
        tuple(f"/services/{name}" for name, usual in _USUAL_COMMUNICATION if getattr(services, name) != usual),
    )
    household = registration.household.model_dump_json() if registration.household else "{}"
    return home, household


@lru_cache(maxsize=4096)
def _protections(without_household: _Home, household: str, *, explained: bool) -> Protections:
    """Kept, because many registrations of a batch share their facts; made without validation, for the others."""
    decided: dict[str, Any] = {}
    home = without_household.with_household(Household.model_validate_json(household))
    for name, (answer, rules) in _in_force(home.day).items():
        outcome, *parts = _decided(answer, rules, home)
        by, facts, missing = (sorted(set(part)) for part in parts)
        why = answer.outcomes[outcome] if explained else None
        decided[name] = _KINDS[name].model_construct(outcome=outcome, rules=by, facts=facts, missing=missing, why=why)
    return Protections.model_construct(on=home.day, **decided)


@lru_cache(maxsize=4096)
def _protections_json(without_household: _Home, household: str) -> str:
    return _protections(without_household, household, explained=True).model_dump_json()


@lru_cache(maxsize=8)
def _in_force(day: date) -> Mapping[str, tuple[Answer, list[_RuleInForce]]]:
    """The rules of a day by answer, ready to be applied."""
    return {
        name: (answer, [_ready(rule, answer) for rule in answer.rules if rule.in_force_on(day)])
        for name, answer in answers().items()
    }


def _ready(rule: Rule, answer: Answer) -> _RuleInForce:
    lines = [
        _joined([_check(line, name) for name in sorted(line.model_fields_set)], decisive=False) for line in rule.when
    ]
    return _RuleInForce(rule.id, list(answer.outcomes).index(rule.outcome), _joined(lines, decisive=True))


def _check(conditions: Conditions, name: str) -> _Check:
    wanted = getattr(conditions, name)
    return partial(_CHECKS[name], wanted) if name in _CHECKS else partial(_household_fact, name, wanted)


def _joined(checks: list[_Check], *, decisive: bool) -> _Check:
    """One check of several: whether any holds (`decisive`), or whether all do."""
    if len(checks) == 1:
        return checks[0]
    return lambda home: _combined([check(home) for check in checks], decisive=decisive)


def _decided(
    answer: Answer, rules: list[_RuleInForce], home: _Home
) -> tuple[str, Iterable[str], Iterable[str], Iterable[str]]:
    """The outcome, with the rules and the facts that decided, and the facts that are missing.

    A rule that may hold counts only if its outcome is stronger than that of the rules that hold.
    """
    if not home.status.live:
        return CANNOT_DETERMINE, [rule.id for rule in rules], (), ["/status"]
    outcomes = list(answer.outcomes)
    found = [(rule, rule.check(home)) for rule in rules]
    best = min((rule.rank for rule, finding in found if finding.holds), default=len(outcomes) - 1)
    unknown = [(rule, finding) for rule, finding in found if finding.holds is None and rule.rank < best]
    if unknown or not rules:
        return CANNOT_DETERMINE, [rule.id for rule, _ in unknown], (), _facts(unknown)
    decisive = [(rule, finding) for rule, finding in found if finding.holds and rule.rank == best] or found
    return outcomes[best], [rule.id for rule, _ in decisive], _facts(decisive), ()


def _facts(found: Iterable[tuple[_RuleInForce, Finding]]) -> list[str]:
    return [fact for _, finding in found for fact in finding.facts]


def _combined(findings: list[Finding], *, decisive: bool) -> Finding:
    """A finding that holds as `decisive` says decides alone; else an unknown one leaves it open; else all decide."""
    those = (
        [finding for finding in findings if finding.holds is decisive]
        or [finding for finding in findings if finding.holds is None]
        or findings
    )
    if len(those) == 1:
        return those[0]
    return Finding(those[0].holds, tuple([fact for finding in those for fact in finding.facts]))


def _household_fact(name: str, wanted: bool, home: _Home) -> Finding:  # noqa: FBT001 - a condition's value
    known = getattr(home.household, name)
    return Finding(None if known is None else known is wanted, (f"/household/{name}",))


def _is_month(months: frozenset[int], home: _Home) -> Finding:
    return Finding(home.day.month in months)


def _has_need(codes: frozenset[str], home: _Home) -> Finding:
    if home.status is not Status.ACTIVE:
        return Finding(None, ("/needs",))
    held = tuple([pointer for pointer, code, _ in home.needs if code in codes])
    return Finding(bool(held), held or ("/needs",))


def _is_medically_dependent(_: Literal[True], home: _Home) -> Finding:
    return _has_need(_medically_dependent_codes(), home)


@cache
def _medically_dependent_codes() -> frozenset[str]:
    return frozenset(code for code, category in categories().items() if category.medically_dependent)


def _has_temporary_circumstances(_: Literal[True], home: _Home) -> Finding:
    pointer = "/household/temporary_circumstances"
    stated = home.household.temporary_circumstances
    if stated is None:
        return Finding(None, (pointer,))
    ongoing = tuple([f"{pointer}/{index}" for index, one in enumerate(stated) if holds_on(one.until, home.day)])
    return Finding(bool(ongoing), ongoing or (pointer,))


def _has_gas_supply(_: Literal[True], home: _Home) -> Finding:
    return Finding(home.has_gas, ("/supply_points/mprns",))


def _has_adapted_communication(_: Literal[True], home: _Home) -> Finding:
    return Finding(bool(home.adapted), home.adapted or ("/services",))


def _is_under(age: int, ages: Ages) -> bool | None:
    if ages.most < age:
        return True
    return False if ages.least >= age else None


def _is_at_least(age: int, ages: Ages) -> bool | None:
    under = _is_under(age, ages)
    return None if under is None else not under


def _is_someone_under(age: int, home: _Home) -> Finding:
    """By the occupants and by the youngest child of code 29. If they contradict each other, there is such a child."""
    by_list = _combined(home.occupants(partial(_is_under, age)), decisive=True)
    by_need = _is_youngest_child_under(age, home)
    return next((one for holds in (True, False) for one in (by_list, by_need) if one.holds is holds), by_list)


def _is_youngest_child_under(age: int, home: _Home) -> Finding:
    for pointer, code, born in home.needs:
        if code == YOUNG_CHILDREN and born is not None:
            return Finding(completed_years(born, home.day) < age, (f"{pointer}/youngest_child_born_on",))
    return Finding(None)


def _is_everyone_at_least(age: int, home: _Home) -> Finding:
    return _combined(home.occupants(partial(_is_at_least, age)), decisive=False)


def _are_pensioners_and_children(wanted: PensionersAndChildren, home: _Home) -> Finding:
    if home.ages is None:
        return _OCCUPANTS_UNKNOWN
    pensioners = home.occupants(partial(_is_pensioner, wanted.pensioner_from))
    if wanted.or_disabled_or_ill:
        pensioners = [
            _combined([pensioner, disabled], decisive=True)
            for pensioner, disabled in zip(pensioners, _disabled_or_ill(home), strict=True)
        ]
    children = home.occupants(partial(_is_under, _ADULT))
    each = [_combined([*either], decisive=True) for either in zip(pensioners, children, strict=True)]
    return _combined([_combined(pensioners, decisive=True), *each], decisive=False)


def _is_pensioner(pensioner_from: tuple[int, int], ages: Ages) -> bool | None:
    first, surely = pensioner_from
    if ages.least >= surely:
        return True
    return False if ages.most < first else None


def _disabled_or_ill(home: _Home) -> list[Finding]:
    return [
        Finding(one.disabled_or_ill, (f"{_OCCUPANTS}/{index}/disabled_or_ill",))
        for index, one in enumerate(home.household.occupants or [])
    ]


_CHECKS: dict[str, Callable[[Any, _Home], Finding]] = {
    "months": _is_month,
    "gas_supply": _has_gas_supply,
    "adapted_communication": _has_adapted_communication,
    "medically_dependent": _is_medically_dependent,
    "needs": _has_need,
    "someone_under": _is_someone_under,
    "everyone_at_least": _is_everyone_at_least,
    "everyone_pensioner_or_child": _are_pensioners_and_children,
    "temporary_circumstances": _has_temporary_circumstances,
}
