"""Protections: every rule, every limit of age, every missing fact, and the order of strength."""

from datetime import date
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.household import AgeBand
from shared.domain.needs import categories
from shared.domain.protection_rules import answers
from shared.domain.protections import Protection, Protections, protections_of
from shared.domain.registration import Registration, Status
from tests.support.registrations import on_day, registered, registration

DAY = "2026-11-25"
SUMMER = "2026-07-01"
PREPAYMENT, WINTER = "prepayment_installation", "winter_disconnection"
GAS, NOTICE = "gas_safety_check_eligible", "disconnection_notice"
ADULT, PENSIONER, CHILD = {"birth_year": 1980}, {"birth_year": 1950}, {"birth_year": 2015}
#: A household about which everything is known, and to which no rule of prepayment applies.
KNOWN: dict[str, Any] = {
    "occupants": [ADULT],
    "supported": False,
    "can_top_up": True,
    "chronic_or_severe_illness": False,
    "warm_home_dependency": False,
    "temporary_circumstances": [],
    "owns_home": True,
    "means_tested_benefit": True,
}
WELL = ADULT | {"disabled_or_ill": False}
#: A needs code that no rule names.
PENSIONABLE_AGE = "14"


def need(code: str, **fields: Any) -> dict[str, Any]:
    return {"code": code, "starts_on": "2026-01-01", **fields}


def young(born: str) -> dict[str, Any]:
    return need("29", ends_on="2032-01-01", youngest_child_born_on=born)


def home(*needs: dict[str, Any], status: str = "active", services: Any = None, **household: Any) -> Registration:
    """A registration with gas, of a household about which everything else is known."""
    return registration(
        status=status,
        needs=[need(PENSIONABLE_AGE), *needs] if status == "active" else [],
        supply_points={"mpans": [], "mprns": ["9900000104"]},
        services=services or {},
        household=KNOWN | household,
    )


def ask(answer: str, found: Registration, day: str = DAY) -> Protection:
    protection: Protection = getattr(protections_of(found, date.fromisoformat(day)), answer)
    return protection


def occupied(*ages: int, day: str = DAY) -> dict[str, Any]:
    """Occupants of these exact ages: born on the last day of a year, they are asked about on such a day."""
    return {"occupants": [{"birth_year": int(day[:4]) - age} for age in ages]}


#: The last day of a year: a birth year is an exact age.
YEAR_END = "2026-12-31"
BAND = {"as_of": DAY}
ILL = "/household/chronic_or_severe_illness"
OCCUPANTS = "/household/occupants"

#: For each rule: its answer, a household to which it applies, the day, and the facts that decide.
APPLIES: dict[str, tuple[str, Registration, str, list[str]]] = {
    "prepayment-continuous-supply": (PREPAYMENT, home(need("12")), DAY, ["/needs/1"]),
    "prepayment-all-75-without-support": (
        PREPAYMENT,
        home(occupants=[{"birth_year": 1950}, {"age_band": "75_or_over", "as_of": "2020-01-01"}]),
        DAY,
        [f"{OCCUPANTS}/0", f"{OCCUPANTS}/1", "/household/supported"],
    ),
    "prepayment-child-under-2": (
        PREPAYMENT,
        home(occupants=[ADULT, {"birth_year": 2025}]),
        DAY,
        [f"{OCCUPANTS}/1"],
    ),
    "prepayment-illness": (PREPAYMENT, home(chronic_or_severe_illness=True), DAY, [ILL]),
    "prepayment-nobody-can-top-up": (PREPAYMENT, home(can_top_up=False), DAY, ["/household/can_top_up"]),
    "prepayment-child-of-5-or-under": (
        PREPAYMENT,
        home(occupants=[ADULT, {"age_band": "5", **BAND}]),
        DAY,
        [f"{OCCUPANTS}/1"],
    ),
    "prepayment-medical-condition": (PREPAYMENT, home(need("37")), DAY, ["/needs/1"]),
    "prepayment-mental-or-developmental-condition": (PREPAYMENT, home(need("30")), DAY, ["/needs/1"]),
    "prepayment-temporary-situation": (
        PREPAYMENT,
        home(
            temporary_circumstances=[
                {"kind": "bereavement", "until": "2026-11-24"},
                {"kind": "pregnancy", "until": DAY},
            ]
        ),
        DAY,
        ["/household/temporary_circumstances/1"],
    ),
    "winter-pensioners-to-2026": (WINTER, home(occupants=[PENSIONER]), "2026-01-15", [f"{OCCUPANTS}/0"]),
    "winter-pensioners-to-2028": (
        WINTER,
        home(occupants=[PENSIONER, CHILD]),
        DAY,
        [f"{OCCUPANTS}/0", f"{OCCUPANTS}/1"],
    ),
    "winter-pensioners-from-2028": (WINTER, home(occupants=[PENSIONER]), "2028-11-25", [f"{OCCUPANTS}/0"]),
    "winter-on-the-register": (WINTER, home(), DAY, []),
    "gas-check-child-under-5": (
        GAS,
        home(young("2024-01-01")),
        DAY,
        [
            "/household/means_tested_benefit",
            "/household/owns_home",
            "/needs/1/youngest_child_born_on",
            "/supply_points/mprns",
        ],
    ),
    **{
        rule: (
            GAS,
            home(occupants=[PENSIONER, CHILD, ADULT | {"disabled_or_ill": True}]),
            day,
            [
                "/household/means_tested_benefit",
                f"{OCCUPANTS}/0",
                f"{OCCUPANTS}/1",
                f"{OCCUPANTS}/2/disabled_or_ill",
                "/household/owns_home",
                "/supply_points/mprns",
            ],
        )
        for rule, day in {
            "gas-check-household-to-2026": "2026-01-15",
            "gas-check-household-to-2028": DAY,
            "gas-check-household-from-2028": "2028-11-25",
        }.items()
    },
    "notice-personal-contact": (NOTICE, home(need("25")), DAY, ["/needs/1"]),
    "notice-adapted": (NOTICE, home(services={"language": "cy"}), DAY, ["/services/language"]),
}
RULES = {rule.id: rule for answer in answers().values() for rule in answer.rules}


def test_every_rule_has_a_case() -> None:
    assert set(APPLIES) == set(RULES)


@pytest.mark.parametrize("rule", APPLIES)
def test_a_rule_that_applies_decides_with_its_facts(rule: str) -> None:
    answer, found, day, facts = APPLIES[rule]
    protection = ask(answer, found, day)
    assert (protection.outcome, protection.rules, protection.missing) == (RULES[rule].outcome, [rule], [])
    assert sorted(protection.facts) == sorted(facts)


#: For each rule: the same household without a fact that the rule needs, and the facts that are then missing.
UNKNOWN: dict[str, list[tuple[Registration, list[str]]]] = {
    "prepayment-continuous-supply": [(home(status="pending"), ["/needs"])],
    "prepayment-all-75-without-support": [
        (home(occupants=[{"birth_year": 1951}]), [f"{OCCUPANTS}/0"]),
        (home(occupants=[PENSIONER], supported=None), ["/household/supported"]),
        (home(occupants=None), [OCCUPANTS]),
    ],
    "prepayment-child-under-2": [
        (home(occupants=[ADULT, {"birth_year": 2024}]), [f"{OCCUPANTS}/1"]),
        (home(occupants=None), [OCCUPANTS]),
    ],
    "prepayment-illness": [
        (home(chronic_or_severe_illness=None), [ILL]),
        (home(warm_home_dependency=None), ["/household/warm_home_dependency"]),
        (home(status="pending"), ["/needs"]),
    ],
    "prepayment-nobody-can-top-up": [(home(can_top_up=None), ["/household/can_top_up"])],
    "prepayment-child-of-5-or-under": [
        (home(occupants=[ADULT, {"birth_year": 2020}]), [f"{OCCUPANTS}/1"]),
        (home(occupants=None), [OCCUPANTS]),
    ],
    "prepayment-medical-condition": [(home(status="pending"), ["/needs"])],
    "prepayment-mental-or-developmental-condition": [(home(status="pending"), ["/needs"])],
    "prepayment-temporary-situation": [
        (home(temporary_circumstances=None), ["/household/temporary_circumstances"]),
        (home(status="pending"), ["/needs"]),
    ],
    "winter-pensioners-to-2028": [
        (home(occupants=None), [OCCUPANTS]),
        (home(occupants=[PENSIONER, {"birth_year": 1960}]), [f"{OCCUPANTS}/1"]),
        (home(occupants=[PENSIONER, {"birth_year": 2008}]), [f"{OCCUPANTS}/1"]),
    ],
    "gas-check-child-under-5": [
        (home(young("2024-01-01"), owns_home=None), ["/household/owns_home"]),
        (home(young("2024-01-01"), means_tested_benefit=None), ["/household/means_tested_benefit"]),
        (home(occupants=None), [OCCUPANTS]),
    ],
    "gas-check-household-to-2028": [
        (home(occupants=[PENSIONER], owns_home=None), ["/household/owns_home"]),
        (home(occupants=[PENSIONER], means_tested_benefit=None), ["/household/means_tested_benefit"]),
        (home(occupants=[PENSIONER, ADULT]), [f"{OCCUPANTS}/1/disabled_or_ill"]),
        (home(occupants=None), [OCCUPANTS]),
    ],
    "notice-personal-contact": [
        (home(chronic_or_severe_illness=None), [ILL]),
        (home(status="pending"), ["/needs"]),
    ],
    "notice-adapted": [(home(status="pending"), ["/needs"])],
}
#: These rules of other years have the conditions of a rule above. The last one knows its facts always.
DECIDED_ELSEWHERE = {
    "winter-pensioners-to-2026",
    "winter-pensioners-from-2028",
    "gas-check-household-to-2026",
    "gas-check-household-from-2028",
    "winter-on-the-register",
}


def test_every_rule_has_its_missing_facts() -> None:
    assert set(UNKNOWN) == set(RULES) - DECIDED_ELSEWHERE


@pytest.mark.parametrize(
    ("rule", "found", "missing"), [(rule, *case) for rule, cases in UNKNOWN.items() for case in cases]
)
def test_a_missing_fact_is_named_and_nothing_is_allowed(rule: str, found: Registration, missing: list[str]) -> None:
    protection = ask(APPLIES[rule][0], found)
    assert (protection.outcome, protection.facts) == ("cannot_determine", [])
    assert rule in protection.rules
    assert set(missing) <= set(protection.missing)


def test_facts_are_missing_only_if_they_can_change_the_outcome() -> None:
    assert ask(PREPAYMENT, home(can_top_up=False, supported=None, occupants=None)).missing == []
    assessed = ask(PREPAYMENT, home(need("30"), temporary_circumstances=None))
    assert (assessed.outcome, assessed.missing) == ("assess_further", [])
    assert ask(PREPAYMENT, home(need("30"), can_top_up=None)).outcome == "cannot_determine"
    assert ask(WINTER, home(occupants=None), SUMMER).outcome == "not_winter"


def test_no_rule_of_prepayment_applies_if_all_is_known_and_nothing_holds() -> None:
    protection = ask(PREPAYMENT, home())
    assert (protection.outcome, protection.missing) == ("no_bar_known", [])
    assert protection.rules == sorted(rule for rule in RULES if rule.startswith("prepayment-"))
    assert protection.facts == [
        "/household/can_top_up",
        ILL,
        f"{OCCUPANTS}/0",
        "/household/temporary_circumstances",
        "/household/warm_home_dependency",
        "/needs",
    ]


def test_several_rules_of_one_outcome_decide_together() -> None:
    protection = ask(PREPAYMENT, home(need("02"), can_top_up=False, occupants=[PENSIONER]))
    assert protection.rules == [
        "prepayment-all-75-without-support",
        "prepayment-continuous-supply",
        "prepayment-nobody-can-top-up",
    ]
    assert protection.facts == ["/household/can_top_up", f"{OCCUPANTS}/0", "/household/supported", "/needs/1"]


def test_a_stronger_outcome_leaves_out_the_rules_of_weaker_ones() -> None:
    assert ask(PREPAYMENT, home(need("02"), need("30"))).rules == ["prepayment-continuous-supply"]


@pytest.mark.parametrize("code", categories())
def test_each_needs_code_has_its_outcome(code: str) -> None:
    expected = dict.fromkeys(("01", "02", "03", "04", "12", "22", "23", "24", "25"), "do_not_install")
    expected |= dict.fromkeys(("15", "18", "20", "26", "28", "30", "32", "33", "37"), "assess_further")
    assert ask(PREPAYMENT, home(need(code))).outcome == expected.get(code, "no_bar_known")


@pytest.mark.parametrize("code", categories())
def test_each_needs_code_has_its_form_of_notice(code: str) -> None:
    expected = dict.fromkeys(("01", "02", "03", "04", "12", "22", "23", "24", "25"), "personal_contact")
    expected |= dict.fromkeys(("08", "09", "17", "18", "19", "20", "31", "35", "36"), "adapted")
    assert ask(NOTICE, home(need(code))).outcome == expected.get(code, "statutory")


def test_a_need_counts_to_its_last_day() -> None:
    assert ask(PREPAYMENT, home(need("02", ends_on=DAY))).outcome == "do_not_install"
    assert ask(PREPAYMENT, home(need("02", ends_on="2026-11-24"))).outcome == "no_bar_known"


@pytest.mark.parametrize("code", ["02", "33"])
def test_needs_are_not_known_from_the_midnight_after_the_last_one_ended(code: str) -> None:
    """Protections do not depend on whether the daily run has made the registration pending yet."""
    known = registered(needs=[{"code": code, "ends_on": DAY}], household=KNOWN)
    next_day = date(2026, 11, 26)
    answer = protections_of(known.registration, next_day)
    assert answer.prepayment_installation.outcome == "cannot_determine"
    assert answer == protections_of(on_day(known, str(next_day)).state.registration, next_day)


@pytest.mark.parametrize(
    ("answer", "household", "outcome"),
    [
        pytest.param(PREPAYMENT, occupied(75), "do_not_install", id="all 75"),
        pytest.param(PREPAYMENT, occupied(75, 74), "no_bar_known", id="one of 74"),
        pytest.param(PREPAYMENT, occupied(75, 75) | {"supported": True}, "no_bar_known", id="75 and supported"),
        pytest.param(PREPAYMENT, occupied(40, 1), "do_not_install", id="a child of 1"),
        pytest.param(PREPAYMENT, occupied(40, 2), "assess_further", id="a child of 2"),
        pytest.param(PREPAYMENT, occupied(40, 5), "assess_further", id="a child of 5"),
        pytest.param(PREPAYMENT, occupied(40, 6), "no_bar_known", id="a child of 6"),
        pytest.param(WINTER, occupied(67), "do_not_disconnect", id="a pensioner of 67"),
        pytest.param(WINTER, occupied(66), "cannot_determine", id="66, while the pensionable age rises"),
        pytest.param(WINTER, occupied(65), "take_all_reasonable_steps", id="65"),
        pytest.param(WINTER, occupied(67, 17), "do_not_disconnect", id="with a child of 17"),
        pytest.param(WINTER, occupied(67, 18), "take_all_reasonable_steps", id="with an adult of 18"),
        pytest.param(WINTER, occupied(17), "take_all_reasonable_steps", id="a child alone is no pensioner"),
        pytest.param(GAS, occupied(40, 4), "eligible", id="gas and a child of 4"),
        pytest.param(GAS, {"occupants": [{"birth_year": 2021}, WELL]}, "not_eligible", id="gas and a child of 5"),
        pytest.param(GAS, occupied(67), "eligible", id="gas and a pensioner"),
        pytest.param(GAS, occupied(67, 17), "eligible", id="gas, a pensioner and a child"),
        pytest.param(GAS, {"occupants": [PENSIONER, WELL]}, "not_eligible", id="gas, with an adult who is well"),
        pytest.param(GAS, {"occupants": [ADULT | {"disabled_or_ill": True}]}, "eligible", id="disabled and alone"),
    ],
)
def test_limits_of_age(answer: str, household: dict[str, Any], outcome: str) -> None:
    assert ask(answer, home(**household), YEAR_END).outcome == outcome


@pytest.mark.parametrize(
    ("bands", "outcome"),
    [
        (["75_or_over"], "do_not_install"),
        (["75_or_over", "66_to_74"], "no_bar_known"),
        (["18_to_65", "under_2"], "do_not_install"),
        (["18_to_65", "2_to_4"], "assess_further"),
        (["18_to_65", "5"], "assess_further"),
        (["18_to_65", "6_to_17"], "no_bar_known"),
    ],
)
def test_no_limit_is_inside_a_band_on_its_day(bands: list[str], outcome: str) -> None:
    occupants = [{"age_band": band, "as_of": DAY} for band in bands]
    assert ask(PREPAYMENT, home(occupants=occupants)).outcome == outcome
    later = ask(PREPAYMENT, home(occupants=[one | {"as_of": "2026-11-24"} for one in occupants]))
    assert later.outcome in (outcome, "cannot_determine")


@pytest.mark.parametrize(
    ("born", "day", "outcome"),
    [
        pytest.param("2024-11-26", DAY, "do_not_install", id="the day before the second birthday"),
        pytest.param("2024-11-25", DAY, "assess_further", id="the second birthday"),
        pytest.param("2020-11-26", DAY, "assess_further", id="the day before the sixth birthday"),
        pytest.param("2020-11-25", DAY, "no_bar_known", id="the sixth birthday"),
    ],
)
def test_the_birth_date_of_code_29_decides(born: str, day: str, outcome: str) -> None:
    assert ask(PREPAYMENT, home(young(born)), day).outcome == outcome
    imprecise = home(young(born), occupants=[ADULT, {"birth_year": int(born[:4])}])
    assert ask(PREPAYMENT, imprecise, day).outcome == outcome


def test_a_child_that_either_source_names_is_there() -> None:
    assert (
        ask(PREPAYMENT, home(young("2021-01-01"), occupants=[ADULT, {"birth_year": 2025}])).outcome == "do_not_install"
    )
    assert ask(PREPAYMENT, home(young("2026-01-01"), occupants=[ADULT])).outcome == "do_not_install"


def test_without_code_29_a_household_may_have_a_child() -> None:
    assert ask(PREPAYMENT, home(occupants=None)).missing == [OCCUPANTS]
    with_child = ask(PREPAYMENT, home(young("2021-01-01"), occupants=None, supported=True))
    assert (with_child.outcome, with_child.rules) == ("assess_further", ["prepayment-child-of-5-or-under"])


@pytest.mark.parametrize(
    ("household", "supply_points", "facts"),
    [
        pytest.param({}, {"mpans": ["2200999000017"], "mprns": []}, "/supply_points/mprns", id="no gas"),
        pytest.param({"owns_home": False}, None, "/household/owns_home", id="a tenant"),
        pytest.param({"means_tested_benefit": False}, None, "/household/means_tested_benefit", id="no benefit"),
    ],
)
def test_a_gas_safety_check_needs_all_its_conditions(household: dict[str, Any], supply_points: Any, facts: str) -> None:
    found = home(young("2024-01-01"), **{"occupants": None} | household)
    if supply_points:
        found = registration(**found.model_dump(mode="json") | {"supply_points": supply_points})
    protection = ask(GAS, found)
    assert (protection.outcome, protection.facts) == ("not_eligible", [facts])


@pytest.mark.parametrize(
    "services",
    [{"communication_format": "braille"}, {"language": "pl"}, {"nominee_receives_communications": True}],
)
def test_communication_that_is_adapted_is_adapted_for_a_notice(services: dict[str, Any]) -> None:
    (name,) = services
    protection = ask(NOTICE, home(services=services))
    assert (protection.outcome, protection.facts) == ("adapted", [f"/services/{name}"])
    assert ask(NOTICE, home(services={"cannot_read_meter": True, "caller_password": "BLUE"})).outcome == "statutory"


@pytest.mark.parametrize(
    ("day", "outcome"),
    [
        ("2026-09-30", "not_winter"),
        ("2026-10-01", "do_not_disconnect"),
        ("2026-12-31", "do_not_disconnect"),
        ("2027-03-31", "do_not_disconnect"),
        ("2027-04-01", "not_winter"),
    ],
)
def test_winter_is_october_to_march(day: str, outcome: str) -> None:
    assert ask(WINTER, home(occupants=[PENSIONER]), day).outcome == outcome


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_counts_from_its_first_day_to_its_last(rule: str) -> None:
    dated = RULES[rule]
    first, last = dated.valid_from, dated.valid_until
    assert dated.in_force_on(first)
    assert not dated.in_force_on(date.fromordinal(first.toordinal() - 1))
    if last is None:
        assert dated.in_force_on(date.max)
    else:
        assert dated.in_force_on(last)
        assert not dated.in_force_on(date.fromordinal(last.toordinal() + 1))


def test_before_the_first_rule_nothing_can_be_determined() -> None:
    early = ask(PREPAYMENT, home(can_top_up=False), "2023-11-07")
    assert (early.outcome, early.rules, early.facts, early.missing) == ("cannot_determine", [], [], [])
    assert ask(PREPAYMENT, home(can_top_up=False), "2023-11-08").outcome == "do_not_install"


@pytest.mark.parametrize(
    ("day", "age", "outcome"),
    [
        ("2025-12-31", 66, "do_not_disconnect"),
        ("2026-12-31", 66, "cannot_determine"),
        ("2027-12-31", 66, "cannot_determine"),
        ("2028-12-31", 66, "take_all_reasonable_steps"),
        ("2028-12-31", 67, "do_not_disconnect"),
    ],
)
def test_the_rule_of_the_day_has_its_pensionable_age(day: str, age: int, outcome: str) -> None:
    assert ask(WINTER, home(**occupied(age, day=day)), day).outcome == outcome


@pytest.mark.parametrize("status", ["withdrawn", "ended"])
def test_nothing_can_be_determined_about_a_registration_that_is_not_live(status: str) -> None:
    found = home(can_top_up=False, occupants=[PENSIONER]).model_copy(update={"status": Status(status)})
    for answer in (PREPAYMENT, WINTER, GAS, NOTICE):
        protection = ask(answer, found)
        assert (protection.outcome, protection.facts, protection.missing) == ("cannot_determine", [], ["/status"])
        assert protection.rules


def test_a_registration_of_the_form_without_a_household_has_missing_facts() -> None:
    found = registration(needs=[need("08")], supply_points={"mpans": [], "mprns": ["9900000104"]})
    protections = protections_of(found, date.fromisoformat(DAY))
    assert {getattr(protections, name).outcome for name in (PREPAYMENT, WINTER, GAS, NOTICE)} == {"cannot_determine"}
    assert protections.prepayment_installation.missing == sorted(
        [
            "/household/can_top_up",
            ILL,
            OCCUPANTS,
            "/household/supported",
            "/household/temporary_circumstances",
            "/household/warm_home_dependency",
        ]
    )


def test_a_pending_registration_is_protected_by_the_facts_that_are_known() -> None:
    assert ask(PREPAYMENT, home(status="pending", can_top_up=False)).outcome == "do_not_install"
    assert ask(PREPAYMENT, home(status="pending")).missing == ["/needs"]


def test_answers_have_the_day_and_the_sentences_of_their_outcomes() -> None:
    explained = protections_of(home(), date.fromisoformat(DAY))
    assert explained.on == date.fromisoformat(DAY)
    for name, answer in answers().items():
        protection: Protection = getattr(explained, name)
        assert protection.why == answer.outcomes[protection.outcome]
    brief = protections_of(home(), date.fromisoformat(DAY), explained=False)
    assert [getattr(brief, name).why for name in answers()] == [None] * 4
    assert brief.prepayment_installation.outcome == explained.prepayment_installation.outcome


def test_every_outcome_has_a_sentence_of_its_own_in_both_languages() -> None:
    sentences = [why for answer in answers().values() for why in answer.outcomes.values()]
    for language in ("en", "cy"):
        texts = [getattr(why, language) for why in sentences]
        assert len(set(texts)) == len(texts)
    assert all(why.en != why.cy and why.en.endswith(".") and why.cy.endswith(".") for why in sentences)


def test_the_contract_names_the_answers_and_outcomes_of_the_rules_the_strongest_first() -> None:
    kinds = {name: field.annotation for name, field in Protections.model_fields.items() if name != "on"}
    assert list(kinds) == list(answers())
    for name, kind in kinds.items():
        assert kind is not None
        assert list(get_args(kind.model_fields["outcome"].annotation)) == list(answers()[name].outcomes)


BIRTH_YEARS = st.sampled_from([1940, 1951, 1960, 1980, 2009, 2020, 2024, 2026])
BANDS = st.fixed_dictionaries(
    {"age_band": st.sampled_from([*AgeBand]), "as_of": st.sampled_from([DAY, "2025-11-26", "2021-06-01"])}
)
OCCUPANT = st.one_of(st.fixed_dictionaries({"birth_year": BIRTH_YEARS}), BANDS)
CIRCUMSTANCE = st.fixed_dictionaries({"kind": st.just("pregnancy"), "until": st.sampled_from(["2026-11-24", DAY])})
HOUSEHOLDS = st.fixed_dictionaries(
    {
        "occupants": st.lists(OCCUPANT, min_size=1, max_size=3),
        "supported": st.booleans(),
        "can_top_up": st.booleans(),
        "chronic_or_severe_illness": st.booleans(),
        "warm_home_dependency": st.booleans(),
        "temporary_circumstances": st.lists(CIRCUMSTANCE, max_size=2),
    }
)
CODES = st.sampled_from(["02", "08", "14", "18", "22", "29", "32", "37"])


def with_needs(codes: set[str], born: str, household: dict[str, Any]) -> Registration:
    """Active with these needs; pending without any."""
    needs = [young(born) if code == "29" else need(code) for code in sorted(codes)]
    return registration(status="active" if needs else "pending", needs=needs, household=household)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    whole=HOUSEHOLDS,
    hidden=st.sets(st.sampled_from(sorted(KNOWN))),
    needs=st.sets(CODES, min_size=1),
    fewer=st.sets(CODES),
    born=st.sampled_from(["2026-01-01", "2024-11-25", "2021-01-01"]),
)
def test_no_added_fact_weakens_a_protection(
    whole: dict[str, Any], hidden: set[str], needs: set[str], fewer: set[str], born: str
) -> None:
    """Facts about the household that were missing, needs that were missing, and needs that were not known at all."""
    partial = {name: value for name, value in whole.items() if name not in hidden}
    before = ask(PREPAYMENT, with_needs(needs & fewer, born, partial)).outcome
    after = ask(PREPAYMENT, with_needs(needs, born, whole)).outcome
    if before == "do_not_install":
        assert after == "do_not_install"
    if needs & fewer == needs and before != "cannot_determine":
        assert after == before, "facts that were missing could not change the outcome"
