"""`psr quarantine`: list, show, replay and discard messages that could not be applied.

Personal data is masked unless it is asked for with a reason. Every use is noted before it is done.
"""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from functools import cache
from typing import Annotated, Any, NamedTuple

import typer
from pydantic_core import from_json

from ops.failures import sentence_of
from ops.output import AsJson, one_or_many, print_json, print_table
from ops.record_ids import find_record, short
from ops.running import confirm, need_reason, operator, run
from shared.clock import LONDON
from shared.errors import Disposition, NotFound, Problem
from shared.flows.replay import replay as replay_message
from shared.runtime.manifest import read_manifests
from shared.store.operator_actions import Action, OperatorAction, OperatorActions
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantinedMessage, QuarantineStatus, Record
from shared.store.service import service
from tools.errors import CommandError, WrongUsage
from tools.places import FUNCTIONS

app = typer.Typer(no_args_is_help=True)

_Ids = Annotated[list[str] | None, typer.Argument(help="Record ids, as `list` shows them.")]
_Status = Annotated[QuarantineStatus, typer.Option(help="Only records with this status.")]
_Problem = Annotated[str | None, typer.Option("--problem", help="Only records with this problem, as `list` shows it.")]
#: Stands for a value that may be about a person.
_HIDDEN = "•••"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PLAIN = ("specversion", "type", "source", "time", "datacontenttype")
#: The form of their values, if they are valid. (An event's id may contain an account's.)
_TERM = re.compile(r"[A-Za-z0-9._:/+-]{1,128}")


class Listed(NamedTuple):
    """A record without its message. `problem` is the reason, then the code of the first field error."""

    record_id: str
    first_seen: datetime
    attempts: int
    problem: str
    pointer: str | None
    erased: bool

    def has(self, problem: str | None) -> bool:
        """Whether this is its problem, its reason or its field error."""
        return problem in (None, self.problem, *self.problem.split())


@app.command("list")
def list_records(
    *,
    status: _Status = QuarantineStatus.FAILED,
    problem: _Problem = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show; the counts include all.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List quarantined messages, oldest first, and count them."""
    found = run(lambda: _list(status, problem))
    if as_json:
        print_json([one._asdict() for one in found[:limit]])
    elif found:
        _print_list(found, status, limit)
    else:
        print(f"No {status} message{f' has the problem {problem}' if problem else ''}.")


@app.command()
def show(
    record_id: Annotated[str, typer.Argument(help="The record's id, or its first digits.")],
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the message with its personal data.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why you need to see it; kept in the audit log.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one message: why it is in quarantine, and its shape."""
    if reveal:
        need_reason(reason, "--reveal shows personal data and")
    record, content, actions = run(lambda: _show(record_id, reveal=reveal, reason=reason))
    if as_json:
        message = record.message.model_dump(include={"topic", "subscription", "message_id", "erased"})
        print_json({**record._asdict(), "message": message, "content": content, "actions": actions})
        return
    _print_record(record)
    print(content)
    for action in actions:
        print(f"{_london(action.at)} {action.action.value} by {action.operator}: {action.reason or '-'}")


@app.command()
def replay(
    record_ids: _Ids = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every record with the status (and problem).")] = False,
    status: _Status = QuarantineStatus.FAILED,
    problem: _Problem = None,
    reason: Annotated[str | None, typer.Option(help="The fix; kept in the audit log.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, even with --all and no --problem.")] = False,
) -> None:
    """Publish messages again, unchanged.

    A repeated replay does no harm: consumers apply each message once.
    """
    if bool(record_ids) == everything:
        raise WrongUsage("give record ids, or --all")
    if everything and problem is None:
        confirm(f"Replay every {status} message?", yes=yes)
    replayed, failures = run(lambda: _replay(record_ids, status, problem, reason))
    print(f"{replayed:,} published again. `psr quarantine list` shows which came back.")
    for failure in failures:
        print(failure)
    if failures:
        raise CommandError(f"{len(failures):,} could not be published again; see above")


@app.command()
def discard(
    record_ids: Annotated[list[str], typer.Argument(help="Record ids, as `list` shows them.")],
    reason: Annotated[str, typer.Option(help="Why these are not needed; kept in the audit log.")],
) -> None:
    """Discard messages: they stay visible, and are not retried."""
    because = need_reason(reason, "discarding")
    for record_id, status in run(lambda: _discard(record_ids, because)).items():
        note = "" if status is QuarantineStatus.DISCARDED else " (nothing to discard)"
        print(f"{record_id} {status.value}{note}")


async def _list(status: QuarantineStatus, problem: str | None) -> list[Listed]:
    await service().part(OperatorActions).note(Action.LISTED, operator(), [None], None)
    return await _with_problem(status, problem)


def _print_list(found: list[Listed], status: QuarantineStatus, limit: int) -> None:
    rows = [(short(one.record_id), _london(one.first_seen), one.attempts, one.problem) for one in found[:limit]]
    print_table(("Id", "First seen", "Tries", "Problem"), *rows)
    print()
    more = f"; {limit:,} are shown (--limit)" if len(found) > limit else ""
    print(f"{len(found):,} {status}{more}. By problem:")
    for why, count in Counter(one.problem for one in found).most_common():
        print(f"{count:>8,} {why}")


async def _show(record_id: str, *, reveal: bool, reason: str | None) -> tuple[Record, str, list[OperatorAction]]:
    record = await find_record(record_id)
    actions = service().part(OperatorActions)
    await actions.note(Action.REVEALED if reveal else Action.SHOWN, operator(), [record.record_id], reason)
    return record, await _content(record.message, reveal=reveal), await actions.on(record.record_id)


def _print_record(record: Record) -> None:
    print(f"{record.record_id}: {record.status.value}, {_problem(record)}, {one_or_many(record.attempts, 'attempt')}")
    print(f"first seen {_london(record.first_seen)}, last seen {_london(record.last_seen)}")
    print(f"subscription {record.message.subscription}, message {record.message.message_id}")
    for error in record.errors:
        print(f"  {error.pointer or '/'}: {error.code}: {error.detail}")


async def _content(message: QuarantinedMessage, *, reveal: bool) -> str:
    if message.erased:
        return "(erased)"
    try:
        data = await service().part(Quarantine).data(message)
    except NotFound:
        return "(its data is not in the bucket)"
    return _whole(data) if reveal else _masked(data)


async def _replay(
    record_ids: list[str] | None, status: QuarantineStatus, problem: str | None, reason: str | None
) -> tuple[int, list[str]]:
    """The number of published messages, and the failures of the others.

    All chosen records are read before any is published, since publishing changes the choice.
    """
    if record_ids:
        chosen = [(await find_record(start)).record_id for start in record_ids]
    else:
        chosen = [one.record_id for one in await _with_problem(status, problem) if not one.erased]
    await service().part(OperatorActions).note(Action.REPLAYED, operator(), list(chosen), reason)
    failures: list[str] = []
    for record_id in chosen:
        try:
            await _replay_one(record_id)
        except (CommandError, Problem) as error:
            failures.append(f"{short(record_id)}: {sentence_of(error)}")
    return len(chosen) - len(failures), failures


async def _replay_one(record_id: str) -> None:
    """Raises `CommandError` if this record cannot be published, `Problem`."""
    record = await service().part(Quarantine).get(record_id)
    if record.message.erased:
        raise CommandError("the message was erased; there is nothing to publish")
    try:
        await replay_message(record, topic_of(record.message))
    except NotFound:
        raise CommandError("its data is not in the bucket; discard it") from None


async def _discard(record_ids: list[str], reason: str) -> dict[str, QuarantineStatus]:
    chosen = [(await find_record(start)).record_id for start in record_ids]
    await service().part(OperatorActions).note(Action.DISCARDED, operator(), list(chosen), reason)
    return {record_id: await service().part(Quarantine).discard(record_id) for record_id in chosen}


async def _with_problem(status: QuarantineStatus, problem: str | None) -> list[Listed]:
    """The records of a status with a problem, oldest first. Raises `WrongUsage` if nobody knows the problem."""
    known = [one async for one in _listed(status)]
    found = [one for one in known if one.has(problem)]
    if problem is not None and not found and problem.split(" ")[0] not in problem_codes():
        words = sorted({one.problem for one in known} or problem_codes())
        raise WrongUsage(f"there is no problem {problem!r}. Known: {', '.join(words)}")
    return sorted(found, key=lambda one: (one.first_seen, one.record_id))


async def _listed(status: QuarantineStatus) -> AsyncIterator[Listed]:
    async for page in service().part(Quarantine).records(status):
        for record in page:
            pointer = record.errors[0].pointer if record.errors else None
            erased = record.message.erased
            yield Listed(record.record_id, record.first_seen, record.attempts, _problem(record), pointer, erased)


@cache
def problem_codes() -> frozenset[str]:
    """The problems for which messages are quarantined."""

    def below(kind: type[Problem]) -> Iterator[type[Problem]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    kept = (Disposition.FAILED, Disposition.PARKED)
    return frozenset(one.code for one in below(Problem) if one.disposition in kept and hasattr(one, "code"))


def topic_of(message: QuarantinedMessage) -> str:
    """The topic that a message came from; a dead letter knows only its subscription. Raises `CommandError`."""
    if message.topic is not None:
        return message.topic
    function = message.subscription.rpartition("/")[2].replace("-", "_")
    manifest = read_manifests(FUNCTIONS).get(function)
    if manifest is None or manifest.trigger.pubsub is None:
        raise CommandError(f"no function has the subscription {message.subscription}")
    return manifest.trigger.pubsub.topic


def _problem(record: Record) -> str:
    return f"{record.reason} {record.errors[0].code}" if record.errors else record.reason


def _london(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%Y-%m-%d %H:%M}"


def _whole(data: bytes) -> str:
    """The data as text without control characters for a terminal."""
    try:
        text = json.dumps(from_json(data), indent=2, ensure_ascii=False)
    except ValueError:
        text = data.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)


def _masked(data: bytes) -> str:
    """The shape of a message, without its personal data."""
    try:
        event = from_json(data)
    except ValueError:
        return f"({len(data):,} bytes that are not JSON; --reveal shows them)"
    if not isinstance(event, dict):
        return json.dumps(_hidden(event), ensure_ascii=False)
    return json.dumps(
        {**_hidden(event), **{name: event[name] for name in _PLAIN if _TERM.fullmatch(str(event.get(name, "")))}},
        indent=2,
        ensure_ascii=False,
    )


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {name if _NAME.fullmatch(name) else _HIDDEN: _hidden(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_hidden(part) for part in value]
    return _HIDDEN if isinstance(value, str | int | float) and not isinstance(value, bool) else value
