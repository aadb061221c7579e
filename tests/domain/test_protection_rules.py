"""The table of protections is refused if it has a fault."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from shared import data
from shared.data import TableError
from shared.domain.household import Household
from shared.domain.protection_rules import Conditions, answers


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A table of the test's own."""
    shutil.copy(data.FOLDER / "protections.yaml", tmp_path)
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    answers.cache_clear()
    yield tmp_path / "protections.yaml"
    answers.cache_clear()


@pytest.mark.parametrize(
    ("text", "instead", "fault"),
    [
        pytest.param(
            "can_top_up: false",
            "can_top_upp: false",
            "prepayment_installation.rules.4.when.0.can_top_upp: Extra inputs are not permitted",
            id="a condition that does not exist",
        ),
        pytest.param(
            'needs: ["22"]',
            'needs: ["10"]',
            "prepayment_installation.rules.3.when.2.needs.0: Choose a need from the Priority Services categories",
            id="a code that does not exist",
        ),
        pytest.param(
            "valid_until: 2026-04-05",
            "valid_until: soon",
            "winter_disconnection.rules.0.valid_until: Input should be a valid date or datetime, input is too short",
            id="no date",
        ),
        pytest.param(
            "outcome: assess_further",
            "outcome: maybe",
            "prepayment-child-of-5-or-under: maybe cannot be the outcome of a rule for prepayment_installation",
            id="an outcome that does not exist",
        ),
        pytest.param(
            "outcome: assess_further",
            "outcome: cannot_determine",
            "prepayment-child-of-5-or-under: cannot_determine cannot be the outcome of a rule for "
            "prepayment_installation",
            id="the outcome for lack of facts",
        ),
        pytest.param(
            "outcome: assess_further",
            "outcome: no_bar_known",
            "prepayment-child-of-5-or-under: no_bar_known cannot be the outcome of a rule for prepayment_installation",
            id="the outcome without a rule",
        ),
        pytest.param(
            "    cannot_determine:\n      en: We need to know who lives",
            "    unknown:\n      en: We need to know who lives",
            "winter_disconnection: cannot_determine must be an outcome, and not the last",
            id="no outcome for lack of facts",
        ),
    ],
)
def test_a_table_with_a_fault_is_refused_with_its_place(table: Path, text: str, instead: str, fault: str) -> None:
    whole = table.read_text(encoding="utf-8")
    assert text in whole
    table.write_text(whole.replace(text, instead), encoding="utf-8")
    with pytest.raises(TableError) as refused:
        answers()
    assert fault in str(refused.value)
    assert "protections.yaml" in str(refused.value)


def test_ids_are_unique_and_each_rule_has_a_source() -> None:
    rules = [rule for answer in answers().values() for rule in answer.rules]
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.source and rule.about and rule.when and rule.valid_from > date(2000, 1, 1) for rule in rules)


def test_no_line_is_without_a_condition() -> None:
    """It would hold for everybody."""
    lines = [line for answer in answers().values() for rule in answer.rules for line in rule.when]
    assert all(line.model_fields_set for line in lines)


def test_boolean_conditions_are_named_like_facts_of_the_household() -> None:
    own = {name for name, field in Conditions.model_fields.items() if field.annotation == bool | None}
    facts = {name for name, field in Household.model_fields.items() if field.annotation == bool | None}
    assert own == facts
