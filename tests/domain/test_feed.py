"""The export feed: every state that a network can be in, times every event, on the same day or later."""

from datetime import date
from typing import Any

import pytest

from shared.domain import feed
from shared.domain.feed import (
    Effects,
    FeedEntry,
    SharedNeed,
    SharedState,
    effects_of,
    effects_of_release,
    feed_file,
    shared_state,
    size_of,
)
from shared.domain.networks import NetworkState, Send
from shared.domain.recipients import UNROUTABLE, Recipient, Withheld, recipients
from shared.domain.registration import Registration
from shared.domain.sharing import Article6Basis, Article9Condition
from shared.domain.supply_points import mpan_check_digit
from tests.support.registrations import registration

KEY, MPID = "mpan:2200999000017", "SWEB"
DAY_BEFORE, DAY = date(2026, 11, 23), date(2026, 11, 24)


def state(day: date, *, had: bool, wants: bool) -> NetworkState:
    return NetworkState(day=day, had=had, wants=wants)


OLD: dict[str, NetworkState | None] = {
    "not known": None,
    "sent earlier": state(DAY_BEFORE, had=False, wants=True),
    "sent again earlier": state(DAY_BEFORE, had=True, wants=True),
    "withheld earlier, or sent and taken back within that day": state(DAY_BEFORE, had=False, wants=False),
    "deleted earlier": state(DAY_BEFORE, had=True, wants=False),
    "sent today": state(DAY, had=False, wants=True),
    "sent again today": state(DAY, had=True, wants=True),
    "withheld today, or sent and taken back, or supply lost": state(DAY, had=False, wants=False),
    "deleted today": state(DAY, had=True, wants=False),
}

_NO_POINTS: dict[str, Any] = {"supply_points": {"mpans": [], "mprns": []}}
EVENTS: dict[str, tuple[Registration, bool]] = {
    "registered": (registration(), False),
    "withdrawn": (registration(status="withdrawn", **_NO_POINTS), False),
    "moved away": (registration(supply_points={"mpans": ["1000999001019"], "mprns": []}), False),
    "pending": (registration(status="pending", needs=[]), False),
    "no lawful basis": (
        registration(sharing={"basis": "none", "recorded_on": "2026-11-24", "evidence": "call 2"}),
        False,
    ),
    "supply lost": (registration(status="ended", **_NO_POINTS), True),
}
WHY = {
    "withdrawn": Withheld.RELEASED,
    "moved away": Withheld.RELEASED,
    "pending": Withheld.NOT_ACTIVE,
    "no lawful basis": Withheld.NO_LAWFUL_BASIS,
    "supply lost": Withheld.SUPPLY_LOST,
}
#: The states in which the network has our data as today begins: only that can, and must, be deleted.
HAS = {"sent earlier", "sent again earlier", "sent again today", "deleted today"}


def expected(old: str, event: str) -> Send:
    if event == "registered":
        return Send.SET
    return Send.DELETE if old in HAS and event != "supply lost" else Send.NOTHING


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("old", OLD)
def test_the_file_follows_from_the_data_that_the_network_has_and_should_have(old: str, event: str) -> None:
    after, lost = EVENTS[event]
    view = OLD[old]
    known = {KEY: {MPID: view} if view else {}}
    effects = effects_of(after, known, DAY, lost={KEY} if lost else ())
    (entry,) = [entry for entry in effects.entries if entry.supply_point == KEY]
    sent = expected(old, event)
    assert (entry.send, entry.withheld, entry.day) == (sent, WHY.get(event), DAY)
    assert (entry.state is not None) == (sent is Send.SET)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("old", OLD)
def test_the_next_day_starts_from_the_state_that_this_day_leaves(old: str, event: str) -> None:
    """Taking it back on the next day deletes exactly if today left something."""
    after, lost = EVENTS[event]
    view = OLD[old]
    effects = effects_of(after, {KEY: {MPID: view} if view else {}}, DAY, lost={KEY} if lost else ())
    views = {**effects.retained, **effects.released}[KEY]
    gone = registration(status="withdrawn", **_NO_POINTS)
    entries = effects_of(gone, {KEY: views}, date(2026, 11, 25)).entries
    assert [entry.send for entry in entries] == [Send.DELETE if event == "registered" else Send.NOTHING]


@pytest.mark.parametrize("event", ["withdrawn", "no lawful basis", "pending", "supply lost"])
def test_a_supply_point_that_is_registered_again_the_same_day_is_set(event: str) -> None:
    after, lost = EVENTS[event]
    for view in OLD.values():
        between = effects_of(after, {KEY: {MPID: view} if view else {}}, DAY, lost={KEY} if lost else ())
        views = {**between.retained, **between.released}[KEY]
        (entry,) = [e for e in effects_of(registration(), {KEY: views}, DAY).entries if e.supply_point == KEY]
        assert entry.send is Send.SET


def test_gas_and_electricity_have_recipients_of_their_own() -> None:
    after = registration(supply_points={"mpans": ["2200999000017"], "mprns": ["9900000104"]})
    sent = {(entry.supply_point, entry.recipient) for entry in effects_of(after, {}, DAY).entries}
    assert sent == {("mpan:2200999000017", "SWEB"), ("mprn:9900000104", "SHPR")}


def entry(
    send: Send,
    withheld: Withheld | None = None,
    *,
    recipient: str = MPID,
    after: Registration | None = None,
    key: str = KEY,
) -> FeedEntry:
    after = after or registration()
    return FeedEntry(
        supply_point=key,
        recipient=recipient,
        day=DAY,
        send=send,
        withheld=withheld,
        state=shared_state(after, recipient) if send is Send.SET else None,
        registration_id=after.registration_id,
        version=after.version,
    )


WITHDRAWN = registration(status="withdrawn", version=5, **_NO_POINTS)


def test_the_effects_of_a_registration_are_kept_with_it() -> None:
    after = registration()
    assert effects_of(after, {}, DAY) == Effects(
        retained={KEY: {MPID: state(DAY, had=False, wants=True)}}, released={}, entries=[entry(Send.SET)]
    )


def test_the_effects_of_a_release_go_to_the_claim() -> None:
    known = {KEY: {MPID: state(DAY_BEFORE, had=False, wants=True)}}
    assert effects_of(WITHDRAWN, known, DAY) == Effects(
        retained={},
        released={KEY: {MPID: state(DAY, had=True, wants=False)}},
        entries=[entry(Send.DELETE, Withheld.RELEASED, after=WITHDRAWN)],
    )


def test_the_effects_of_a_loss_delete_nothing() -> None:
    known = {KEY: {MPID: state(DAY_BEFORE, had=False, wants=True)}}
    effects = effects_of(WITHDRAWN, known, DAY, lost=[KEY])
    assert effects.released == {KEY: {MPID: NetworkState(day=DAY, had=True, wants=False, lost=True)}}
    assert effects.entries == [entry(Send.NOTHING, Withheld.SUPPLY_LOST, after=WITHDRAWN)]


UNKNOWN = "979990000100"
UNKNOWN_MPAN = f"{UNKNOWN}{mpan_check_digit(f'{UNKNOWN}0')}"
UNKNOWN_KEY = f"mpan:{UNKNOWN_MPAN}"


def unroutable(day: date) -> dict[str, dict[str, NetworkState]]:
    """No network is known for the supply point, so its state is noted for nobody."""
    return {UNKNOWN_KEY: {UNROUTABLE: state(day, had=False, wants=True)}}


def test_a_supply_point_whose_network_is_not_known_has_an_entry_of_its_own() -> None:
    after = registration(supply_points={"mpans": [UNKNOWN_MPAN], "mprns": []})
    effects = effects_of(after, {}, DAY)
    assert effects.retained == unroutable(DAY)
    assert effects.entries == [entry(Send.SET, recipient=UNROUTABLE, after=after, key=UNKNOWN_KEY)]


@pytest.mark.parametrize(
    ("day", "entries"),
    [
        pytest.param(DAY, [entry(Send.NOTHING, Withheld.NOT_ITS_AREA, recipient=UNROUTABLE)], id="today"),
        pytest.param(DAY_BEFORE, [], id="earlier"),
    ],
)
def test_a_network_that_becomes_known_replaces_the_entry_of_today(day: date, entries: list[FeedEntry]) -> None:
    """No network had the state of an unknown one, so nothing is deleted."""
    effects = effects_of(registration(), {KEY: {UNROUTABLE: state(day, had=True, wants=True)}}, DAY)
    assert effects.retained == {KEY: {MPID: state(DAY, had=False, wants=True)}}
    assert effects.entries == [entry(Send.SET), *entries]


NO_ROW = "GONE"


@pytest.mark.parametrize(
    ("after", "view", "lost", "expected", "sent"),
    [
        pytest.param(registration(), state(DAY_BEFORE, had=True, wants=True), (), None, None, id="kept"),
        pytest.param(registration(), state(DAY, had=True, wants=True), (), None, None, id="kept, with an entry"),
        pytest.param(WITHDRAWN, state(DAY_BEFORE, had=True, wants=True), (), None, None, id="released: kept"),
        pytest.param(
            WITHDRAWN,
            state(DAY, had=True, wants=True),
            (),
            state(DAY, had=True, wants=False),
            (Send.DELETE, Withheld.RELEASED),
            id="released, with an entry of today: taken back",
        ),
        pytest.param(
            WITHDRAWN,
            state(DAY_BEFORE, had=True, wants=True),
            (KEY,),
            NetworkState(day=DAY, had=True, wants=False, lost=True),
            None,
            id="lost: noted, and nothing is sent",
        ),
        pytest.param(
            WITHDRAWN,
            state(DAY, had=True, wants=True),
            (KEY,),
            NetworkState(day=DAY, had=True, wants=False, lost=True),
            (Send.NOTHING, Withheld.SUPPLY_LOST),
            id="lost, with an entry of today: replaced",
        ),
    ],
)
def test_the_view_of_a_recipient_without_a_row_is_kept_until_its_row_is_back(
    after: Registration,
    view: NetworkState,
    lost: tuple[str, ...],
    expected: NetworkState | None,
    sent: tuple[Send, Withheld] | None,
) -> None:
    effects = effects_of(after, {KEY: {NO_ROW: view}}, DAY, lost=lost)
    assert {**effects.retained, **effects.released}[KEY][NO_ROW] == (expected or view)
    found = [(one.send, one.withheld) for one in effects.entries if one.recipient == NO_ROW]
    assert found == ([sent] if sent else [])


def test_a_supply_point_that_is_taken_over_is_set_over_the_former_holders_data() -> None:
    known = {KEY: {MPID: NetworkState(day=DAY_BEFORE, had=True, wants=True, had_of="other")}}
    effects = effects_of(registration(), known, DAY)
    assert effects.retained == {KEY: {MPID: state(DAY, had=True, wants=True)}}


def test_every_supply_point_and_recipient_has_its_entry_in_order() -> None:
    after = registration(supply_points={"mpans": ["2200999000017", "1000999001019"], "mprns": ["9900000104"]})
    released = {"mpan:1100999001110": {"EMEB": state(DAY_BEFORE, had=True, wants=True)}}
    effects = effects_of(after, released, DAY)
    assert [(one.supply_point, one.recipient, one.send) for one in effects.entries] == [
        ("mpan:1000999001019", "EELC", Send.SET),
        ("mpan:1100999001110", "EMEB", Send.DELETE),
        (KEY, MPID, Send.SET),
        ("mprn:9900000104", "SHPR", Send.SET),
    ]
    assert (list(effects.retained), list(effects.released)) == (
        ["mpan:1000999001019", KEY, "mprn:9900000104"],
        ["mpan:1100999001110"],
    )


HOLDER = registration(version=7)


@pytest.mark.parametrize(
    ("name", "view", "lost", "expected", "sent"),
    [
        pytest.param(
            MPID,
            state(DAY_BEFORE, had=False, wants=False),
            False,
            state(DAY, had=False, wants=False),
            (Send.NOTHING, Withheld.RELEASED),
            id="released earlier",
        ),
        pytest.param(
            MPID,
            state(DAY, had=True, wants=False),
            False,
            state(DAY, had=True, wants=False),
            (Send.DELETE, Withheld.RELEASED),
            id="released today",
        ),
        pytest.param(
            MPID,
            state(DAY, had=True, wants=False),
            True,
            NetworkState(day=DAY, had=True, wants=False, lost=True),
            (Send.NOTHING, Withheld.SUPPLY_LOST),
            id="lost",
        ),
        pytest.param(
            MPID,
            NetworkState(day=DAY, had=True, wants=False, lost=True),
            False,
            state(DAY, had=True, wants=False),
            (Send.DELETE, Withheld.RELEASED),
            id="not lost after all",
        ),
        pytest.param(NO_ROW, state(DAY_BEFORE, had=True, wants=True), False, None, None, id="no row, released: kept"),
        pytest.param(
            NO_ROW,
            state(DAY, had=True, wants=False),
            False,
            state(DAY, had=True, wants=False),
            (Send.DELETE, Withheld.RELEASED),
            id="no row, with an entry of today: replaced",
        ),
        pytest.param(
            NO_ROW,
            state(DAY_BEFORE, had=False, wants=True),
            True,
            NetworkState(day=DAY, had=True, wants=False, lost=True),
            None,
            id="no row, lost: noted, and nothing is sent",
        ),
    ],
)
def test_a_supply_point_that_was_released_is_lost_or_not(
    name: str, view: NetworkState, expected: NetworkState | None, sent: tuple[Send, Withheld] | None, *, lost: bool
) -> None:
    views, entries = effects_of_release(KEY, {name: view}, DAY, HOLDER, lost=lost)
    assert views == {name: expected or view}
    assert entries == ([entry(*sent, recipient=name, after=HOLDER)] if sent else [])


def test_a_recipient_gets_the_contacts_and_the_needs_that_it_may_know(monkeypatch: pytest.MonkeyPatch) -> None:
    after = registration(
        needs=[
            {"code": "02", "starts_on": "2026-11-01"},
            {"code": "33", "starts_on": "2026-11-01", "ends_on": "2027-01-31", "note": "home from hospital"},
        ],
        alternate_contact={"name": "Mr B Example", "relationship": "carer"},
    )
    profile = recipients()[MPID].profile._replace(codes=frozenset({"33"}))
    monkeypatch.setattr(feed, "recipients", lambda: {MPID: Recipient(MPID, "22", profile)})
    assert shared_state(after, MPID) == SharedState(
        basis=Article9Condition.EXPLICIT_CONSENT,
        article_6_basis=Article6Basis.CONSENT,
        primary_contact=after.primary_contact,
        alternate_contact=after.alternate_contact,
        premises=after.premises,
        needs=[SharedNeed(code=after.needs[1].code, ends_on=date(2027, 1, 31), note="home from hospital")],
    )


def test_an_entry_belongs_to_a_recipients_file_of_a_day() -> None:
    assert feed_file("EELC", date(2026, 11, 23)) == "EELC|2026-11-23"
    assert entry(Send.SET).file == "SWEB|2026-11-24"


PLAIN: dict[str, Any] = {
    "primary_contact": {"name": "A"},
    "needs": [{"code": "02", "starts_on": "2026-11-01"}],
}
ADDRESS = {"address_lines": ["1 Test Street"], "postcode": "BS1 4DJ"}


@pytest.mark.parametrize(
    ("changes", "growth"),
    [
        pytest.param({}, 0, id="plain text"),
        pytest.param({"primary_contact": {"name": "王"}}, 50, id="a name in another script"),
        pytest.param({"primary_contact": {"name": "a|b"}}, 50, id="a name with a pipe"),
        pytest.param({"alternate_contact": {"name": "王", "relationship": "carer"}}, 50, id="the nominee's name"),
        pytest.param({"alternate_contact": {"name": "B", "relationship": "carer"}}, 0, id="a nominee's plain name"),
        pytest.param({"premises": {**ADDRESS, "address_lines": ["a|b", "c", "d|e"]}}, 80, id="two address lines"),
        pytest.param(
            {"primary_contact": {"name": "A", "address": {**ADDRESS, "address_lines": ["王"]}}},
            40,
            id="the contact's address",
        ),
        pytest.param(
            {"needs": [{"code": "02", "starts_on": "2026-11-01", "note": "é"}, PLAIN["needs"][0] | {"code": "08"}]},
            200,
            id="a note",
        ),
        pytest.param(
            {"primary_contact": {"name": "王"}, "premises": {**ADDRESS, "address_lines": ["é"]}}, 90, id="several texts"
        ),
    ],
)
def test_the_size_of_an_entry_counts_text_that_can_grow(changes: dict[str, object], growth: int) -> None:
    one = entry(Send.SET, after=registration(**{**PLAIN, **changes}))
    text = one.model_dump_json()
    assert size_of(one, text) == len(text.encode()) + growth


def test_the_size_of_an_entry_without_a_state_is_that_of_its_text() -> None:
    assert size_of(entry(Send.DELETE), "a|b") == 3
    assert size_of(entry(Send.DELETE), "é") == 2
