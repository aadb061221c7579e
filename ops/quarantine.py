"""`psr quarantine`: look at messages that could not be applied, try them again, give them up.

Personal data is masked unless it is asked for with a reason. Every use is noted before it is done.
"""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer
from pydantic_core import from_json
from rich import box
from rich.console import Console
from rich.table import Table

from ops.running import named, operator, run
from shared.errors import NotFound, Unavailable
from shared.flows.replay import replay as replay_message
from shared.runtime.manifest import read_manifests
from shared.store.operator_actions import Action, OperatorActions
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantinedMessage, QuarantineStatus, Record
from shared.store.service import service
from tools.errors import CommandError
from tools.places import FUNCTIONS

app = typer.Typer(no_args_is_help=True)

_Ids = Annotated[list[str] | None, typer.Argument(help="Record ids, as `list` shows them.")]
_Status = Annotated[QuarantineStatus, typer.Option(help="Only records with this status.")]
_Reason = Annotated[str | None, typer.Option("--problem", help="Only records with this problem, as `list` shows it.")]
#: What tells nothing about a person.
_HIDDEN = "•••"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PLAIN = ("specversion", "type", "source", "time", "datacontenttype")
#: What stands in those when they are what they should be. An event's id may well hold an account's.
_TERM = re.compile(r"[A-Za-z0-9._:/+-]{1,128}")


@app.command("list")
def list_records(
    status: _Status = QuarantineStatus.FAILED,
    problem: _Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show; the counts include all.")] = 50,
) -> None:
    """List quarantined messages, and count them by reason."""
    run(lambda: _list(status, problem, limit))


@app.command()
def show(
    record_id: Annotated[str, typer.Argument(help="The record's id.")],
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the message with its personal data.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why you need to see it; kept in the audit log.")] = None,
) -> None:
    """Show one message: why it is in quarantine, and its shape."""
    if reveal and not (reason or "").strip():
        raise CommandError("--reveal shows personal data and needs a --reason")
    run(lambda: _show(record_id, reveal=reveal, reason=reason))


@app.command()
def replay(
    record_ids: _Ids = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every record with the status (and problem).")] = False,
    status: _Status = QuarantineStatus.FAILED,
    problem: _Reason = None,
    reason: Annotated[str | None, typer.Option(help="What was fixed; kept in the audit log.")] = None,
) -> None:
    """Publish messages again, unchanged.

    A repeated replay does no harm: consumers apply each message once.
    """
    if bool(record_ids) == everything:
        raise CommandError("give record ids, or --all")
    replayed, failures = run(lambda: _replay(_chosen(record_ids, status, problem), reason))
    print(f"{replayed:,} published again. `psr quarantine list` shows what came back.")
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
    if not reason.strip():
        raise CommandError("discarding needs a reason")
    for record_id, status in run(lambda: _discard(record_ids, reason.strip())).items():
        note = "" if status is QuarantineStatus.DISCARDED else " (nothing to discard)"
        print(f"{record_id} {status.value}{note}")


async def _list(status: QuarantineStatus, problem: str | None, limit: int) -> None:
    await service().part(OperatorActions).note(Action.LISTED, operator(), [None], None)
    table = Table(title=status.value, box=box.SIMPLE)
    table.add_column("Id", no_wrap=True)
    for name in ("Why", "Attempts", "First seen"):
        table.add_column(name)
    reasons: Counter[str] = Counter()
    async for record in _records(status, problem):
        reasons[_why(record)] += 1
        if reasons.total() <= limit:
            place = f" {record.errors[0].pointer}" if record.errors else ""
            seen = f"{record.first_seen:%Y-%m-%d %H:%M}"
            table.add_row(record.record_id, _why(record) + place, str(record.attempts), seen)
    console = Console()
    console.print(table)
    if reasons.total() > limit:
        console.print(f"{limit:,} of {reasons.total():,} are shown (--limit).")
    for why, count in reasons.most_common():
        console.print(f"{count:>8,} {why}")


async def _show(record_id: str, *, reveal: bool, reason: str | None) -> None:
    record = await _get(record_id)
    await (
        service()
        .part(OperatorActions)
        .note(Action.REVEALED if reveal else Action.SHOWN, operator(), [record_id], reason)
    )
    message = record.message
    print(f"{record_id}: {record.status.value}, {_why(record)}, {record.attempts} attempts")
    print(f"first seen {record.first_seen.isoformat()}, last seen {record.last_seen.isoformat()}")
    print(f"subscription {message.subscription}, message {message.message_id}")
    for error in record.errors:
        print(f"  {error.pointer or '/'}: {error.code}: {error.detail}")
    print(await _content(message, reveal=reveal))
    for action in await service().part(OperatorActions).on(record_id):
        print(f"{action.at.isoformat()} {action.action.value} by {action.operator}: {action.reason or '-'}")


async def _content(message: QuarantinedMessage, *, reveal: bool) -> str:
    if message.erased:
        return "(erased)"
    try:
        data = await service().part(Quarantine).data(message)
    except NotFound:
        return "(its data is not in the bucket)"
    return _whole(data) if reveal else _masked(data)


async def _replay(records: AsyncIterator[Record], reason: str | None) -> tuple[int, list[str]]:
    """How many were published, and what hindered each of the others.

    What is chosen is read before anything is published, since publishing changes it.
    """
    chosen = [record.record_id async for record in records]
    await service().part(OperatorActions).note(Action.REPLAYED, operator(), list(chosen), reason)
    failures: list[str] = []
    for record_id in chosen:
        try:
            await _replay_one(record_id)
        except CommandError as error:
            failures.append(f"{record_id}: {error}")
    return len(chosen) - len(failures), failures


async def _replay_one(record_id: str) -> None:
    """Raises `CommandError` if that fails, which says nothing of other records."""
    record = await _get(record_id)
    if record.message.erased:
        raise CommandError("the message was erased; there is nothing to publish")
    try:
        await replay_message(record, topic_of(record.message))
    except NotFound:
        raise CommandError("its data is not in the bucket; discard it") from None
    except Unavailable as problem:
        raise CommandError(f"{named(problem)}: {problem.detail}") from None


async def _discard(record_ids: list[str], reason: str) -> dict[str, QuarantineStatus]:
    for record_id in record_ids:
        await _get(record_id)
    await service().part(OperatorActions).note(Action.DISCARDED, operator(), list(record_ids), reason)
    return {record_id: await service().part(Quarantine).discard(record_id) for record_id in record_ids}


async def _chosen(record_ids: list[str] | None, status: QuarantineStatus, problem: str | None) -> AsyncIterator[Record]:
    if record_ids:
        for record_id in record_ids:
            yield await _get(record_id)
    else:
        async for record in _records(status, problem):
            if not record.message.erased:
                yield record


async def _records(status: QuarantineStatus, problem: str | None) -> AsyncIterator[Record]:
    async for page in service().part(Quarantine).records(status):
        for record in page:
            if problem in (None, record.reason, _why(record)):
                yield record


async def _get(record_id: str) -> Record:
    try:
        return await service().part(Quarantine).get(record_id)
    except NotFound:
        raise CommandError(f"there is no quarantine record {record_id}") from None


def topic_of(message: QuarantinedMessage) -> str:
    """The topic that a message came from; a dead letter knows only its subscription. Raises `CommandError`."""
    if message.topic is not None:
        return message.topic
    function = message.subscription.rpartition("/")[2].replace("-", "_")
    manifest = read_manifests(FUNCTIONS).get(function)
    if manifest is None or manifest.trigger.pubsub is None:
        raise CommandError(f"no function has the subscription {message.subscription}")
    return manifest.trigger.pubsub.topic


def _why(record: Record) -> str:
    return f"{record.reason} {record.errors[0].code}" if record.errors else record.reason


def _whole(data: bytes) -> str:
    """As text that does nothing to a terminal."""
    try:
        text = json.dumps(from_json(data), indent=2, ensure_ascii=False)
    except ValueError:
        text = data.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)


def _masked(data: bytes) -> str:
    """The shape of a message without what it says of anybody."""
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
