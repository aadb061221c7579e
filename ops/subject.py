"""`ops subject`: what the register holds of one person, and erasing it. Every use is noted, with its reason."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import CommandError
from ops.running import operator, run
from shared.domain.registration import AccountId
from shared.errors import NotFound
from shared.store.erasure import Erased, Subject, erasure
from shared.store.operator_actions import Action, operator_actions
from shared.store.quarantine import Record, quarantine
from shared.store.registrations import registrations

app = typer.Typer(help="What is held of one person: export it, erase it.", no_args_is_help=True)

_Account = Annotated[str, typer.Argument(help="The account's number.")]
_Reason = Annotated[str, typer.Option(help="Why: kept for ever, so without personal data (a ticket's number).")]


@app.command()
def export(
    account: _Account,
    reason: _Reason,
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
) -> None:
    """Everything that is held of an account, as JSON: for a request of access (UK GDPR, Article 15)."""
    _need(reason)
    text = json.dumps(run(lambda: _export(AccountId(account), reason)), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
        print(f"{out}: personal data of one account. Delete it once it has been handed over.")


@app.command()
def erase(account: _Account, reason: _Reason) -> None:
    """Erase an account (UK GDPR, Article 17): networks are told to delete, everything else is overwritten."""
    _need(reason)
    ended, erased = run(lambda: _erase(AccountId(account), reason))
    if ended:
        print("The registration was live and has been ended; the networks are told by the next export.")
    print(
        f"{erased.registration_id}: {erased.changes:,} changes, {erased.feed:,} feed entries and "
        f"{erased.messages:,} quarantined messages overwritten."
    )
    if erased.pending:
        print(f"{erased.pending:,} feed entries stay until the networks have been told; erase_ended erases them then.")
    print("Backups, point-in-time recovery and exported files end by themselves: docs/privacy.md says when.")


def _need(reason: str) -> None:
    if not reason.strip():
        raise CommandError("it needs a reason")


async def _export(account_id: AccountId, reason: str) -> dict[str, Any]:
    registration_id = registrations().registration_id(account_id)
    await operator_actions().note(Action.EXPORTED, operator(), [registration_id], reason)
    try:
        (subject,) = await erasure().subjects([registration_id])
    except NotFound:
        messages = await erasure().messages(registration_id)
        return {"registration": None, "changes": [], "told_to_networks": [], "messages": await _messages(messages)}
    return await _held(subject)


async def _held(subject: Subject) -> dict[str, Any]:
    return {
        "registration": json.loads(subject.state.model_dump_json()),
        "changes": [json.loads(change.model_dump_json()) for change in subject.changes],
        "told_to_networks": [json.loads(entry.model_dump_json()) for entry in subject.feed.values()],
        "messages": await _messages(subject.messages),
    }


async def _messages(records: dict[str, Record]) -> list[dict[str, Any]]:
    return [
        {
            "record_id": record_id,
            "status": record.status.value,
            "reason": record.reason,
            "first_seen": record.first_seen.isoformat(),
            "attributes": record.message.attributes,
            "data": await _data(record),
        }
        for record_id, record in records.items()
    ]


async def _data(record: Record) -> str | None:
    """A message as text; None if it is gone, which says nothing of the others."""
    try:
        return (await quarantine().data(record.message)).decode(errors="backslashreplace")
    except NotFound:
        return None


async def _erase(account_id: AccountId, reason: str) -> tuple[bool, Erased]:
    """Note it, end the registration if it is live (whether it was), and overwrite everything. Raises `Unavailable`."""
    registration_id = registrations().registration_id(account_id)
    who = operator()
    await operator_actions().note(Action.ERASED, who, [registration_id], reason)
    try:
        ended = await erasure().end(registration_id, who)
        (erased,) = await erasure().erase([registration_id])
    except NotFound:
        messages = await erasure().messages(registration_id)
        for record_id in messages:
            await quarantine().erase(record_id)
        return False, Erased(registration_id, 0, 0, len(messages), 0)
    return ended, erased
