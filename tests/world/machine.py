"""The rules of the state machine: the steps that may happen in the world, in any order."""

import asyncio
import shutil
from contextlib import ExitStack
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import shared.data
from tests.world import cast, mail
from tests.world.cast import ACCOUNTS, POINTS, Submission
from tests.world.cuts import Cut
from tests.world.mail import Mail
from tests.world.model import KEPT, LONDON, Statement
from tests.world.networks import FIRST_DAY
from tests.world.play import Play, Step
from tests.world.service import running
from tests.world.tables import Tables

account = st.sampled_from(ACCOUNTS)
points = st.lists(st.sampled_from(POINTS), min_size=1, max_size=2, unique=True).map(tuple)
codes = st.lists(st.sampled_from(["02", "08", "33"]), min_size=1, max_size=3, unique=True)
what = st.sampled_from(["name", "needs", "points", "sharing", "home", "withdrawn"])
wrong = st.sampled_from(["word", "word", "type", "field", "two", "cut off", "year one"])
table = st.sampled_from(["partner 08", "partner 02 08", "partner none", "partner away", "name", "retired", "learnt"])
how_long = st.sampled_from(["whole", "whole", "whole", "midnight", "midnight", "without calendar"])
#: One in four meets an outage, and is dead-lettered.
outage = st.sampled_from([False, False, False, True])
#: Whether something comes again after the next midnight only.
later = st.sampled_from([False, False, True])
#: Days until a temporary need ends: today, tomorrow, later.
ends = st.sampled_from([0, 1, 9])
basis = st.sampled_from(["explicit_consent", "explicit_consent", "vital_interests", "none"])
area = st.sampled_from(["BS", "BS", "M"])
#: Minutes that a fact is older than its message; or it is a moment older than what somebody had a supply point by.
BEFORE_THAT = -1
ago = st.sampled_from([0, 0, 0, 1, 2, 3, 4, 6, 60, 1500, BEFORE_THAT, BEFORE_THAT])
cut = st.none() | st.none() | st.none() | st.tuples(st.integers(1, 5) | st.integers(1, 14), st.sampled_from(Cut))
written = st.sampled_from(["plainly", "plainly", "plainly", "plainly", "plainly", "escaped", "large", "dead-lettered"])


#: A submission about an account.
submitted: dict[str, Any] = {
    "account": account,
    "points": points,
    "codes": codes,
    "ends": ends,
    "basis": basis,
    "area": area,
}


class World(RuleBasedStateMachine):
    """One example is one project from a Monday morning on."""

    loop: asyncio.AbstractEventLoop
    folder: Path

    @initialize()
    def begin(self) -> None:
        self.ended = ExitStack()
        folder = self.folder / "tables"
        shutil.copytree(Path(shared.data.__file__).parent, folder, dirs_exist_ok=True)
        patch = self.ended.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(shared.data, "FOLDER", folder)
        Tables().write(folder)
        morning = datetime.combine(FIRST_DAY, time(9), LONDON)
        settings = {"PSR_EXPORT_FIRST_DAY": str(FIRST_DAY), "PSR_ENDED_KEPT_DAYS": str(KEPT.days)}
        service = self.ended.enter_context(running(self.loop, morning, **settings))
        self.play = Play(service, folder)

    def teardown(self) -> None:
        if hasattr(self, "ended"):
            self.ended.close()

    # --- callers

    @rule(**submitted, cut=cut)
    def register(self, cut: Any, **submitted: Any) -> None:
        key, submission = self._submission(**submitted)
        self.play.take(self.play.create(submission, key), cut)

    @rule(
        account=account,
        what=what,
        points=points,
        codes=codes,
        ends=ends,
        basis=basis,
        area=area,
        cut=cut,
    )
    def change(self, what: str, cut: Any, account: str, **submitted: Any) -> None:
        key, submission = self._submission(self._mostly_live(account), **submitted)
        if what == "withdrawn":
            self.play.take(self.play.withdraw(submission.account, key, submission.mark), cut)
            return
        changes: dict[str, tuple[dict[str, Any], Statement, str]] = {
            "name": (
                {"primary_contact": {"name": f"Mrs {submission.mark}"}},
                Statement(people=(submission.mark, None)),
                f"its name is {submission.mark}",
            ),
            "needs": (
                {"needs": cast.needs(submission.needs), "primary_contact": {"name": f"Mrs {submission.mark}"}},
                Statement(people=(submission.mark, submission.needs)),
                f"its needs are {submission.needs}",
            ),
            "points": (
                {"supply_points": cast.supply_points(submission.points)},
                Statement(points=frozenset(submission.points)),
                f"its supply points are {mail.names_of(submission.points)}",
            ),
            "sharing": (
                {"sharing": cast.sharing(submission.basis, date(2026, 1, 6), submission.mark)},
                Statement(basis=submission.basis),
                f"it shares on {submission.basis}",
            ),
            "home": (
                {"premises": cast.premises(submission.area, submission.mark)},
                Statement(premises=(submission.area, submission.mark)),
                f"its home is in {submission.area}",
            ),
        }
        patch, statement, words = changes[what]
        self.play.take(self.play.amend(submission.account, patch, statement, key, submission.mark, words), cut)

    # --- messages

    @rule(
        account=account,
        points=points,
        codes=codes,
        ends=ends,
        basis=basis,
        area=area,
        ago=ago,
        tie=st.sampled_from([False, False, False, False, True]),
        written=written,
        cut=cut,
    )
    def migrate(self, ago: int, written: str, cut: Any, *, tie: bool, **submitted: Any) -> None:
        """The old platform sends a record of an account, sometimes a second one of the same time."""
        key, submission = self._submission(**submitted)
        known = self.play.model.registrations.get(submission.account)
        at = known.facts["people"].time if tie and known and not known.erased else self._at(ago)
        self._deliver(mail.record(key, submission, at), written, cut)

    @rule(account=account, points=points, basis=st.none() | basis, area=area, ago=ago, written=written, cut=cut)
    def move_home(
        self, account: str, points: tuple[str, ...], basis: str | None, area: str, ago: int, written: str, cut: Any
    ) -> None:
        key, mark = self.play.next_key(account)
        self._deliver(mail.moved_home(key, account, points, area, basis, self._at(ago), mark), written, cut)

    @rule(account=account, pick=st.integers(0, 9), gained=st.booleans(), ago=ago, written=written, cut=cut)
    def supply(self, account: str, pick: int, *, gained: bool, ago: int, written: str, cut: Any) -> None:
        """A lost supply point is mostly one of the account's own."""
        left = {point for point, last in self.play.model.released.items() if last.account == account}
        account = account if left else self._mostly_live(account)
        known = self.play.model.registrations.get(account)
        own = sorted(left | (known.holds() if known else set()))
        choice = POINTS if gained or pick == 9 or not own else own
        key, mark = self.play.next_key(account)
        point = choice[pick % len(choice)]
        self._deliver(mail.supply(key, account, point, self._at(ago), mark, gained=gained), written, cut)

    @rule(account=account, days=st.sampled_from([0, 0, 1, 2]), ago=ago, written=written, lost=st.booleans(), cut=cut)
    def close(self, account: str, days: int, ago: int, written: str, cut: Any, *, lost: bool) -> None:
        """Close an account. Sometimes the loss of its supply point to another supplier follows."""
        account = self._mostly_live(account)
        known = self.play.model.registrations.get(account)
        key, mark = self.play.next_key(account)
        self._deliver(mail.closed(key, account, days, self._at(ago), mark), written, cut)
        if lost and known and known.holds():
            key, mark = self.play.next_key(account)
            self._deliver(
                mail.supply(key, account, min(known.holds()), self._at(0), mark, gained=False), "plainly", None
            )

    @rule(
        account=account,
        points=points,
        codes=codes,
        ends=ends,
        basis=basis,
        area=area,
        ago=ago,
        written=written,
        how=wrong,
        other=account,
        cut=cut,
    )
    def send_a_wrong_message(self, ago: int, written: str, how: str, other: str, cut: Any, **submitted: Any) -> None:
        key, submission = self._submission(**submitted)
        at = self._at(ago)
        right = mail.record(key, submission, at)
        wrong = {
            "word": lambda: mail.in_old_words(right, submission, at),
            "type": lambda: mail.of_unknown_type(right),
            "field": lambda: mail.with_unknown_field(right),
            "two": lambda: mail.about_two(right, other),
            "cut off": lambda: mail.cut_off(right),
            "year one": lambda: mail.of_year_one(right),
        }[how]()
        self._deliver(wrong, "plainly" if how == "cut off" else written, cut)

    @precondition(lambda self: self.play.mails or self.play.requests)
    @rule(data=st.data(), how=st.sampled_from(["message", "message", "request", "dead-lettered"]), later=later, cut=cut)
    def again(self, data: st.DataObject, how: str, cut: Any, *, later: bool) -> None:
        """Repeat a request, deliver a message again, or dead-letter it in an outage; at once or a day later."""
        if later:
            self.play.move_to(self.play.today + timedelta(days=1), time(0, 1))
        mails, requests = self.play.mails, self.play.requests
        if requests and (how == "request" or not mails):
            step = data.draw(st.sampled_from(requests[-4:]), "request")
            self.play.take(step._replace(words=f"again: {step.words}"), cut)
        elif how == "dead-lettered" and any(one.about for one in mails):
            readable = [one for one in mails if one.about]
            self.play.take(self.play.dead_letter(data.draw(st.sampled_from(readable[-3:]), "message")))
        else:
            self.play.take(self.play.deliver(data.draw(st.sampled_from(mails[-5:]), "message")), cut)

    # --- the quarantine

    @precondition(lambda self: self._waiting("parked", "failed"))
    @rule(data=st.data(), how=st.sampled_from(["job", "one", "one, then job"]), outage=outage, cut=cut)
    def replay(self, data: st.DataObject, how: str, *, outage: bool, cut: Any) -> None:
        """An operator replays a message, or the job replays all parked ones, or one after the other."""
        if how != "job":
            key = data.draw(st.sampled_from(self._waiting("parked", "failed")), "message")
            self.play.take(self.play.replay(key, outage=outage), None if outage else cut)
        if how != "one":
            self.play.service.clock.move_to(self.play.now + timedelta(hours=6, minutes=1))
            outage &= how == "job"
            self.play.take(self.play.replay_parked(outage=outage), None if outage else cut)

    @precondition(lambda self: self._waiting("parked", "failed"))
    @rule(data=st.data(), cut=cut)
    def discard_or_lose(self, data: st.DataObject, cut: Any) -> None:
        """Discard a message, or lose the object of a large one."""
        key = data.draw(st.sampled_from(self._waiting("parked", "failed")), "message")
        large = any(one.key == key and one.is_large for one in self.play.mails)
        self.play.take(self.play.lose_object(key) if large else self.play.discard(key), None if large else cut)

    # --- time

    @rule(
        how=how_long,
        cut=cut,
        when=st.integers(0, 2),
        within=st.integers(0, 4),
    )
    def night(self, how: str, cut: Any, when: int, within: int) -> None:
        """Pass midnight, and run the jobs. A cut meets one, or an account that is due for erasure registers again."""
        day = self.play.today + timedelta(days=1)
        if how == "midnight":
            self.play.move_to(day, time(0, 1))
            return
        cuts = [cut if when == job else None for job in range(3)]
        if how != "without calendar":
            self.play.move_to(day, time(0, 15))
            self.play.take(self.play.expire_needs(), cuts[0])
        self.play.move_to(day, time(2, 5))
        self.play.take(self.play.export(), cuts[1])
        self.play.move_to(day, time(7, 15))
        due = self.play.model.due_for_erasure(day)
        if due and within:
            key, submission = self._submission(min(due), POINTS[:1], ["02"], 9, "explicit_consent", "BS")
            self.play.take_within(self.play.erase_ended(), within, self.play.create(submission, key))
        else:
            self.play.take(self.play.erase_ended(), cuts[2])
        self.play.take(self.play.read_everything())
        for name, one in sorted(self.play.model.registrations.items()):
            if one.live:
                key, mark = self.play.next_key(name)
                self.play.take(self.play.confirm(name, key, mark))

    @rule()
    def quiet_night(self) -> None:
        """Nights are half of what matters."""
        self.night("whole", None, 0, 0)

    @rule(job=st.sampled_from(["calendar", "export", "retention"]), cut=cut)
    def run_a_job(self, job: str, cut: Any) -> None:
        """The schedule calls a job again."""
        self.play.move_to(self.play.today, time(2, 5))
        jobs = {"calendar": self.play.expire_needs, "export": self.play.export, "retention": self.play.erase_ended}
        self.play.take(jobs[job](), cut)

    # --- operators

    @rule(account=account, cut=cut)
    def erase(self, account: str, cut: Any) -> None:
        self.play.take(self.play.erase(account), cut)

    @rule(recipient=st.sampled_from(["EELC", "EELC", "LOND", "PART", "SHPR", "everyone", "everyone"]), cut=cut)
    def resend(self, recipient: str, cut: Any) -> None:
        """Send a day to a network that did not get its file, or everything to every network."""
        row = self.play.model.tables.rows().get(recipient)
        if recipient == "everyone":
            self.play.take(self.play.resend(None, self.play.model.tables.rows()), cut)
        elif row and not row.former and self.play.model.networks.released >= FIRST_DAY:
            day = self.play.lose_file(recipient)
            self.play.take(self.play.resend(day, [recipient]), cut)

    @rule(change=table)
    def change_a_table(self, change: str) -> None:
        tables = self.play.model.tables
        changed = {
            "partner 08": tables._replace(partner="08"),
            "partner 02 08": tables._replace(partner="02 08"),
            "partner none": tables._replace(partner=""),
            "partner away": tables._replace(partner=None if tables.partner is not None else "02 08"),
            "name": tables._replace(eastern="EPNX"),
            "retired": tables._replace(retired=True),
            "learnt": tables._replace(learnt=True),
        }[change]
        if changed != tables:
            self.play.change_tables(changed, f"the tables change: {change}")

    # --- at once

    @rule(data=st.data(), number=st.integers(1, 7), account=account)
    def at_once(self, data: st.DataObject, number: int, account: str) -> None:
        """Take a step within another one, about the same account."""
        kinds = st.sampled_from(["record", "create", "erase", "close", "retention", "again"])
        first, second = (self._one_of(data, data.draw(kinds, name), account) for name in ("outer", "inner"))
        self.play.take_within(first, number, second)

    def _one_of(self, data: st.DataObject, kind: str, account: str) -> Step:
        key, submission = self._submission(account, data.draw(points), ["02"], 9, "explicit_consent", "BS")
        at = self._at(data.draw(ago))
        match kind:
            case "record":
                return self.play.deliver(mail.record(key, submission, at))
            case "create":
                return self.play.create(submission, key)
            case "close":
                return self.play.deliver(mail.closed(key, account, 0, at, submission.mark))
            case "retention":
                return self.play.erase_ended()
            case "again" if self.play.mails:
                return self.play.deliver(data.draw(st.sampled_from(self.play.mails[-5:])))
        return self.play.erase(account)

    # --- in common

    def _submission(
        self, account: str, points: tuple[str, ...], codes: list[str], ends: int, basis: str, area: str
    ) -> tuple[str, Submission]:
        key, mark = self.play.next_key(account)
        needs = tuple(
            (code, self.play.today + timedelta(days=ends) if code == "33" else None) for code in sorted(codes)
        )
        return key, Submission(account, points, needs, basis, area, mark)

    def _mostly_live(self, account: str) -> str:
        """An account, in three of four cases one that is registered, if any is."""
        live = [name for name, one in sorted(self.play.model.registrations.items()) if one.live]
        return account if account in live or not live or self.play.serial % 4 == 0 else live[0]

    def _at(self, minutes: int) -> datetime:
        """The time of a fact that is so many minutes old. No two facts have the same time."""
        at, model = self.play.now + timedelta(minutes=1), self.play.model
        if minutes == BEFORE_THAT:
            had = [last.held.time for last in model.released.values()]
            has = [view.fact.time for one in model.registrations.values() for view in one.points.values()]
            at, minutes = max(had or has or [at]), 0
        return at - timedelta(minutes=minutes, microseconds=self.play.serial)

    def _deliver(self, message: Mail, written: str, cut: Any) -> None:
        """Deliver a message, written in some way, or dead-letter it before a consumer has seen it."""
        if written == "dead-lettered" and message.about:
            self.play.take(self.play.dead_letter(message))
        else:
            write = {"escaped": mail.escaped, "large": mail.large}.get(written, lambda one: one)
            self.play.take(self.play.deliver(write(message)), cut)

    def _waiting(self, *statuses: str) -> list[str]:
        quarantine = self.play.model.quarantine
        return [key for key, one in quarantine.items() if one.status in statuses and not one.empty and not one.lost]
