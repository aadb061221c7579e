"""The change log: ids of changes, and which changes make a version."""

from datetime import date

import pytest

from shared.digest import digest
from shared.domain.changes import (
    Change,
    ChangeKind,
    Origin,
    change_id,
    event_change_id,
    event_key,
    waiting_change_id,
)
from shared.domain.registration import RegistrationId
from tests.support.registrations import ID, moment, registered


@pytest.mark.parametrize(
    ("kind", "makes_one"),
    [
        (ChangeKind.REGISTERED, True),
        (ChangeKind.AMENDED, True),
        (ChangeKind.WITHDRAWN, True),
        (ChangeKind.ENDED, True),
        (ChangeKind.STALE, False),
        (ChangeKind.SUPERSEDED, False),
        (ChangeKind.NO_CHANGE, False),
        (ChangeKind.RESENT, False),
    ],
)
def test_only_a_change_of_the_registration_makes_a_version(kind: ChangeKind, *, makes_one: bool) -> None:
    now = moment().now
    change = Change(
        change_id="c",
        registration_id=ID,
        kind=kind,
        version=1,
        origin=Origin(actor="a", source="http", event_id=None, event_time=now),
        recorded_at=now,
        day=date(2026, 11, 23),
        fingerprint="f",
        state=registered(),
    )
    assert change.made_a_version is makes_one


def test_the_id_of_a_change_is_that_of_its_registration_and_request() -> None:
    assert change_id(RegistrationId("r"), "request") == "r-request"


def test_the_id_of_an_events_change_does_not_contain_the_producers_text() -> None:
    assert event_key("//crm", "call of Mrs Example") == digest("//crm", "call of Mrs Example")
    assert event_change_id(RegistrationId("r"), "//crm", "1") == f"r-{digest('//crm', '1')}"


def test_every_event_of_every_registration_has_an_id_of_its_own() -> None:
    pairs = [("//a", "1"), ("//b", "1"), ("//a", "2"), ("//a1", "")]
    ids = {event_change_id(RegistrationId(name), *pair) for name in ("r", "s") for pair in pairs}
    assert len(ids) == 8


def test_a_message_that_waits_leaves_an_id_for_each_number_of_supply_points() -> None:
    whole = event_change_id(RegistrationId("r"), "//a", "1")
    assert waiting_change_id(RegistrationId("r"), whole, 2) == f"r-{digest(whole, 'waiting', '2')}"
    assert len({whole, *(waiting_change_id(RegistrationId("r"), whole, number) for number in (1, 2))}) == 3
