"""The recipient table: who is told of which supply point, and that a new recipient is a row."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from shared import data
from shared.domain import recipients as table
from shared.domain.feed import FeedEntry, effects_of
from shared.domain.needs import Need, NeedCode
from shared.domain.networks import NetworkState, Send
from shared.domain.recipients import Withheld, recipients, recipients_of
from shared.domain.supply_points import Mpan, Mprn, SupplyPoint, distributors
from tests.support.registrations import registration
from tools.local.sample import mpan

_WITHDRAWN = {"status": "withdrawn", "supply_points": {"mpans": [], "mprns": []}}
DAY, DAY_BEFORE = date(2026, 11, 24), date(2026, 11, 23)
WATER = {
    "profile": "water company",
    "purpose": "Alternative water for who depends on it",
    "supply_points": "mpan",
    "route": "postcode_areas BS BA",
    "recipient_id": "WSXW",
    "file_code": "W1",
    "folder": "water",
    "format": "csv",
    "codes": "03 37",
    "lawful_bases": "explicit_consent",
}


@pytest.fixture
def water(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The table with one row more."""
    for file in data.FOLDER.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    add(WATER)
    yield
    forget()


def add(values: dict[str, str]) -> None:
    """One more row in the test's own table."""
    row = io.StringIO()
    csv.DictWriter(row, list(WATER)).writerow(values)
    with (data.FOLDER / "recipients.csv").open("a") as file:
        file.write(row.getvalue())
    forget()


def forget() -> None:
    table.recipients.cache_clear()
    table._by_area.cache_clear()


@pytest.mark.parametrize(
    ("point", "told"),
    [
        *(pytest.param(Mpan(mpan(d.distributor_id, 1)), [d.mpid], id=d.operator) for d in distributors().values()),
        pytest.param(Mpan(mpan("39", 1)), ["unroutable"], id="an unknown distributor"),
        pytest.param(Mprn("9900000104"), ["SHPR"], id="gas"),
    ],
)
def test_each_supply_point_has_its_recipient(point: SupplyPoint, told: list[str]) -> None:
    assert [recipient.recipient_id for recipient in recipients_of(point, "BS1 4DJ")] == told


def test_ids_and_file_codes_are_each_recipients_own() -> None:
    codes = [recipient.file_code for recipient in recipients().values()]
    assert len(codes) == len(set(codes)) == len(distributors()) + 2


@pytest.mark.parametrize(
    "route",
    ["", "nowhere", "every BS", "distributor 10", "postcode_areas", "former BS"],
    ids=lambda route: route or "empty",
)
def test_a_route_that_means_nothing_is_refused(route: str) -> None:
    with pytest.raises(ValueError, match="a route is"):
        table.Route.parse(route)


@pytest.mark.usefixtures("water")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"codes": "02"}, "may know no codes", id="codes"),
        pytest.param({"lawful_bases": "explicit_consent"}, "may know no codes", id="lawful bases"),
        pytest.param({"recipient_id": "EELC"}, "ids and file codes must differ", id="a name that is not former yet"),
    ],
)
def test_a_former_recipient_gets_nothing_and_has_a_name_of_its_own(changes: dict[str, str], reason: str) -> None:
    former = WATER | {"route": "former", "recipient_id": "OLDN", "file_code": "F1", "codes": "", "lawful_bases": ""}
    add(former | changes)
    with pytest.raises(ValueError, match=reason):
        recipients()


@pytest.mark.usefixtures("water")
def test_a_former_recipient_is_told_of_no_supply_point() -> None:
    former = {"route": "former", "recipient_id": "OLDN", "file_code": "F1", "codes": "", "lawful_bases": ""}
    add(WATER | former)
    assert "OLDN" in recipients()
    assert "OLDN" not in {recipient.recipient_id for recipient in recipients_of(Mpan(mpan("22", 1)), "BS1 4DJ")}


@pytest.mark.usefixtures("water")
@pytest.mark.parametrize(
    ("changes", "known", "sent"),
    [
        pytest.param({}, None, (Send.SET, None, ["37"]), id="told what it may know"),
        pytest.param(
            {"needs": [{"code": "02", "starts_on": "2026-11-01"}]},
            None,
            (Send.NOTHING, Withheld.NO_ALLOWED_CODE, []),
            id="no code that it may know",
        ),
        pytest.param(
            {"sharing": {"basis": "vital_interests", "recorded_on": "2026-11-01", "evidence": "call"}},
            None,
            (Send.NOTHING, Withheld.NO_LAWFUL_BASIS, []),
            id="a lawful basis that is not its own",
        ),
        pytest.param(
            {"premises": {"address_lines": ["1 Test Street"], "postcode": "B1 1AA"}}, None, None, id="other area"
        ),
        pytest.param(
            {"premises": {"address_lines": ["1 Test Street"], "postcode": "B1 1AA"}},
            NetworkState(day=DAY_BEFORE, had=False, wants=True),
            (Send.DELETE, Withheld.NOT_ITS_AREA, []),
            id="out of its area, where it was",
        ),
        pytest.param(
            _WITHDRAWN,
            NetworkState(day=DAY_BEFORE, had=False, wants=True),
            (Send.DELETE, Withheld.RELEASED, []),
            id="withdrawn",
        ),
    ],
)
def test_a_new_recipient_is_a_row(
    changes: dict[str, object], known: NetworkState | None, sent: tuple[Send, Withheld | None, list[str]] | None
) -> None:
    key = f"mpan:{mpan('22', 1)}"
    entries = effects_of(registration(**changes), {key: {"WSXW": known}} if known else {}, DAY).entries
    found = [entry for entry in entries if entry.recipient == "WSXW"]
    assert [_sent(entry) for entry in found] == ([sent] if sent else [])


def _sent(entry: FeedEntry) -> tuple[Send, Withheld | None, list[str]]:
    return entry.send, entry.withheld, [str(need.code) for need in entry.state.needs] if entry.state else []


def test_what_a_recipient_without_a_row_has_stays_noted_and_nothing_is_sent() -> None:
    key, state = f"mpan:{mpan('22', 1)}", NetworkState(day=DAY_BEFORE, had=False, wants=True)
    effects = effects_of(registration(**_WITHDRAWN), {key: {"GONE": state}}, DAY)
    assert [entry for entry in effects.entries if entry.recipient == "GONE"] == []
    assert effects.released[key]["GONE"] == state


def test_needs_keep_their_order_and_words() -> None:
    need = Need(code=NeedCode("33"), starts_on=DAY, ends_on=date(2027, 1, 31), note="home from hospital")
    told = registration().model_copy(update={"needs": [need], "updated_at": datetime.now(UTC)})
    entry = next(e for e in effects_of(told, {}, DAY).entries if e.recipient == "SWEB")
    assert entry.state is not None
    assert [(n.code, n.ends_on, n.note) for n in entry.state.needs] == [("33", date(2027, 1, 31), "home from hospital")]
