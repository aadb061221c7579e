"""The tour: the service's main job, shown step by step on the local stack, with every sum checked at the end."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.pubsub_v1.types import PubsubMessage
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shared.clock import LONDON, day_closes, london_day
from shared.export.day_manifest import DAY_MANIFEST, RELEASED, DayManifest
from tools.errors import CommandError
from tools.local import sample as samples
from tools.local.callers import REGISTERED, register_customers, show_the_rules
from tools.local.log_lines import faults_in, lines
from tools.local.outcome import count_outcomes, feed_of, messages_of, registrations_by_status, supply_points_in
from tools.local.report import legend_of, tables_of
from tools.local.sample import Record, numbers_of, recipient_of, registration, sample
from tools.local.stack import Stack
from tools.local.wiring import job_name, publisher, scheduler

TOPIC = "psr-customer-migration"
_BATCH = 500
_SHOWN_LINES = 8
_WAIT_SECONDS = 120.0
_LOOKS_EVERY_SECONDS = 0.25


class Check(NamedTuple):
    """A sum that must agree."""

    name: str
    expected: object
    found: object

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.expected == self.found


class Tour:
    """One tour of one stack. `figures` is what `tour.json` gets."""

    def __init__(self, stack: Stack, console: Console) -> None:
        self._stack = stack
        self._console = console
        self._day = london_day(stack.clock.now())
        self._sample = sample(self._day)
        self._checks: list[Check] = []
        self._registered: list[Record] = []
        self.figures: dict[str, Any] = {"day": self._day.isoformat()}

    async def run(self) -> None:
        """Every step. Raises `CommandError` if something does not come, or a sum does not agree."""
        began = time.monotonic()
        await self._migrate()
        await self._use_the_api()
        await self._close_the_day()
        await self._show_the_export()
        self._read_the_logs()
        self.figures["seconds"] = round(time.monotonic() - began, 1)
        self._finish()

    async def _migrate(self) -> None:
        """Late messages are published once everything else is dealt with: they carry older facts."""
        self._say(1, f"A migration of {samples.CUSTOMERS:,} customers, with duplicates, late and broken messages")
        expected = self._sample.expected
        published = await asyncio.to_thread(self._publish, self._sample.first)
        late_broken = len(self._sample.late) - expected.stale
        distinct = expected.applied + expected.quarantined.total() - late_broken
        await self._until_dealt_with(distinct)
        published += await asyncio.to_thread(self._publish, self._sample.late)
        await self._until_dealt_with(distinct + len(self._sample.late))
        found = await messages_of(samples.SOURCE)
        self.figures["messages"] = {
            "published": published,
            "applied": found.applied,
            "duplicates": published - found.distinct,
            "stale": found.stale,
            "quarantined": dict(sorted(found.quarantined.items())),
        }
        self._check("messages applied", expected.applied, found.applied)
        self._check("duplicates, which left nothing", expected.duplicates, published - found.distinct)
        self._check("stale messages", expected.stale, found.stale)
        self._check("messages quarantined by reason", expected.quarantined, found.quarantined)

    def _publish(self, messages: list[bytes]) -> int:
        """How many messages Pub/Sub has taken."""
        topic = f"projects/{self._stack.layout.project}/topics/{TOPIC}"
        taken = 0
        with publisher(self._stack.layout) as client:
            for start in range(0, len(messages), _BATCH):
                batch = [PubsubMessage(data=data) for data in messages[start : start + _BATCH]]
                taken += len(client.publish(topic=topic, messages=batch).message_ids)
        return taken

    async def _until_dealt_with(self, distinct: int) -> None:
        """Wait until each distinct event has left its one document."""
        columns = (TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task("events dealt with", total=distinct)

            async def done() -> bool:
                outcomes = await count_outcomes()
                progress.update(task, completed=outcomes)
                return outcomes >= distinct

            await self._until("the migration", done)

    async def _until(self, what: str, done: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        until = time.monotonic() + _WAIT_SECONDS
        while not await done():
            if time.monotonic() > until:
                raise CommandError(f"{what} is not done after {_WAIT_SECONDS:.0f} s; see {self._stack.logs}")
            await asyncio.sleep(_LOOKS_EVERY_SECONDS)

    async def _use_the_api(self) -> None:
        self._say(2, "Agents and customers use the HTTP API")
        registered = await asyncio.to_thread(register_customers, self._stack, self._day)
        steps = await asyncio.to_thread(show_the_rules, self._stack, self._day, registered)
        for step in steps:
            self._console.print(f"   {step.status}  {step.what}")
            self._check(f"answer where {step.what.removeprefix('… ')}", step.expected, step.status)
        self._show_protections(registered)
        self._registered = [*registered, registration(REGISTERED, self._day)]
        statuses = await registrations_by_status()
        self.figures["registrations"] = {
            "by_status": dict(sorted(statuses.items())),
            "over_http": len(self._registered),
        }
        self._check("registrations", self._sample.expected.applied + len(self._registered), statuses.total())

    def _show_protections(self, registered: list[Record]) -> None:
        """Each customer of the API has a ventilator."""
        answers = [one["protections"]["prepayment_installation"] for one in registered]
        outcomes = Counter(str(answer["outcome"]) for answer in answers)
        self._console.print(f"   May a prepayment meter be fitted? {dict(outcomes)}: “{answers[0]['why']['en']}”")
        self.figures["prepayment_installation"] = dict(outcomes)
        self._check("homes that no prepayment meter may be fitted in", len(registered), outcomes["do_not_install"])

    async def _close_the_day(self) -> None:
        """The clock jumps to the first run of the export after the day has closed; the scheduler does the rest."""
        job = scheduler(self._stack.layout).get_job(name=job_name(self._stack.layout, "export_daily"))
        slot = job.schedule_time.astimezone(LONDON)
        if slot < day_closes(self._day):
            raise CommandError(f"export_daily runs at {slot}, before {self._day} has closed")
        self._say(3, f"The day closes: the clock jumps to {slot:%H:%M} on {slot:%A}, and the scheduled export runs")
        self._stack.clock.jump_to(slot)

        async def released() -> bool:
            return bool(list(self._stack.exports.glob(f"{self._day}/r*/{RELEASED}")))

        await self._until("the export", released)

    async def _show_the_export(self) -> None:
        self._say(4, "Each network operator gets its file")
        (folder,) = self._stack.exports.glob(f"{self._day}/r*")
        manifest = DayManifest.model_validate_json((folder / DAY_MANIFEST).read_text(encoding="utf-8"))
        files = sorted([*folder.glob("D0225/*.txt"), *folder.glob("gas/*.csv")])
        self._show_file(files[0])
        self._check_export(manifest, await feed_of(self._day), supply_points_in(files))
        self.figures["export"] = {
            "folder": str(folder.relative_to(self._stack.layout.home)),
            "files": len(files),
            "supply_points": manifest.counted,
            "recipients": {
                row.recipient: {"counted": row.counted, "exported": row.written, "withheld": row.withheld}
                for row in manifest.recipients
                if row.counted
            },
        }

    def _read_the_logs(self) -> None:
        """Every line that the functions have logged so far is an entry of the catalogue."""
        written = list(lines(self._stack.logs, self._stack.layout.functions))
        outside = [fault for line in written for fault in faults_in(line)]
        self.figures["log"] = {"lines": len(written), "outside": len(outside)}
        self._check("log lines outside the catalogue", Counter(), Counter(outside))

    def _check_export(self, manifest: DayManifest, feed: Counter[str], found: Mapping[str, list[str]]) -> None:
        """The sample has the expected supply points of each recipient; feed, manifest and files must agree with it."""
        expected = self._sample.expected
        registered = (number for record in self._registered for number in numbers_of(record))
        wanted = expected.sent + Counter(map(recipient_of, registered))
        exported = Counter({recipient: len(numbers) for recipient, numbers in found.items()})
        rows = manifest.recipients
        strangers = sum(recipient_of(number) != recipient for recipient, numbers in found.items() for number in numbers)
        self._check("supply points exported by recipient", wanted, exported)
        self._check("supply points in the file of another recipient", 0, strangers)
        self._check("the manifest's counts", feed, Counter({row.recipient: row.counted for row in rows}))
        self._check("the manifest's files", exported, Counter({row.recipient: row.written for row in rows}))
        withheld = Counter({row.recipient: sum(row.withheld.values()) for row in rows})
        self._check("supply points withheld by recipient", expected.withheld, withheld)

    def _show_file(self, path: Path) -> None:
        """The first records of a file and its last, and their legend."""
        self._console.print(f"   {path}")
        lines = path.read_text(encoding="ascii").splitlines()
        for line in [*lines[:_SHOWN_LINES], "…", lines[-1]]:
            self._console.print(f"     {line}", markup=False, highlight=False, overflow="ellipsis", no_wrap=True)
        self._console.print(Padding(legend_of(lines[:_SHOWN_LINES]), (1, 5)))

    def _say(self, number: int, text: str) -> None:
        self._console.print(f"[bold]{number}. {escape(text)}[/bold]")

    def _check(self, name: str, expected: object, found: object) -> None:
        self._checks.append(Check(name, expected, found))

    def _finish(self) -> None:
        """Print the table, write `tour.json`. Raises `CommandError` if a sum does not agree."""
        failed = [check for check in self._checks if not check.holds]
        self.figures["checks"] = {check.name: check.holds for check in self._checks}
        path = self._stack.layout.home / "tour.json"
        path.write_text(json.dumps(self.figures, indent=2), encoding="utf-8")
        self._console.print(*tables_of(self.figures))
        for check in failed:
            self._console.print(f"[red]   {check.name}: expected {check.expected}, found {check.found}[/red]")
        if failed:
            raise CommandError(f"{len(failed)} of {len(self._checks)} sums do not agree; see {path}")
        self._console.print(f"All {len(self._checks)} sums agree. Figures: {path}")
