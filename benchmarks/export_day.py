"""One day of the export, stored without the API and exported by a process of its own that measures itself."""

import asyncio
import json
import os
import sys
import uuid
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from shared.clock import LONDON, SimulatedClock, day_closes
from shared.domain.contacts import Address, Contact
from shared.domain.export_day import Stage
from shared.domain.feed import FeedEntry, SharedNeed, SharedState
from shared.domain.needs import NeedCode
from shared.domain.networks import Send
from shared.domain.registration import RegistrationId
from shared.domain.sharing import Article9Condition
from shared.settings import read_settings
from shared.store.documents import Key
from shared.store.service import Service
from tools.places import ROOT

DAY = date(2026, 11, 23)
_WRITES = 500


def feed_entry(number: int) -> FeedEntry:
    """An entry of the day's feed, with a supply point of its own. The export does not check its digits again."""
    return FeedEntry(
        supply_point=f"mpan:10{number:011}",
        recipient="EELC",
        day=DAY,
        send=Send.SET,
        state=SharedState(
            basis=Article9Condition.EXPLICIT_CONSENT,
            primary_contact=Contact(name="Person 1", phones=["07700900123"]),
            alternate_contact=None,
            premises=Address(address_lines=["1 Test Street", "Testtown"], postcode="BS1 4DJ"),
            needs=[SharedNeed(code=NeedCode("02"), ends_on=None, note=None)],
        ),
        registration_id=RegistrationId("registration 1"),
        version=1,
    )


async def export_of(folder: Path, supply_points: int) -> dict[str, Any]:
    """The measurements of `benchmarks.export_process` for a day with so many supply points, in a project of its own.

    This process's environment is that of a stack whose emulators run.
    """
    project = f"psr-{uuid.uuid4().hex[:12]}"
    clock = SimulatedClock(folder / f"{project}.json")
    clock.jump_to(datetime.combine(DAY, time(9), LONDON))
    environment = {
        **os.environ,
        "PSR_PROJECT": project,
        "PSR_EXPORT_BUCKET": project,
        "PSR_EXPORT_FIRST_DAY": DAY.isoformat(),
        "PSR_SUPPLIER_MPID": "SUPP",
        "PSR_SIMULATED_CLOCK": str(clock.path),
    }
    storage.Client(project=project, credentials=AnonymousCredentials()).create_bucket(project)
    documents = Service(read_settings(environment)).documents
    for start in range(0, supply_points, _WRITES):
        entries = [feed_entry(number) for number in range(start, min(start + _WRITES, supply_points))]
        await documents.commit(
            [
                documents.put(
                    Key("export_feed", f"{uuid.uuid4()}-EELC-{DAY}"),
                    {"file": entry.file, "size": len(text), "state": text},
                )
                for entry in entries
                if (text := entry.model_dump_json())
            ]
        )
    clock.jump_to(day_closes(DAY) + timedelta(minutes=5))
    measured = await _process(environment, "benchmarks.export_process")
    bare = await _process(environment, "benchmarks.baseline.reads", project, feed_entry(0).file)
    if (measured["stage"], measured["supply_points"], bare["count"]) != (Stage.RELEASED, supply_points, supply_points):
        raise RuntimeError(f"the day was not exported, or not read: {measured}, {bare}")
    return {**measured, "bare_seconds": bare["seconds"]}


async def _process(environment: dict[str, str], module: str, *arguments: str) -> dict[str, Any]:
    """The JSON in the last line that a module prints."""
    command = (sys.executable, "-m", module, *arguments)
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    printed: dict[str, Any] = json.loads(output.splitlines()[-1])
    return printed
