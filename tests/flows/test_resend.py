"""Sending data again: the current state of the supply points of a released day goes into today's files."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.export import release
from ops.export import resend as export_resend
from shared.domain.changes import ChangeKind
from tests.support.commands import psr
from tests.support.register_world import World
from tools.errors import CommandError
from tools.local.layout import Layout
from tools.local.sample import mpan

SUNDAY, MONDAY, TUESDAY = date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    """Sunday is released with five people. Monday is released with one deleted, one changed."""
    world = World(tmp_path, first_day=SUNDAY)
    for number in (1, 2, 3, 4):
        await world.submit(number)
    await world.submit(5, supply_points={"mpans": [mpan("22", 5)], "mprns": []})
    await world.run("2026-11-23 02:05")
    world.at("2026-11-23 09:00")
    await world.withdraw(1)
    await world.submit(2, needs=[{"code": "08"}])
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 09:00")
    return world


def sent(files: dict[str, bytes], day: str) -> dict[str, str]:
    """J2210 by MPAN of a day's files."""
    texts = [text.decode() for name, text in files.items() if name.startswith(day) and name.endswith(".txt")]
    lines = [line for text in texts for line in text.splitlines()]
    return {line.split("|")[1]: line.split("|")[-2] for line in lines if line.startswith("510|")}


async def test_the_supply_points_of_a_day_are_sent_again_in_their_current_state(world: World) -> None:
    before = world.at_networks()
    assert await world.resend().day(SUNDAY, ["EELC"]) == 4
    files = await world.run("2026-11-25 02:05")
    assert sent(files, "2026-11-24") == {
        mpan("10", 1): "T",
        mpan("10", 2): "F",
        mpan("10", 3): "F",
        mpan("10", 4): "F",
    }
    assert world.at_networks() == before


async def test_repeating_the_command_on_the_same_day_changes_nothing(world: World) -> None:
    await world.resend().day(SUNDAY, ["EELC"])
    first = [(entry.document_id, entry.state) for entry in await world.documents.page("export_feed")]
    changes = len(await world.documents.page("changes"))
    assert await world.resend().day(SUNDAY, ["EELC"]) == 0
    assert [(entry.document_id, entry.state) for entry in await world.documents.page("export_feed")] == first
    assert len(await world.documents.page("changes")) == changes


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            {"sharing": {"basis": "none", "recorded_on": "2026-11-24", "evidence": "call 2"}}, id="no consent"
        ),
        pytest.param({"status": "pending", "needs": []}, id="no need left"),
    ],
)
@pytest.mark.parametrize("later", [False, True], ids=["at once", "after another change"])
async def test_a_delete_of_a_supply_point_that_is_still_held_is_sent_again(
    world: World, change: dict[str, Any], *, later: bool
) -> None:
    """The network keeps health data without a basis if the day's file was lost there."""
    await world.submit(3, **change)
    await world.run("2026-11-25 02:05")
    world.at("2026-11-25 09:00")
    if later:
        await world.submit(3, **change, primary_contact={"name": "Person 3", "phones": ["07700900124"]})
        await world.run("2026-11-26 02:05")
        world.at("2026-11-26 09:00")
    assert await world.resend().day(TUESDAY, ["EELC"]) == 1
    assert await world.resend().day(TUESDAY, ["EELC"]) == 0
    await world.run("2026-11-27 02:05")
    today = "2026-11-26" if later else "2026-11-25"
    assert sent(world.files(today), today) == {mpan("10", 3): "T"}


async def test_a_delete_is_sent_again_after_the_supply_point_was_released(world: World) -> None:
    await world.submit(3, sharing={"basis": "none", "recorded_on": "2026-11-24", "evidence": "call 2"})
    await world.run("2026-11-25 02:05")
    world.at("2026-11-25 09:00")
    await world.withdraw(3)
    await world.run("2026-11-26 02:05")
    world.at("2026-11-26 09:00")
    assert await world.resend().day(TUESDAY, ["EELC"]) == 1
    files = await world.run("2026-11-27 02:05")
    assert sent(files, "2026-11-26") == {mpan("10", 3): "T"}


async def test_a_set_after_the_delete_is_what_is_sent_again(world: World) -> None:
    await world.submit(3, sharing={"basis": "none", "recorded_on": "2026-11-24", "evidence": "call 2"})
    await world.run("2026-11-25 02:05")
    world.at("2026-11-25 09:00")
    await world.submit(3)
    await world.run("2026-11-26 02:05")
    world.at("2026-11-26 09:00")
    assert await world.resend().day(TUESDAY, ["EELC"]) == 1
    files = await world.run("2026-11-27 02:05")
    assert sent(files, "2026-11-26") == {mpan("10", 3): "F"}


async def test_two_deletes_of_one_registration_are_both_sent_again(world: World) -> None:
    """They are at two networks, by two commands on the same day."""
    homes = {"mpans": [mpan("10", 8), mpan("22", 8)], "mprns": []}
    await world.submit(8, supply_points=homes)
    await world.run("2026-11-25 02:05")
    world.at("2026-11-25 09:00")
    none = {"basis": "none", "recorded_on": "2026-11-24", "evidence": "call 2"}
    await world.submit(8, supply_points=homes, sharing=none)
    await world.run("2026-11-26 02:05")
    world.at("2026-11-26 09:00")
    wednesday = TUESDAY + timedelta(days=1)
    assert [await world.resend().day(wednesday, [name]) for name in ("EELC", "SWEB", "EELC")] == [1, 1, 0]
    files = await world.run("2026-11-27 02:05")
    assert sent(files, "2026-11-26") == {mpan("10", 8): "T", mpan("22", 8): "T"}


async def test_a_network_that_never_got_data_is_not_asked_to_delete_it(world: World) -> None:
    await world.submit(6)
    await world.withdraw(6)
    await world.run("2026-11-25 02:05")
    world.at("2026-11-25 09:00")
    assert await world.resend().day(TUESDAY, ["EELC"]) == 0
    files = await world.run("2026-11-26 02:05")
    assert sent(files, "2026-11-25") == {}


async def test_the_new_holder_of_a_released_supply_point_is_sent_instead(world: World) -> None:
    await world.submit(7, supply_points={"mpans": [mpan("10", 1)], "mprns": []})
    await world.run("2026-11-25 02:05")
    world.at("2026-11-25 09:00")
    assert await world.resend().day(MONDAY, ["EELC"]) == 2
    files = await world.run("2026-11-26 02:05")
    assert sent(files, "2026-11-25") == {mpan("10", 1): "F", mpan("10", 2): "F"}
    assert world.at_networks()["EELC", mpan("10", 1)] == ("Person 7", ("02",))


async def test_a_delete_that_was_sent_again_is_followed_by_a_new_holder_the_same_day(world: World) -> None:
    await world.resend().day(MONDAY, ["EELC"])
    await world.submit(7, supply_points={"mpans": [mpan("10", 1)], "mprns": []})
    files = await world.run("2026-11-25 02:05")
    assert sent(files, "2026-11-24")[mpan("10", 1)] == "F"


async def test_one_command_sends_everyone_and_the_log_says_so(world: World) -> None:
    assert await world.resend().everyone() == 4
    files = await world.run("2026-11-25 02:05")
    assert set(sent(files, "2026-11-24")) == {*(mpan("10", number) for number in (2, 3, 4)), mpan("22", 5)}
    changes, _ = await world.store.history(world.store.registration_id(world.account_id(3)), after=None, limit=10)
    assert [(change.kind, change.version, change.origin.actor) for change in changes] == [
        (ChangeKind.REGISTERED, 1, "test"),
        (ChangeKind.RESENT, 1, "an operator"),
    ]


async def ops(world: World, *arguments: str) -> tuple[int, str]:
    """The command line as an operator has it."""
    environment = world.child_environment() | {"COLUMNS": "40"}
    done = await asyncio.to_thread(psr, "export", *arguments, environment=environment)
    return done.returncode, (done.stdout + done.stderr).removesuffix("\n")


async def test_the_commands_show_decide_and_resend(world: World) -> None:
    world.use(world.bucket, hold_deletes=1)
    for number in (2, 3, 4):
        await world.withdraw(number)
    await world.run("2026-11-26 02:05")
    code, shown = await ops(world, "status")
    assert code == 0
    assert shown.splitlines() == [
        "Day         Revision  Stage        Parts   Supply points",
        "2026-11-22  1         released     2 of 2  5",
        "2026-11-23  1         released     1 of 1  2",
        "2026-11-24  1         on hold      1 of 1  3",
        "2026-11-25            not planned",
        "",
        (
            "2026-11-24 is on hold: 3 deletes, more than 5 times the usual 0.5 (median of the 2 days before). If that "
            "is right, run `psr export release 2026-11-24 --reason …`; if not, see docs/runbooks/export_stopped.md."
        ),
        "Later days wait for 2026-11-24.",
    ]
    _, listed = await ops(world, "status", "--json", "--days", "2")
    assert [(one["day"], one["stage"], one["supply_points"]) for one in json.loads(listed)] == [
        ("2026-11-24", "on hold", 3),
        ("2026-11-25", "not planned", None),
    ]
    code, said = await ops(world, "release", "2026-11-24", "--reason", "moved abroad")
    assert (code, said.splitlines()[0]) == (0, "2026-11-24 revision 1 is released.")
    assert TUESDAY in await world.released()
    assert await ops(world, "release", "2026-11-24", "--reason", "again") == (
        1,
        "error: 2026-11-24 is not on hold: see `psr export status`",
    )
    assert await ops(world, "resend", "2026-11-22", "--recipient", "EELC") == (0, "4 put into today's files.")
    assert await ops(world, "resend", "2026-11-25") == (
        1,
        "error: 2026-11-25 has no files yet, since it is not released: see `psr export status`",
    )
    assert await ops(world, "resend", "2026-11-22", "--recipient", "LOND") == (
        1,
        "error: 2026-11-22 has no files for LOND",
    )
    assert (await ops(world, "status"))[1].endswith("\n2026-11-25 waits for the next run of the schedule.")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(lambda: release(TUESDAY, reason=" "), "a release needs a --reason", id="no reason"),
        pytest.param(
            lambda: export_resend(SUNDAY, ["NONE"], everyone=False),
            "not in the recipient table: NONE",
            id="no such recipient",
        ),
        pytest.param(
            lambda: export_resend(None, None, everyone=False),
            "give a day (and recipients, if not all), or --everyone",
            id="neither day nor everyone",
        ),
        pytest.param(
            lambda: export_resend(SUNDAY, None, everyone=True),
            "give a day (and recipients, if not all), or --everyone",
            id="a day and everyone",
        ),
    ],
)
def test_a_command_that_lacks_something_says_what(command: Callable[[], None], message: str) -> None:
    with pytest.raises(CommandError, match=re.escape(message)):
        command()
