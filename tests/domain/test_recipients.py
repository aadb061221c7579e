"""The recipient table: which recipient gets which supply point, and that a new recipient is a row."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from shared import data
from shared.data import TableError
from shared.domain import recipients as table
from shared.domain.feed import FeedEntry, effects_of
from shared.domain.needs import Need, NeedCode
from shared.domain.networks import NetworkState, Send
from shared.domain.recipients import Recipient, Withheld, may_know, recipients, recipients_of, tables, why_withheld
from shared.domain.sharing import Article6Basis, Article9Condition, Ground
from shared.domain.supply_points import Fuel, Mpan, Mprn, SupplyPoint, distributors
from shared.export.render import FORMATS
from tests.support.registrations import registration
from tools.local.sample import mpan

_WITHDRAWN = {"status": "withdrawn", "supply_points": {"mpans": [], "mprns": []}}
KNOWS_NOTHING = "a former recipient may know no codes, on no lawful basis"
DIFFER = "ids and file codes must differ, and a file code has two characters"
DAY, DAY_BEFORE = date(2026, 11, 24), date(2026, 11, 23)
WATER = {
    "profile": "water company",
    "purpose": "Alternative water for households that depend on it",
    "supply_points": "mpan",
    "route": "postcode_areas BS BA",
    "recipient_id": "WSXW",
    "file_code": "Z1",
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


class Reach(NamedTuple):
    """A supply point at a postcode, and its recipients."""

    words: str
    point: SupplyPoint
    postcode: str
    recipients: list[str]


REACHES = [
    *(Reach(d.operator, Mpan(mpan(d.distributor_id, 1)), "BS1 4DJ", [d.mpid]) for d in distributors().values()),
    Reach("an unknown distributor", Mpan(mpan("39", 1)), "BS1 4DJ", ["unroutable"]),
    Reach("gas", Mprn("9900000104"), "BS1 4DJ", ["SHPR"]),
]


@pytest.mark.parametrize("reach", REACHES, ids=lambda reach: reach.words)
def test_each_supply_point_has_its_recipients(reach: Reach) -> None:
    found = [recipient.recipient_id for recipient in recipients_of(reach.point, reach.postcode)]
    assert found == reach.recipients


def test_each_recipient_has_a_supply_point_above_or_is_a_former_one() -> None:
    reached = {name for reach in REACHES for name in reach.recipients}
    assert reached == {name for name, one in recipients().items() if one.profile.route.kind != "former"}


def test_each_recipient_has_a_file_code_of_its_own_and_a_format_that_there_is() -> None:
    codes = [recipient.file_code for recipient in recipients().values()]
    assert len(codes) == len(set(codes))
    assert {recipient.profile.format for recipient in recipients().values()} <= FORMATS.keys()


@pytest.mark.parametrize(
    "route",
    ["", "nowhere", "every BS", "distributor 10", "postcode_areas", "former BS"],
    ids=lambda route: route or "empty",
)
def test_a_route_that_means_nothing_is_refused(route: str) -> None:
    with pytest.raises(
        ValueError, match=r"^a route is `distributor`, `every`, `postcode_areas` and their names, or `former`$"
    ):
        table.Route.parse(route)


@pytest.mark.usefixtures("water")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"codes": "02"}, KNOWS_NOTHING, id="codes"),
        pytest.param({"lawful_bases": "explicit_consent"}, KNOWS_NOTHING, id="lawful bases"),
        pytest.param({"recipient_id": "EELC"}, DIFFER, id="a name that is not former yet"),
    ],
)
def test_a_former_recipient_gets_nothing_and_has_a_name_of_its_own(changes: dict[str, str], reason: str) -> None:
    former = WATER | {"route": "former", "recipient_id": "OLDN", "file_code": "F1", "codes": "", "lawful_bases": ""}
    add(former | changes)
    with pytest.raises(TableError, match=rf"^recipients\.csv.*{reason}"):
        recipients()


@pytest.mark.usefixtures("water")
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        pytest.param({"supply_points": "water"}, "'water' is not a valid Fuel", id="fuel"),
        pytest.param({"route": "somewhere"}, "a route is `distributor`", id="route"),
        pytest.param({"codes": "02 10"}, "Choose a need from the Priority Services categories", id="code"),
        pytest.param({"lawful_bases": "consent"}, "'consent' is not a valid Article9Condition", id="lawful basis"),
    ],
)
def test_a_faulty_row_is_named(changes: dict[str, str], fault: str) -> None:
    add(WATER | {"profile": "a partner", "recipient_id": "OTHR", "file_code": "Z2"} | changes)
    with pytest.raises(TableError) as refused:
        recipients()
    assert str(refused.value).startswith(f"recipients.csv, a partner: {fault}")


@pytest.mark.usefixtures("water")
def test_a_former_recipient_gets_no_supply_point() -> None:
    former = {"route": "former", "recipient_id": "OLDN", "file_code": "F1", "codes": "", "lawful_bases": ""}
    add(WATER | former)
    assert "OLDN" in recipients()
    assert "OLDN" not in {recipient.recipient_id for recipient in recipients_of(Mpan(mpan("22", 1)), "BS1 4DJ")}


@pytest.mark.usefixtures("water")
@pytest.mark.parametrize(
    ("changes", "known", "sent"),
    [
        pytest.param({}, None, (Send.SET, None, ["37"]), id="the needs that it may know"),
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


def test_the_view_of_a_recipient_without_a_row_is_kept_and_nothing_is_sent() -> None:
    key, state = f"mpan:{mpan('22', 1)}", NetworkState(day=DAY_BEFORE, had=False, wants=True)
    effects = effects_of(registration(**_WITHDRAWN), {key: {"GONE": state}}, DAY)
    assert [entry for entry in effects.entries if entry.recipient == "GONE"] == []
    assert effects.released[key]["GONE"] == state


def test_needs_keep_their_order_and_words() -> None:
    need = Need(code=NeedCode("33"), starts_on=DAY, ends_on=date(2027, 1, 31), note="home from hospital")
    after = registration().model_copy(update={"needs": [need], "updated_at": datetime.now(UTC)})
    entry = next(e for e in effects_of(after, {}, DAY).entries if e.recipient == "SWEB")
    assert entry.state is not None
    assert [(n.code, n.ends_on, n.note) for n in entry.state.needs] == [("33", date(2027, 1, 31), "home from hospital")]


@pytest.mark.usefixtures("water")
@pytest.mark.parametrize(
    ("point", "postcode", "expected"),
    [
        pytest.param(Mpan(mpan("22", 1)), "BS1 4DJ", ["SWEB", "WSXW"], id="in its area"),
        pytest.param(Mpan(mpan("22", 1)), "BA1 1AA", ["SWEB", "WSXW"], id="in its other area"),
        pytest.param(Mpan(mpan("22", 1)), "B1 1AA", ["SWEB"], id="an area whose name is the beginning of its own"),
        pytest.param(Mprn("9900000104"), "BS1 4DJ", ["SHPR"], id="the other fuel"),
    ],
)
def test_an_area_is_the_letters_of_the_postcode(point: SupplyPoint, postcode: str, expected: list[str]) -> None:
    assert [recipient.recipient_id for recipient in recipients_of(point, postcode)] == expected


@pytest.mark.usefixtures("water")
def test_a_recipient_is_its_row() -> None:
    assert recipients()["WSXW"] == Recipient(
        "WSXW",
        "Z1",
        table.Profile(
            profile="water company",
            purpose="Alternative water for households that depend on it",
            supply_points=Fuel.ELECTRICITY,
            route=table.Route("postcode_areas", frozenset({"BS", "BA"})),
            folder="water",
            format="csv",
            codes=frozenset({"03", "37"}),
            lawful_bases=frozenset(Ground(basis, Article9Condition.EXPLICIT_CONSENT) for basis in Article6Basis),
        ),
    )


def test_every_distributor_has_the_row_of_the_distributors() -> None:
    one, other, unroutable = (recipients()[name] for name in ("SWEB", "EELC", "unroutable"))
    assert one.profile == other.profile == unroutable.profile
    assert (one.file_code, other.file_code, unroutable.file_code) == ("22", "10", "00")
    assert one.profile.route == table.Route("distributor", frozenset())


@pytest.mark.usefixtures("water")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"recipient_id": "OTHR"}, id="a file code that another has"),
        pytest.param({"file_code": "Z2"}, id="an id that another has"),
        pytest.param({"recipient_id": "OTHR", "file_code": "Z"}, id="a file code of one character"),
        pytest.param({"recipient_id": "OTHR", "file_code": "Z23"}, id="a file code of three characters"),
    ],
)
def test_rows_with_the_same_names_are_refused(changes: dict[str, str]) -> None:
    add(WATER | changes)
    with pytest.raises(ValueError, match=rf"^recipients\.csv: {DIFFER}$"):
        recipients()


@pytest.mark.usefixtures("water")
def test_two_rows_may_have_one_profile() -> None:
    add(WATER | {"recipient_id": "OTHR", "file_code": "Z2"})
    assert recipients()["OTHR"].profile == recipients()["WSXW"].profile


@pytest.mark.usefixtures("water")
@pytest.mark.parametrize(
    ("recipient", "code", "may"), [("WSXW", "03", True), ("WSXW", "02", False), ("SWEB", "02", True)]
)
def test_a_recipient_may_know_the_codes_of_its_row(recipient: str, code: str, *, may: bool) -> None:
    assert may_know(NeedCode(code), recipients()[recipient]) is may


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({}, None, id="an active registration"),
        pytest.param({"status": "pending", "needs": []}, Withheld.NOT_ACTIVE, id="pending"),
        pytest.param({"status": "ended"}, Withheld.NOT_ACTIVE, id="ended"),
        pytest.param(
            {"sharing": {"basis": "none", "recorded_on": "2026-11-01", "evidence": "call"}},
            Withheld.NO_LAWFUL_BASIS,
            id="no lawful basis",
        ),
    ],
)
def test_a_registration_is_withheld_for_a_reason(changes: dict[str, object], reason: Withheld | None) -> None:
    assert why_withheld(registration(**changes), recipients()["SWEB"]) is reason


@pytest.mark.usefixtures("water")
def test_the_fingerprint_of_the_tables_changes_with_each_of_them() -> None:
    seen = {tables()}
    for name in ("recipients.csv", "distributors.csv"):
        with (data.FOLDER / name).open("a") as file:
            file.write("x")
        seen.add(tables())
    assert len(seen) == 3
    (data.FOLDER / "needs.csv").write_text("x")
    assert tables() in seen


def test_a_supply_point_without_a_distributor_is_no_recipients() -> None:
    assert [one.recipient_id for one in recipients_of(Mprn("300001"), "BS1 4DJ")] == ["SHPR"]
