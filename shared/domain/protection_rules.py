"""The rules of `shared/data/protections.yaml`, read once and checked."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Annotated, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from shared.data import TableError, text
from shared.domain.needs import NeedCode
from shared.model import Model

_TABLE = "protections.yaml"
#: The outcome if facts are missing.
CANNOT_DETERMINE = "cannot_determine"


class PensionersAndChildren(Model):
    """Everybody is a pensioner or under 18, and somebody is a pensioner.

    Somebody between the two ages of `pensioner_from` may be one. People who are disabled or ill count as pensioners if
    the rule says so.
    """

    pensioner_from: tuple[int, int]
    or_disabled_or_ill: bool = False


class Conditions(Model):
    """Conditions that must all hold. A field that is not set is no condition.

    The boolean facts have the names of `Household`.
    """

    months: frozenset[int] | None = None
    gas_supply: Literal[True] | None = None
    adapted_communication: Literal[True] | None = None
    medically_dependent: Literal[True] | None = None
    needs: frozenset[NeedCode] | None = None
    someone_under: int | None = None
    everyone_at_least: int | None = None
    everyone_pensioner_or_child: PensionersAndChildren | None = None
    temporary_circumstances: Literal[True] | None = None
    supported: bool | None = None
    can_top_up: bool | None = None
    chronic_or_severe_illness: bool | None = None
    warm_home_dependency: bool | None = None
    owns_home: bool | None = None
    means_tested_benefit: bool | None = None


class Rule(Model):
    """A rule: in force from `valid_from` to the end of `valid_until`, it has its outcome if any of `when` holds."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    about: str
    source: str
    valid_from: date
    valid_until: date | None = None
    outcome: str
    when: Annotated[tuple[Conditions, ...], Field(min_length=1)]

    def in_force_on(self, day: date) -> bool:
        """Whether the rule counts on a day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


class Why(Model):
    """A sentence for agents to read out to the customer, in English and Welsh."""

    en: str
    cy: str


class Answer(Model):
    """A question with its outcomes, the strongest first, and its rules."""

    question: str
    outcomes: Mapping[str, Why]
    rules: tuple[Rule, ...]


@cache
def answers() -> Mapping[str, Answer]:
    """The rules by the name of the answer that they decide. Raises `TableError`."""
    content = yaml.load(text(_TABLE), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    try:
        found = TypeAdapter(dict[str, Answer]).validate_python(content, strict=False)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise TableError("\n  ".join([f"{_TABLE} has faults:", *faults])) from None
    for name, answer in found.items():
        _check(name, answer)
    return found


def _check(name: str, answer: Answer) -> None:
    *outcomes, _ = answer.outcomes
    if CANNOT_DETERMINE not in outcomes:
        raise TableError(f"{_TABLE}: {name}: {CANNOT_DETERMINE} must be an outcome, and not the last")
    for rule in answer.rules:
        if rule.outcome not in outcomes or rule.outcome == CANNOT_DETERMINE:
            raise TableError(f"{_TABLE}: {rule.id}: {rule.outcome} cannot be the outcome of a rule for {name}")
