"""New registrations, and accounts that are live again after an erasure."""

from datetime import date

from shared.domain.aspects import point_fact
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision
from shared.domain.erasure import erased_state
from shared.domain.needs import Need, NeedCode
from shared.domain.new_registration import new_registration, reactivated
from shared.domain.registration import Facts, Notice, Registration, RegistrationInput, RegistrationState, Status
from shared.domain.supply_points import Mpan, Mprn, SupplyPoints
from tests.support.registrations import (
    ID,
    MPAN,
    MPAN_KEY,
    MPRN,
    MPRN_KEY,
    OTHER_MPAN,
    POLICY,
    fact,
    moment,
    registered,
    submission,
    withdrawn,
)

DAY, TODAY, CALL = "2026-11-24", date(2026, 11, 24), fact("2026-11-24")


def new(submitted: RegistrationInput, *, lapsed: bool = False) -> Decision:
    return new_registration(submitted, ID, moment(DAY), CALL, POLICY, lapsed=lapsed)


def test_a_new_registration_has_all_that_was_submitted_and_one_fact() -> None:
    submitted = submission(
        alternate_contact={"name": "Mr B Example", "relationship": "carer"},
        needs=[{"code": "29", "youngest_child_born_on": "2024-05-01", "note": "twins"}, {"code": "02"}],
        services={"language": "cy"},
        household={"can_top_up": False},
    )
    assert new(submitted) == Decision(
        ChangeKind.REGISTERED,
        RegistrationState(
            registration=Registration(
                registration_id=ID,
                account_id=submitted.account_id,
                status=Status.ACTIVE,
                version=1,
                supply_points=SupplyPoints(mpans=[Mpan(MPAN)], mprns=[Mprn(MPRN)]),
                premises=submitted.premises,
                primary_contact=submitted.primary_contact,
                alternate_contact=submitted.alternate_contact,
                needs=[
                    Need(code=NeedCode("02"), starts_on=TODAY),
                    Need(
                        code=NeedCode("29"),
                        starts_on=TODAY,
                        ends_on=date(2030, 5, 1),
                        youngest_child_born_on=date(2024, 5, 1),
                        note="twins",
                    ),
                ],
                sharing=submitted.sharing,
                services=submitted.services,
                household=submitted.household,
                created_at=moment(DAY).now,
                updated_at=moment(DAY).now,
                review_due_on=date(2027, 11, 24),
                follow_up_on=None,
                warnings=[],
            ),
            facts=Facts(
                profile=CALL,
                premises=CALL,
                sharing=CALL,
                status=CALL,
                supply_points=CALL,
                points={MPAN_KEY: point_fact(CALL, served=True), MPRN_KEY: point_fact(CALL, served=True)},
            ),
            networks={},
            day=TODAY,
        ),
    )


def test_a_new_registration_without_needs_is_pending_and_followed_up() -> None:
    registration = new(submission(needs=[])).state.registration
    assert (registration.status, registration.needs) == (Status.PENDING, [])
    assert (registration.follow_up_on, registration.review_due_on) == (date(2026, 12, 8), date(2028, 11, 24))


def test_supply_points_are_in_ascending_order_with_their_warnings() -> None:
    unknown = "9799900001003"
    points = {"mpans": [unknown, OTHER_MPAN, MPAN], "mprns": ["99000001040", MPRN]}
    registration = new(submission(supply_points=points)).state.registration
    assert registration.supply_points.mpans == [MPAN, OTHER_MPAN, unknown]
    assert registration.warnings == [
        Notice(pointer="/supply_points/mpans/2", code="distributor_unknown"),
        Notice(pointer="/supply_points/mprns/1", code="mprn_check_digit"),
    ]


def test_needs_that_were_left_out_are_noted() -> None:
    registration = new(submission(), lapsed=True).state.registration
    assert registration.warnings == [Notice(pointer="/needs", code="need_already_ended")]


SHELL = erased_state(withdrawn(registered(), "2026-11-24"), moment("2026-12-02").now)


def test_a_shell_that_is_live_again_has_its_account_again() -> None:
    live = registered().registration.model_copy(update={"account_id": "erased"})
    decision = Decision(ChangeKind.REGISTERED, SHELL.model_copy(update={"registration": live}), reason="r")
    assert reactivated(decision, submission()) == decision._replace(
        state=SHELL.model_copy(
            update={"registration": live.model_copy(update={"account_id": "A-1000001"}), "erased_on": None}
        )
    )


def test_a_shell_that_is_not_live_stays_a_shell() -> None:
    decision = Decision(ChangeKind.AMENDED, SHELL)
    assert reactivated(decision, submission()) == decision


def test_a_registration_that_was_not_erased_keeps_its_account() -> None:
    decision = Decision(ChangeKind.AMENDED, registered())
    assert reactivated(decision, submission(account_id="A-2")) == decision
