"""Amending, withdrawing and reactivating registrations."""

import json
from typing import Any

import httpx
import pytest

from shared.store.documents import Key
from shared.store.service import service
from tools.api_client import Caller
from tools.synthetic import new_mpan, new_mprn, registration


def created(agent: Caller, **changed: Any) -> tuple[dict[str, Any], str, str]:
    """A registration's body, id and ETag."""
    answer = agent.create(registration(**changed))
    assert answer.status_code == 201, answer.text
    return answer.json(), answer.json()["registration_id"], answer.headers["ETag"]


def kinds(agent: Caller, registration_id: str) -> list[tuple[str, int]]:
    return [(c["kind"], c["version"]) for c in agent.changes(registration_id).json()["changes"]]


def assert_problem(answer: httpx.Response, status: int, kind: str) -> None:
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


def test_a_merge_patch_changes_what_it_names_and_nothing_else(agent: Caller) -> None:
    before, registration_id, etag = created(agent)
    patch = {
        "primary_contact": {"name": "Mrs A Changed", "address": None},
        "alternate_contact": None,
        "services": {"nominee_receives_communications": None, "language": "gd"},
        "needs": [{"code": "02"}, {"code": "08"}],
    }
    amended = agent.amend(registration_id, etag, patch)
    assert (amended.status_code, amended.headers["ETag"]) == (200, '"2"')
    after = amended.json()
    assert after == {
        **before,
        "version": 2,
        "updated_at": after["updated_at"],
        "review_due_on": after["review_due_on"],
        "protections": after["protections"],
        "primary_contact": {**before["primary_contact"], "name": "Mrs A Changed", "address": None},
        "alternate_contact": None,
        "services": {**before["services"], "nominee_receives_communications": False, "language": "gd"},
        "needs": [
            before["needs"][0],
            {"code": "08", "starts_on": after["updated_at"][:10]}
            | {"ends_on": None, "youngest_child_born_on": None, "note": None},
        ],
    }
    assert agent.get(registration_id).content == amended.content
    assert kinds(agent, registration_id) == [("registered", 1), ("amended", 2)]


@pytest.mark.parametrize("patch", [{}, {"status": "active"}, {"services": {"language": "cy"}}, {"status": None}])
def test_a_patch_that_changes_nothing_keeps_the_etag(agent: Caller, patch: dict[str, Any]) -> None:
    before, registration_id, etag = created(agent)
    same = agent.amend(registration_id, etag, patch)
    assert (same.status_code, same.headers["ETag"], same.json()) == (200, etag, before)
    assert kinds(agent, registration_id) == [("registered", 1), ("no_change", 1)]


def test_if_match_is_needed_and_must_name_the_current_version(agent: Caller) -> None:
    _, registration_id, etag = created(agent)
    patch = {"premises": {"postcode": "M1 1AE"}}
    for missing in (None, "*"):
        assert_problem(agent.amend(registration_id, missing, patch), 428, "version-needed")
        assert_problem(agent.withdraw(registration_id, missing), 428, "version-needed")
    for stale in ('"0"', '"2"', f"W/{etag}", '"x"', '"0", "7"', f'"{"9" * 200}"'):
        assert_problem(agent.amend(registration_id, stale, patch), 412, "version-stale")
        assert_problem(agent.withdraw(registration_id, stale), 412, "version-stale")
    for malformed in ("1", "x", '"1'):
        assert_problem(agent.amend(registration_id, malformed, patch), 400, "malformed-header")
    assert agent.amend(registration_id, f'"7", {etag}', patch).headers["ETag"] == '"2"'


def test_plain_json_is_taken_for_a_merge_patch(agent: Caller) -> None:
    _, registration_id, etag = created(agent)
    headers = {"If-Match": etag, "Content-Type": "application/json"}
    content = json.dumps({"premises": {"postcode": "M1 1AE"}})
    amended = agent.http.patch(f"/v1/registrations/{registration_id}", content=content, headers=headers)
    assert (amended.status_code, amended.json()["premises"]["postcode"]) == (200, "M1 1AE")


@pytest.mark.parametrize(
    ("patch", "pointers"),
    [
        pytest.param({"alternate_contct": None}, ["/alternate_contct"], id="mistyped"),
        pytest.param({"premises": {"uprn": None}, "x": None}, ["/premises/uprn", "/x"], id="deep and at the top"),
        pytest.param({"primary_contact": {"address": {"town": None}}}, ["/primary_contact/address/town"], id="deeper"),
        pytest.param({"": None}, [""], id="no name at all"),
    ],
)
def test_removing_what_cannot_be_there_is_refused(agent: Caller, patch: dict[str, Any], pointers: list[str]) -> None:
    _, registration_id, etag = created(agent)
    refused = agent.amend(registration_id, etag, patch)
    assert_problem(refused, 422, "invalid-content")
    assert [error["pointer"] for error in refused.json()["errors"]] == pointers
    assert {error["code"] for error in refused.json()["errors"]} == {"unknown_field"}


def test_removing_what_is_not_there_changes_nothing(agent: Caller) -> None:
    _, registration_id, etag = created(agent, alternate_contact=None, services={})
    patch = {"alternate_contact": None, "services": {"caller_password": None}, "primary_contact": {"address": None}}
    assert agent.amend(registration_id, etag, patch).json()["alternate_contact"] is None


def test_the_account_cannot_be_changed(agent: Caller) -> None:
    before, registration_id, etag = created(agent)
    answer = agent.amend(registration_id, etag, {"account_id": "A-OTHER"})
    assert_problem(answer, 422, "invalid-content")
    assert answer.json()["errors"][0]["pointer"] == "/account_id"
    assert agent.amend(registration_id, etag, {"account_id": before["account_id"]}).headers["ETag"] == etag


def test_a_repeat_with_the_same_key_gets_the_first_answer_after_any_other_change(agent: Caller) -> None:
    _, registration_id, etag = created(agent)
    first = agent.amend(registration_id, etag, {"premises": {"postcode": "M1 1AE"}}, key="k-1")
    agent.amend(registration_id, first.headers["ETag"], {"premises": {"postcode": "LS1 4AP"}})
    again = agent.amend(registration_id, etag, {"premises": {"postcode": "M1 1AE"}}, key="k-1")
    assert (again.status_code, again.content, again.headers["ETag"]) == (200, first.content, '"2"')
    assert again.headers["Idempotent-Replayed"] == "true"
    assert_problem(agent.amend(registration_id, etag, {}, key="k-1"), 422, "idempotency-key-reused")
    assert_problem(agent.withdraw(registration_id, '"3"', key="k-1"), 422, "idempotency-key-reused")
    assert kinds(agent, registration_id) == [("registered", 1), ("amended", 2), ("amended", 3)]


def test_needs_that_become_known_make_a_pending_registration_active(agent: Caller) -> None:
    _, registration_id, etag = created(agent, status="pending", needs=[])
    amended = agent.amend(registration_id, etag, {"needs": [{"code": "02"}]}).json()
    assert (amended["status"], amended["follow_up_on"]) == ("active", None)


def test_the_next_review_moves_with_what_was_gone_over(agent: Caller) -> None:
    before, registration_id, etag = created(agent, needs=[{"code": "02"}])
    phone = agent.amend(registration_id, etag, {"primary_contact": {"phones": ["07700900999"]}})
    assert phone.json()["review_due_on"] == before["review_due_on"]
    lasting = agent.amend(registration_id, phone.headers["ETag"], {"needs": [{"code": "14"}]}).json()
    assert lasting["review_due_on"] > before["review_due_on"]


def test_moving_house_releases_and_claims_in_one_step(agent: Caller) -> None:
    old, registration_id, etag = created(agent)
    new = {"mpans": [new_mpan()], "mprns": [new_mprn()]}
    moved = agent.amend(registration_id, etag, {"supply_points": new, "premises": {"postcode": "M1 1AE"}})
    assert (moved.status_code, moved.json()["supply_points"]) == (200, new)
    assert agent.look_up(mpan=new["mpans"][0]).json()["registration_id"] == registration_id
    assert agent.look_up(mpan=old["supply_points"]["mpans"][0]).status_code == 404
    next_tenant = agent.create(registration(supply_points=old["supply_points"]))
    assert next_tenant.status_code == 201
    assert agent.look_up(mprn=old["supply_points"]["mprns"][0]).content == next_tenant.content


def test_a_patch_may_release_all_supply_points_and_take_others_later(agent: Caller) -> None:
    before, registration_id, etag = created(agent)
    released = agent.amend(registration_id, etag, {"supply_points": {"mpans": [], "mprns": []}})
    assert released.json() == {
        **before,
        "version": 2,
        "updated_at": released.json()["updated_at"],
        "supply_points": {"mpans": [], "mprns": []},
        "protections": released.json()["protections"],
    }
    assert agent.look_up(mpan=before["supply_points"]["mpans"][0]).status_code == 404
    assert agent.look_up(account_id=before["account_id"]).content == released.content
    phone = agent.amend(registration_id, '"2"', {"primary_contact": {"phones": ["07700900999"]}})
    assert (phone.status_code, phone.headers["ETag"]) == (200, '"3"')
    back = agent.amend(registration_id, '"3"', {"supply_points": before["supply_points"]})
    assert (back.status_code, back.json()["supply_points"]) == (200, before["supply_points"])


def test_two_customers_swap_homes(agent: Caller) -> None:
    """As docs/frontend.md says: one releases its home, then each takes the other's."""
    homes = [{"address_lines": [f"{number} Test Street"], "postcode": "BS1 4DJ"} for number in (1, 2)]
    first, first_id, etag = created(agent, premises=homes[0])
    second, second_id, other_etag = created(agent, premises=homes[1])
    to_second = {"supply_points": second["supply_points"], "premises": second["premises"]}
    to_first = {"supply_points": first["supply_points"], "premises": first["premises"]}
    assert_problem(agent.amend(first_id, etag, to_second), 409, "supply-point-held")
    assert_problem(agent.amend(second_id, other_etag, to_first), 409, "supply-point-held")

    released = agent.amend(first_id, etag, {"supply_points": {"mpans": [], "mprns": []}})
    assert agent.amend(second_id, other_etag, to_first).status_code == 200
    assert agent.amend(first_id, released.headers["ETag"], to_second).status_code == 200

    for home, registration_id in ((first, second_id), (second, first_id)):
        for fuel, (number,) in (("mpan", home["supply_points"]["mpans"]), ("mprn", home["supply_points"]["mprns"])):
            holder = agent.look_up(**{fuel: number}).json()
            assert (holder["registration_id"], holder["premises"]) == (registration_id, home["premises"])
    assert [code for code, _ in kinds(agent, first_id)] == ["registered", "amended", "amended"]


async def test_data_stored_under_other_rules_does_not_prevent_a_patch(agent: Caller) -> None:
    _, registration_id, etag = created(agent, supply_points={"mpans": [new_mpan() for _ in range(20)]})
    key = Key("registrations", registration_id)
    before = await service().documents.get(key)
    assert before is not None
    state = json.loads(before.state)
    points = state["facts"]["points"]
    (added, known) = new_mpan(), next(key for key in points if key.startswith("mpan"))
    points[f"mpan:{added}"] = points[known]
    state["registration"]["supply_points"]["mpans"].append(added)
    state["registration"]["sharing"]["recorded_on"] = "2062-01-01"
    state["registration"]["primary_contact"]["name"] = "\u200b"
    fields = {**before.fields, "state": json.dumps(state)}
    await service().documents.commit([service().documents.replace(key, fields, before.update_time)])

    amended = agent.amend(registration_id, etag, {"primary_contact": {"phones": ["07700900999"]}})
    assert (amended.status_code, amended.headers["ETag"]) == (200, '"2"')
    for patch, pointer in (
        ({"supply_points": {"mpans": [new_mpan() for _ in range(21)]}}, "/supply_points/mpans"),
        ({"sharing": {"recorded_on": "2062-01-02"}}, "/sharing/recorded_on"),
        ({"primary_contact": {"name": "\u200d"}}, "/primary_contact/name"),
    ):
        refused = agent.amend(registration_id, '"2"', patch)
        assert_problem(refused, 422, "invalid-content")
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


def test_a_supply_point_of_another_is_409_and_everything_stays_as_it_was(agent: Caller) -> None:
    other, other_id, _ = created(agent)
    before, registration_id, etag = created(agent)
    clash = agent.amend(
        registration_id,
        etag,
        {"supply_points": {"mpans": [new_mpan(), other["supply_points"]["mpans"][0]]}, "needs": [{"code": "08"}]},
    )
    assert_problem(clash, 409, "supply-point-held")
    assert other_id not in clash.text
    assert other["account_id"] not in clash.text
    assert agent.get(registration_id).json() == before
    assert agent.get(other_id).json() == other


def test_people_who_share_a_home_share_one_registration_and_one_of_them_can_leave(agent: Caller) -> None:
    """A supply point has one live registration: the household's needs are submitted together."""
    shared = {"mpans": [new_mpan()]}
    together, registration_id, etag = created(agent, supply_points=shared, needs=[{"code": "02"}, {"code": "08"}])
    assert_problem(agent.create(registration(supply_points=shared)), 409, "supply-point-held")
    stays = agent.amend(registration_id, etag, {"needs": [{"code": "08"}]})
    assert [need["code"] for need in stays.json()["needs"]] == ["08"]
    leaver = agent.create(registration(needs=[{"code": "02"}]))
    assert leaver.status_code == 201
    assert stays.json()["needs"][0]["starts_on"] == together["needs"][1]["starts_on"]


def test_withdrawing_frees_the_supply_points_and_ends_changes(agent: Caller) -> None:
    before, registration_id, etag = created(agent)
    withdrawn = agent.withdraw(registration_id, etag, key="w-1")
    assert (withdrawn.status_code, withdrawn.headers["ETag"]) == (200, '"2"')
    assert withdrawn.json()["status"] == "withdrawn"
    assert agent.withdraw(registration_id, etag, key="w-1").content == withdrawn.content
    assert_problem(agent.withdraw(registration_id, '"2"'), 409, "not-live")
    assert_problem(agent.withdraw(registration_id, '"1"'), 409, "not-live")
    assert_problem(agent.amend(registration_id, '"2"', {"needs": [{"code": "08"}]}), 409, "not-live")
    history = agent.changes(registration_id).json()["changes"]
    assert [(c["kind"], c["reason"]) for c in history] == [("registered", None), ("withdrawn", "the customer asked")]
    assert agent.create(registration(supply_points=before["supply_points"])).status_code == 201


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 201}, {"reason": "asked", "by": "x"}])
def test_a_withdrawal_says_why(agent: Caller, body: dict[str, str]) -> None:
    _, registration_id, etag = created(agent)
    path = f"/v1/registrations/{registration_id}:withdraw"
    assert_problem(agent.http.post(path, json=body, headers={"If-Match": etag}), 422, "invalid-content")


def test_an_account_is_reactivated_with_the_same_id_and_the_next_version(agent: Caller) -> None:
    before, registration_id, etag = created(agent)
    agent.withdraw(registration_id, etag)
    submitted = registration(account_id=before["account_id"], needs=[{"code": "02"}])
    again = agent.create(submitted, key="again")
    assert (again.status_code, again.headers["ETag"]) == (201, '"3"')
    assert again.json()["registration_id"] == registration_id
    assert again.json()["created_at"] == before["created_at"]
    assert again.json()["supply_points"] == submitted["supply_points"]
    assert agent.create(submitted, key="again").content == again.content
    assert kinds(agent, registration_id) == [("registered", 1), ("withdrawn", 2), ("registered", 3)]


def test_an_absent_registration_cannot_be_amended_or_withdrawn(agent: Caller) -> None:
    for registration_id in ("0" * 8 + "-0000-8000-8000-" + "0" * 12, "x"):
        assert_problem(agent.amend(registration_id, '"1"', {}), 404, "not-found")
        assert_problem(agent.withdraw(registration_id, '"1"'), 404, "not-found")


def test_the_caller_password_is_shown_to_its_own_scope_only(stack: Any, agent: Caller) -> None:
    submitted = registration()
    created_whole = agent.create(submitted).json()
    registration_id = created_whole["registration_id"]
    assert created_whole["services"]["caller_password"] == "BLUEBIRD"
    plain = Caller(stack, "agent")
    answers = [
        plain.get(registration_id),
        plain.look_up(account_id=submitted["account_id"]),
        plain.amend(registration_id, '"1"', {"services": {"caller_password": "WOODLARK"}}),
        plain.changes(registration_id),
        plain.withdraw(registration_id, '"2"'),
        plain.create(registration()),
    ]
    for answer in answers:
        assert answer.status_code in (200, 201)
        assert "caller_password" not in answer.text
        assert "BLUEBIRD" not in answer.text
    assert agent.get(registration_id).json()["services"]["caller_password"] == "WOODLARK"
