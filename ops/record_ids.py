"""Ids of quarantine records on the command line: their first digits are enough."""

import re

from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import Record
from shared.store.service import service
from tools.errors import CommandError, WrongUsage

_START = re.compile(r"[0-9a-f]{4,40}")
#: Of 40 digits. Among a million records, two have the same first twelve digits once in five hundred registers.
_SHOWN = 12
_CANDIDATES = 10


def short(record_id: str) -> str:
    """The first digits of an id, as commands print it."""
    return record_id[:_SHOWN]


async def find_record(start: str) -> Record:
    """The record whose id starts with these digits. Raises `CommandError` if there is none or more than one."""
    if not _START.fullmatch(start):
        raise WrongUsage(f"{start} is no record's id: give at least 4 of its digits, as `psr quarantine list` does")
    found = await service().part(Quarantine).starting_with(start, _CANDIDATES + 1)
    if not found:
        raise CommandError(f"there is no quarantine record {start}: see `psr quarantine list`")
    if len(found) > 1:
        ids = ", ".join(record.record_id for record in found[:_CANDIDATES])
        raise WrongUsage(f"the ids of several records start with {start}: {ids}{', …' * (len(found) > _CANDIDATES)}")
    return found[0]
