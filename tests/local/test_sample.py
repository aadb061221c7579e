"""The sample is what it says it is: synthetic, valid where it should be, and with everything in it."""

import json
from datetime import date
from typing import Any

from pydantic import ValidationError

from shared.domain.migration import migrate
from shared.domain.needs import categories
from shared.domain.protections import protections_of
from shared.domain.recipients import UNROUTABLE
from shared.domain.registration import RegistrationInput
from shared.domain.services import CommunicationFormat, Service
from shared.domain.supply_points import distributors
from tests.support.registrations import ID, POLICY, fact, moment
from tools.local.sample import CUSTOMERS, DUPLICATES, LATE, WRONG, recipient_of, registration, sample

DAY = date(2026, 11, 24)
SAMPLE = sample(DAY)


def registrations() -> list[RegistrationInput]:
    """The distinct customers whose record is valid as far as it stands for itself."""
    valid: dict[str, RegistrationInput] = {}
    for message in SAMPLE.first:
        try:
            submission = RegistrationInput.model_validate_json(json.dumps(json.loads(message)["data"]))
        except (ValidationError, json.JSONDecodeError):
            continue
        valid[submission.account_id] = submission
    return list(valid.values())


def test_is_the_same_every_time_and_another_on_another_day() -> None:
    assert sample(DAY) == SAMPLE
    assert sample(date(2027, 1, 4)).first != SAMPLE.first


def test_has_the_shares_of_duplicates_late_and_wrong_messages_that_it_says() -> None:
    expected = SAMPLE.expected
    assert (DUPLICATES, LATE, WRONG) == (50, 50, 30)
    assert len(SAMPLE.first) + len(SAMPLE.late) == CUSTOMERS + DUPLICATES + LATE
    assert expected.applied + expected.quarantined.total() == CUSTOMERS
    assert len(expected.quarantined) >= 8


def test_has_every_distributor_every_code_and_every_mix_of_fuels() -> None:
    customers = registrations()
    mpans = [mpan for customer in customers for mpan in customer.supply_points.mpans]
    fuels = {(bool(c.supply_points.mpans), bool(c.supply_points.mprns)) for c in customers}
    assert {recipient_of(mpan) for mpan in mpans} == {d.mpid for d in distributors().values()} | {UNROUTABLE}
    assert {need.code for customer in customers for need in customer.needs} == set(categories())
    assert fuels == {(True, True), (True, False), (False, True)}
    assert len(set(mpans)) == len(mpans)


def test_has_households_for_each_answer_about_a_prepayment_meter() -> None:
    outcomes = {
        protections_of(registered.state.registration, DAY).prepayment_installation.outcome
        for customer in registrations()
        for registered in [migrate(customer, None, ID, moment=moment(str(DAY)), fact=fact(), policy=POLICY)]
    }
    assert outcomes == {"do_not_install", "cannot_determine", "assess_further", "no_bar_known"}


def test_has_every_service_given_or_not_and_every_format() -> None:
    services = [customer.services for customer in registrations()]
    assert {one.service for each in services for one in each.arranged} == set(Service)
    assert {one.given for each in services for one in each.arranged} == {True, False}
    assert {each.communication_format for each in services} == set(CommunicationFormat)


def test_has_nobody_real_in_it() -> None:
    customers = registrations()
    phones = {phone for customer in customers for phone in customer.primary_contact.phones}
    numbers = {mpan[2:7] for customer in customers for mpan in customer.supply_points.mpans}
    assert all(phone.startswith("07700900") for phone in phones)
    assert numbers == {"00999"}


def test_registrations_over_http_are_valid_and_no_part_of_the_migration() -> None:
    submissions = [RegistrationInput.model_validate_json(json.dumps(registration(number, DAY))) for number in range(20)]
    migrated = {account(message) for message in SAMPLE.first}
    assert not {registration.account_id for registration in submissions} & migrated


def account(message: bytes) -> Any:
    try:
        return json.loads(message)["subject"]
    except json.JSONDecodeError:
        return None
