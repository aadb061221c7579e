"""The tables at the time when a file is made: rows that are narrowed, renamed, forgotten, absent for a while."""

import csv
from datetime import date

import pytest

from ops.verification import verify
from shared.domain.export_day import ExportStopped
from shared.export.day_manifest import DayManifest
from shared.store.supply_points import Claim
from tests.support.register_world import World
from tests.support.tables import Tables, partner
from tools.local.sample import mpan

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)

FORMER = "former MPIDs,Deleting what was sent,mpan,former,EELC,F1,D0225,D0225,,\n"


def to_partner(files: dict[str, bytes], day: date) -> list[tuple[str, str]]:
    """Record and needs of each line of a day's file, without the end."""
    lines = [
        line
        for name, text in files.items()
        if name.startswith(f"{day}") and name.endswith("PART-1.csv")
        for line in csv.DictReader(text.decode().splitlines())
    ]
    return [(line["record"], line["needs"]) for line in lines if line["record"] != "end"]


def row(files: dict[str, bytes], day: date, recipient: str) -> tuple[int, int, dict[str, int]]:
    """Sets, deletes and what is withheld, of a recipient in a day's manifest."""
    newest = max(name for name in files if name.startswith(f"{day}") and name.endswith("manifest.json"))
    manifest = DayManifest.model_validate_json(files[newest])
    found = next(row for row in manifest.recipients if row.recipient == recipient)
    return found.sets, found.deletes, {str(reason): count for reason, count in found.withheld.items()}


@pytest.mark.parametrize(
    ("narrowed", "sent", "counted"),
    [
        pytest.param(partner("08"), [("set", "08")], (1, 0, {}), id="one code fewer"),
        pytest.param(partner("37"), [], (0, 0, {"no_allowed_code": 1}), id="none of the codes"),
        pytest.param(partner(""), [], (0, 0, {"no_allowed_code": 1}), id="no code at all"),
        pytest.param(partner(bases="vital_interests"), [], (0, 0, {"no_lawful_basis": 1}), id="other lawful bases"),
        pytest.param(partner(route="postcode_areas M"), [], (0, 0, {"not_its_area": 1}), id="another area"),
        pytest.param(partner("", "", "former"), [], (0, 0, {"not_its_area": 1}), id="former"),
    ],
)
async def test_needs_that_a_narrowed_row_no_longer_allows_are_not_in_the_next_file(
    world: World, tables: Tables, narrowed: str, sent: list[tuple[str, str]], counted: tuple[int, int, dict[str, int]]
) -> None:
    tables("recipients.csv", lambda text: text + partner())
    await world.submit(1, needs=[{"code": "02"}, {"code": "08"}])
    world.at("2026-11-23 15:00")
    tables("recipients.csv", lambda text: text.replace(partner(), narrowed))
    files = await world.run("2026-11-24 02:05")
    assert to_partner(files, MONDAY) == sent
    assert row(files, MONDAY, "PART") == counted
    assert verify(world.download(MONDAY, 1), world.public_key).faults == []


async def renamed(world: World, tables: Tables, *, former: bool) -> None:
    """A distributor's MPID changes in the middle of a day with one more and one less supply point for it."""
    for number in (1, 2):
        await world.submit(number)
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 09:00")
    await world.withdraw(1)
    await world.submit(3)
    tables("distributors.csv", lambda text: text.replace("10,EELC,", "10,EAST,"))
    if former:
        tables("recipients.csv", lambda text: text + FORMER)
    await world.submit(4)


async def test_a_distributor_whose_mpid_changes_is_sent_deletes_under_its_former_name_and_all_under_the_new(
    world: World, tables: Tables
) -> None:
    await renamed(world, tables, former=True)
    files = await world.run("2026-11-25 02:05")
    assert await world.released() == [MONDAY, TUESDAY]
    assert row(files, TUESDAY, "EELC") == (0, 1, {"not_its_area": 1})
    assert row(files, TUESDAY, "EAST") == (1, 0, {})
    world.at("2026-11-25 09:00")
    await world.resend().everyone()
    await world.run("2026-11-26 02:05")
    assert {key: name for key, (name, _) in world.at_networks().items()} == {
        ("EAST", mpan("10", number)): f"Person {number}" for number in (2, 3, 4)
    }
    ids = [name for name in world.files() if "/D0225/" in name]
    assert len(ids) == len(set(ids))


async def test_a_forgotten_row_stops_the_day_with_the_remedy_and_adding_it_lets_the_export_continue(
    world: World, tables: Tables, capfd: pytest.CaptureFixture[str]
) -> None:
    await renamed(world, tables, former=False)
    with pytest.raises(ExportStopped) as stopped:
        await world.run("2026-11-25 02:05")
    assert stopped.value.sentence == (
        "2 feed entries are for recipients that the recipient table lacks (EELC). Restore the rows. If an MPID has "
        "changed or a recipient no longer gets data, add a row with the route former instead (docs/export.md shows "
        "it). Then deploy"
    )
    assert stopped.value.sentence in capfd.readouterr().out, "the log has the sentence as well"
    tables("recipients.csv", lambda text: text + FORMER)
    await world.run("2026-11-25 03:05")
    assert await world.released() == [MONDAY, TUESDAY]


async def test_everyone_is_sent_again_by_other_tables_on_the_same_day(world: World, tables: Tables) -> None:
    """The remedy for a wrong row: leave it without codes, and resend everyone."""
    await world.submit(1, needs=[{"code": "02"}, {"code": "08"}])
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 09:00")
    tables("recipients.csv", lambda text: text + partner())
    assert [await world.resend().everyone() for _ in range(2)] == [1, 0]
    world.at("2026-11-24 10:00")
    tables("recipients.csv", lambda text: text.replace(partner(), partner("")))
    assert [await world.resend().everyone() for _ in range(2)] == [1, 0]
    files = await world.run("2026-11-25 02:05")
    assert to_partner(files, TUESDAY) == []
    assert row(files, TUESDAY, "PART") == (0, 0, {"no_allowed_code": 1})


async def a_row_that_goes_away(world: World, tables: Tables) -> None:
    """The partner gets three people; then its row is gone, as after a rollback."""
    tables("recipients.csv", lambda text: text + partner())
    for number in (1, 2, 3):
        await world.submit(number)
    await world.run("2026-11-24 02:05")
    tables("recipients.csv", lambda text: text.replace(partner(), ""))
    world.at("2026-11-24 09:00")


async def test_deletes_of_the_time_without_a_row_are_sent_once_it_is_back(world: World, tables: Tables) -> None:
    await a_row_that_goes_away(world, tables)
    await world.withdraw(1)
    await world.submit(2, sharing={"basis": "none", "recorded_on": "2026-11-24", "evidence": "call 2"})
    await world.run("2026-11-25 02:05")
    assert {point for receiver, point in world.at_networks() if receiver == "PART"} == {
        mpan("10", number) for number in (1, 2, 3)
    }
    tables("recipients.csv", lambda text: text + partner())
    world.at("2026-11-25 09:00")
    assert await world.resend().everyone() == 3, "two live registrations, and a supply point that was released"
    assert await world.resend().everyone() == 0
    await world.run("2026-11-26 02:05")
    assert {point for receiver, point in world.at_networks() if receiver == "PART"} == {mpan("10", 3)}
    claims = [Claim.model_validate_json(stored.state) for stored in await world.documents.page("supply_points")]
    assert [claim.supply_point for claim in claims] == [None] * 3


async def test_only_a_claim_with_a_delete_that_waits_keeps_its_supply_points_key(world: World, tables: Tables) -> None:
    await a_row_that_goes_away(world, tables)
    await world.withdraw(1)
    await world.submit(4)
    await world.withdraw(4)
    claims = [Claim.model_validate_json(stored.state) for stored in await world.documents.page("supply_points")]
    assert {claim.supply_point for claim in claims} == {None, f"mpan:{mpan('10', 1)}"}
    await world.submit(5, supply_points={"mpans": [mpan("10", 1)], "mprns": []})
    claims = [Claim.model_validate_json(stored.state) for stored in await world.documents.page("supply_points")]
    assert {claim.supply_point for claim in claims} == {None}
    tables("recipients.csv", lambda text: text + partner())
    await world.resend().everyone()
    await world.run("2026-11-25 02:05")
    assert world.at_networks()["PART", mpan("10", 1)] == ("Person 5", ("02",))


async def test_a_day_of_which_only_one_file_was_without_a_row_is_sent_again_by_its_recipient(
    world: World, tables: Tables
) -> None:
    await a_row_that_goes_away(world, tables)
    await world.withdraw(1)
    await world.run("2026-11-25 02:05")
    tables("recipients.csv", lambda text: text + partner())
    world.at("2026-11-25 09:00")
    assert await world.resend().day(MONDAY, ["PART"]) == 3
    await world.run("2026-11-26 02:05")
    assert {point for receiver, point in world.at_networks() if receiver == "PART"} == {mpan("10", 2), mpan("10", 3)}


async def test_data_withdrawn_on_the_day_of_a_missing_row_is_not_in_that_days_file(
    world: World, tables: Tables
) -> None:
    tables("recipients.csv", lambda text: text + partner())
    await world.submit(1)
    tables("recipients.csv", lambda text: text.replace(partner(), ""))
    world.at("2026-11-23 15:00")
    await world.withdraw(1)
    tables("recipients.csv", lambda text: text + partner())
    files = await world.run("2026-11-24 02:05")
    assert to_partner(files, MONDAY) == []


def unknown(number: int) -> str:
    """An MPAN of a distributor that the table lacks."""
    return mpan("99", number)


@pytest.mark.parametrize("same_day", [True, False], ids=["on the same day", "on the next day"])
async def test_once_a_distributor_has_its_row_neither_warning_nor_alarm_stays(
    world: World, tables: Tables, capfd: pytest.CaptureFixture[str], *, same_day: bool
) -> None:
    await world.submit(1, supply_points={"mpans": [unknown(1)], "mprns": []})
    if not same_day:
        await world.run("2026-11-24 02:05")
        assert alarms(capfd) == 1
        world.at("2026-11-24 09:00")
    before = await world.store.get(world._id(1))
    assert before is not None
    assert [notice.code for notice in before.registration.warnings] == ["distributor_unknown"]
    tables("distributors.csv", lambda text: text + "99,NEWD,_A,New,New\n")
    assert [await world.resend().everyone() for _ in range(2)] == [1, 0]
    after = await world.store.get(world._id(1))
    assert after is not None
    assert (after.registration.warnings, after.registration.version) == ([], before.registration.version + 1)
    for day in ("2026-11-25", "2026-11-26", "2026-11-27"):
        await world.run(f"{day} 02:05")
        world.at(f"{day} 09:00")
        await world.submit(1, supply_points={"mpans": [unknown(1)], "mprns": []}, needs=[{"code": "08"}])
    assert alarms(capfd) == 0
    assert world.at_networks() == {("NEWD", unknown(1)): ("Person 1", ("08",))}


async def test_only_a_network_that_should_get_data_raises_the_alarm(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    await world.submit(1, supply_points={"mpans": [unknown(1)], "mprns": []}, needs=[], status="pending")
    await world.submit(2, supply_points={"mpans": [unknown(2)], "mprns": []})
    await world.withdraw(2)
    files = await world.run("2026-11-24 02:05")
    assert row(files, MONDAY, "unroutable") == (0, 0, {"not_active": 1, "released": 1})
    assert alarms(capfd) == 0


def alarms(capfd: pytest.CaptureFixture[str]) -> int:
    """How often the log has said so since this was asked last."""
    return capfd.readouterr().out.count('"EXPORT_UNROUTABLE"')
