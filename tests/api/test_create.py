"""Creating a registration: what it answers, and that repeats store nothing."""

import uuid

from tools.api_client import Caller
from tools.synthetic import new_account, new_mpan, new_mprn, registration


def test_create_answers_201_with_location_etag_and_what_the_register_added(agent: Caller) -> None:
    submitted = registration()
    created = agent.create(submitted)
    assert created.status_code == 201
    body = created.json()
    added = {
        "registration_id": body["registration_id"],
        "version": 1,
        "created_at": body["created_at"],
        "updated_at": body["created_at"],
        "review_due_on": body["review_due_on"],
        "follow_up_on": None,
        "closes_on": None,
        "referral": None,
        "unconfirmed_until": None,
        "campaigns": [],
        "warnings": [],
    }
    protections = body.pop("protections")
    assert protections["prepayment_installation"]["outcome"] == "do_not_install"
    today = body["created_at"][:10]
    needs = [{**need, "starts_on": today} for need in submitted["needs"]]
    unstated = {"schedule_1_paragraph": None, "cannot_consent_reason": None, "withdrawn": None}
    speaker = {"role": "self", "name": None, "organisation": None}
    sharing = {**unstated, **submitted["sharing"], "capture": {"speaker": speaker, **submitted["sharing"]["capture"]}}
    assert body == {**submitted, **added, "needs": needs, "sharing": sharing}
    assert created.headers["Location"] == f"/v1/registrations/{body['registration_id']}"
    assert created.headers["ETag"] == '"1"'
    assert created.headers["Cache-Control"] == "no-store"
    assert uuid.UUID(body["registration_id"]).version == 8

    read = agent.get(body["registration_id"])
    assert (read.status_code, read.text) == (200, created.text)


def test_the_same_key_and_body_again_gets_the_same_answer_and_stores_nothing(agent: Caller) -> None:
    submitted, key = registration(), str(uuid.uuid4())
    first, second = agent.create(submitted, key), agent.create(submitted, key)
    assert second.status_code == 201
    assert second.content == first.content
    assert second.headers["ETag"] == first.headers["ETag"]
    assert second.headers["Location"] == first.headers["Location"]
    assert ("Idempotent-Replayed" in first.headers, second.headers["Idempotent-Replayed"]) == (False, "true")
    history = agent.changes(first.json()["registration_id"]).json()["changes"]
    assert [(change["kind"], change["version"]) for change in history] == [("registered", 1)]


def test_the_same_key_with_another_body_is_422(agent: Caller) -> None:
    submitted, key = registration(), str(uuid.uuid4())
    agent.create(submitted, key)
    other = agent.create({**submitted, "supply_points": {"mpans": [new_mpan()]}}, key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


def test_a_key_belongs_to_its_caller_and_registration(agent: Caller) -> None:
    key = str(uuid.uuid4())
    assert [agent.create(registration(), key).status_code for _ in range(2)] == [201, 201]


def test_an_account_registers_once(agent: Caller) -> None:
    submitted = registration()
    agent.create(submitted)
    again = agent.create({**submitted, "supply_points": {"mprns": [new_mprn()]}})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-registered")


def test_a_supply_point_has_one_live_registration_and_the_clash_does_not_name_the_other(agent: Caller) -> None:
    first = registration()
    holder = agent.create(first).json()
    for fuel in ("mpans", "mprns"):
        clash = agent.create(registration(supply_points={fuel: first["supply_points"][fuel]}))
        assert (clash.status_code, clash.json()["type"]) == (409, "/problems/supply-point-held")
        for secret in (holder["registration_id"], holder["account_id"], first["supply_points"][fuel][0]):
            assert secret not in clash.text


def test_only_the_submission_counts_for_a_repeat_not_how_it_is_written(agent: Caller) -> None:
    submitted, key = registration(alternate_contact=None, services={}), str(uuid.uuid4())
    first = agent.create(submitted, key)
    rewritten = {
        name: submitted[name] for name in reversed(submitted) if name not in ("alternate_contact", "status", "services")
    }
    assert agent.create(rewritten, key).content == first.content


def test_pending_wants_the_register_and_is_followed_up(agent: Caller) -> None:
    created = agent.create(registration(status="pending", needs=[])).json()
    assert (created["status"], created["needs"]) == ("pending", [])
    assert created["follow_up_on"] > created["created_at"][:10]


def test_an_unknown_distributor_and_an_unusual_mprn_are_accepted_with_a_warning(agent: Caller) -> None:
    points = {"mpans": [new_mpan(), new_mpan("97")], "mprns": ["300002"]}
    created = agent.create(registration(supply_points=points))
    assert created.status_code == 201
    warned = {(notice["pointer"], notice["code"]) for notice in created.json()["warnings"]}
    unknown = created.json()["supply_points"]["mpans"].index(points["mpans"][1])
    assert warned == {
        (f"/supply_points/mpans/{unknown}", "distributor_unknown"),
        ("/supply_points/mprns/0", "mprn_check_digit"),
    }


def test_the_smallest_registration_gets_every_default(agent: Caller) -> None:
    submitted = {
        "account_id": new_account(),
        "supply_points": {"mpans": [new_mpan()]},
        "premises": {"address_lines": ["1 Test Street"], "postcode": "bs14dj"},
        "primary_contact": {"name": "Mx C Example"},
        "needs": [{"code": "29", "youngest_child_born_on": "2024-02-29"}],
        "sharing": {"basis": "none", "recorded_on": "2020-01-05", "evidence": "form 12"},
    }
    created = agent.create(submitted).json()
    assert created["status"] == "active"
    assert created["premises"]["postcode"] == "BS1 4DJ"
    assert created["needs"][0]["ends_on"] == "2030-03-01"
    assert created["alternate_contact"] is None
    assert created["services"] == {
        "caller_password": None,
        "communication_format": "standard",
        "language": "en",
        "nominee_receives_communications": False,
        "cannot_read_meter": False,
        "arranged": [],
    }
