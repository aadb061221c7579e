"""`psr subject`: what the register holds about one person, and its erasure. Every use is logged with its reason."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.record_ids import find_record
from ops.running import confirm, need_reason, operator, run
from shared.domain.registration import AccountId, RegistrationId
from shared.errors import NotFound
from shared.flows.erasure import Erasure, ErasureResult
from shared.store.operator_actions import Action, OperatorActions
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import Record
from shared.store.registrations import Registrations
from shared.store.service import service
from tools.errors import CommandError

app = typer.Typer(no_args_is_help=True)

_Account = Annotated[str, typer.Argument(help="The account's number.")]
_Reason = Annotated[str, typer.Option(help="Why; kept permanently, so without personal data (a ticket's number).")]
_Messages = Annotated[
    list[str] | None,
    typer.Option("--message", help="Include this quarantine record: you have checked that it is about the account."),
]
_UNKNOWN = "The register does not know this account. Check the number."
#: Records that are listed for a person to judge.
_SHOWN = 50


@app.command()
def export(
    account: _Account,
    reason: _Reason,
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    message: _Messages = None,
) -> None:
    """Write everything about an account as JSON (UK GDPR, Article 15)."""
    need_reason(reason, "an export of personal data")
    held, unjudged = run(lambda: _export(AccountId(account), reason, message or []))
    if held["registration"] is None:
        print(_UNKNOWN, file=sys.stderr)
    text = json.dumps(held, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
        print(f"{out}: personal data of one account. Delete it once it has been handed over.")
    _list(unjudged)


@app.command()
def erase(
    account: _Account,
    reason: _Reason,
    message: _Messages = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, even if the account is unknown.")] = False,
) -> None:
    """Erase an account (UK GDPR, Article 17).

    The next export sends deletes to the networks. Everything else is overwritten.
    """
    need_reason(reason, "an erasure")
    erased, unjudged = run(lambda: _erase(AccountId(account), reason, message or [], yes=yes))
    if erased.ended:
        print("The registration was live and is now ended. The next export sends deletes to the networks.")
    print(
        f"{erased.registration_id}: {erased.changes:,} changes, {erased.feed:,} feed entries and "
        f"{erased.messages:,} quarantined messages overwritten."
    )
    if erased.pending:
        print(f"{erased.pending:,} feed entries stay until networks have the deletes; erase_ended erases them then.")
    print("Backups, point-in-time recovery and exported files expire automatically: see docs/privacy.md.")
    _list(unjudged)


def _list(unjudged: Sequence[str]) -> None:
    """Quarantine records that only a person can judge, on standard error: they are no part of the answer."""
    if not unjudged:
        return
    print(
        f"{len(unjudged):,} quarantined messages cannot be assigned to an account. Look at each with `psr quarantine "
        "show`; if it is about this account, repeat this command with --message:",
        file=sys.stderr,
    )
    for record_id in unjudged[:_SHOWN]:
        print(f"  {record_id}", file=sys.stderr)


async def _export(account_id: AccountId, reason: str, judged: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Everything that the register holds about an account, and the records that a person has to judge."""
    registration_id = service().part(Registrations).registration_id(account_id)
    records = [await find_record(start) for start in judged]
    ids = [record.record_id for record in records]
    await service().part(OperatorActions).note(Action.EXPORTED, operator(), [registration_id, *ids], reason)
    subject = await Erasure(service()).subject(registration_id)
    messages = [*subject.messages, *records]
    held = {
        "registration": json.loads(subject.state.model_dump_json()) if subject.state else None,
        "changes": [json.loads(change.model_dump_json()) for change in subject.changes],
        "told_to_networks": [json.loads(entry.model_dump_json()) for entry in subject.feed],
        "messages": [await _message(record) for record in messages],
    }
    return held, await _unjudged([record.record_id for record in subject.ambiguous], ids)


async def _message(record: Record) -> dict[str, Any]:
    return {
        "record_id": record.record_id,
        "status": record.status.value,
        "reason": record.reason,
        "first_seen": record.first_seen.isoformat(),
        "attributes": record.message.attributes,
        "data": await _data(record),
    }


async def _data(record: Record) -> str | None:
    """A message as text; None if its data is gone."""
    try:
        return (await service().part(Quarantine).data(record.message)).decode(errors="backslashreplace")
    except NotFound:
        return None


async def _erase(
    account_id: AccountId, reason: str, judged: list[str], *, yes: bool
) -> tuple[ErasureResult, list[str]]:
    """Log the use, end the registration if it is live, and overwrite everything.

    Raises `CommandError`, `Unavailable`.
    """
    registration_id = service().part(Registrations).registration_id(account_id)
    known = await service().part(Registrations).get(registration_id) is not None
    if not known:
        print(_UNKNOWN)
        confirm("Erase messages about it, and refuse older messages that would register it?", yes=yes)
    ids = [(await find_record(start)).record_id for start in judged]
    who = operator()
    await service().part(OperatorActions).note(Action.ERASED, who, [registration_id, *ids], reason)
    erased = await Erasure(service()).erase(registration_id, who) if known else await _erase_unknown(registration_id)
    for record_id in ids:
        await service().part(Quarantine).erase(record_id)
    whole = erased._replace(messages=erased.messages + len(ids))
    return whole, await _unjudged(erased.ambiguous, ids)


async def _erase_unknown(registration_id: RegistrationId) -> ErasureResult:
    erased = await Erasure(service()).erase_unknown(registration_id)
    if erased is None:
        raise CommandError("the account was registered in the meantime; nothing is erased. Check the number")
    return erased


async def _unjudged(ambiguous: Sequence[str], judged: Sequence[str]) -> list[str]:
    """The records that name no account, or this one and another, and that nobody has judged yet."""
    nameless = [record.record_id async for page in service().part(Quarantine).unreadable() for record in page]
    return [record_id for record_id in [*ambiguous, *nameless] if record_id not in judged]
