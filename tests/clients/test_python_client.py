"""A Python client that openapi-python-client generates from the contract works against the running service."""

import importlib
import os
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import PYTHON_GENERATOR, needs_generator, run
from tools.api_client import ALL_SCOPES
from tools.local.stack import Stack
from tools.pages.api import OPENAPI
from tools.synthetic import new_account, new_mpan

pytestmark = needs_generator

_PACKAGE = "generated_psr_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the generated package, which can be imported."""
    folder = tmp_path_factory.mktemp("python")
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"  # it formats with ruff
    try:
        output = run(
            PYTHON_GENERATOR, "generate", "--path", OPENAPI, "--output-path", folder / _PACKAGE, "--meta", "none"
        )
    finally:
        os.environ["PATH"] = before
    assert "Warning" not in output, output
    sys.path.insert(0, str(folder))
    yield folder / _PACKAGE
    sys.path.remove(str(folder))


def part(name: str) -> Any:
    return importlib.import_module(f"{_PACKAGE}.{name}")


def test_each_enum_is_generated_once_with_names(generated: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (generated / "models").glob("*.py")]
    enums = [text for text in texts if "StrEnum" in text or "(str, Enum)" in text]
    members = [frozenset(line.split(" = ")[1] for line in text.splitlines() if " = " in line) for text in enums]
    assert len(members) == len(set(members)), "two enums have the same values"
    assert not [text for text in enums if "VALUE_" in text or "LITERAL_" in text]
    need_code = part("models").NeedCode
    assert need_code.HEART_LUNG_VENTILATOR == "02"


@pytest.mark.usefixtures("generated")
def test_the_client_registers_reads_amends_and_finds(stack: Stack) -> None:
    models, types = part("models"), part("types")
    client = part("client").AuthenticatedClient(base_url=stack.url, token=stack.token("agent", scope=ALL_SCOPES))
    changes, registrations = part("api.changes"), part("api.registrations")
    for package, name in (
        (changes, "create_registration"),
        (changes, "amend_registration"),
        (registrations, "get_registration"),
        (registrations, "look_up_registration"),
    ):
        setattr(package, name, importlib.import_module(f"{package.__name__}.{name}"))
    account, mpan = new_account(), new_mpan()
    submitted = models.RegistrationInput(
        account_id=account,
        supply_points=models.SupplyPointsInput(mpans=[mpan]),
        premises=models.Address(address_lines=["1 Test Street"], postcode="BS1 4DJ"),
        primary_contact=models.Contact(name="Mrs A Example"),
        needs=[models.NeedInput(code=models.NeedCode.BLIND)],
        sharing=models.Sharing(
            basis=models.Article9Condition.EXPLICIT_CONSENT,
            article_6_basis=models.Article6Basis.CONSENT,
            recorded_on=date(2026, 1, 5),
            evidence="call 4711",
            capture=models.Capture(
                captured_at=datetime(2026, 1, 5, 9, tzinfo=UTC),
                captured_by="agent-117",
                channel=models.CaptureChannel.PHONE,
                wording=models.WordingReference(version="2026-1", language="en"),
            ),
        ),
    )
    created = changes.create_registration.sync_detailed(
        client=client, body=submitted, idempotency_key=f"client-{account}"
    )
    assert created.status_code == 201
    assert isinstance(created.parsed, models.RegistrationAnswer)
    assert created.parsed.needs[0].code is models.NeedCode.BLIND
    registration_id = uuid.UUID(created.parsed.registration_id)

    patch = models.RegistrationPatch(
        primary_contact=models.ContactPatch(phones=["07700900123"]),
        needs=[models.NeedInput(code=models.NeedCode.BLIND), models.NeedInput(code=models.NeedCode.OXYGEN_USE)],
    )
    amended = changes.amend_registration.sync_detailed(
        registration_id, client=client, body=patch, if_match=created.headers["ETag"]
    )
    assert amended.status_code == 200
    assert amended.parsed.primary_contact.name == "Mrs A Example"

    found = registrations.look_up_registration.sync(client=client, body=models.LookupKey(mpan=mpan))
    assert found == registrations.get_registration.sync(registration_id, client=client)
    assert found.premises.to_dict() == submitted.premises.to_dict()
    assert found.services.caller_password in (None, types.UNSET)

    refused = changes.create_registration.sync(client=client, body=models.RegistrationInput.from_dict(BAD))
    assert refused.type_ is models.ProblemType.INVALID_CONTENT
    assert [error.code for error in refused.errors] == [models.FieldErrorCode.POSTCODE_MALFORMED]
    labels = importlib.import_module(f"{_PACKAGE}.api.reference.get_reference").sync(
        client=part("client").Client(base_url=stack.url)
    )
    assert {term.code for term in labels.statuses} == set(models.Status)


BAD: dict[str, Any] = {
    "account_id": "A-1",
    "supply_points": {"mpans": ["1000999001019"]},
    "premises": {"address_lines": ["1 Test Street"], "postcode": "BS"},
    "primary_contact": {"name": "Mrs A Example"},
    "needs": [{"code": "08"}],
    "sharing": {"basis": "none", "recorded_on": "2026-01-05", "evidence": "call 4711"},
}
