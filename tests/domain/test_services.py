"""The services that a registered customer gets."""

import json
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from shared.data import TableError
from shared.domain import services
from shared.domain.services import CommunicationFormat, Service, Services, arranged_in_future, given_services


def test_the_services_of_a_customer_who_asked_for_none() -> None:
    assert Services() == Services(
        caller_password=None,
        communication_format=CommunicationFormat.STANDARD,
        language="en",
        nominee_receives_communications=False,
        cannot_read_meter=False,
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"language": "EN"}, "string_pattern_mismatch", id="a language in capitals"),
        pytest.param({"language": "e"}, "string_pattern_mismatch", id="one letter"),
        pytest.param({"language": "engl"}, "string_pattern_mismatch", id="four letters"),
        pytest.param({"caller_password": "12345678901"}, "string_too_long", id="a password of 11 characters"),
        pytest.param({"communication_format": "morse"}, "enum", id="an unknown format"),
    ],
)
def test_services_that_cannot_be_are_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Services.model_validate(changes, strict=False)
    assert [error["type"] for error in refused.value.errors()] == [code]


def arranged(*entries: dict[str, Any], **others: Any) -> Services:
    return Services.model_validate_json(json.dumps({"arranged": list(entries), **others}))


def check(**dates: str) -> dict[str, Any]:
    return {"service": "gas_safety_check", **dates}


@pytest.mark.parametrize(
    "dates",
    [
        pytest.param({"offered_on": "2026-11-02"}, id="offered"),
        pytest.param({"offered_on": "2026-11-02", "requested_on": "2026-11-03"}, id="offered, then requested"),
        pytest.param({"requested_on": "2026-11-02", "offered_on": "2026-11-03"}, id="requested, then offered"),
        pytest.param(
            dict.fromkeys(("requested_on", "offered_on", "delivered_on", "declined_on"), "2026-11-02"), id="all"
        ),
        pytest.param({"delivered_on": "2026-11-02", "declined_on": "2026-11-03"}, id="given up"),
    ],
)
def test_the_dates_of_a_service_that_can_be(dates: dict[str, str]) -> None:
    (one,) = arranged(check(**dates)).arranged
    assert one.model_dump(mode="json", exclude_none=True) == check(**dates)


@pytest.mark.parametrize(
    ("entries", "place", "code"),
    [
        pytest.param([check()], (0, "declined_on"), "service_date_missing", id="no date"),
        pytest.param(
            [check(delivered_on="2026-11-01", requested_on="2026-11-02")],
            (0, "delivered_on"),
            "dates_out_of_order",
            id="delivered before it was requested",
        ),
        pytest.param(
            [check(delivered_on="2026-11-01", offered_on="2026-11-02")],
            (0, "delivered_on"),
            "dates_out_of_order",
            id="delivered before it was offered",
        ),
        pytest.param(
            [check(declined_on="2026-11-01", delivered_on="2026-11-02")],
            (0, "declined_on"),
            "dates_out_of_order",
            id="given up before it was delivered",
        ),
        pytest.param(
            [check(declined_on="2026-11-01", offered_on="2026-11-02")],
            (0, "declined_on"),
            "dates_out_of_order",
            id="declined before it was offered",
        ),
        pytest.param([check(offered_on="now")], (0, "offered_on"), "date_parsing", id="no day"),
        pytest.param([{"service": "tea", "offered_on": "2026-11-01"}], (0, "service"), "enum", id="another service"),
        pytest.param([check(offered_on="2026-11-01")] * 2, (), "service_repeated", id="one twice"),
        pytest.param([check(offered_on="2026-11-01")] * 16, (), "too_long", id="more than there are"),
        pytest.param([check(offered_on="2026-11-01", note="x")], (0, "note"), "extra_forbidden", id="free text"),
    ],
)
def test_services_that_could_not_be_arranged_so_are_refused(
    entries: list[dict[str, Any]], place: tuple[Any, ...], code: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        arranged(*entries)
    assert [(error["loc"], error["type"]) for error in refused.value.errors()] == [(("arranged", *place), code)]


def test_a_step_in_the_future_is_refused_unless_it_was_there_before() -> None:
    today, ahead = check(offered_on="2026-11-23"), check(offered_on="2026-11-23", delivered_on="2026-11-24")
    day = date(2026, 11, 23)
    assert arranged_in_future(arranged(today), None, day) == []
    (error,) = arranged_in_future(arranged(ahead), arranged(today), day)
    assert (error.pointer, error.code) == ("/services/arranged/0/delivered_on", "date_in_future")
    assert arranged_in_future(arranged(ahead), arranged(ahead), day) == []


@pytest.mark.parametrize(
    ("registered", "given"),
    [
        pytest.param(arranged(), set(), id="none"),
        pytest.param(arranged(check(offered_on="2026-11-01")), set(), id="offered only"),
        pytest.param(arranged(check(delivered_on="2026-11-01")), {"gas_safety_check"}, id="delivered"),
        pytest.param(arranged(check(delivered_on="2026-11-01", declined_on="2026-11-02")), set(), id="given up"),
        pytest.param(arranged(caller_password="BLUEBIRD"), {"password"}, id="a password"),
        pytest.param(arranged(nominee_receives_communications=True), {"nominee"}, id="a nominee"),
        pytest.param(arranged(communication_format="easy_read"), {"easy_read"}, id="a format"),
        pytest.param(arranged(language="cy"), {"other_language"}, id="Welsh"),
        pytest.param(arranged(cannot_read_meter=True), set(), id="a wish is no service"),
    ],
)
def test_the_services_that_a_customer_has(registered: Services, given: set[str]) -> None:
    assert given_services(registered) == given


def test_every_service_has_a_name_in_english_and_welsh_and_every_format_is_a_service() -> None:
    assert all(row.english and row.welsh for row in services.services().values())
    assert {one.value for one in CommunicationFormat} - {one.value for one in Service} == {"standard"}
    assert Services.model_json_schema()["$defs"]["Service"]["x-labels"]["braille"] == {"en": "Braille", "cy": "Braille"}


def test_a_table_that_lacks_a_service_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"service": "tea", "item": "tea", "fuel": "both", "english": "Tea", "welsh": "Te"}
    monkeypatch.setattr(services, "rows", lambda _: iter([row]))
    services.services.cache_clear()
    with pytest.raises(TableError, match=r"services\.csv: these services are not both in the table and known"):
        services.services()
    services.services.cache_clear()


def test_services_of_the_former_form_keep_their_fingerprint() -> None:
    former = {"caller_password": "BLUEBIRD", "communication_format": "large_print"}
    assert arranged(**former).model_dump(exclude_defaults=True, mode="json") == former
