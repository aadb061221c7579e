"""Many registrations at once: what an agent, a network and a customer get of them."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.domain.supply_points import distributors
from shared.domain.text import sector_or_postcode
from tests.api.requests import ATTEMPT
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack
from tools.synthetic import new_mpan, new_mprn, registration


def network(stack: Stack, *distributor_ids: str) -> Caller:
    return Caller(stack, "network", mpids=[distributors()[number].mpid for number in distributor_ids])


def summary(submitted: dict[str, Any], created: dict[str, Any], *, network: bool = False) -> dict[str, Any]:
    """The same for all but networks, which get no protections. Nobody gets the sentences to read out."""
    own = {name: answer if name == "on" else answer | {"why": None} for name, answer in created["protections"].items()}
    return {
        "registration_id": created["registration_id"],
        "status": created["status"],
        "outage_tier": 1,
        "needs": [
            {"code": "02", "ends_on": None, "note": None},
            {"code": "33", "ends_on": "2099-01-31", "note": "home from hospital"},
        ],
        "contact": submitted["primary_contact"],
        "alternate_contact": submitted["alternate_contact"],
        "premises": submitted["premises"],
        "protections": None if network else own,
    }


def test_a_batch_answers_in_the_order_asked_and_names_what_is_not_there(agent: Caller) -> None:
    submitted = registration()
    created = agent.create(submitted).json()
    (mpan,), (mprn,) = submitted["supply_points"]["mpans"], submitted["supply_points"]["mprns"]
    unknown, unknown_gas = new_mpan(), new_mprn()
    batch = agent.batch(mpans=[unknown, mpan], mprns=[mprn, unknown_gas])
    assert batch.status_code == 200
    assert batch.json() == {
        "found": [summary(submitted, created) | {"mpan": mpan}, summary(submitted, created) | {"mprn": mprn}],
        "not_found": [unknown, unknown_gas],
    }


@pytest.mark.parametrize(
    ("points", "code", "pointer"),
    [
        pytest.param({}, "supply_point_missing", "", id="nothing"),
        pytest.param({"mpans": ["1000999001019"] * 2}, "supply_point_repeated", "", id="one twice"),
        pytest.param({"mpans": ["1000999001018"]}, "mpan_check_digit", "/mpans/0", id="a wrong check digit"),
        pytest.param({"mpans": [new_mpan() for _ in range(1001)]}, "supply_points_too_many", "", id="1,001"),
        pytest.param({"postcode": "BS1 4DJ"}, "unknown_field", "/postcode", id="an unknown field"),
    ],
)
def test_a_batch_that_cannot_be_is_422(agent: Caller, points: dict[str, Any], code: str, pointer: str) -> None:
    refused = agent.batch(**points)
    errors = [(error["pointer"], error["code"]) for error in refused.json()["errors"]]
    assert (refused.status_code, errors) == (422, [(pointer, code)])


def test_batches_beyond_four_at_once_are_to_come_again_and_delay_no_single_read(stack: Stack, agent: Caller) -> None:
    created = agent.create(registration()).json()
    callers = [Caller(stack, scope=ALL_SCOPES) for _ in range(12)]
    points = [*created["supply_points"]["mpans"], *(new_mpan() for _ in range(999))]
    with ThreadPoolExecutor(len(callers)) as pool:
        batches = [pool.submit(caller.batch, mpans=points) for caller in callers for _ in range(3)]
        while not all(batch.done() for batch in batches):
            assert agent.get(created["registration_id"]).status_code == 200
        answers = [batch.result() for batch in batches]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused
    assert {(answer.json()["type"], answer.headers["Retry-After"]) for answer in refused} == {
        ("/problems/unavailable", "1")
    }
    done = [answer.json() for answer in answers if answer.status_code != 503]
    assert len(done) >= 4
    assert all(len(batch["found"]) == 1 and len(batch["not_found"]) == 999 for batch in done)
    assert agent.batch(mpans=points).status_code == 200


def test_a_network_sees_its_own_area_with_a_lawful_basis_only(stack: Stack, agent: Caller) -> None:
    both_areas = registration(supply_points={"mpans": [new_mpan("10"), new_mpan("11")], "mprns": [new_mprn()]})
    no_basis = {"basis": "none", "recorded_on": "2020-01-05", "evidence": "call 4711"}
    withheld = [
        registration(supply_points={"mpans": [new_mpan("10")]}, sharing=no_basis),
        registration(supply_points={"mpans": [new_mpan("10")]}, status="pending", needs=[]),
        registration(supply_points={"mpans": [new_mpan("97")]}),
    ]
    created = agent.create(both_areas).json()
    for submitted in withheld:
        assert agent.create(submitted).status_code == 201
    mpans = [*both_areas["supply_points"]["mpans"], *(submitted["supply_points"]["mpans"][0] for submitted in withheld)]
    mprns = both_areas["supply_points"]["mprns"]

    eastern = network(stack, "10").batch(mpans=mpans, mprns=mprns).json()
    assert eastern["found"] == [summary(both_areas, created, network=True) | {"mpan": mpans[0]}]
    assert eastern["not_found"] == [*mpans[1:], *mprns]
    wide = network(stack, "10", "11").batch(mpans=mpans, mprns=mprns).json()
    assert [entry["mpan"] for entry in wide["found"]] == mpans[:2]
    for other in (network(stack, "12"), network(stack), Caller(stack, "network", mpids=["unroutable"])):
        assert other.batch(mpans=mpans).json() == {"found": [], "not_found": mpans}


def test_a_network_reaches_no_single_registration(stack: Stack, agent: Caller) -> None:
    submitted = registration()
    registration_id = agent.create(submitted).json()["registration_id"]
    caller = Caller(stack, "network", mpids=["EELC"], scope=ALL_SCOPES)
    answers = [
        caller.get(registration_id),
        caller.look_up(account_id=submitted["account_id"]),
        caller.look_up(mpan=submitted["supply_points"]["mpans"][0]),
        caller.changes(registration_id),
        caller.create(registration()),
        caller.amend(registration_id, '"1"', {}),
        caller.withdraw(registration_id, '"1"'),
        caller.attempt(registration_id, **ATTEMPT),
        caller.due_work(work="need_ending", until=ATTEMPT["due_on"]),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)


def test_a_customer_with_the_bulk_scope_sees_its_own_account_only(stack: Stack, agent: Caller) -> None:
    own, other = registration(), registration()
    for submitted in (own, other):
        agent.create(submitted)
    customer = Caller(stack, "customer", account_id=own["account_id"], scope="psr:bulk")
    mpans = own["supply_points"]["mpans"] + other["supply_points"]["mpans"]
    batch = customer.batch(mpans=mpans).json()
    assert ([entry["mpan"] for entry in batch["found"]], batch["not_found"]) == (mpans[:1], mpans[1:])


def new_sector(agent: Caller, count: int) -> tuple[str, list[dict[str, Any]]]:
    """A postcode sector that no other test uses, and registrations in it."""
    sector = f"ZE{new_mpan()[9:11].lstrip('0') or 1} {new_mpan()[11]}"
    premises = {"address_lines": ["1 Test Street"], "postcode": f"{sector}AA"}
    return sector, [agent.create(registration(premises=premises)).json() for _ in range(count)]


def test_a_search_finds_every_live_registration_of_a_sector_page_by_page(agent: Caller) -> None:
    sector, created = new_sector(agent, 5)
    agent.withdraw(created[0]["registration_id"], '"1"')
    found, token, sizes = [], None, []
    while True:
        page = agent.search(postcode=sector, page_size=2, **({"page_token": token} if token else {})).json()
        sizes.append(len(page["registrations"]))
        found += [entry["registration_id"] for entry in page["registrations"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert sizes == [2, 2]
    assert found == sorted(entry["registration_id"] for entry in created[1:])


def test_a_search_by_postcode_names_the_supply_points(agent: Caller) -> None:
    sector, (created,) = new_sector(agent, 1)
    for asked in (f"{sector}AA", f"{sector}aa".replace(" ", ""), sector.lower(), f" {sector} "):
        (found,) = agent.search(postcode=asked).json()["registrations"]
        assert found["registration_id"] == created["registration_id"]
        assert {"mpans": found["mpans"], "mprns": found["mprns"]} == created["supply_points"]
    assert agent.search(postcode=f"{sector}AB").json() == {"registrations": [], "next_page_token": None}


def pages(caller: Caller, page_size: int, **area: str) -> list[dict[str, Any]]:
    """Every page of a search."""
    found = [caller.search(page_size=page_size, **area).json()]
    while token := found[-1]["next_page_token"]:
        found.append(caller.search(page_size=page_size, page_token=token, **area).json())
    return found


def withheld_in(agent: Caller, sector: str, count: int) -> None:
    """Registrations that no network may see."""
    premises = {"address_lines": ["1 Test Street"], "postcode": f"{sector}AA"}
    sharing = {"basis": "none", "recorded_on": "2020-01-05", "evidence": "call 4711"}
    for _ in range(count):
        assert agent.create(registration(premises=premises, sharing=sharing)).status_code == 201


def test_a_network_searching_gets_its_own_supply_points_only(stack: Stack, agent: Caller) -> None:
    sector, created = new_sector(agent, 3)
    page = network(stack, "10").search(postcode=sector, page_size=500).json()
    assert sorted(found["registration_id"] for found in page["registrations"]) == sorted(
        entry["registration_id"] for entry in created
    )
    assert [found["mprns"] for found in page["registrations"]] == [[], [], []]


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_the_pages_of_a_network_are_full_although_it_may_not_see_registrations_between(
    stack: Stack, agent: Caller, page_size: int
) -> None:
    sector, created = new_sector(agent, 4)
    withheld_in(agent, sector, 6)
    visible = sorted(entry["registration_id"] for entry in created)
    found = [
        [one["registration_id"] for one in page["registrations"]]
        for page in pages(network(stack, "10"), page_size, postcode=sector)
    ]
    assert found == [visible[start : start + page_size] for start in range(0, 4, page_size)]


def test_a_network_that_may_see_nobody_gets_the_answer_of_an_area_with_nobody(stack: Stack, agent: Caller) -> None:
    sector, _ = new_sector(agent, 3)
    withheld_in(agent, sector, 3)
    nobody, _ = new_sector(agent, 0)
    there, not_there = (network(stack, "11").search(postcode=area, page_size=1) for area in (sector, nobody))
    assert there.json() == {"registrations": [], "next_page_token": None}
    assert there.content == not_there.content


def test_an_agent_finds_a_registration_between_two_homes(agent: Caller) -> None:
    sector, (created,) = new_sector(agent, 1)
    released = agent.amend(created["registration_id"], '"1"', {"supply_points": {"mpans": [], "mprns": []}})
    assert released.status_code == 200
    (found,) = agent.search(postcode=sector).json()["registrations"]
    assert (found["registration_id"], found["mpans"], found["mprns"]) == (created["registration_id"], [], [])
    assert [need["code"] for need in found["needs"]] == ["02", "33"]


def test_a_page_token_does_not_reveal_the_start_of_the_next_page(agent: Caller) -> None:
    sector, created = new_sector(agent, 3)
    registration_id = created[0]["registration_id"]
    agent.amend(registration_id, '"1"', {"needs": [{"code": "08"}]}, key="k-1")
    agent.amend(registration_id, '"2"', {"needs": [{"code": "02"}]})
    tokens = [page["next_page_token"] for page in pages(agent, 1, postcode=sector)[:-1]]
    tokens.append(agent.search(postcode=sector, page_size=1).json()["next_page_token"])
    tokens += [agent.changes(registration_id, page_size=size).json()["next_page_token"] for size in (1, 2)]
    assert len(set(tokens)) == len(tokens) == 5
    assert len(set(map(len, tokens))) == 1
    ids = [entry["registration_id"].encode() for entry in created]
    for token in tokens:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        assert not any(one in content or one[:8] in content for one in ids)


def test_a_page_token_is_good_for_its_own_question_and_caller_only(stack: Stack, agent: Caller) -> None:
    sector, _ = new_sector(agent, 3)
    other, _ = new_sector(agent, 0)
    token = agent.search(postcode=sector, page_size=1).json()["next_page_token"]
    stranger = Caller(stack, "agent", scope="psr:bulk", sub="somebody-else")
    tampered = ("A" if token[0] != "A" else "B") + token[1:]
    refused = [
        agent.search(postcode=other, page_token=token),
        stranger.search(postcode=sector, page_token=token),
        agent.search(postcode=sector, page_token=tampered),
        agent.search(postcode=sector, page_token="é"),
        agent.search(postcode=sector, page_token=""),
    ]
    for answer in refused:
        assert answer.status_code == 422
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/page_token", "page_token")]


@pytest.mark.parametrize(
    ("home", "outward"),
    [
        ("E1 1DU", "E11"),
        ("BS1 1AA", "BS11"),
        ("SW1 9AA", "SW19"),
        ("M2 1AA", "M21"),
        ("M2 1AA", "m2"),
        ("W1A 0AX", "W1A"),
    ],
)
def test_an_outward_code_is_no_sector_of_another_area(agent: Caller, home: str, outward: str) -> None:
    agent.create(registration(premises={"address_lines": ["1 Whitechapel Road"], "postcode": home}))
    refused = agent.search(postcode=outward)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {
            "pointer": "/postcode",
            "code": "outward_code",
            "detail": "Enter a postcode such as BS1 4DJ, or a sector with its space such as BS1 4",
        }
    ]


@pytest.mark.parametrize(
    ("asked", "sector"),
    [
        ("E1 1", "E1 1"),
        ("e1 1", "E1 1"),
        ("E111", "E11 1"),
        ("EC1A1", "EC1A 1"),
        ("BS114", "BS11 4"),
        ("GIR 0", "GIR 0"),
    ],
)
def test_a_sector_is_known_by_its_space_or_by_being_nothing_else(asked: str, sector: str) -> None:
    assert sector_or_postcode(asked) == sector


@pytest.mark.parametrize(
    ("area", "pointer"),
    [
        ({"postcode": "BS1"}, "/postcode"),
        ({"postcode": "ZZ99 9ZZ"}, "/postcode"),
        ({"postcode": "BS1 4", "page_size": 0}, "/page_size"),
        ({"postcode": "BS1 4", "page_size": 501}, "/page_size"),
        ({"postcode": "BS1 4", "page_size": "10"}, "/page_size"),
        ({}, "/postcode"),
    ],
)
def test_an_area_that_cannot_be_is_422(agent: Caller, area: dict[str, Any], pointer: str) -> None:
    refused = agent.search(**area)
    assert (refused.status_code, [e["pointer"] for e in refused.json()["errors"]]) == (422, [pointer])


def test_a_moved_account_is_not_found_at_its_old_supply_point(agent: Caller) -> None:
    submitted = registration()
    agent.create(submitted)
    registration_id = agent.look_up(account_id=submitted["account_id"]).json()["registration_id"]
    agent.amend(registration_id, '"1"', {"supply_points": {"mpans": [new_mpan()]}})
    old = submitted["supply_points"]["mpans"]
    assert agent.batch(mpans=old).json() == {"found": [], "not_found": old}
