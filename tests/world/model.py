"""What the register promises, in plain dictionaries: docs/decisions/aspects.md, docs/privacy.md, the API.

The model takes what was said in the order in which the service got it. It knows nothing of how the service works: no
versions, claims, changes or documents.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.world.cast import Need, Said
from tests.world.networks import Networks, Told
from tests.world.tables import Tables

LONDON = ZoneInfo("Europe/London")
#: Days after which a registration that has ended is erased.
KEPT = timedelta(days=2)


def london_day(instant: datetime) -> date:
    return instant.astimezone(LONDON).date()


class Fact(NamedTuple):
    """When something was so, and who says it. Of two, the later one is the newer."""

    time: datetime
    source: str
    id: str


_EVER = Fact(datetime(1, 1, 1, tzinfo=UTC), "", "")


class Point(NamedTuple):
    """Whether an account says that a supply point is its own.

    `waits_for` is the message that is tried again until the registration that holds it has released it.
    """

    fact: Fact
    own: bool
    waits_for: str | None = None


class Release(NamedTuple):
    """How the last holder of a supply point left it: by which fact it held it, and by which, if any, it lost it."""

    account: str
    day: date
    held: Fact
    lost: Fact


class Statement(NamedTuple):
    """What is said of an account; None where nothing is. `people` are a mark and needs, `premises` area and mark.

    Of people without needs, a caller has changed the name only.
    """

    people: tuple[str, tuple[Need, ...] | None] | None = None
    premises: tuple[str, str] | None = None
    basis: str | None = None
    status: str | None = None
    points: frozenset[str] | None = None
    own: tuple[tuple[str, bool], ...] = ()
    closes_on: date | None = None


def everything(said: Said) -> Statement:
    """A statement of every aspect."""
    return Statement((said.mark, said.needs), (said.area, said.mark), said.basis, "live", frozenset(said.points))


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

    `empty`: it is erased. `lost`: somebody has deleted its data, so that it cannot be tried.
    """

    status: str
    about: frozenset[str]
    empty: bool = False
    lost: bool = False
    seen: date = date.max
    #: It came after its account was erased: one of the looks after an erasure may find it.
    may_be_empty: bool = False

    def erase(self) -> None:
        """Nothing is left of it but that it was there."""
        self.empty = True
        if self.status != "resolved":
            self.status = "discarded"


@dataclass
class Former:
    """A time on the register that ended before the account was registered again.

    Its history goes when its retention is over: the outcomes of `keys`, and `changes`, the entries of the log by then.
    """

    ended_on: date
    keys: frozenset[str]
    changes: frozenset[str] | None = None


@dataclass
class Model:
    """What there should be."""

    tables: Tables = field(default_factory=Tables)
    registrations: dict[str, Registration] = field(default_factory=dict)
    released: dict[str, Release] = field(default_factory=dict)
    quarantine: dict[str, Quarantined] = field(default_factory=dict)
    #: Requests and messages that have had their outcome, by key; None once that is erased.
    outcomes: dict[str, object] = field(default_factory=dict)
    #: Whose texts must not be anywhere any more, by mark.
    erased_marks: dict[str, str] = field(default_factory=dict)
    #: By erased account: the newest day whose files were out when it was erased; and those that a message raced.
    erased_until: dict[str, date] = field(default_factory=dict)
    erased_on: dict[str, date] = field(default_factory=dict)
    raced: set[str] = field(default_factory=set)
    raced_messages: set[str] = field(default_factory=set)
    said_marks: dict[str, set[str]] = field(default_factory=dict)
    former: dict[str, list[Former]] = field(default_factory=dict)
    #: Entries of the log that must be erased.
    gone: set[str] = field(default_factory=set)
    networks: Networks = field(default_factory=Networks)
    resent: set[tuple[object, ...]] = field(default_factory=set)
    #: Accounts whose networks are told of in this step.
    touched: set[str] = field(default_factory=set)

    def holder(self, point: str) -> str | None:
        return next((name for name, one in self.registrations.items() if point in one.holds()), None)

    # --- requests

    def create(self, key: str, said: Said, now: datetime) -> tuple[int, str | None]:
        """A caller registers an account."""
        if key in self.outcomes:
            return (201, None) if self.outcomes[key] else (410, "erased")
        known = self.registrations.get(said.account)
        if known and known.live:
            return 409, "already-registered"
        if self._impossible(said.needs, {}, now) or self.newly_retired(said.needs, {}):
            return 422, "invalid-content"
        if any(self.holder(point) not in (None, said.account) for point in said.points):
            return 409, "supply-point-held"
        fact = Fact(_after(known, now), "http", key)
        after = _changed(known, everything(said), fact, london_day(now))
        self._store(said.account, self._taken_now(said.account, after), now)
        self.outcomes[key] = True
        self._said(said.account, said.mark, revived=True)
        return 201, None

    def amend(
        self, key: str, account: str, statement: Statement, now: datetime, *, read: bool
    ) -> tuple[int, str | None]:
        """A caller changes a part of a registration; whether it has `read` it as it is now."""
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
        if statement.points == known.holds():
            statement = statement._replace(points=None)
        fact = Fact(_after(known, now), "http", key)
        after = _changed(known, statement, fact, london_day(now))
        self._store(account, self._taken_now(account, after), now)
        self.outcomes[key] = True
        return 200, None

    def withdraw(self, key: str, account: str, now: datetime, *, read: bool) -> tuple[int, str | None]:
        """The customer does not want to be on the register any more."""
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
        """A caller speaks of now: no fact by which others have held what it takes is newer."""
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
        """Whether a need has ended, and is not only said again."""
        new = [ends_on for code, ends_on in needs if (code, ends_on) not in before.items()]
        return any(ends_on is not None and ends_on < london_day(now) for ends_on in new)

    def newly_retired(self, needs: Iterable[Need], before: Iterable[str]) -> bool:
        """Whether a code is retired that the registration did not have."""
        return self.tables.retired and any(code == "08" and code not in before for code, _ in needs)

    # --- messages

    def record(self, key: str, said: Said, at: datetime, now: datetime) -> str:
        """The old platform's record of an account at a time: `applied`, `parked`, `held` or `dropped`."""
        if key in self.outcomes:
            return "applied" if self.outcomes[key] else "dropped"
        today = london_day(now)
        ongoing = tuple((code, end) for code, end in said.needs if end is None or end >= today)
        statement = everything(said._replace(needs=ongoing))
        known = self.registrations.get(said.account)
        if self.newly_retired(ongoing, known.needs if known else ()):
            return "held"
        fact = Fact(at, "//old", key)
        both = _needs_of_both(known, dict(ongoing), fact)
        return self._tell(key, said.account, known, statement, fact, now, said.mark, both)

    def event(self, key: str, account: str, statement: Statement, at: datetime, now: datetime, mark: str) -> str:
        """What the account system says of an account at a time."""
        if key in self.outcomes:
            return "applied" if self.outcomes[key] else "dropped"
        known = self.registrations.get(account)
        if known is None:
            return "parked"
        if known.erased:
            return "dropped"
        return self._tell(key, account, known, statement, Fact(at, "//accounts", key), now, mark)

    def _tell(
        self,
        key: str,
        account: str,
        known: Registration | None,
        said: Statement,
        fact: Fact,
        now: datetime,
        mark: str,
        needs: dict[str, date | None] | None = None,
    ) -> str:
        """What a message says at the time of a fact. `needs` hold whether or not it wins."""
        after = _changed(_tried_again(known, key), said, fact, london_day(now))
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
        self._store(account, after, now, fact, {point for point, own in said.own if not own} & gone)
        self._state_of_what_was_released(account, known, said, fact, london_day(now))
        revived = known is not None and known.erased and after.live
        self._said(account, mark, revived=revived or known is None)
        if waiting:
            return "parked"
        self.outcomes[key] = True
        return "applied"

    def _held_elsewhere(self, point: str, account: str) -> tuple[Fact | None, bool]:
        """The newest fact by which another account holds, or has held, a supply point; and whether one holds it."""
        holder = self.holder(point)
        if holder is not None:
            return (self.registrations[holder].points[point].fact, True) if holder != account else (None, False)
        last = self.released.get(point)
        return (last.held, False) if last and last.account != account else (None, False)

    def _state_of_what_was_released(
        self, account: str, known: Registration | None, said: Statement, fact: Fact, today: date
    ) -> None:
        """It was released today, and a message says that the account had it or lost it: how it left depends on both."""
        stated = dict.fromkeys(said.points or (), True) | dict(said.own)
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
        """A message could not be applied: `parked`, to be tried again by itself, or `held` for a person."""
        record = self.quarantine.setdefault(key, Quarantined(outcome, frozenset(about), seen=london_day(now)))
        if not record.empty and record.status != "discarded":
            record.status = outcome
            record.lost = False  # its data are stored again

    def race(self, key: str, about: frozenset[str], status: str, now: datetime, *, empty: bool) -> None:
        """A message met an erasure, and may have been put there after it: a later look erases it."""
        record = self.quarantine.setdefault(key, Quarantined(status, about, seen=london_day(now)))
        record.status, record.empty, record.may_be_empty = status, empty, True
        self.raced_messages.add(key)

    def discard(self, key: str) -> None:
        """An operator has given a message up."""
        if self.quarantine[key].status in ("parked", "held"):
            self.quarantine[key].status = "discarded"

    def resolve(self, key: str, outcome: str) -> None:
        """A message that had been put there was tried again, and applied or dropped."""
        record = self.quarantine[key]
        if not record.empty and (outcome == "applied" or record.status != "discarded"):
            record.status = "resolved"
        record.empty = record.empty or outcome == "dropped"

    # --- time

    def pass_day(self, now: datetime) -> None:
        """What the calendar alone does: needs whose last day is over end, and accounts close after their last day."""
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
        """At the person's request. An account that is not known is known as erased from now on."""
        known = self.registrations.get(account)
        if known and known.live:
            fact = Fact(_after(known, now), "erasure", "")
            self._store(account, _changed(known, Statement(status="withdrawn"), fact, london_day(now)), now)
        self._erase(account, now)

    def end_of_retention(self, now: datetime) -> None:
        """Erase what ended long enough ago, and what earlier erasures had to leave."""
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
        """The accounts that ended long enough ago."""
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
        for mark in self.said_marks.pop(account, set()):
            self.erased_marks[mark] = account
        self.erased_on[account] = london_day(now)
        self.erased_until[account] = self.networks.released

    # --- what is stored

    def say(self, account: str, mark: str) -> None:
        """Texts about an account are on their way to the service."""
        self.said_marks.setdefault(account, set()).add(mark)

    def _said(self, account: str, mark: str, *, revived: bool) -> None:
        if revived and self.erased_marks.pop(mark, None):
            self.say(account, mark)

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
            self.tell_networks(account, now, before)
        for point in before - after.holds():
            assert known is not None
            self.released[point] = Release(account, today, known.points[point].fact, fact if point in lost else _EVER)
            if point in lost:
                self.networks.left(point, account, today, lost=True)

    def tell_networks(self, account: str, now: datetime, before: Iterable[str] = ()) -> None:
        """A registration has changed, or its networks are told again. It held some supply points `before`."""
        one = self.registrations[account]
        self.touched.add(account)
        active = one.shown == "active"
        told = Told(f"Mrs {one.people}", tuple(sorted(one.needs)), one.basis, account) if active else None
        for point in {*before, *one.holds()}:
            recipients = self.tables.told_of(point, one.area) if point in one.holds() else set()
            self.networks.tell(point, recipients, told, self.tables, london_day(now))
            if point in one.holds():
                self.networks.left(point, account, london_day(now), lost=False)

    def tell_everyone(self, now: datetime) -> None:
        """An operator has all networks told of everything again."""
        for account in self.registrations:
            self._tell_again(account, "everyone", now)
        self.networks.tell_of_what_is_left(set(self.released), self.tables, london_day(now))

    def tell_of_day(self, day: date, recipients: set[str], now: datetime) -> None:
        """An operator has networks told again of what a day's files spoke of."""
        for account in {self.holder(point) for recipient, point in self.networks.sets(day) if recipient in recipients}:
            if account is not None:
                self._tell_again(account, f"{day}", now)

    def _tell_again(self, account: str, what: str, now: datetime) -> None:
        """A command that is repeated on one day under the same tables changes nothing."""
        one = self.registrations[account]
        run = what, account, london_day(now), self.tables.partner, self.tables.eastern
        if run not in self.resent and not one.erased:
            self.resent.add(run)
            if one.live:
                self.tell_networks(account, now)


def _visible(one: Registration) -> tuple[object, ...]:
    return one.shown, one.people, one.needs, one.area, one.street, one.basis, one.holds()


def _after(known: Registration | None, now: datetime) -> datetime:
    """A caller speaks of what the register holds now, so nothing that it holds is newer."""
    return max(now, known.newest() + timedelta(microseconds=1)) if known else now


def _changed(known: Registration | None, said: Statement, fact: Fact, today: date) -> Registration:
    """A registration after a statement: each aspect keeps the newest fact."""
    before = known or Registration("live", "", {}, "", "", "none", {}, {})
    stated: dict[str, dict[str, Any] | None] = {
        "people": {"people": said.people[0], "needs": dict(said.people[1] or ())} if said.people else None,
        "premises": {"area": said.premises[0], "street": said.premises[1]} if said.premises else None,
        "basis": {"basis": said.basis} if said.basis else None,
        "status": {"status": said.status} if said.status else None,
        "points": {} if said.points is not None else None,
        "closing": {"closes_on": said.closes_on} if said.closes_on or said.status == "ended" else None,
    }
    won = {name for name, values in stated.items() if values is not None and fact > before.facts.get(name, _EVER)}
    facts = before.facts | dict.fromkeys(won, fact)
    points = dict(before.points)
    if "points" in won:
        points = {point: view for point, view in points.items() if view.fact > fact}
        points |= {point: Point(fact, own=True) for point in said.points or () if point not in points}
    for point, own in said.own:
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
    """An account that was to close has done so, at the midnight after its last day."""
    if one.closes_on is None or one.closes_on >= today:
        return one
    midnight = datetime.combine(one.closes_on + timedelta(days=1), time(), LONDON)
    closing = one.facts["closing"]._replace(time=midnight)
    if closing < one.facts["status"]:
        return replace(one, closes_on=None)
    return replace(one, status="ended", closes_on=None, facts={**one.facts, "status": closing})


def _tried_again(one: Registration | None, key: str) -> Registration | None:
    """The supply points that wait for this message are tried again."""
    if one is None:
        return None
    points = {p: view._replace(waits_for=None) if view.waits_for == key else view for p, view in one.points.items()}
    return replace(one, points=points)


def _with(one: Registration, point: str, view: Point) -> Registration:
    return replace(one, points={**one.points, point: view})
