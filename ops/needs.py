"""`psr needs`: who to contact. Needs that end soon, reviews that are due, people whose needs are not known yet.

The earliest date comes first.

Accounts are masked unless they are asked for with a reason. Every use is noted before anything is shown.
"""

import csv
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, timedelta
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from ops.output import AsJson, one_or_many, print_json
from ops.running import need_reason, operator, run
from shared.clock import london_day
from shared.domain.due_dates import ENDING_SOON
from shared.domain.registration import Registration, RegistrationState
from shared.store.documents import Collection
from shared.store.due_dates import DueDate, DueDates
from shared.store.operator_actions import Action, OperatorActions
from shared.store.registrations import Registrations
from shared.store.service import service

app = typer.Typer(no_args_is_help=True)

_HIDDEN = "•••"
_Within = Annotated[int, typer.Option(min=0, max=366, help="How many days to look ahead.")]
_Reveal = Annotated[bool, typer.Option("--reveal", help="Show the account ids.")]
_Reason = Annotated[str | None, typer.Option(help="Why you need to see them; kept in the audit log.")]


class Due(NamedTuple):
    """One line: a date of one registration that is due."""

    due_on: date
    registration_id: str
    account_id: str
    codes: str


@app.command()
def ending(
    *, within: _Within = ENDING_SOON.days, reveal: _Reveal = False, reason: _Reason = None, as_json: AsJson = False
) -> None:
    """List needs that end soon, the earliest first.

    Contact the customer before the networks delete the need. `due_on` is the last day on which the need holds.
    """
    _show(lambda: _by_date(DueDate.NEED_ENDS, within), reveal=reveal, reason=reason, as_json=as_json)


@app.command()
def reviews(*, within: _Within = 0, reveal: _Reveal = False, reason: _Reason = None, as_json: AsJson = False) -> None:
    """List registrations to review, the longest due first."""
    _show(lambda: _by_date(DueDate.REVIEW, within), reveal=reveal, reason=reason, as_json=as_json)


@app.command()
def follow_ups(
    *, within: _Within = 0, reveal: _Reveal = False, reason: _Reason = None, as_json: AsJson = False
) -> None:
    """List people without a current need, to ask about their needs.

    The longest due come first.
    """
    _show(lambda: _by_date(DueDate.FOLLOW_UP, within), reveal=reveal, reason=reason, as_json=as_json)


@app.command()
def retired(*, reveal: _Reveal = False, reason: _Reason = None, as_json: AsJson = False) -> None:
    """List registrations with a retired needs code.

    Agree on another code with the customer. `due_on` is the next review, the earliest first. Reads every registration.
    """
    _show(lambda: _with_codes(_retired_codes), reveal=reveal, reason=reason, as_json=as_json)


@app.command()
def unproven(*, reveal: _Reveal = False, reason: _Reason = None, as_json: AsJson = False) -> None:
    """List registrations without a proven lawful basis.

    Their sharing record lacks the basis or its proof: ask the customer. `due_on` is the next review, the earliest
    first. Reads every registration.
    """
    _show(lambda: _with_codes(_codes_if_unproven), reveal=reveal, reason=reason, as_json=as_json)


def _show(found: Callable[[], AsyncIterator[Due]], *, reveal: bool, reason: str | None, as_json: bool) -> None:
    if reveal:
        need_reason(reason, "--reveal shows personal data and")
    listed = run(lambda: _noted(found, reveal=reveal, reason=reason))
    shown = [due if reveal else due._replace(account_id=_HIDDEN) for due in listed]
    if as_json:
        print_json([due._asdict() for due in shown])
    else:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(Due._fields)
        writer.writerows(shown)
    print(one_or_many(len({due.registration_id for due in listed}), "registration"), file=sys.stderr)


async def _noted(found: Callable[[], AsyncIterator[Due]], *, reveal: bool, reason: str | None) -> list[Due]:
    listed = sorted([due async for due in found()])
    about = sorted({due.registration_id for due in listed}) if reveal and listed else [None]
    await service().part(OperatorActions).note(Action.REVEALED if reveal else Action.LISTED, operator(), about, reason)
    return listed


async def _by_date(name: DueDate, within: int) -> AsyncIterator[Due]:
    until = london_day(service().clock.now()) + timedelta(days=within)
    for noted in (True, False):
        async for page in service().part(DueDates).pages(name, until, noted=noted):
            for state in await service().part(Registrations).get_all(page):
                for due in _due(name, state.registration, until):
                    yield due


def _retired_codes(registration: Registration) -> list[str]:
    return [need.code for need in registration.needs if need.code.category.retired]


def _codes_if_unproven(registration: Registration) -> list[str]:
    return [] if registration.sharing.complete else [need.code for need in registration.needs]


async def _with_codes(codes_of: Callable[[Registration], list[str]]) -> AsyncIterator[Due]:
    """A line for each live registration that has such codes."""
    read = 0
    with Console(stderr=True).status("Reading the register") as status:
        async for page in service().documents.pages(Collection.REGISTRATIONS):
            read += len(page)
            status.update(f"Reading the register: {read:,} registrations")
            for stored in page:
                known = RegistrationState.model_validate_json(stored.state).registration
                codes = " ".join(codes_of(known))
                if codes and known.status.live:
                    yield Due(known.review_due_on, known.registration_id, known.account_id, codes)


def _due(name: DueDate, registration: Registration, until: date) -> Iterator[Due]:
    """The lines of a registration: one a day on which needs end, one for a review or a follow-up."""
    codes: dict[date | None, list[str]] = {}
    if name is DueDate.NEED_ENDS:
        for need in registration.needs:
            codes.setdefault(need.ends_on, []).append(need.code)
    else:
        due_on = registration.review_due_on if name is DueDate.REVIEW else registration.follow_up_on
        codes[due_on] = [need.code for need in registration.needs]
    for due_on, of_day in codes.items():
        if due_on is not None and due_on <= until and registration.status.live:
            yield Due(due_on, registration.registration_id, registration.account_id, " ".join(of_day))
