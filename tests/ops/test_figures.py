"""The figures of services and of review campaigns, case by case, and against a plain recount of random histories."""

import json
import random
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from ops.campaign_figures import CampaignTally
from ops.report import versions_of
from ops.service_figures import ServiceTally
from shared.domain.aspects import Statement
from shared.domain.campaigns import ContactAttempt, Work
from shared.domain.changes import Change, ChangeKind, Origin
from shared.domain.decision import Decision
from shared.domain.notices import due_date_of
from shared.domain.registration import RegistrationState
from shared.domain.services import Service, services
from tests.support.registrations import FIRST_DAY, after_event, amended, fact, moment, on_day, registered, withdrawn

FIRST, LAST = date(2026, 12, 1), date(2026, 12, 31)
STEPS = ("requested", "offered", "delivered", "declined")

NOTHING_SHARED = {"basis": "none", "recorded_on": "2024-01-01", "capture": None}


class Account:
    """One account, changed by the register's own rules, and its change log."""

    def __init__(self, day: str = FIRST_DAY, **submitted: Any) -> None:
        self.changes: list[Change] = []
        self.keep(
            Decision(
                ChangeKind.REGISTERED,
                registered(day, sharing=NOTHING_SHARED, **submitted),
            ),
            day,
        )

    @property
    def state(self) -> RegistrationState:
        return self.changes[-1].state

    def keep(self, decision: Decision, day: str) -> None:
        """Log a decision."""
        at = moment(day)
        self.changes.append(
            Change(
                change_id=f"r-{len(self.changes)}",
                registration_id=decision.state.registration.registration_id,
                kind=decision.kind,
                version=decision.state.registration.version,
                origin=Origin(actor="a", source="s", event_id=None, event_time=at.now),
                recorded_at=at.now,
                day=at.day,
                fingerprint="f",
                state=decision.state,
                attempt=decision.attempt,
            )
        )

    def amend(self, day: str, **patch: Any) -> None:
        self.keep(amended(self.state, day, **patch), day)

    def arrange(self, day: str, *entries: dict[str, str]) -> None:
        self.amend(day, services={"arranged": list(entries)})

    def attempt(self, day: str, outcome: str, work: str = "review", **changes: Any) -> None:
        due_on = due_date_of(Work(work), self.state.registration)
        whole = {
            "work": work,
            "due_on": due_on and due_on.isoformat(),
            "channel": "phone",
            "outcome": outcome,
            "by": "agent-17",
            "at": f"{day}T10:00:00Z",
        }
        one = ContactAttempt.model_validate_json(json.dumps(whole | changes))
        self.keep(after_event(self.state, Statement(attempt=one), day, stated=fact(day, "//dialler", day)), day)


def check(**dates: str) -> dict[str, str]:
    return {"service": "gas_safety_check", **dates}


def service_rows(*accounts: Account) -> dict[tuple[str, str, str], tuple[int, ...]]:
    tally = ServiceTally(FIRST, LAST)
    for account in accounts:
        tally.add(versions_of(account.changes))
    return {(row.fuel, row.item, row.service): row[4:] for row in tally.rows()}


def campaign_rows(*accounts: Account) -> dict[str, tuple[int, ...]]:
    tally = CampaignTally(FIRST, LAST)
    for account in accounts:
        tally.add(account.changes, versions_of(account.changes))
    return {row.work: row[1:] for row in tally.rows()}


@pytest.mark.parametrize(
    ("learned", "entry", "expected"),
    [
        pytest.param("2026-12-01", check(delivered_on="2026-12-01"), (0, 0, 1, 0, 1), id="on the first day"),
        pytest.param("2026-12-31", check(delivered_on="2026-12-31"), (0, 0, 1, 0, 1), id="on the last day"),
        pytest.param("2026-11-30", check(delivered_on="2026-11-30"), (0, 0, 0, 0, 1), id="before"),
        pytest.param("2027-01-01", check(delivered_on="2026-12-31"), (0, 0, 0, 0, 0), id="learned after"),
        pytest.param("2026-12-02", check(delivered_on="2026-11-30"), (0, 0, 1, 0, 1), id="learned in the period"),
        pytest.param("2026-12-02", check(delivered_on="2026-11-22"), (0, 0, 0, 0, 1), id="before it was registered"),
        pytest.param(
            "2026-12-02", check(offered_on="2026-12-01", declined_on="2026-12-02"), (0, 1, 0, 1, 0), id="declined"
        ),
        pytest.param(
            "2026-12-02", check(requested_on="2026-12-01", delivered_on="2026-12-02"), (1, 0, 1, 0, 1), id="requested"
        ),
    ],
)
def test_a_step_of_a_service_counts_on_the_day_on_which_the_register_learns_of_it(
    learned: str, entry: dict[str, str], expected: tuple[int, ...]
) -> None:
    account = Account()
    account.arrange(learned, entry)
    rows = service_rows(account)
    assert rows["gas", "gas_safety_check", "gas_safety_check"] == expected
    assert ("electricity", "gas_safety_check", "gas_safety_check") not in rows


def test_an_account_counts_once_for_a_step_and_once_for_an_item() -> None:
    account = Account()
    both = [{"service": name, "delivered_on": "2026-12-02"} for name in ("braille", "bsl")]
    account.arrange("2026-12-02", check(delivered_on="2026-12-02"), *both)
    account.arrange("2026-12-20", check(delivered_on="2026-12-20"), *both)
    rows = service_rows(account, Account())
    assert rows["gas", "gas_safety_check", "gas_safety_check"] == (0, 0, 1, 0, 1)
    for fuel in ("electricity", "gas"):
        assert rows[fuel, "accessible_format", ""] == (0, 0, 1, 0, 1)
        assert rows[fuel, "accessible_format", "braille"] == (0, 0, 1, 0, 1)


def test_an_account_that_is_not_on_the_register_for_a_fuel_does_not_count_for_it() -> None:
    electric = Account(supply_points={"mprns": []})
    pending, gone = Account(needs=[]), Account()
    for account in (electric, pending, gone):
        account.arrange("2026-12-02", {"service": "password", "delivered_on": "2026-12-02"})
    gone.keep(Decision(ChangeKind.WITHDRAWN, withdrawn(gone.state, "2026-12-03")), "2026-12-03")
    rows = service_rows(electric, pending, gone)
    assert (rows["electricity", "password", "password"], rows["gas", "password", "password"]) == (
        (0, 0, 2, 0, 1),
        (0, 0, 1, 0, 0),
    )


def test_services_of_random_histories_are_counted_as_a_plain_recount_counts_them() -> None:
    chance = random.Random(3)
    accounts, expected = [], Counter[tuple[str, str, str]]()
    for _ in range(40):
        account = Account()
        arranged: dict[str, dict[str, str]] = {}
        learned: set[tuple[str, str]] = set()
        for day in sorted(chance.sample(range(60), 5)):
            on = (date(2026, 11, 24) + timedelta(days=day)).isoformat()
            name, step = chance.choice([one.value for one in Service]), chance.choice(STEPS)
            if f"{step}_on" in arranged.get(name, {}) or any(
                f"{later}_on" in arranged.get(name, {}) for later in STEPS[STEPS.index(step) :]
            ):
                continue
            arranged.setdefault(name, {})[f"{step}_on"] = on
            account.arrange(on, *({"service": service, **dates} for service, dates in arranged.items()))
            if "2026-12-01" <= on <= "2026-12-31":
                learned.add((name, step))
        given = {
            name
            for name, dates in arranged.items()
            if dates.get("delivered_on", "2027") <= "2026-12-31" < dates.get("declined_on", "2027")
        }
        expected.update((name, services()[Service(name)].item, step) for name, step in learned)
        expected.update((name, services()[Service(name)].item, "receiving") for name in given)
        accounts.append(account)
    rows = service_rows(*accounts)
    found = Counter(
        {
            (service, item, column): count
            for (fuel, item, service), counts in rows.items()
            for column, count in zip((*STEPS, "receiving"), counts, strict=True)
            if fuel == "gas" and service and count
        }
    )
    assert found == expected
    assert found.total() > 60


def test_a_review_is_due_in_every_period_until_it_is_done() -> None:
    def due(confirmed: str) -> int:
        account = Account(day="2024-12-10")  # due on 2026-12-10
        account.attempt(confirmed, "confirmed")
        return campaign_rows(account)["review"][0]

    assert {day: due(day) for day in ("2026-11-30", "2026-12-09", "2026-12-10", "2027-02-01")} == {
        "2026-11-30": 0,
        "2026-12-09": 0,
        "2026-12-10": 1,
        "2027-02-01": 1,
    }


@pytest.mark.parametrize(
    ("ends_on", "due"), [("2026-12-01", 1), ("2026-11-30", 0), ("2027-01-30", 1), ("2027-01-31", 0), ("2026-11-29", 0)]
)
def test_a_need_that_ends_is_due_thirty_days_ahead(ends_on: str, due: int) -> None:
    account = Account(needs=[{"code": "33", "ends_on": ends_on}, {"code": "08"}])
    after = (date.fromisoformat(ends_on) + timedelta(days=1)).isoformat()
    account.keep(on_day(account.state, after), after)
    assert campaign_rows(account)["need_ending"][0] == due


def test_attempts_are_counted_with_those_that_reach_and_those_that_escalate() -> None:
    silent, reached, repeated = (Account(day="2024-12-01") for _ in range(3))
    for day in ("2026-11-30", "2026-12-07", "2026-12-14"):
        silent.attempt(day, "no_answer")
    reached.attempt("2026-12-02", "no_answer")
    reached.attempt("2026-12-09", "reached")
    repeated.attempt("2026-12-09", "no_answer")
    repeated.attempt("2026-12-09", "no_answer")
    follow_up = Account(needs=[])
    follow_up.attempt("2026-12-08", "message_left", "follow_up")
    assert campaign_rows(silent, reached, repeated, follow_up) == {
        "review": (3, 3, 1, 1, 5),
        "need_ending": (0, 0, 0, 0, 0),
        "follow_up": (1, 1, 0, 0, 1),
    }


def test_campaigns_of_random_histories_are_counted_as_a_plain_recount_counts_them() -> None:
    chance = random.Random(5)
    accounts, expected = [], Counter[str]()
    for _ in range(40):
        account = Account(day=f"2024-{chance.choice(('11', '12'))}-{chance.randrange(1, 29):02}")
        in_row, moves, seen = 0, [], Counter[str]()
        due_on = due_date_of(Work.REVIEW, account.state.registration)
        assert due_on is not None
        for day in sorted(chance.sample(range(70), 6)):
            on = date(2026, 11, 20) + timedelta(days=day)
            outcome = chance.choice(("no_answer", "no_answer", "message_left", "reached", "confirmed"))
            account.attempt(on.isoformat(), outcome)
            in_row = 0 if outcome in ("reached", "confirmed") else in_row + 1
            if FIRST <= on <= LAST:
                seen.update({"attempts": 1, "attempted": 1, "reached": int(outcome in ("reached", "confirmed"))})
                seen["escalated"] += int(in_row == 3)
            if outcome == "confirmed":
                moves.append((due_on, on))
                due_on = on.replace(year=on.year + 2)
        moves.append((due_on, date.max))
        expected["due"] += any(due <= LAST and done >= FIRST and due <= done for due, done in moves)
        expected["attempts"] += seen["attempts"]
        expected.update(name for name in ("attempted", "reached", "escalated") if seen[name])
        accounts.append(account)
    row = campaign_rows(*accounts)["review"]
    assert row == tuple(expected[name] for name in ("due", "attempted", "reached", "escalated", "attempts"))
    assert min(row) > 5
