"""Protections in the answers of the API, to each kind of caller."""

from datetime import date
from typing import Any

from shared.domain.supply_points import distributors
from shared.http.registrations import entity_tag, entity_tag_on, names_version
from tests.support.registrations import registration as stored
from tools.api_client import Caller
from tools.local.stack import Stack
from tools.synthetic import new_mpan, registration

#: Nothing that bars a prepayment meter, except that nobody has said whether somebody can top it up.
HOUSEHOLD: dict[str, Any] = {
    "occupants": [{"birth_year": 1980}],
    "chronic_or_severe_illness": False,
    "warm_home_dependency": False,
    "temporary_circumstances": [],
}


def prepayment(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer["protections"]["prepayment_installation"]
    return found


def submitted(**changed: Any) -> dict[str, Any]:
    points = {"mpans": [new_mpan("10")], "mprns": []}
    return registration(supply_points=points, needs=[{"code": "14"}], household=HOUSEHOLD, **changed)


def test_a_missing_fact_is_named_and_once_it_is_known_the_answer_is_another(agent: Caller) -> None:
    body = submitted()
    created = agent.create(body).json()
    assert prepayment(created) == {
        "outcome": "cannot_determine",
        "rules": ["prepayment-nobody-can-top-up"],
        "facts": [],
        "missing": ["/household/can_top_up"],
        "why": {
            "en": "We need to ask you a few questions before anyone can decide about a prepayment meter.",
            "cy": "Mae angen i ni ofyn ychydig o gwestiynau i chi cyn y gall unrhyw un benderfynu ynghylch "
            "mesurydd rhagdalu.",
        },
    }
    outcomes = {}
    for version, known in enumerate((True, False), 1):
        patch = {"household": {"can_top_up": known}}
        amended = agent.amend(created["registration_id"], f'"{version}"', patch)
        assert amended.json()["household"]["occupants"][0]["birth_year"] == 1980
        outcomes[known] = prepayment(amended.json())["outcome"]
    assert outcomes == {True: "no_bar_known", False: "do_not_install"}
    looked_up = agent.look_up(account_id=body["account_id"]).json()
    assert prepayment(looked_up) == prepayment(agent.get(created["registration_id"]).json())
    removed = agent.amend(created["registration_id"], '"3"', {"household": None}).json()
    assert removed["household"] is None
    assert prepayment(removed)["outcome"] == "cannot_determine"


def test_an_answer_about_many_has_protections_without_the_sentences(agent: Caller) -> None:
    body = submitted(premises={"address_lines": ["1 Test Street"], "postcode": "HU9 9ZZ"})
    created = agent.create(body).json()
    expected = prepayment(created) | {"why": None}
    (found,) = agent.batch(mpans=body["supply_points"]["mpans"]).json()["found"]
    (in_area,) = agent.search(postcode="HU9 9ZZ").json()["registrations"]
    assert prepayment(found) == prepayment(in_area) == expected
    assert "household" not in found


def test_a_network_gets_no_protections(agent: Caller, stack: Stack) -> None:
    body = submitted()
    assert agent.create(body).status_code == 201
    network = Caller(stack, "network", mpids=[distributors()["10"].mpid])
    (found,) = network.batch(mpans=body["supply_points"]["mpans"]).json()["found"]
    assert found["protections"] is None


def test_protections_of_a_withdrawn_registration_cannot_be_determined(agent: Caller) -> None:
    created = agent.create(submitted()).json()
    withdrawn = agent.withdraw(created["registration_id"], '"1"').json()
    assert {name: one["outcome"] for name, one in withdrawn["protections"].items() if name != "on"} == dict.fromkeys(
        ("prepayment_installation", "winter_disconnection", "gas_safety_check_eligible", "disconnection_notice"),
        "cannot_determine",
    )


def test_the_tag_of_a_read_names_the_version_and_the_day() -> None:
    known = stored(version=3)
    tag = entity_tag_on(known, date(2026, 11, 25))
    assert (entity_tag(known), tag) == ('"3"', '"3.20261125"')
    assert tag != entity_tag_on(known, date(2026, 11, 26))


def test_a_change_may_name_the_version_that_was_read_on_any_day() -> None:
    known = stored(version=3)
    assert all(names_version([tag], known) for tag in ('"3"', '"3.20261124"', '"3.20261125"'))
    for tag in ('"2"', '"33"', '"3."', '"3.2026112"', 'W/"3"', '"3x20261125"', '"3.20261125"x', '"13.20261125"'):
        assert not names_version([tag], known), tag
    assert names_version(['"1"', '"3"'], known)
    assert not names_version([], known)
