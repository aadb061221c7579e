"""One example: takes steps in the service and in the model, and compares them after each.

A step is one action of a caller, message, job or command. It may be cut at any call and is then retried, as the
platform, the caller or the operator would retry it. Or another step may happen within it.
"""

import copy
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import ops.export
import ops.quarantine
import ops.subject
from shared.domain.delivery import REPLAY_OF
from shared.domain.registration import AccountId
from shared.errors import Problem
from shared.store.documents import Stored
from shared.store.quarantine_records import QuarantineStatus
from tests.world import files
from tests.world.cast import ACCOUNTS, PHONE, POINTS, Submission, body, in_words
from tests.world.comparison import (
    COLLECTIONS,
    Documents,
    account_ids,
    differences,
    feed_day,
    hidden_differences,
    id_of,
    record_of,
    texts,
)
from tests.world.cuts import Cut, ProcessEnded
from tests.world.mail import Mail, words_of
from tests.world.model import LONDON, Model, Statement, london_day
from tests.world.service import Message, Service, consumers, push, run_job, send
from tests.world.tables import Tables
from tools.errors import CommandError

_MINUTE = timedelta(minutes=1)
_JSON = {"content-type": "application/json"}


class Different(AssertionError):
    """The service differs from the model."""


class TryAgain(Exception):
    """The service answered that it is temporarily unavailable."""


class Step(NamedTuple):
    """`act` runs the step in the service, and may be called again. `judge` runs it in the model. Returns differences.

    With `erases`, only documents of these accounts may change. `of` is the message that is delivered.
    """

    words: str
    act: Callable[[], Awaitable[Any]]
    judge: Callable[[Model, Any], str | None]
    erases: Callable[[Model], set[str]] | None = None
    of: Mail | None = None


@dataclass
class Play:
    """One example."""

    service: Service
    folder: Path
    model: Model = field(default_factory=Model)
    story: list[str] = field(default_factory=list)
    stored: Documents = field(default_factory=dict)
    before: Documents = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    #: The marks of each account's texts.
    marks: dict[str, set[str]] = field(default_factory=dict)
    requests: list[Step] = field(default_factory=list)
    serial: int = 0

    @property
    def now(self) -> datetime:
        return self.service.clock.now()

    @property
    def today(self) -> date:
        return london_day(self.now)

    def next_key(self, account: str) -> tuple[str, str]:
        """The key of a new request or message, and the mark of its texts."""
        self.serial += 1
        return f"{account} {self.serial}", f"Zed{self.serial}q"

    def _note_mark(self, account: str, mark: str) -> None:
        """Note that a text about an account was sent to the service."""
        self.marks.setdefault(account, set()).add(mark)
        self.model.note_mark(account, mark)

    # --- taking steps

    def take(self, step: Step, cut: tuple[int, Cut] | None = None) -> None:
        """Take one step, cut or not, and compare."""
        self._begin(step.words)
        result = self._run(step, cut)
        self.before, self.stored = self.stored, self.look()
        fault = self._judged(self.model, [(step, result)])
        if fault:
            raise Different(self._report(fault))

    def take_within(self, outer: Step, number: int, inner: Step) -> None:
        """Take a step, and another one at its call of a number; then compare.

        Either step was the first, or one happened in the middle of the other. If more than one order explains the
        visible state, the order that also explains the hidden state is the right one.
        """
        self._begin(f"{outer.words}; and at its call {number}: {inner.words}")
        inside: list[Any] = []

        async def meanwhile() -> None:
            inside.append(await self._tried_twice(inner))

        self.service.cuts.pause(number, meanwhile)
        result = self.service.run(lambda: self._tried_twice(outer))
        if not inside:
            inside.append(self._run(inner, None))
        self.before, self.stored = self.stored, self.look()
        faults = []
        one, other = (inner, inside[0]), (outer, result)
        fitting = []
        for order in ([one, other], [other, one], [other, one, other]):
            model = copy.deepcopy(self.model)
            if fault := self._judged(model, order):
                faults.append(fault)
            else:
                fitting.append(model)
        if not fitting:
            raise Different(self._report("\n  or, in another order: ".join(faults)))
        self.model = min(fitting, key=lambda model: len(list(hidden_differences(model, self.stored))))

    def _race(self, model: Model, steps: Iterable[Step]) -> None:
        """A message that an erasure met may have left a receipt or a record. A later run of the erasure erases them."""
        erased = {account for account, day in model.erased_on.items() if day == self.today}
        mails = [step.of for step in steps if step.of and len(step.of.about) == 1 and step.of.about <= erased]
        if not any(step.erases for step in steps):
            return
        for mail in mails:
            model.raced |= mail.about
            stored = self.stored.get(("quarantine", self.records[mail.key]))
            if stored is not None:
                record = record_of(stored)
                model.race(mail.key, mail.about, record.status, self.now, empty=record.erased)

    def _begin(self, words: str) -> None:
        self.service.clock.move_to(self.now + _MINUTE)
        self.story.append(f"{in_words(self.now.astimezone(LONDON))}  {words}")

    def _run(self, step: Step, cut: tuple[int, Cut] | None) -> Any:
        """Run a step, and retry it if it was cut. Returns its result."""
        cuts = self.service.cuts
        cuts.happened = None
        if cut:
            cuts.arm(*cut)
        try:
            return self.service.run(step.act)
        except (ProcessEnded, TryAgain, Problem) as ended:
            if not cuts.happened:
                raise Different(self._report(f"it fails: {ended!r}")) from ended
        finally:
            if cuts.happened:
                self.story.append(f"             ({cuts.happened}; it is retried)")
        try:
            return self.service.run(step.act)
        except (TryAgain, Problem) as ended:
            raise Different(self._report(f"retried, it fails: {ended!r}")) from ended

    async def _tried_twice(self, step: Step) -> Any:
        """Run a step that may meet another one and fail once. Returns its result."""
        try:
            return await step.act()
        except (TryAgain, Problem, CommandError):
            self.story.append(f"             (this met the other step, and is retried: {step.words})")
        try:
            return await step.act()
        except (TryAgain, Problem, CommandError) as ended:
            raise Different(self._report(f"retried, it fails: {ended!r}")) from ended

    def look(self) -> Documents:
        """Every stored document."""
        return self.service.documents_of(*COLLECTIONS)

    def _judged(self, model: Model, done: list[tuple[Step, Any]]) -> str | None:
        """The differences after steps, if they happened in this order."""
        faults = []
        model.touched = set()
        for step, result in done:
            if fault := step.judge(model, result):
                faults.append(fault)
        self._touch_accounts_sent_again(model)
        self._adopt_late_erasures(model)
        if len(done) > 1:
            self._race(model, [step for step, _ in done])
        self._note_history(model)
        faults += differences(model, self.stored, self.records)
        faults += self._texts_of_the_erased(model)
        faults += self._reasons_of_the_erased()
        faults += self._objects_without_a_record(model)
        faults += [
            f"changes/{key} should be erased: its retention is over"
            for key in model.gone
            if ("changes", key) in self.stored and not json.loads(self.stored["changes", key].state)["erased"]
        ]
        erasing = [step.erases for step, _ in done if step.erases]
        if erasing and len(done) == 1:
            faults += self._changed_of_others(erasing[0](model))
        return "\n  ".join(faults) or None

    def _touch_accounts_sent_again(self, model: Model) -> None:
        """A change that callers cannot see (a date of review) sends the account to its networks again."""
        for (kind, key), one in self.stored.items():
            made = kind == "changes" and (kind, key) not in self.before
            if made and one.fields["kind"] not in ("stale", "superseded", "no_change"):
                account = account_ids()[str(one.fields["registration_id"])]
                if account not in model.touched and account in model.registrations:
                    model.send_to_networks(account, self.now)

    def _adopt_late_erasures(self, model: Model) -> None:
        """A message that arrived after an erasure is erased by one of the runs that follow it."""
        for key, one in model.quarantine.items():
            stored = self.stored.get(("quarantine", self.records[key]))
            if one.may_be_empty and stored and record_of(stored).erased and not one.empty:
                one.erase()

    def _note_history(self, model: Model) -> None:
        """Note the entries of the log when an account is registered again."""
        for account, periods in model.former.items():
            for period in periods:
                if period.changes is None:
                    registration_id = id_of(account)
                    changes = {key: one for (kind, key), one in self.before.items() if kind == "changes"}
                    period.changes = frozenset(
                        key for key, one in changes.items() if one.fields["registration_id"] == registration_id
                    )

    def _texts_of_the_erased(self, model: Model) -> list[str]:
        marks = {mail.mark: mail.key for mail in self.mails}
        found = []
        for kind, key, text in texts(self.stored):
            for mark, account in model.erased_marks.items():
                if mark not in text:
                    continue
                record = model.quarantine.get(marks.get(mark, ""))
                kept = kind == "quarantine" and record is not None and not record.empty
                waits = kind == "export_feed" and feed_day(key) > model.erased_until[account]
                raced = kind == "changes" and account in model.raced
                if not (kept or waits or raced):
                    found.append(f"{account} is erased, and its mark {mark} is in {kind}/{key}")
        return found

    def _reasons_of_the_erased(self) -> list[str]:
        """Records that were erased before this step and have another reason after it."""
        return [
            f"quarantine/{key} is erased, and its reason has changed"
            for (kind, key), was in self.before.items()
            if kind == "quarantine" and record_of(was).erased
            if (now := self.stored.get((kind, key))) and now.fields["reason"] != was.fields["reason"]
        ]

    def _objects_without_a_record(self, model: Model) -> list[str]:
        """Objects of the quarantine that belong to no record, or to an erased one."""
        if not any(mail.is_large for mail in self.mails):
            return []
        whole = {self.records[key] for key, one in model.quarantine.items() if not one.empty}
        return [
            f"an object without a record is left: {name}" for name in self.service.quarantined() if name not in whole
        ]

    def _changed_of_others(self, accounts: set[str]) -> list[str]:
        """Changed documents that are not about the erased accounts."""
        ids = {key for key, account in account_ids().items() if account in accounts}
        records = {self.records[key] for key, one in self.model.quarantine.items() if one.about <= accounts}
        marks = [mark for account in accounts for mark in self.marks.get(account, ())]

        def may_change(kind: str, key: str, was: Stored) -> bool:
            match kind:
                case "registrations":
                    return key in ids
                case "changes":
                    return was.fields["registration_id"] in ids
                case "supply_points":
                    return was.fields["registration_id"] in ids
                case "quarantine":
                    return key in records
            return feed_day(key) == self.today or any(mark in was.state for mark in marks)

        return [
            f"erasing {' '.join(sorted(accounts)) or 'nobody'} has changed {kind}/{key}, which is about another account"
            for (kind, key), was in self.before.items()
            if self._differs(kind, key, was) and not may_change(kind, key, was)
        ]

    def _differs(self, kind: str, key: str, was: Stored) -> bool:
        now = self.stored.get((kind, key))
        return now is None or now.fields != was.fields

    def _report(self, fault: str) -> str:
        return "\n".join(["the service differs from its model:", f"  {fault}", "after these steps:", *self.story])

    # --- time

    def move_to(self, day: date, at: time) -> None:
        """Advance the clock to a time, unless it is later already."""
        then = datetime.combine(day, at, LONDON)
        if then > self.now:
            self.service.clock.move_to(then)

    # --- callers

    def create(self, submission: Submission, key: str) -> Step:
        self._note_mark(submission.account, submission.mark)
        return self._request(
            f"a caller registers {words_of(submission)}",
            lambda: self._send("POST", "/v1/registrations", key, body(submission)),
            lambda model: model.create(key, submission, self.now),
        )

    def amend(self, account: str, patch: dict[str, Any], statement: Statement, key: str, mark: str, words: str) -> Step:
        self._note_mark(account, mark)
        return self._change(
            account,
            f"a caller changes {account}: {words}",
            "PATCH",
            "",
            key,
            patch,
            lambda model, read: model.amend(key, account, statement, self.now, read=read),
        )

    def confirm(self, account: str, key: str, mark: str) -> Step:
        """A caller states the phone number that a registration has: any live registration accepts it."""
        patch = {"primary_contact": {"phones": [PHONE]}}
        step = self.amend(account, patch, Statement(), key, mark, "its phone number stays")
        self.requests.pop()  # the others are repeated
        return step

    def withdraw(self, account: str, key: str, mark: str) -> Step:
        self._note_mark(account, mark)
        return self._change(
            account,
            f"a caller withdraws {account}",
            "POST",
            ":withdraw",
            key,
            {"reason": f"asked, {mark}"},
            lambda model, read: model.withdraw(key, account, self.now, read=read),
        )

    def _change(self, account: str, words: str, method: str, suffix: str, key: str, body: Any, judge: Any) -> Step:
        path = f"/v1/registrations/{id_of(account)}{suffix}"
        version = self._version(account, self.stored)
        return self._request(
            words,
            lambda: self._send(method, path, key, body, if_match=f'"{version}"'),
            lambda model: judge(model, self._version(account, self.before) == version),
        )

    def _version(self, account: str, stored: Documents) -> int:
        known = stored.get(("registrations", id_of(account)))
        return int(str(known.fields["version"])) if known else 1

    def _request(self, words: str, act: Any, expect: Callable[[Model], tuple[int, str | None]]) -> Step:
        def judge(model: Model, result: tuple[int, str | None]) -> str | None:
            should = expect(model)
            return None if result == should else f"the answer should be {should}, and is {result}"

        step = Step(words, act, judge)
        self.requests.append(step)
        return step

    async def _send(self, method: str, path: str, key: str, body: Any, **more: str) -> tuple[int, str | None]:
        name = {name.replace("_", "-"): value for name, value in more.items()}
        headers = {**_JSON, "idempotency-key": key.replace(" ", "-"), **name}
        answer = await send("register", method, path, headers, json.dumps(body).encode())
        if answer.status >= 500:
            raise TryAgain(f"{answer.status} {answer.body.decode()}")
        problem = answer.json["type"].removeprefix("/problems/") if answer.status >= 400 else None
        return answer.status, problem

    # --- messages

    def deliver(self, mail: Mail) -> Step:
        """Pub/Sub delivers a message, for the first time or again."""
        self._sent(mail)

        async def act() -> None:
            await self._push(_message(mail), mail.function)

        def judge(model: Model, _: None) -> None:
            outcome = mail.outcome(model, self.now)
            if outcome in ("parked", "failed"):
                model.put(mail.key, outcome, mail.about, self.now)

        return Step(f"delivered: {mail.words}", act, judge, of=mail)

    def dead_letter(self, mail: Mail) -> Step:
        """Every delivery of a message meets an outage, and Pub/Sub dead-letters it."""
        self._sent(mail)

        async def act() -> None:
            await self._dead_letter(_message(mail), mail.function)

        def judge(model: Model, _: None) -> None:
            model.put(mail.key, "failed", mail.about, self.now)

        return Step(f"dead-lettered in an outage: {mail.words}", act, judge)

    def _sent(self, mail: Mail) -> None:
        if mail not in self.mails:
            self.mails.append(mail)
            self.records[mail.key] = mail.record_id
            if len(mail.about) == 1:
                self._note_mark(min(mail.about), mail.mark)

    async def _push(self, message: Message, function: str, **more: Any) -> None:
        status = await push(message, function, **more)
        if status != 204:
            raise TryAgain(f"{function} answers {status}")

    async def _dead_letter(self, message: Message, function: str) -> None:
        with self.service.cuts.outage():
            status = await push(message, function)
            if status < 500:
                raise Different(self._report(f"{function} answers {status} in an outage"))
        source = "CloudPubSubDeadLetterSource"
        dead_lettered = {f"{source}Subscription": function.replace("_", "-"), f"{source}DeliveryCount": "20"}
        dead = message._replace(attributes={**message.attributes, **dead_lettered})
        await self._push(dead, "quarantine_dead_letters")

    # --- the quarantine

    def replay_parked(self, *, outage: bool = False) -> Step:
        """The job publishes parked messages again, and they are delivered, or dead-lettered in an outage.

        A later run retries a message that a cut met.
        """
        words = "the job replays parked messages" + (", and all are dead-lettered in an outage" if outage else "")
        parked = {key for key, one in self.model.quarantine.items() if one.status == "parked" and not one.lost}

        async def publish() -> None:
            await self._job("replay_parked")

        def judge(model: Model, delivered: list[str]) -> str | None:
            cut = self.service.cuts.happened
            missing = [key for key in parked if self.records[key] not in delivered and not cut]
            self._judge_replays(model, delivered, outage=outage)
            return f"parked and not replayed: {missing}" if missing else None

        return Step(words, self._replaying(publish, outage=outage), judge)

    def replay(self, key: str, *, outage: bool = False) -> Step:
        """An operator replays one message."""

        async def publish() -> None:
            _, failures = await ops.quarantine._replay([self.records[key]], QuarantineStatus.FAILED, None, "fixed")
            if failures:
                raise TryAgain(str(failures))

        def judge(model: Model, delivered: list[str]) -> None:
            self._judge_replays(model, delivered, outage=outage)

        words = f"an operator replays {key}" + (", and it is dead-lettered in an outage" if outage else "")
        return Step(words, self._replaying(publish, outage=outage), judge)

    def _replaying(self, publish: Callable[[], Awaitable[None]], *, outage: bool) -> Callable[[], Awaitable[list[str]]]:
        """Deliver the replayed messages in order. Returns the ids of their records, with those of earlier tries."""
        delivered: list[str] = []

        async def act() -> list[str]:
            await publish()
            while self.service.published:
                message = self.service.published[0]
                (function,) = consumers()[message.topic]
                await (self._dead_letter if outage else self._push)(message, function)
                delivered.append(message.attributes[REPLAY_OF])
                self.service.published.pop(0)
            return delivered

        return act

    def _judge_replays(self, model: Model, delivered: list[str], *, outage: bool) -> None:
        mails = {self.records[mail.key]: mail for mail in self.mails}
        for record_id in delivered:
            mail = mails[record_id]
            outcome = "failed" if outage else mail.outcome(model, self.now)
            if outcome in ("parked", "failed"):
                model.put(mail.key, outcome, mail.about, self.now)
            else:
                model.resolve(mail.key, outcome)

    def discard(self, key: str) -> Step:
        """An operator discards a message."""

        async def act() -> None:
            await ops.quarantine._discard([self.records[key]], "not needed")

        return Step(f"an operator discards {key}", act, lambda model, _: model.discard(key))

    def lose_object(self, key: str) -> Step:
        """Somebody deletes a large message's data."""

        async def act() -> None:
            stored = json.loads(self.stored["quarantine", self.records[key]].state)
            self.service.lose_object(stored["stored_as"])

        def judge(model: Model, _: None) -> None:
            model.quarantine[key].lost = True

        return Step(f"somebody deletes the object of {key}", act, judge)

    # --- jobs

    async def _job(self, name: str) -> None:
        answer = await run_job(name, self.now)
        if answer.status != 200:
            raise TryAgain(f"{name} answers {answer.status} {answer.body.decode()}")

    def expire_needs(self) -> Step:
        """The job ends needs and accounts whose last day is over."""
        return Step(
            "expire_needs runs",
            lambda: self._job("expire_needs"),
            lambda model, _: model.apply_due_dates(self.now),
        )

    def erase_ended(self) -> Step:
        """The job erases registrations whose retention is over, and the data that earlier erasures left."""
        return Step(
            "erase_ended runs",
            lambda: self._job("erase_ended"),
            lambda model, _: model.end_of_retention(self.now),
            lambda model: {*model.erased_until, *model.former},
        )

    def export(self) -> Step:
        """The export of every closed day."""

        async def act() -> dict[str, bytes]:
            answer = await run_job("export_daily", self.now)
            stopped = answer.status == 500 and answer.json["type"] == "/problems/export-stopped"
            if answer.status != 200 and (self.model.tables.complete or not stopped):
                raise TryAgain(f"export_daily answers {answer.status} {answer.body.decode()}")
            for _ in range(100):
                if not self.service.published:
                    break
                message = self.service.published[0]
                (function,) = consumers()[message.topic]
                await self._push(message, function)
                self.service.published.pop(0)
            return self.service.exported(after=self.model.networks.released)

        return Step("the export runs", act, self._judge_export)

    def _judge_export(self, model: Model, objects: dict[str, bytes]) -> str | None:
        networks = model.networks
        folders = files.released_days(objects)
        closed = self.today - timedelta(days=1)
        faults = []
        for day, folder in folders.items():
            content = {name: text for name, text in objects.items() if name.startswith(folder)}
            expected = networks.released + timedelta(days=1)
            if day != expected:
                faults.append(f"{day} is released, and {expected} should be next")
            faults += networks.release(day, content, model.tables)
        if model.tables.complete and networks.released != closed:
            faults.append(f"every day until {closed} should be released, and is until {networks.released}")
        return "\n  ".join(faults) or None

    def read_everything(self) -> Step:
        """Callers read each registration, and look up each supply point."""

        async def act() -> list[tuple[str, str | None]]:
            found: list[tuple[str, str | None]] = []
            for account in ACCOUNTS:
                answer = await send("lookup", "GET", f"/v1/registrations/{id_of(account)}", {})
                found.append((account, str(answer.status)))
            for point in POINTS:
                fuel, _, number = point.partition(":")
                body = json.dumps({fuel: number}).encode()
                answer = await send("lookup", "POST", "/v1/registrations:lookup", _JSON, body)
                found.append((point, answer.json["account_id"] if answer.status == 200 else None))
            return found

        def judge(model: Model, found: list[tuple[str, str | None]]) -> str | None:
            status = {
                account: "404" if one is None else "410" if one.erased else "200"
                for account in ACCOUNTS
                for one in [model.registrations.get(account)]
            }
            should = [*status.items(), *((point, model.holder(point)) for point in POINTS)]
            return "; ".join(
                f"read: {is_}, should be {one}" for is_, one in zip(found, should, strict=True) if is_ != one
            )

        return Step("everything is read", act, judge)

    # --- commands

    def erase(self, account: str) -> Step:
        """An operator erases an account, at the person's request."""

        async def act() -> None:
            await ops.subject._erase(AccountId(account), "ticket", [], yes=True)

        return Step(
            f"an operator erases {account}", act, lambda model, _: model.erase(account, self.now), lambda _: {account}
        )

    def resend(self, day: date | None, recipients: Iterable[str]) -> Step:
        """An operator sends again: one day, or everything."""
        names = sorted(recipients)

        async def act() -> None:
            await ops.export._resend(day, names)

        def judge(model: Model, _: None) -> None:
            if day is None:
                model.resend_everything(self.now)
            else:
                model.resend_day(day, set(names), self.now)

        return Step(f"an operator resends {f'{day:%d} to {names[0]}' if day else 'everything'}", act, judge)

    # --- releases and networks

    def change_tables(self, tables: Tables, words: str) -> None:
        """Deploy a release with other tables."""
        self.model.tables = tables
        tables.write(self.folder)
        self.service.read_tables_again()
        self.story.append(f"             ({words})")

    def lose_file(self, recipient: str) -> date:
        """A network does not get its file of the newest released day. Returns that day."""
        day = self.model.networks.lose_file(recipient, self.today)
        self.story.append(f"             ({recipient} did not get its file of {day:%d})")
        return day


def _message(mail: Mail) -> Message:
    return Message(mail.topic, mail.data, {}, mail.message_id)
