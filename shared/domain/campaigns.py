"""Review campaigns: attempts to contact a customer about work that is due, and what follows from them by rule.

A campaign is the attempts about one due date. Its state follows from these attempts alone, so their order of arrival
makes no difference. Once the due date moves, its campaign is history.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby, takewhile
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from shared.clock import london_day
from shared.field_errors import refusal
from shared.model import Model
from shared.policy import MOST_ATTEMPTS, Policy


class Work(StrEnum):
    """The reason for contacting a customer: a review, a need that ends soon, or needs that are not known."""

    REVIEW = "review"
    NEED_ENDING = "need_ending"
    FOLLOW_UP = "follow_up"


class ContactChannel(StrEnum):
    """How the supplier tried to contact the customer."""

    PHONE = "phone"
    TEXT = "text"
    EMAIL = "email"
    LETTER = "letter"
    APP = "app"
    VISIT = "visit"


class AttemptOutcome(StrEnum):
    """The outcome of an attempt.

    `confirmed`: the customer confirmed what the register has, or that the need ends. `reached`: somebody spoke to the
    customer, and the work is not done yet. `message_left`: a message, letter or e-mail that has no answer yet.
    """

    CONFIRMED = "confirmed"
    REACHED = "reached"
    MESSAGE_LEFT = "message_left"
    NO_ANSWER = "no_answer"
    WRONG_DETAILS = "wrong_details"

    @property
    def reached(self) -> bool:
        """Whether the customer was reached."""
        return self in (AttemptOutcome.CONFIRMED, AttemptOutcome.REACHED)


class Attempt(Model):
    """One attempt to contact a customer. `due_on` is the date that the work is due; `by` is a staff id or a system."""

    work: Work
    due_on: date = Field(examples=["2026-11-23"])
    channel: ContactChannel
    outcome: AttemptOutcome
    by: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,34}$")] = Field(examples=["agent-17"])

    @field_validator("outcome")
    @classmethod
    def _is_possible(cls, outcome: AttemptOutcome, info: ValidationInfo) -> AttemptOutcome:
        if outcome is AttemptOutcome.CONFIRMED and info.data.get("work") is Work.FOLLOW_UP:
            raise refusal("outcome_impossible")
        return outcome


class ContactAttempt(Attempt):
    """An attempt as the register keeps it, with its instant."""

    at: datetime


class CampaignState(StrEnum):
    """`open`: the next attempt is due on `next_attempt_on`. `settled`: the customer has confirmed.

    `escalated`: too many attempts in a row reached nobody, so a person decides how to continue.
    """

    OPEN = "open"
    ESCALATED = "escalated"
    SETTLED = "settled"


class Campaign(Model):
    """The attempts about one due date, oldest first, and their state."""

    work: Work
    due_on: date
    state: CampaignState
    next_attempt_on: date | None
    attempts: list[ContactAttempt]


def with_attempt(campaigns: Iterable[Campaign], attempt: ContactAttempt, policy: Policy) -> list[Campaign]:
    """The campaigns with one more attempt, by work and due date. Of each work the newest attempts stay."""
    return _campaigns({one for campaign in campaigns for one in campaign.attempts} | {attempt}, policy)


def attempts_since(campaigns: Iterable[Campaign], time: datetime, policy: Policy) -> list[Campaign]:
    """The campaigns without the attempts from before an instant."""
    return _campaigns({one for campaign in campaigns for one in campaign.attempts if one.at > time}, policy)


def _campaigns(attempts: Iterable[ContactAttempt], policy: Policy) -> list[Campaign]:
    kept = [one for work in Work for one in _newest(one for one in attempts if one.work is work)]
    return [
        _campaign(work, due_on, list(of_date), policy)
        for (work, due_on), of_date in groupby(sorted(kept, key=_by_due_date), lambda one: (one.work, one.due_on))
    ]


def _newest(attempts: Iterable[ContactAttempt]) -> list[ContactAttempt]:
    return sorted(attempts, key=lambda one: (one.at, one.model_dump_json()))[-MOST_ATTEMPTS:]


def _by_due_date(attempt: ContactAttempt) -> tuple[int, date]:
    return list(Work).index(attempt.work), attempt.due_on


def _campaign(work: Work, due_on: date, attempts: list[ContactAttempt], policy: Policy) -> Campaign:
    """The campaign of attempts about one due date, oldest first."""
    last = attempts[-1]
    in_vain = list(takewhile(lambda one: not one.outcome.reached, reversed(attempts)))
    state, next_attempt_on = CampaignState.OPEN, None
    if last.outcome is AttemptOutcome.CONFIRMED:
        state = CampaignState.SETTLED
    elif len(in_vain) >= policy.attempts_until_escalation:
        state = CampaignState.ESCALATED
    else:
        next_attempt_on = london_day(last.at) + timedelta(days=policy.attempt_days)
    return Campaign(work=work, due_on=due_on, state=state, next_attempt_on=next_attempt_on, attempts=attempts)
