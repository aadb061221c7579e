"""Messages to the service, and the expected outcome of each."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from shared.digest import digest
from shared.store.quarantine_records import event_record_id
from tests.world import cast
from tests.world.cast import Submission
from tests.world.model import Model, Statement, london_day
from tests.world.service import LARGE_BYTES
from tests.world.tables import LEGACY_WORD

_MIGRATION, _ACCOUNTS = "psr-customer-migration", "psr-account-events"
_LARGE = "y" * LARGE_BYTES

#: Applies a message to the model at a time: `applied`, `parked`, `failed` or `dropped`.
Outcome = Callable[[Model, datetime], str]


@dataclass(frozen=True)
class Mail:
    """One message. `about` are the accounts that it names, none if it cannot be read. `mark` is in its texts."""

    key: str
    words: str
    topic: str
    data: bytes
    about: frozenset[str]
    mark: str
    outcome: Outcome

    @property
    def record_id(self) -> str:
        """The id of its record in quarantine: of the event's source and id, if it can be read."""
        if not self.about:
            return digest(f"projects/p/subscriptions/{self.function.replace('_', '-')}", self.message_id)
        event = json.loads(self.data)
        return event_record_id(event["source"], event["id"], self.data)

    @property
    def message_id(self) -> str:
        """Its message id in Pub/Sub."""
        return self.key.replace(" ", "-").replace("/", "-")

    @property
    def is_large(self) -> bool:
        """Whether its data is an object in the bucket, if it is quarantined."""
        return len(self.data) > LARGE_BYTES

    @property
    def function(self) -> str:
        return "consume_migration" if self.topic == _MIGRATION else "consume_account_events"


def _mail(
    kind: str, key: str, account: str, at: datetime, data: dict[str, Any], mark: str, words: str, outcome: Outcome
) -> Mail:
    event = {
        "specversion": "1.0",
        "type": f"uk.psr.{kind}.v1",
        "source": "//old" if kind == "customer.migrated" else "//accounts",
        "id": key,
        "subject": account,
        "time": at.isoformat(),
        "data": data,
    }
    topic = _MIGRATION if kind == "customer.migrated" else _ACCOUNTS
    text = f"{words}, as of {cast.in_words(at)}"
    return Mail(key, text, topic, json.dumps(event).encode(), frozenset({account}), mark, outcome)


def record(key: str, submission: Submission, at: datetime) -> Mail:
    """The old platform's record of an account."""
    return _mail(
        "customer.migrated",
        key,
        submission.account,
        at,
        cast.body(submission),
        submission.mark,
        f"record of {words_of(submission)}",
        lambda model, now: model.record(key, submission, at, now),
    )


def moved_home(
    key: str, account: str, points: tuple[str, ...], area: str, basis: str | None, at: datetime, mark: str
) -> Mail:
    """The customer moves home. Without a new basis, nothing is shared."""
    data = {"supply_points": cast.supply_points(points), "premises": cast.premises(area, mark)}
    if basis:
        data["sharing"] = cast.sharing(basis, date(2026, 1, 5), mark)
    statement = Statement(premises=(area, mark), basis=basis or "none", points=frozenset(points))
    words = f"{account} moves to {names_of(points)} in {area}{f', shares on {basis}' if basis else ''}"
    return _event("account.moved_home", key, account, at, data, mark, words, statement)


def supply(key: str, account: str, point: str, at: datetime, mark: str, *, gained: bool) -> Mail:
    """We start or stop serving a supply point of the account."""
    data = {"supply_points": cast.supply_points([point])}
    kind, word = ("account.supply_gained", "gains") if gained else ("account.supply_lost", "loses")
    statement = Statement(own=((point, gained),))
    return _event(kind, key, account, at, data, mark, f"{account} {word} {names_of((point,))}", statement)


def closed(key: str, account: str, days: int, at: datetime, mark: str) -> Mail:
    """The account's last day is `days` days after the event."""
    last = london_day(at) + timedelta(days=days)
    statement = Statement(closes_on=last) if days > 0 else Statement(status="ended")
    words = f"{account} closes on {last:%d}"
    return _event("account.closed", key, account, at, {"closed_on": last.isoformat()}, mark, words, statement)


def deceased(key: str, account: str, at: datetime, mark: str) -> Mail:
    """The customer has died, and the account ends."""
    words = f"{account} has died"
    statement = Statement(status="ended")
    return _event("customer.deceased", key, account, at, {"account_continues": False}, mark, words, statement)


def _event(
    kind: str, key: str, account: str, at: datetime, data: dict[str, Any], mark: str, words: str, statement: Statement
) -> Mail:
    return _mail(
        kind,
        key,
        account,
        at,
        data,
        mark,
        words,
        lambda model, now: model.event(key, account, statement, at, now, mark),
    )


# --- wrong messages


def in_old_words(mail: Mail, submission: Submission, at: datetime) -> Mail:
    """A record with a legacy word for code 02, which the table may not have yet."""
    event = json.loads(mail.data)
    event["data"] |= {"needs": [{"legacy": LEGACY_WORD}], "status": "active"}
    understood = submission._replace(needs=(("02", None),))

    def outcome(model: Model, now: datetime) -> str:
        return model.record(mail.key, understood, at, now) if model.tables.learnt else "failed"

    return _wrong(mail, "in a word that the table may not know", event, outcome)


def of_unknown_type(mail: Mail) -> Mail:
    return _wrong(mail, "of an unknown type", json.loads(mail.data) | {"type": "uk.psr.account.renamed.v1"})


def of_year_one(mail: Mail) -> Mail:
    """Older than any customer."""
    return _wrong(mail, "of the year 1", json.loads(mail.data) | {"time": "0001-01-01T00:00:00+00:00"})


def with_unknown_field(mail: Mail) -> Mail:
    event = json.loads(mail.data)
    event["data"] |= {"shoe_size": 42}
    return _wrong(mail, "with an unknown field", event)


def about_two(mail: Mail, other: str) -> Mail:
    """Its subject and its data name different accounts."""
    if mail.about == {other}:
        return with_unknown_field(mail)
    wrong = _wrong(mail, f"whose subject is {other}", json.loads(mail.data) | {"subject": other})
    named = {other, json.loads(mail.data)["data"].get("account_id", other)}
    return replace(wrong, about=frozenset(named))


def cut_off(mail: Mail) -> Mail:
    """Not JSON: the accounts that it names cannot be read."""
    return replace(
        mail,
        words=f"{mail.words}, cut off",
        data=mail.data[:-1],
        about=frozenset(),
        mark="",
        outcome=lambda _model, _now: "failed",
    )


def large(mail: Mail) -> Mail:
    """Too large for a document."""
    event = json.loads(mail.data) | {"padding": f"{_LARGE} {mail.mark}"}
    return replace(mail, words=f"{mail.words}, large", data=json.dumps(event).encode())


def escaped(mail: Mail) -> Mail:
    """The same JSON, escaped as other programs do it."""
    return replace(mail, words=f"{mail.words}, escaped", data=mail.data.replace(b"/", b"\\/"))


def _wrong(mail: Mail, words: str, event: dict[str, Any], outcome: Outcome | None = None) -> Mail:
    return replace(
        mail,
        words=f"{mail.words}, {words}",
        data=json.dumps(event).encode(),
        outcome=outcome or (lambda _model, _now: "failed"),
    )


def words_of(submission: Submission) -> str:
    needs = " ".join(code + (f" until {end:%d}" if end else "") for code, end in submission.needs) or "none"
    home = f"{submission.account} at {names_of(submission.points)} in {submission.area}"
    return f"{home}: needs {needs}, shares on {submission.basis}"


def names_of(points: tuple[str, ...]) -> str:
    """Short names of supply points: `E1 L1 G1`."""
    names = dict(zip(cast.POINTS, ("E1", "E2", "L1", "G1"), strict=True))
    return " ".join(names[point] for point in sorted(points)) or "nothing"
