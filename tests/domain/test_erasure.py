"""Erasure: the shells that are left of a person's data."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.domain.aspects import point_fact
from shared.domain.campaigns import AttemptOutcome, ContactAttempt, ContactChannel, Work, with_attempt
from shared.domain.changes import Change, ChangeKind, Origin
from shared.domain.contacts import Address, Contact
from shared.domain.erasure import erased_at, erased_change, erased_entry, erased_state, tombstone
from shared.domain.feed import FeedEntry, shared_state
from shared.domain.networks import NetworkState, Send
from shared.domain.recipients import Withheld
from shared.domain.registration import (
    AccountId,
    Fact,
    Facts,
    FormerPeriod,
    Registration,
    RegistrationId,
    RegistrationState,
    Status,
)
from shared.domain.services import Services
from shared.domain.sharing import Article9Condition, Sharing
from shared.domain.supply_points import SupplyPoints
from shared.policy import Policy
from tests.support.registrations import ID, MPAN_KEY, fact, moment, registered, registration, withdrawn

#: Half an hour after midnight in London.
AT = datetime(2027, 6, 30, 23, 30, tzinfo=UTC)
DAY = date(2027, 7, 1)
KNOWN = registered(
    needs=[],
    alternate_contact={"name": "Mr B Example", "relationship": "carer"},
    services={"language": "cy"},
    household={"occupants": [{"birth_year": 1950}], "chronic_or_severe_illness": True},
)
GONE = withdrawn(KNOWN, "2026-11-24")


def facts(time: datetime) -> Facts:
    one = Fact(time=time, source="erasure", id="erased")
    aspects = ("profile", "premises", "sharing", "status", "supply_points", "closing", "review")
    return Facts(**dict.fromkeys(aspects, one), points={})


def shell_of(known: RegistrationState, status: Status) -> Registration:
    """The registration of nobody, with the dates and the version of one that was."""
    before = known.registration
    return Registration(
        registration_id=before.registration_id,
        account_id=AccountId("erased"),
        status=status,
        version=before.version,
        supply_points=SupplyPoints(),
        premises=Address(address_lines=["erased"], postcode="GIR 0AA"),
        primary_contact=Contact(name="erased"),
        alternate_contact=None,
        needs=[],
        sharing=Sharing(basis=Article9Condition.NONE, recorded_on=before.sharing.recorded_on, evidence="erased"),
        services=Services(),
        household=None,
        created_at=before.created_at,
        updated_at=before.updated_at,
        review_due_on=before.review_due_on,
        follow_up_on=before.follow_up_on,
        closes_on=None,
        warnings=[],
    )


@pytest.mark.parametrize(
    ("known", "status"), [(GONE, Status.WITHDRAWN), (KNOWN, Status.ENDED)], ids=["withdrawn", "live"]
)
def test_a_shell_says_that_there_was_a_registration_and_nothing_about_the_person(
    known: RegistrationState, status: Status
) -> None:
    state = known.model_copy(
        update={
            "networks": {MPAN_KEY: {"EELC": NetworkState(day=known.day, had=True, wants=True)}},
            "former": [FormerPeriod(ended_on=known.day, version=1)],
            "registration": known.registration.model_copy(
                update={"campaigns": with_attempt([], ATTEMPT, Policy())},
            ),
        }
    )
    assert erased_state(state, AT) == RegistrationState(
        registration=shell_of(known, status), facts=facts(AT), networks={}, day=known.day, erased_on=DAY
    )


@pytest.mark.parametrize(
    "name", ["profile", "premises", "sharing", "status", "supply_points", "closing", "review", "points"]
)
def test_the_facts_of_a_shell_are_no_older_than_any_fact_before(name: str) -> None:
    later = Fact(time=AT + timedelta(hours=1), source="//old-platform", id="1")
    ahead = {name: {MPAN_KEY: point_fact(later, served=True)} if name == "points" else later}
    state = GONE.model_copy(update={"facts": GONE.facts.model_copy(update=ahead)})
    assert erased_state(state, AT).facts == facts(later.time)


def test_the_instant_of_an_erasure_is_that_of_the_shells_facts() -> None:
    assert erased_at(erased_state(GONE, AT)) == AT
    assert erased_at(GONE) is None


def test_a_tombstone_is_the_shell_of_an_account_that_was_not_known() -> None:
    assert tombstone(RegistrationId("r"), AT) == RegistrationState(
        registration=Registration(
            registration_id=RegistrationId("r"),
            account_id=AccountId("erased"),
            status=Status.ENDED,
            version=0,
            supply_points=SupplyPoints(),
            premises=Address(address_lines=["erased"], postcode="GIR 0AA"),
            primary_contact=Contact(name="erased"),
            alternate_contact=None,
            needs=[],
            sharing=Sharing(basis=Article9Condition.NONE, recorded_on=DAY, evidence="erased"),
            services=Services(),
            created_at=AT,
            updated_at=AT,
            review_due_on=DAY,
            follow_up_on=None,
            warnings=[],
        ),
        facts=facts(AT),
        networks={},
        day=DAY,
        erased_on=DAY,
    )


ATTEMPT = ContactAttempt(
    work=Work.REVIEW,
    due_on=date(2028, 11, 23),
    channel=ContactChannel.VISIT,
    outcome=AttemptOutcome.NO_ANSWER,
    by="agent-17",
    at=moment().now,
)
CHANGE = Change(
    change_id="c",
    registration_id=ID,
    kind=ChangeKind.WITHDRAWN,
    version=2,
    origin=Origin(actor="mrs.caller", source="http", event_id="mrs example", event_time=fact().time),
    recorded_at=moment("2026-11-24").now,
    day=date(2026, 11, 24),
    fingerprint="f",
    reason="moved in with her daughter",
    attempt=ATTEMPT,
    state=GONE,
)


def test_the_shell_of_a_change_keeps_its_kind_and_its_times() -> None:
    assert erased_change(CHANGE, AT) == Change(
        change_id="c",
        registration_id=ID,
        kind=ChangeKind.WITHDRAWN,
        version=2,
        origin=Origin(actor="erased", source="http", event_id=None, event_time=fact().time),
        recorded_at=moment("2026-11-24").now,
        day=date(2026, 11, 24),
        fingerprint="erased",
        reason=None,
        attempt=None,
        state=erased_state(GONE, AT),
        erased=True,
    )


def test_a_change_of_a_shell_keeps_the_shell() -> None:
    shell = erased_state(GONE, AT)
    late = CHANGE.model_copy(update={"state": shell})
    assert erased_change(late, AT + timedelta(days=1)).state == shell


def test_the_shell_of_a_feed_entry_keeps_what_was_sent_and_to_which_network() -> None:
    after = registration()
    entry = FeedEntry(
        supply_point=MPAN_KEY,
        recipient="SWEB",
        day=DAY,
        send=Send.NOTHING,
        withheld=Withheld.NOT_ACTIVE,
        state=shared_state(after, "SWEB"),
        registration_id=ID,
        version=3,
    )
    assert erased_entry(entry) == FeedEntry(
        supply_point="erased",
        recipient="SWEB",
        day=DAY,
        send=Send.NOTHING,
        withheld=Withheld.NOT_ACTIVE,
        state=None,
        registration_id=None,
        version=3,
    )
