"""The promises of the register, in plain dictionaries: docs/decisions/aspects.md, docs/privacy.md, the API.

The model takes submissions and events in the order in which the service got them. It knows nothing of how the service
works: no versions, claims, changes or documents.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.world.cast import Need, Submission
from tests.world.networks import Networks, Shared
from tests.world.tables import Tables

LONDON = ZoneInfo("Europe/London")
#: Days after which a registration that has ended is erased.
KEPT = timedelta(days=2)


def london_day(instant: datetime) -> date:
    return instant.astimezone(LONDON).date()


class Fact(NamedTuple):
    """The time and the source of a statement. Of two, the later one is the newer."""

    time: datetime
    source: str
    id: str


_EVER = Fact(datetime(1, 1, 1, tzinfo=UTC), "", "")


class Point(NamedTuple):
    """Whether an account says that a supply point is its own.

    `waits_for` is the message that is retried until the registration that has the supply point releases it.
    """

    fact: Fact
    own: bool
    waits_for: str | None = None


class Release(NamedTuple):
    """How the last holder left a supply point: the facts by which it had it and, if it did, lost it."""

    account: str
    day: date
    held: Fact
    lost: Fact


class Statement(NamedTuple):
    """The aspects that a submission or event states, None for the others. `people` are a mark and needs, `premises`
    area and mark.

    `people` without needs: the caller has changed only the name.
    """

    people: tuple[str, tuple[Need, ...] | None] | None = None
    premises: tuple[str, str] | None = None
    basis: str | None = None
    status: str | None = None
    points: frozenset[str] | None = None
    own: tuple[tuple[str, bool], ...] = ()
    closes_on: date | None = None


def full_statement(submission: Submission) -> Statement:
    """A statement of every aspect."""
    return Statement(
        (submission.mark, submission.needs),
        (submission.area, submission.mark),
        submission.basis,
        "live",
        frozenset(submission.points),
    )


@dataclass(frozen=True)
class Registration:
    """One account's entry. `facts` are by aspect."""

    status: str
    people: str
    needs: dict[str, date | None]
    area: str
    street: str
    basis: str
    points: dict[str, Point]
    facts: dict[str, Fact]
    closes_on: date | None = None
    ended_on: date | None = None
    erased: bool = False

    @property
    def live(self) -> bool:
        return self.status == "live"

    @property
    def shown(self) -> str:
        """The status as callers see it."""
        if self.live:
            return "active" if self.needs else "pending"
        return self.status

    def holds(self) -> set[str]:
        return {point for point, view in self.points.items() if view.own and not view.waits_for} if self.live else set()

    def newest(self) -> datetime:
        return max(fact.time for fact in [*self.facts.values(), *(view.fact for view in self.points.values())])


@dataclass
class Quarantined:
    """A message that could not be applied. `about` are the accounts that it names.

    `empty`: it is erased. `lost`: somebody has deleted its data, so that it cannot be retried.
    """

    status: str
    about: frozenset[str]
    empty: bool = False
    lost: bool = False
    seen: date = date.max
    #: It arrived after its account was erased: a later run of the erasure may find it.
    may_be_empty: bool = False

    def erase(self) -> None:
        """Erase its content. The record stays."""
        self.empty = True
        if self.status != "resolved":
            self.status = "discarded"


@dataclass
class Former:
    """A period on the register that ended before the account was registered again.

    Its history is erased when its retention is over: the outcomes of `keys`, and `changes`, its entries of the log.
    """

    ended_on: date
    keys: frozenset[str]
    changes: frozenset[str] | None = None


@dataclass
class Model:
    """The state that the service should have."""

    tables: Tables = field(default_factory=Tables)
    registrations: dict[str, Registration] = field(default_factory=dict)
    released: dict[str, Release] = field(default_factory=dict)
    quarantine: dict[str, Quarantined] = field(default_factory=dict)
    #: Requests and messages that have had their outcome, by key; None once that is erased.
    outcomes: dict[str, object] = field(default_factory=dict)
    #: The erased account, by mark: the mark must not be stored any more.
    erased_marks: dict[str, str] = field(default_factory=dict)
    #: By erased account: the newest released day when it was erased. `raced`: accounts whose erasure a message met.
    erased_until: dict[str, date] = field(default_factory=dict)
    erased_on: dict[str, date] = field(default_factory=dict)
    raced: set[str] = field(default_factory=set)
    raced_messages: set[str] = field(default_factory=set)
    marks: dict[str, set[str]] = field(default_factory=dict)
    former: dict[str, list[Former]] = field(default_factory=dict)
    #: Entries of the log that must be erased.
    gone: set[str] = field(default_factory=set)
    networks: Networks = field(default_factory=Networks)
    resent: set[tuple[object, ...]] = field(default_factory=set)
    #: Accounts that this step sends to networks.
    touched: set[str] = field(default_factory=set)

    def holder(self, point: str) -> str | None:
        return next((name for name, one in self.registrations.items() if point in one.holds()), None)

    # --- requests

    def create(self, key: str, submission: Submission, now: datetime) -> tuple[int, str | None]:
        """A caller registers an account."""
        if key in self.outcomes:
            return (201, None) if self.outcomes[key] else (410, "erased")
        known = self.registrations.get(submission.account)
        if known and known.live:
            return 409, "already-registered"
        if self._impossible(submission.needs, {}, now) or self.newly_retired(submission.needs, {}):
            return 422, "invalid-content"
        if any(self.holder(point) not in (None, submission.account) for point in submission.points):
            return 409, "supply-point-held"
        fact = Fact(_after(known, now), "http", key)
        after = _changed(known, full_statement(submission), fact, london_day(now))
        self._store(submission.account, self._taken_now(submission.account, after), now)
        self.outcomes[key] = True
        self._keep_mark(submission.account, submission.mark, revived=True)
        return 201, None

    def amend(
        self, key: str, account: str, statement: Statement, now: datetime, *, read: bool
    ) -> tuple[int, str | None]:
        """A caller changes a part of a registration. `read`: its If-Match is the current version."""
        if key in self.outcomes:
            return (200, None) if self.outcomes[key] else (410, "erased")
        known = self.registrations.get(account)
        refused = self._not_to_change(known, read=read)
        if refused:
            return refused
        assert known is not None
        if statement.people and statement.people[1] is None:
            statement = statement._replace(people=(statement.people[0], tuple(known.needs.items())))
        needs = (statement.people[1] or ()) if statement.people else ()
        if self._impossible(needs, known.needs, now) or self.newly_retired(needs, known.needs):
            return 422, "invalid-content"
        wanted = statement.points if statement.points is not None else frozenset()
        if any(self.holder(point) not in (None, account) for point in wanted):
            return 409, "supply-point-held"
        if statement.points == frozenset(known.holds()):
            statement = statement._replace(points=None)
        fact = Fact(_after(known, now), "http", key)
        after = _changed(known, statement, fact, london_day(now))
        self._store(account, self._taken_now(account, after), now)
        self.outcomes[key] = True
        return 200, None

    def withdraw(self, key: str, account: str, now: datetime, *, read: bool) -> tuple[int, str | None]:
        """The customer leaves the register."""
        if key in self.outcomes:
            return (200, None) if self.outcomes[key] else (410, "erased")
        known = self.registrations.get(account)
        refused = self._not_to_change(known, read=read)
        if refused:
            return refused
        fact = Fact(_after(known, now), "http", key)
        self._store(account, _changed(known, Statement(status="withdrawn"), fact, london_day(now)), now)
        self.outcomes[key] = True
        return 200, None

    def _taken_now(self, account: str, after: Registration) -> Registration:
        """A caller states the present: no fact of a former holder is newer than this one."""
        for point in after.holds():
            newest, _ = self._held_elsewhere(point, account)
            if newest and newest > after.points[point].fact:
                fact = after.points[point].fact._replace(time=newest.time + timedelta(microseconds=1))
                after = _with(after, point, after.points[point]._replace(fact=fact))
        return after

    def _not_to_change(self, known: Registration | None, *, read: bool) -> tuple[int, str] | None:
        if known is None:
            return 404, "not-found"
        if known.erased:
            return 410, "erased"
        if not known.live:
            return 409, "not-live"
        return None if read else (412, "version-stale")

    def _impossible(self, needs: Iterable[Need], before: dict[str, date | None], now: datetime) -> bool:
        """Whether a new need has ended already."""
        new = [ends_on for code, ends_on in needs if (code, ends_on) not in before.items()]
        return any(ends_on is not None and ends_on < london_day(now) for ends_on in new)

    def newly_retired(self, needs: Iterable[Need], before: Iterable[str]) -> bool:
        """Whether the registration would get a retired code."""
        return self.tables.retired and any(code == "08" and code not in before for code, _ in needs)

    # --- messages

    def record(self, key: str, submission: Submission, at: datetime, now: datetime) -> str:
        """The old platform's record of an account at a time. Returns `applied`, `parked`, `failed` or `dropped`."""
        if key in self.outcomes:
            return "applied" if self.outcomes[key] else "dropped"
        today = london_day(now)
        ongoing = tuple((code, end) for code, end in submission.needs if end is None or end >= today)
        statement = full_statement(submission._replace(needs=ongoing))
        known = self.registrations.get(submission.account)
        if self.newly_retired(ongoing, known.needs if known else ()):
            return "failed"
        fact = Fact(at, "//old", key)
        both = _needs_of_both(known, dict(ongoing), fact)
        return self._apply(key, submission.account, known, statement, fact, now, submission.mark, both)

    def event(self, key: str, account: str, statement: Statement, at: datetime, now: datetime, mark: str) -> str:
        """An event of the account system at a time. Returns the same as `record`."""
        if key in self.outcomes:
            return "applied" if self.outcomes[key] else "dropped"
        known = self.registrations.get(account)
        if known is None:
            return "parked"
        if known.erased:
            return "dropped"
        return self._apply(key, account, known, statement, Fact(at, "//accounts", key), now, mark)

    def _apply(
        self,
        key: str,
        account: str,
        known: Registration | None,
        statement: Statement,
        fact: Fact,
        now: datetime,
        mark: str,
        needs: dict[str, date | None] | None = None,
    ) -> str:
        """A message's statement at the time of a fact. `needs` hold whether or not it wins."""
        after = _changed(_retried(known, key), statement, fact, london_day(now))
        if needs is not None:
            after = replace(after, needs=needs)
        waiting = set()
        for point in after.holds() - (known.holds() if known else set()):
            newest, held = self._held_elsewhere(point, account)
            if newest and newest > after.points[point].fact:
                after = _with(after, point, after.points[point]._replace(own=False))
            elif held:
                waiting.add(point)
        for point in waiting:
            after = _with(after, point, after.points[point]._replace(waits_for=key))
        if waiting and (known is None or known.erased or after == known):
            return "parked"
        gone = (known.holds() if known else set()) - after.holds()
        self._store(account, after, now, fact, {point for point, own in statement.own if not own} & gone)
        self._note_released_points(account, known, statement, fact, london_day(now))
        revived = known is not None and known.erased and after.live
        self._keep_mark(account, mark, revived=revived or known is None)
        if waiting:
            return "parked"
        self.outcomes[key] = True
        return "applied"

    def _held_elsewhere(self, point: str, account: str) -> tuple[Fact | None, bool]:
        """The newest fact by which another account has or had a supply point, and whether one has it now."""
        holder = self.holder(point)
        if holder is not None:
            return (self.registrations[holder].points[point].fact, True) if holder != account else (None, False)
        last = self.released.get(point)
        return (last.held, False) if last and last.account != account else (None, False)

    def _note_released_points(
        self, account: str, known: Registration | None, statement: Statement, fact: Fact, today: date
    ) -> None:
        """A message states a supply point that the account released today: whether it had it or lost it."""
        stated = dict.fromkeys(statement.points or (), True) | dict(statement.own)
        ours = (known.holds() if known else set()) | self.registrations[account].holds()
        for point, own in stated.items():
            last = self.released.get(point)
            if point in ours or last is None or (last.account, last.day) != (account, today):
                continue
            last = last._replace(held=max(last.held, fact)) if own else last._replace(lost=max(last.lost, fact))
            self.released[point] = last
            self.networks.left(point, account, today, lost=last.lost > last.held)

    # --- the quarantine

    def put(self, key: str, outcome: str, about: Iterable[str], now: datetime) -> None:
        """A message could not be applied: `parked`, to be retried automatically, or `failed`, for a person."""
        record = self.quarantine.setdefault(key, Quarantined(outcome, frozenset(about), seen=london_day(now)))
        if not record.empty and record.status != "discarded":
            record.status = outcome
            record.lost = False  # its data are stored again

    def race(self, key: str, about: frozenset[str], status: str, now: datetime, *, empty: bool) -> None:
        """A message met an erasure, and its record may be newer than the erasure: a later run erases it."""
        record = self.quarantine.setdefault(key, Quarantined(status, about, seen=london_day(now)))
        record.status, record.empty, record.may_be_empty = status, empty, True
        self.raced_messages.add(key)

    def discard(self, key: str) -> None:
        """An operator discards a message."""
        if self.quarantine[key].status in ("parked", "failed"):
            self.quarantine[key].status = "discarded"

    def resolve(self, key: str, outcome: str) -> None:
        """A quarantined message was retried, and applied or dropped."""
        record = self.quarantine[key]
        if not record.empty and (outcome == "applied" or record.status != "discarded"):
            record.status = "resolved"
        record.empty = record.empty or outcome == "dropped"

    # --- time

    def apply_due_dates(self, now: datetime) -> None:
        """The due dates of the day: needs end after their last day, and accounts close after theirs."""
        today = london_day(now)
        for account, known in self.registrations.items():
            if known.live:
                after = _closed(known, today)
                if after.live:
                    needs = {code: end for code, end in known.needs.items() if end is None or end >= today}
                    after = replace(after, needs=needs)
                self._store(account, after, now)

    # --- erasure

    def erase(self, account: str, now: datetime) -> None:
        """Erase an account at the person's request. An unknown account gets a shell, too."""
        known = self.registrations.get(account)
        if known and known.live:
            fact = Fact(_after(known, now), "erasure", "")
            self._store(account, _changed(known, Statement(status="withdrawn"), fact, london_day(now)), now)
        self._erase(account, now)

    def end_of_retention(self, now: datetime) -> None:
        """Erase registrations whose retention is over, and the data that earlier erasures had to leave."""
        today = london_day(now)
        for account, day in self.erased_on.items():
            if day < today:
                self.erased_until[account] = self.networks.released
                self.raced.discard(account)
                for key, record in self.quarantine.items():
                    record.may_be_empty |= record.about == {account}
                    if record.about == {account} and key in self.raced_messages:
                        if self.registrations[account].erased:
                            record.erase()  # of an account that is registered again, it may be about that
                        self.raced_messages.discard(key)
        for account in self.due_for_erasure(today):
            self._erase(account, now)
        for account in self.registrations:
            for period in [period for period in self.former.get(account, []) if period.ended_on + KEPT <= today]:
                self._erase_former(account, period)

    def due_for_erasure(self, today: date) -> list[str]:
        """The accounts whose retention is over."""
        ended = [
            (account, one.ended_on) for account, one in self.registrations.items() if not one.live and not one.erased
        ]
        return [account for account, ended_on in ended if ended_on and ended_on + KEPT <= today]

    def _erase_former(self, account: str, period: Former) -> None:
        self.former[account].remove(period)
        self.gone |= period.changes or frozenset()
        for key in period.keys:
            self.outcomes[key] = None
        for record in self.quarantine.values():
            if record.about == {account} and record.seen <= period.ended_on:
                record.erase()

    def _erase(self, account: str, now: datetime) -> None:
        known = self.registrations.get(account)
        fact = Fact(_after(known, now), "erasure", "")
        names = ("people", "premises", "basis", "status", "points", "closing")
        shell = Registration("ended", "", {}, "", "", "none", {}, dict.fromkeys(names, fact), erased=True)
        self.registrations[account] = shell
        for key in self.outcomes:
            if key.startswith(f"{account} "):
                self.outcomes[key] = None
        for record in self.quarantine.values():
            if record.about == {account}:
                record.erase()
        self.former.pop(account, None)
        for mark in self.marks.pop(account, set()):
            self.erased_marks[mark] = account
        self.erased_on[account] = london_day(now)
        self.erased_until[account] = self.networks.released

    # --- what is stored

    def note_mark(self, account: str, mark: str) -> None:
        """Note that texts about an account were sent to the service."""
        self.marks.setdefault(account, set()).add(mark)

    def _keep_mark(self, account: str, mark: str, *, revived: bool) -> None:
        if revived and mark in self.erased_marks:
            del self.erased_marks[mark]
            self.note_mark(account, mark)

    def _store(
        self, account: str, after: Registration, now: datetime, fact: Fact = _EVER, lost: Iterable[str] = ()
    ) -> None:
        known = self.registrations.get(account)
        today = london_day(now)
        if known and known.live and not after.live:
            after = replace(after, ended_on=today)
        elif after.live:
            if known and not known.live and known.ended_on and not known.erased:
                keys = {key for key in self.outcomes if key.startswith(f"{account} ") and self.outcomes[key]}
                self.former.setdefault(account, []).append(Former(known.ended_on, frozenset(keys)))
            after = replace(after, ended_on=None, erased=False)
        self.registrations[account] = after
        before = known.holds() if known else set()
        for point in after.holds():
            self.released.pop(point, None)
        if known is None or _visible(known) != _visible(after):
            self.send_to_networks(account, now, before)
        for point in before - after.holds():
            assert known is not None
            self.released[point] = Release(account, today, known.points[point].fact, fact if point in lost else _EVER)
            if point in lost:
                self.networks.left(point, account, today, lost=True)

    def send_to_networks(self, account: str, now: datetime, before: Iterable[str] = ()) -> None:
        """A registration has changed, or is sent again. `before` are the supply points that it had."""
        one = self.registrations[account]
        self.touched.add(account)
        active = one.shown == "active"
        shared = Shared(f"Mrs {one.people}", tuple(sorted(one.needs)), one.basis, account) if active else None
        for point in {*before, *one.holds()}:
            recipients = self.tables.recipients_of(point, one.area) if point in one.holds() else set()
            self.networks.send(point, recipients, shared, self.tables, london_day(now))
            if point in one.holds():
                self.networks.left(point, account, london_day(now), lost=False)

    def resend_everything(self, now: datetime) -> None:
        """An operator sends everything to every network again."""
        for account in self.registrations:
            self._resend(account, "everyone", now)
        self.networks.delete_leftovers(set(self.released), self.tables, london_day(now))

    def resend_day(self, day: date, recipients: set[str], now: datetime) -> None:
        """An operator sends the supply points of a day's files to networks again."""
        for account in {self.holder(point) for recipient, point in self.networks.sets(day) if recipient in recipients}:
            if account is not None:
                self._resend(account, f"{day}", now)

    def _resend(self, account: str, what: str, now: datetime) -> None:
        """Send an account again. A command that is repeated on one day under the same tables changes nothing."""
        one = self.registrations[account]
        run = what, account, london_day(now), self.tables.partner, self.tables.eastern
        if run not in self.resent and not one.erased:
            self.resent.add(run)
            if one.live:
                self.send_to_networks(account, now)


def _visible(one: Registration) -> tuple[object, ...]:
    return one.shown, one.people, one.needs, one.area, one.street, one.basis, one.holds()


def _after(known: Registration | None, now: datetime) -> datetime:
    """A caller states the present, so no fact of the registration is newer."""
    return max(now, known.newest() + timedelta(microseconds=1)) if known else now


def _changed(known: Registration | None, statement: Statement, fact: Fact, today: date) -> Registration:
    """A registration after a statement: each aspect keeps the newest fact."""
    before = known or Registration("live", "", {}, "", "", "none", {}, {})
    stated: dict[str, dict[str, Any] | None] = {
        "people": {"people": statement.people[0], "needs": dict(statement.people[1] or ())}
        if statement.people
        else None,
        "premises": {"area": statement.premises[0], "street": statement.premises[1]} if statement.premises else None,
        "basis": {"basis": statement.basis} if statement.basis else None,
        "status": {"status": statement.status} if statement.status else None,
        "points": {} if statement.points is not None else None,
        "closing": {"closes_on": statement.closes_on} if statement.closes_on or statement.status == "ended" else None,
    }
    won = {name for name, values in stated.items() if values is not None and fact > before.facts.get(name, _EVER)}
    facts = before.facts | dict.fromkeys(won, fact)
    points = dict(before.points)
    if "points" in won:
        points = {point: view for point, view in points.items() if view.fact > fact}
        points |= {point: Point(fact, own=True) for point in statement.points or () if point not in points}
    for point, own in statement.own:
        if fact > (points[point].fact if point in points else facts.get("points", _EVER)):
            points[point] = Point(fact, own)
    changes = {name: value for aspect in won for name, value in (stated[aspect] or {}).items()}
    after = replace(before, points=points, facts=facts, **changes)
    return _closed(after, today) if "closing" in won else after


def _needs_of_both(
    known: Registration | None, stated: dict[str, date | None], fact: Fact
) -> dict[str, date | None] | None:
    """The needs of two records of one time, each until it ends in either; None if there is one record only."""
    if known is None or known.erased or (held := known.facts["people"]).time != fact.time or held == fact:
        return None
    both = {**stated, **known.needs}
    return {code: _later(stated.get(code, end), known.needs.get(code, end)) for code, end in both.items()}


def _later(one: date | None, other: date | None) -> date | None:
    return max(one, other) if one and other else None


def _closed(one: Registration, today: date) -> Registration:
    """Close an account at the midnight after its last day."""
    if one.closes_on is None or one.closes_on >= today:
        return one
    midnight = datetime.combine(one.closes_on + timedelta(days=1), time(), LONDON)
    closing = one.facts["closing"]._replace(time=midnight)
    if closing < one.facts["status"]:
        return replace(one, closes_on=None)
    return replace(one, status="ended", closes_on=None, facts={**one.facts, "status": closing})


def _retried(one: Registration | None, key: str) -> Registration | None:
    """Retry the supply points that wait for this message."""
    if one is None:
        return None
    points = {p: view._replace(waits_for=None) if view.waits_for == key else view for p, view in one.points.items()}
    return replace(one, points=points)


def _with(one: Registration, point: str, view: Point) -> Registration:
    return replace(one, points={**one.points, point: view})
