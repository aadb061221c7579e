"""Finding one registration: by id, by account, by supply point; conditional reads."""

from tools.api_client import Caller
from tools.synthetic import new_account, new_mpan, new_mprn, registration


def test_a_registration_is_found_by_account_mpan_and_mprn(agent: Caller) -> None:
    submitted = registration()
    created = agent.create(submitted)
    keys = [
        {"account_id": submitted["account_id"]},
        {"mpan": submitted["supply_points"]["mpans"][0]},
        {"mprn": submitted["supply_points"]["mprns"][0]},
    ]
    for key in keys:
        found = agent.look_up(**key)
        assert (found.status_code, found.content, found.headers["ETag"]) == (200, created.content, '"1"')


def test_an_absent_registration_is_404(agent: Caller) -> None:
    for key in ({"account_id": new_account()}, {"mpan": new_mpan()}, {"mprn": new_mprn()}):
        missing = agent.look_up(**key)
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")


def test_exactly_one_key_is_given(agent: Caller) -> None:
    for keys in ({}, {"mpan": new_mpan(), "mprn": new_mprn()}):
        assert [e["code"] for e in agent.look_up(**keys).json()["errors"]] == ["lookup_key"]


def test_an_id_in_another_form_is_404(agent: Caller) -> None:
    for registration_id in ("x", "..", "__all__", "%00", "a" * 2000, "0" * 36, "Ünïcode", "%2e%2e"):
        missing = agent.get(registration_id)
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found"), registration_id


def test_a_read_with_the_current_etag_is_304_without_a_body(agent: Caller) -> None:
    registration_id = agent.create(registration()).json()["registration_id"]
    etag = agent.get(registration_id).headers["ETag"]
    for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        unchanged = agent.get(registration_id, **{"If-None-Match": given})
        assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", etag)
        assert unchanged.headers["Cache-Control"] == "no-store"
    amended = agent.amend(registration_id, etag, {"needs": [{"code": "08"}]})
    changed = agent.get(registration_id, **{"If-None-Match": etag})
    assert (changed.status_code, changed.content) == (200, amended.content)
    assert changed.headers["ETag"] != etag
    malformed = agent.get(registration_id, **{"If-None-Match": "1"})
    assert (malformed.status_code, malformed.json()["errors"][0]["pointer"]) == (400, "If-None-Match")


def test_a_withdrawn_registration_is_read_by_id_and_account_not_by_supply_point(agent: Caller) -> None:
    submitted = registration()
    created = agent.create(submitted)
    agent.withdraw(created.json()["registration_id"], created.headers["ETag"])
    assert agent.get(created.json()["registration_id"]).json()["status"] == "withdrawn"
    assert agent.look_up(account_id=submitted["account_id"]).json()["status"] == "withdrawn"
    assert agent.look_up(mpan=submitted["supply_points"]["mpans"][0]).status_code == 404


def test_a_query_parameter_is_refused_since_urls_end_in_logs(agent: Caller) -> None:
    refused = agent.http.get(f"/v1/registrations/{'0' * 36}", params={"name": "Mrs A Example"})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/malformed-parameter")
