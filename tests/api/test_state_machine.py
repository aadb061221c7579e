"""The service against a plain model of it: any sequence of requests, repeats and races ends in the same registrations.

The model is a few dictionaries without a clock. Hypothesis looks for a sequence to which the service answers otherwise.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack
from tools.synthetic import new_account, new_mpan, registration

ACCOUNTS = st.integers(0, 2)
POINTS = st.lists(st.integers(0, 3), min_size=1, max_size=2, unique=True)
NEEDS = st.lists(st.sampled_from(["02", "08", "14", "22"]), min_size=1, max_size=3, unique=True)
NAMES = st.sampled_from(["Mrs A Example", "Siân Ó Briain", "王小明", "السيدة فاطمة"])
KEYS = st.sampled_from([None, None, "key-1", "key-2"])
#: Versions a caller may name: the current one, one it read long ago, one that has never been.
READINGS = st.sampled_from(["current", "current", "current", "first", "next"])


class Answered(NamedTuple):
    """The part of an answer that is compared."""

    status: int
    problem: str | None = None
    version: int | None = None


@dataclass
class Known:
    """A registration as the model has it."""

    status: str
    version: int
    name: str
    needs: list[str]
    points: set[int]


@dataclass
class Model:
    """The expected state: registrations by account, outcomes by account and key."""

    known: dict[int, Known] = field(default_factory=dict)
    outcomes: dict[tuple[int, str], tuple[object, Answered]] = field(default_factory=dict)

    def held_elsewhere(self, account: int, points: set[int]) -> bool:
        return any(points & other.points for number, other in self.known.items() if number != account)

    def create(self, account: int, points: set[int], needs: list[str], name: str) -> Answered:
        before = self.known.get(account)
        if before and before.status != "withdrawn":
            return Answered(409, "already-registered")
        if self.held_elsewhere(account, points):
            return Answered(409, "supply-point-held")
        version = before.version + 1 if before else 1
        self.known[account] = Known("active", version, name, sorted(needs), points)
        return Answered(201, None, version)

    def change(self, account: int, version: int) -> Known | Answered:
        before = self.known.get(account)
        if before is None:
            return Answered(404, "not-found")
        if before.status == "withdrawn":
            return Answered(409, "not-live")
        return before if before.version == version else Answered(412, "version-stale")

    def amend(self, account: int, version: int, changed: dict[str, Any]) -> Answered:
        before = self.change(account, version)
        if isinstance(before, Answered):
            return before
        if self.held_elsewhere(account, changed.get("points", set())):
            return Answered(409, "supply-point-held")
        after = Known(**{**vars(before), **changed})
        if after != before:
            after.version += 1
            self.known[account] = after
        return Answered(200, None, after.version)

    def withdraw(self, account: int, version: int) -> Answered:
        before = self.change(account, version)
        if isinstance(before, Answered):
            return before
        self.known[account] = Known("withdrawn", version + 1, before.name, before.needs, set())
        return Answered(200, None, version + 1)


class Register(RuleBasedStateMachine):
    """Every rule asks the model and the service the same."""

    caller: Caller
    pool: ThreadPoolExecutor

    @initialize()
    def begin(self) -> None:
        self.model = Model()
        self.accounts = [new_account() for _ in range(3)]
        self.mpans = [new_mpan() for _ in range(4)]
        self.ids: dict[int, str] = {}

    @rule(account=ACCOUNTS, points=POINTS, needs=NEEDS, name=NAMES, key=KEYS)
    def create(self, account: int, points: list[int], needs: list[str], name: str, key: str | None) -> None:
        body = registration(
            account_id=self.accounts[account],
            supply_points={"mpans": [self.mpans[point] for point in points]},
            needs=[{"code": code} for code in needs],
            primary_contact={"name": name},
        )
        answer = self.caller.create(body, key)
        if answer.status_code == 201:
            self.ids[account] = answer.json()["registration_id"]
        self.compare(
            answer, account, key, ("create", body), lambda: self.model.create(account, set(points), needs, name)
        )

    @rule(
        account=ACCOUNTS,
        reading=READINGS,
        points=st.none() | POINTS,
        needs=st.none() | NEEDS,
        name=st.none() | NAMES,
        key=KEYS,
    )
    def amend(
        self,
        account: int,
        reading: str,
        points: list[int] | None,
        needs: list[str] | None,
        name: str | None,
        key: str | None,
    ) -> None:
        patch: dict[str, Any] = {}
        changed: dict[str, Any] = {}
        if points is not None:
            patch["supply_points"] = {"mpans": [self.mpans[point] for point in points]}
            changed["points"] = set(points)
        if needs is not None:
            patch["needs"] = [{"code": code} for code in sorted(needs)]
            changed["needs"] = sorted(needs)
        if name is not None:
            patch["primary_contact"] = {"name": name}
            changed["name"] = name
        version = self.version(account, reading)
        answer = self.caller.amend(self.id_of(account), f'"{version}"', patch, key)
        self.compare(answer, account, key, ("amend", patch), lambda: self.model.amend(account, version, changed))

    @rule(account=ACCOUNTS, reading=READINGS, key=KEYS)
    def withdraw(self, account: int, reading: str, key: str | None) -> None:
        version = self.version(account, reading)
        answer = self.caller.withdraw(self.id_of(account), f'"{version}"', key)
        self.compare(answer, account, key, ("withdraw",), lambda: self.model.withdraw(account, version))

    @rule(
        account=ACCOUNTS, names=st.lists(st.text("abcdef", min_size=8, max_size=8), min_size=2, max_size=3, unique=True)
    )
    def amend_at_the_same_time(self, account: int, names: list[str]) -> None:
        """With one ETag, exactly one wins; one that changes nothing may be answered before it."""
        version = self.version(account, "current")
        registration_id = self.id_of(account)

        def amend(name: str) -> httpx.Response:
            return self.caller.amend(registration_id, f'"{version}"', {"primary_contact": {"name": name}})

        answers = dict(zip(names, self.pool.map(amend, names), strict=True))
        won = sorted(
            (name for name, answer in answers.items() if answer.status_code == 200),
            key=lambda name: answers[name].json()["version"],
        )
        expected = [self.model.amend(account, version, {"name": name}) for name in [*won, *(set(names) - set(won))]]
        assert sorted(answer.status_code for answer in answers.values()) == sorted(one.status for one in expected)

    @rule(points=st.lists(st.integers(0, 3), min_size=1, unique=True))
    def look_up_by_supply_point(self, points: list[int]) -> None:
        holders = {point: number for number, known in self.model.known.items() for point in known.points}
        batch = self.caller.batch(mpans=[self.mpans[point] for point in points]).json()
        found = {entry["mpan"]: entry["registration_id"] for entry in batch["found"]}
        assert found == {self.mpans[point]: self.ids[holders[point]] for point in points if point in holders}
        for point in points:
            answer = self.caller.look_up(mpan=self.mpans[point])
            assert answer.status_code == (200 if point in holders else 404)

    @invariant()
    def every_registration_is_as_the_model_says(self) -> None:
        for number, known in self.model.known.items():
            body = self.caller.get(self.ids[number]).json()
            assert (
                Known(
                    body["status"],
                    body["version"],
                    body["primary_contact"]["name"],
                    [need["code"] for need in body["needs"]],
                    {self.mpans.index(mpan) for mpan in body["supply_points"]["mpans"]},
                )
                == known
            )

    def teardown(self) -> None:
        """The history has each version once, in order."""
        for number, known in getattr(self, "model", Model()).known.items():
            changes = self.caller.changes(self.ids[number], page_size=100).json()["changes"]
            made = [change["version"] for change in changes if change["kind"] != "no_change"]
            assert made == list(range(1, known.version + 1))

    def version(self, account: int, reading: str) -> int:
        known = self.model.known.get(account)
        current = known.version if known else 1
        return {"current": current, "first": 1, "next": current + 1}[reading]

    def id_of(self, account: int) -> str:
        return self.ids.get(account, "00000000-0000-8000-8000-000000000000")

    def compare(self, answer: httpx.Response, account: int, key: str | None, submitted: object, expect: Any) -> None:
        """With a key that had an outcome, the outcome; else what the model says now."""
        expected: Answered
        first = self.model.outcomes.get((account, key)) if key else None
        if first is None:
            expected = expect()
            if key and expected.problem is None:
                self.model.outcomes[account, key] = (submitted, expected)
        elif first[0] == submitted:
            expected = first[1]
            assert answer.headers["Idempotent-Replayed"] == "true"
        else:
            expected = Answered(422, "idempotency-key-reused")
        problem = answer.json()["type"].removeprefix("/problems/") if answer.status_code >= 400 else None
        version = answer.json()["version"] if problem is None else None
        assert Answered(answer.status_code, problem, version) == expected


def run(stack: Stack, **settings_of_hypothesis: Any) -> None:
    chosen = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), **settings_of_hypothesis)
    with ThreadPoolExecutor(3) as pool:
        Register.caller, Register.pool = Caller(stack, scope=ALL_SCOPES), pool
        run_state_machine_as_test(Register, settings=chosen)


def test_the_service_behaves_like_its_model(stack: Stack) -> None:
    run(stack, max_examples=25, stateful_step_count=15, derandomize=True)


@pytest.mark.soak
def test_the_service_behaves_like_its_model_in_500_examples(stack: Stack) -> None:
    """`PSR_TEST_EXAMPLES` asks for more, then of another kind each time."""
    more = os.environ.get("PSR_TEST_EXAMPLES")
    run(stack, max_examples=int(more or 500), stateful_step_count=20, derandomize=more is None)
