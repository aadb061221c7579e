"""`psr migrate publish` while it runs: its rate, what the consumer has done meanwhile, and Ctrl-C."""

import asyncio
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import PIPE

import pytest

from ops.migration.following import Following
from ops.migration.journal import Journal
from ops.migration.records import records
from tests.ops.migration_files import AT, SOURCE, ndjson
from tests.support.commands import psr
from tests.support.events import customer, new_mpan
from tests.support.push import Push
from tools.places import COMMANDS
from tools.synthetic import event


@contextmanager
def publishing(file: Path, rate: int) -> Iterator[subprocess.Popen[str]]:
    """A run at a steady rate whose output is piped. Ctrl-C stops it, also where the tests run in the background."""
    command = [str(COMMANDS / "psr"), "migrate", "publish", str(file), "--rate", str(rate), "--ceiling", str(rate)]
    default = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True, preexec_fn=default) as run:  # noqa: PLW1509
        yield run
        if run.poll() is None:
            run.kill()


@pytest.mark.usefixtures("stack")
def test_a_piped_run_prints_a_line_every_few_seconds_with_rate_and_outcomes(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "shown", 300)
    with publishing(file, 25) as run:
        out, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    assert out.splitlines()[-1].startswith("301 records published.")
    lines = errors.splitlines()
    assert 1 <= len(lines) <= 3, errors
    for line in lines:
        found = re.fullmatch(r"published (\d+) of 301, (\d+) a second, (\d+) applied", line)
        assert found is not None, line
        published, rate, applied = map(int, found.groups())
        assert 15 <= rate <= 35
        assert published / 2 <= applied <= published


@pytest.mark.usefixtures("stack")
def test_ctrl_c_says_how_far_it_got_and_the_same_command_continues(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "stopped", 600)  # half a minute at this rate: it cannot end before it is stopped
    with publishing(file, 20) as run:
        while Journal.of(file, SOURCE).published < 10:
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=20)
    done = Journal.of(file, SOURCE).published
    assert 10 <= done < 601
    assert (run.returncode, errors) == (
        130,
        f"stopped: {done} records of stopped.ndjson are published. To continue after them, run the command again.\n",
    )
    again = psr("migrate", "publish", file)
    assert f"{done} records are published already; continuing after them." in again.stdout
    assert again.returncode == 0


async def test_one_record_of_a_request_counts_for_all_and_failed_ones_count_apart(tmp_path: Path, push: Push) -> None:
    data = [customer(f"follow-{number}", [new_mpan()], ["02"]) for number in range(6)]
    data[5]["needs"] = [{"legacy": "aching tooth"}]
    events = [event("customer.migrated", one["account_id"], AT, "//follow", one["account_id"], one) for one in data]
    file = tmp_path / "follow.ndjson"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in events))
    first, second, third = ([*records(file, SOURCE)][start : start + 2] for start in (0, 2, 4))
    following = Following()
    following.add([first, second])
    following.add([third])

    follower = asyncio.create_task(following.run())
    for one in (events[1], events[5]):
        assert push("consume_migration", one) == 204
    await asyncio.sleep(3)
    follower.cancel()

    assert str(following) == ", 2 applied, 2 failed"
