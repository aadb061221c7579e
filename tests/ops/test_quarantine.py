"""`psr quarantine`: personal data is masked, every use is logged, a message is fixed by fixing the table."""

import json
import os
import pwd
import re
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ops.record_ids import short
from ops.running import operator
from shared.digest import digest
from shared.domain.registration import AccountId
from shared.store.documents import Collection, Key
from shared.store.operator_actions import OperatorActions
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus
from shared.store.registrations import Registrations
from shared.store.service import service
from tests.support.commands import psr
from tests.support.events import customer, new_mpan
from tests.support.push import Push
from tools.local.layout import child_environment
from tools.local.processes import Child
from tools.local.stack import Stack
from tools.places import ROOT
from tools.synthetic import event

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)
SECRET = "Ermintrude Quillfeather"


def message(account: str, **changes: Any) -> dict[str, Any]:
    whole = customer(account, [new_mpan()], ["02"], SECRET) | changes
    return event("customer.migrated", account, AT, "//kept", account, whole)


def kept(push: Push, **changes: Any) -> str:
    """The id of a record of a message that cannot be applied as it is."""
    data = json.dumps(message(f"Q-{uuid.uuid4().hex}", **changes)).encode()
    assert push("consume_migration", data) == 204
    return digest("//kept", json.loads(data)["id"], sha256(data).hexdigest())


async def shown(record_id: str) -> dict[str, Any]:
    record = await service().part(Quarantine).get(record_id)
    whole: dict[str, Any] = json.loads(await service().part(Quarantine).data(record.message))
    return whole


async def test_lists_without_personal_data_and_counts_by_reason(push: Push) -> None:
    record_id = kept(push, needs=[{"code": "10"}])
    answer = psr("quarantine", "list", "--problem", "invalid-content need_code_unknown", "--limit", "1000")
    assert answer.returncode == 0, answer.stderr
    line = rf"^{short(record_id)}  \d{{4}}-\d\d-\d\d \d\d:\d\d  1 +invalid-content need_code_unknown$"
    assert re.search(line, answer.stdout, re.MULTILINE)
    assert SECRET not in answer.stdout


async def test_shows_a_message_masked_and_whole_only_with_a_reason(push: Push) -> None:
    record_id = kept(push, needs=[{"code": "10"}])

    masked = psr("quarantine", "show", record_id)
    assert "/data/needs/0/code: need_code_unknown" in masked.stdout
    assert '"primary_contact"' in masked.stdout
    assert SECRET not in masked.stdout
    assert (await shown(record_id))["id"] not in masked.stdout

    refused = psr("quarantine", "show", record_id, "--reveal")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "needs a --reason" in refused.stderr

    whole = psr("quarantine", "show", record_id, "--reveal", "--reason", "customer on the phone")
    assert SECRET in whole.stdout
    noted = [(action.action, action.reason) for action in await service().part(OperatorActions).on(record_id)]
    assert noted == [("shown", None), ("revealed", "customer on the phone")]


@pytest.mark.parametrize(
    ("data", "masked", "whole"),
    [
        (b'{"type": "Mrs \\u009b2J", "x": 1}', '{\n  "type": "•••",\n  "x": "•••"\n}', '"type": "Mrs \\u009b2J"'),
        (b"\x1b[2J Mrs \xff", "(10 bytes that are not JSON; --reveal shows them)", "\\u001b[2J Mrs \\xff"),
        (b"[" * 10_000, "(10,000 bytes that are not JSON; --reveal shows them)", "[" * 10_000),
    ],
    ids=["terms that are none", "bytes that steer a terminal", "too deep"],
)
async def test_shows_what_is_no_event_without_harm(data: bytes, masked: str, whole: str, push: Push) -> None:
    marker = uuid.uuid4().hex
    assert push("consume_migration", data, marker=marker) == 204
    (record_id,) = [
        record.record_id
        async for page in service().part(Quarantine).records(QuarantineStatus.FAILED)
        for record in page
        if record.message.attributes.get("marker") == marker
    ]
    assert masked in psr("quarantine", "show", record_id).stdout
    assert whole in psr("quarantine", "show", record_id, "--reveal", "--reason", "r").stdout


def test_notes_the_account_of_the_machine_and_of_the_credentials_not_what_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    user = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
    assert operator() == user

    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    credentials = {
        "type": "service_account",
        "client_email": "operators@a-project.example",
        "private_key": pem,
        "token_uri": "http://127.0.0.1:1/",
    }
    (tmp_path / "credentials.json").write_text(json.dumps(credentials))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "credentials.json"))
    assert operator() == f"operators@a-project.example ({user})"


async def test_discards_with_a_reason_and_keeps_the_message(push: Push) -> None:
    record_id = kept(push, needs=[{"code": "10"}])

    answer = psr("quarantine", "discard", record_id, "--reason", "test customer of the old platform")

    assert answer.stdout == f"{record_id} discarded\n"
    assert (await service().part(Quarantine).get(record_id)).status == "discarded"
    again = psr("quarantine", "discard", record_id, "--reason", "twice")
    assert again.stdout == f"{record_id} discarded\n"


@pytest.mark.parametrize("command", [["show"], ["replay"], ["discard", "--reason", "r"]], ids=str)
@pytest.mark.usefixtures("stack")
def test_an_absent_record_is_reported_in_one_line(command: list[str]) -> None:
    answer = psr("quarantine", command[0], "0" * 40, *command[1:])
    error = f"error: there is no quarantine record {'0' * 40}: see `psr quarantine list`\n"
    assert (answer.returncode, answer.stderr) == (1, error)


@pytest.fixture
def fixed_table(stack: Stack, tmp_path: Path) -> Iterator[None]:
    """The migration consumer, from a copy of the code whose table knows one word more."""
    for name in ("shared", "functions"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "shared" / "data" / "legacy_needs.csv").open("a", encoding="utf-8") as table:
        table.write("flux capacitor,25\n")
    environment = {**child_environment(stack.layout), "FUNCTION_USE_ASGI": "true", "PYTHONPATH": str(tmp_path)}
    command = (sys.executable, "-m", "functions_framework", "--target", "main", "--source", "main.py")
    port = stack.layout.functions["consume_migration"]
    stack.kill("consume_migration")
    consumer = Child(
        "fixed_table",
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        port,
        tmp_path / "fixed_table.log",
        environment,
        tmp_path / "functions" / "consume_migration",
    )
    consumer.start()
    consumer.wait_until_ready()
    yield
    consumer.end()
    stack.restart("consume_migration")


async def test_once_the_mapping_is_fixed_a_replay_empties_the_quarantine_and_a_second_changes_nothing(
    push: Push, request: pytest.FixtureRequest
) -> None:
    ids = [kept(push, needs=[{"legacy": "Flux capacitor"}, {"code": "08"}]) for _ in range(3)]
    problem = "invalid-content need_code_unknown"
    request.getfixturevalue("fixed_table")

    for _ in range(2):
        answer = psr("quarantine", "replay", *ids, "--reason", "the word is in the table now")
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.startswith("3 published again.")
        until = time.monotonic() + 30
        while any([(await service().part(Quarantine).get(one)).status != "resolved" for one in ids]):
            assert time.monotonic() < until
            time.sleep(0.1)  # noqa: ASYNC251 - nothing else runs here

    left = psr("quarantine", "list", "--problem", problem, "--limit", "1000").stdout
    assert not any(short(one) in left for one in ids)
    for one in ids:
        record = await service().part(Quarantine).get(one)
        account = AccountId(json.loads(await service().part(Quarantine).data(record.message))["subject"])
        state = await service().part(Registrations).get(service().part(Registrations).registration_id(account))
        assert state is not None
        assert [need.code for need in state.registration.needs] == ["08", "25"]
        assert state.registration.version == 1


async def test_lists_the_oldest_first_and_every_part_of_a_line_whole(push: Push) -> None:
    ids = [kept(push, needs=[{"code": "10"}]) for _ in range(3)]
    narrow = {**os.environ, "COLUMNS": "40"}
    lines = psr("quarantine", "list", "--limit", "1000", environment=narrow).stdout.splitlines()
    rows = [line.split(maxsplit=4) for line in lines[1 : lines.index("")]]
    assert all(row[4] for row in rows)
    assert [row[1:3] for row in rows] == sorted(row[1:3] for row in rows)
    assert [row[0] for row in rows if row[0] in map(short, ids)] == list(map(short, ids))
    listed = json.loads(psr("quarantine", "list", "--limit", "1000", "--json").stdout)
    assert [short(one["record_id"]) for one in listed] == [row[0] for row in rows]
    assert SECRET not in json.dumps(listed)


async def test_the_first_digits_of_an_id_are_enough_unless_two_records_have_them(push: Push) -> None:
    stored = await service().documents.get(Key(Collection.QUARANTINE, kept(push, needs=[{"code": "10"}])))
    assert stored is not None
    one, other = (f"{start}{uuid.uuid4().hex * 2:.35}" for start in ("abcd0", "abcd1"))
    puts = [service().documents.put(Key(Collection.QUARANTINE, record_id), stored.fields) for record_id in (one, other)]
    await service().documents.commit(puts)

    assert psr("quarantine", "show", one[:5]).stdout.startswith(f"{one}: failed, ")
    assert psr("quarantine", "discard", other[:5], "--reason", "r").stdout == f"{other} discarded\n"
    ambiguous = psr("quarantine", "discard", "abcd", "--reason", "r")
    error = f"error: the ids of several records start with abcd: {one}, {other}\n"
    assert (ambiguous.returncode, ambiguous.stdout, ambiguous.stderr) == (2, "", error)
    noted = {record_id: await service().part(OperatorActions).on(record_id) for record_id in (one, other)}
    assert [action.action for action in noted[one]] == ["shown"]
    assert [action.action for action in noted[other]] == ["discarded"]
    for record_id in (one, other):
        await service().part(Quarantine).erase(record_id)
