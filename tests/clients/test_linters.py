"""The contract has no finding of the rules that Spectral and Redocly recommend. None of the rules is switched off."""

import json
from pathlib import Path

import pytest

from tests.clients.programs import FOLDER, NPM, needs_npm, run
from tools.pages.api import OPENAPI

pytestmark = needs_npm


def spectral(document: Path) -> str:
    return run(NPM / "spectral", "lint", "--ruleset", FOLDER / "spectral.yaml", "--fail-severity", "hint", document)


def redocly(document: Path) -> int:
    """How many errors and warnings there are."""
    report = run(NPM / "redocly", "lint", "--config", FOLDER / "redocly.yaml", "--format", "json", document)
    totals = json.loads(report[report.index("{") : report.rindex("}") + 1])["totals"]
    return int(totals["errors"] + totals["warnings"])


def test_spectral_finds_nothing() -> None:
    assert "No results" in spectral(OPENAPI)


def test_redocly_finds_nothing() -> None:
    assert redocly(OPENAPI) == 0


def test_both_find_an_operation_without_a_summary_and_a_tag(tmp_path: Path) -> None:
    document = json.loads(OPENAPI.read_text(encoding="utf-8"))
    operation = document["paths"]["/v1/registrations"]["post"]
    del operation["tags"], operation["summary"]
    (tmp_path / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(AssertionError, match="operation-tags"):
        spectral(tmp_path / "openapi.json")
    with pytest.raises(AssertionError, match="operation-summary"):
        redocly(tmp_path / "openapi.json")
