"""`psr doctor`: green on the local stack, and red with the right sentence when something is broken for real."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.api_core.exceptions import BadRequest, Forbidden, ServiceUnavailable

from ops.doctor import probe as probes
from ops.doctor import serving
from ops.doctor.command import _show, _within
from ops.doctor.deployment import Deployment, environment_of
from ops.doctor.finding import Finding, State, ok
from ops.doctor.probe import probe
from shared.domain.feed import FeedEntry
from shared.domain.networks import Send
from shared.domain.recipients import Withheld, recipients, recipients_of, why_withheld
from shared.domain.registration import Status
from shared.domain.sharing import Article9Condition
from shared.errors import Unavailable
from shared.runtime.manifest import read_manifests
from shared.settings import settings
from shared.store.registrations import Registrations
from shared.store.service import service
from tests.ops.findings import faults, until
from tests.support.commands import psr
from tests.support.registrations import registration
from tests.support.servers import file_handler
from tests.support.servers import serving as serving_at
from tools.errors import CommandError
from tools.local.stack import Stack
from tools.places import FUNCTIONS

MANIFESTS = read_manifests(FUNCTIONS)


def with_trigger(kind: str) -> int:
    """The number of functions with a kind of trigger."""
    return sum(getattr(manifest.trigger, kind) is not None for manifest in MANIFESTS.values())


ALL_IS_WELL = {
    "functions": f"{len(MANIFESTS)} serve, what they depend on answers; build <build>",
    "issuer's keys": "1 for RS256 at <front door>/dev/jwks.json",
    "tokens": "the issuer's is accepted, a forged one is refused",
    "schedules": f"{with_trigger('schedule')} jobs run as the manifests say, no last run failed",
    "subscriptions": f"{with_trigger('pubsub')} push to their functions; dead letters go to psr-dead-letters",
    "dead letters": "none waits for a person; the alert dead_letters_waiting covers those still in Pub/Sub",
    "export": "no day has closed yet; the first is <first day>",
    "probe": "registered, read, found, contacted, changed through two topics, amended, withdrawn and erased in <time>",
}


@pytest.mark.usefixtures("deployment", "nothing_given_up")
async def test_all_is_well_on_the_local_stack(stack: Stack) -> None:
    done = await asyncio.to_thread(psr, "doctor", "--json")
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    found.pop("quarantine")  # holds what other tests have left
    says = {check: finding["says"].replace(stack.url, "<front door>") for check, finding in found.items()}
    says["functions"] = says["functions"].replace(stack.layout.project, "<build>")
    says["export"] = says["export"].replace(str(stack.layout.first_day), "<first day>")
    says["probe"] = re.sub(r"[0-9.]+ s$", "<time>", says["probe"])
    assert says == ALL_IS_WELL
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert done.returncode == 0
    await check_that_nothing_of_the_probe_is_left()


async def test_a_probe_that_takes_too_long_is_erased_all_the_same(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_RUN_SECONDS", 0.2)
    assert faults(await probe(deployment)) == ["not through the service in 0 s (docs/runbooks/latency.md)"]
    await check_that_nothing_of_the_probe_is_left()


async def check_that_nothing_of_the_probe_is_left() -> None:
    """Only shells, and feed entries that send the networks nothing."""
    for collection in ("registrations", "changes", "quarantine", "operator_actions", "supply_points"):
        async for page in service().documents.pages(collection):
            for stored in page:
                whole = f"{stored.document_id} {stored.fields}"
                assert not re.search(f"{probes.ACCOUNT}|Doctor Probe|{probes.MPAN}|{probes.MPRN}", whole)
    entries = [
        FeedEntry.model_validate_json(one.state)
        async for page in service().documents.pages("export_feed")
        for one in page
    ]
    sent = [entry for entry in entries if entry.supply_point.endswith((probes.MPAN, probes.MPRN))]
    assert {(entry.recipient, entry.send, entry.state) for entry in sent} == {
        ("EELC", Send.NOTHING, None),
        ("SHPR", Send.NOTHING, None),
    }
    state = await service().part(Registrations).get(service().part(Registrations).registration_id(probes.ACCOUNT))
    assert state is not None
    assert state.erased_on is not None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({}, Withheld.NOT_ACTIVE, id="as it is"),
        pytest.param({"basis": Article9Condition.EXPLICIT_CONSENT}, Withheld.NOT_ACTIVE, id="if it could be shared"),
        pytest.param({"status": Status.ACTIVE}, Withheld.NO_LAWFUL_BASIS, id="if it were active"),
    ],
)
def test_no_recipient_gets_the_probe(changes: dict[str, Any], reason: Withheld) -> None:
    submitted = probes.registration()
    sharing = submitted.sharing.model_copy(update={"basis": changes.get("basis", submitted.sharing.basis)})
    status = changes.get("status", submitted.status)
    registered = registration().model_copy(update={"status": status, "sharing": sharing})
    assert {why_withheld(registered, recipient) for recipient in recipients().values()} == {reason}


def test_the_probes_supply_points_are_nobodys_and_raise_no_alert() -> None:
    points = (probes.MPAN, probes.MPRN)
    assert [point.warning for point in points] == [None, None]
    assert [recipient.recipient_id for point in points for recipient in recipients_of(point, "GIR 0AA")] == [
        "EELC",
        "SHPR",
    ]


@pytest.mark.usefixtures("nothing_given_up")
async def test_a_consumer_that_is_down(deployment: Deployment, stack: Stack) -> None:
    name = "consume_account_events"
    stack.kill(name)
    try:
        assert faults(await serving.functions(deployment)) == [
            (f"{name} does not answer (ConnectError): look at its log (docs/runbooks/backlog.md)")
        ]
        assert faults(await probe(deployment, patience_seconds=1)) == [
            f"a message to {name} has not arrived in 1 s (docs/runbooks/backlog.md)"
        ]
        done = await asyncio.to_thread(psr, "doctor", "--without-probe")
    finally:
        stack.restart(name)
    assert done.returncode == 1
    assert f"failing     functions      {name} does not answer (" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 of 8 findings are failing."

    async def dropped() -> bool:
        return '"MESSAGE_DROPPED"' in (stack.logs / f"{name}.log").read_text()

    await until(dropped)
    await check_that_nothing_of_the_probe_is_left()


async def test_an_api_that_is_down(deployment: Deployment, stack: Stack) -> None:
    stack.kill("register")
    try:
        assert faults(await probe(deployment)) == [
            "POST /v1/registrations gets 502 from register (docs/runbooks/errors.md)"
        ]
    finally:
        stack.restart("register")


async def test_a_probe_that_a_killed_doctor_left_is_erased_first(deployment: Deployment, stack: Stack) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {deployment.token}"}) as client:
        await probes._Run(deployment, client, 0).there()

    (busy,) = await probe(deployment)
    assert (busy.state, busy.says) == (
        State.NOT_CHECKED,
        "another doctor is at work, or was stopped just now: try again in a minute",
    )
    stack.clock.jump_to(stack.clock.now() + timedelta(seconds=61))
    (found,) = await probe(deployment)
    assert found.state is State.OK
    await check_that_nothing_of_the_probe_is_left()


async def test_without_a_token_it_says_what_it_could_not_check(deployment: Deployment) -> None:
    without = deployment._replace(token=None)
    found = [*await serving.tokens(without, settings(), ""), *await probe(without)]
    no_token = "there is no token of the issuer to try (PSR_TOKEN, scopes psr:read and psr:write)"
    assert [(finding.state, finding.says) for finding in found] == [
        (State.NOT_CHECKED, f"a forged one is refused; {no_token}"),
        (State.NOT_CHECKED, f"not registered: {no_token}"),
    ]


async def test_functions_that_all_fail_alike_share_a_line(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving_at(file_handler(b"")) as gone:
        pass
    nowhere = deployment._replace(url=gone, functions=dict.fromkeys(deployment.functions, gone))
    found = await serving.functions(nowhere)
    assert len(found) == len(MANIFESTS)
    _show([*found, ok("export", "is released")])
    pages = "docs/runbooks/backlog.md, docs/runbooks/errors.md, docs/runbooks/job_missing.md"
    alike = f"each does not answer (ConnectError): look at its log: {', '.join(MANIFESTS)} ({pages})"
    assert capsys.readouterr().out.splitlines() == [
        f"failing     functions  {len(MANIFESTS)} functions: {alike}",
        "ok          export     is released",
        f"{len(MANIFESTS)} of {len(MANIFESTS) + 1} findings are failing.",
    ]


@pytest.mark.usefixtures("deployment")
async def test_an_issuer_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_at(file_handler(b"")) as gone:
        pass
    monkeypatch.setenv("PSR_TOKEN_JWKS_URI", f"{gone}/jwks.json")
    done = await asyncio.to_thread(psr, "doctor", "--without-probe")
    assert done.returncode == 1
    assert f"failing     issuer's keys  nothing answers at {gone}/jwks.json: functions refuse callers" in done.stdout


@pytest.mark.usefixtures("deployment")
async def test_the_whole_command_is_red_when_a_day_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    yesterday = settings().clock().now().date() - timedelta(days=1)
    monkeypatch.setenv("PSR_EXPORT_FIRST_DAY", yesterday.isoformat())
    done = await asyncio.to_thread(psr, "doctor", "--without-probe")
    assert done.returncode == 1
    assert f"failing     export         {yesterday} is not planned; it was due on" in done.stdout


@pytest.mark.parametrize(
    ("hindrance", "state", "says"),
    [
        (Unavailable(), State.FAILING, "the write kept conflicting with other changes"),
        (Forbidden("no"), State.NOT_CHECKED, "your account lacks a role: docs/runbooks/README.md lists them"),
        (BadRequest("no"), State.NOT_CHECKED, "Google Cloud does not answer (BadRequest)"),
        (ServiceUnavailable("no"), State.FAILING, "Google Cloud does not answer (ServiceUnavailable)"),
        (CommandError("no such job"), State.NOT_CHECKED, "no such job"),
        (None, State.FAILING, "no answer in 0 s"),
    ],
    ids=["Firestore down", "no right", "refused", "Pub/Sub down", "reported by another command", "too slow"],
)
async def test_the_reason_why_a_check_finds_nothing_is_a_finding(
    hindrance: Exception | None, state: State, says: str
) -> None:
    async def check() -> list[Finding]:
        if hindrance is None:
            await asyncio.sleep(60)
            return []
        raise hindrance

    (found,) = await _within(0.01, "any", check)
    assert (found.state, found.says) == (state, says)


def test_an_environment_is_read_from_its_terraform_outputs(tmp_path: Path) -> None:
    outputs = {
        "address": None,
        "pages": None,
        "url": "https://lookup.example",
        "functions": {"lookup": "https://lookup.example", "export-daily": "https://export.example"},
    }
    program = tmp_path / "terraform"
    program.write_text(
        f"#!/bin/sh\ncat <<'END'\n{json.dumps({name: {'value': value} for name, value in outputs.items()})}\nEND\n"
    )
    program.chmod(0o755)
    found = environment_of("dev", str(program), "token", "europe-west1")
    assert found == Deployment(
        url="https://lookup.example",
        front_door=False,
        functions={"lookup": "https://lookup.example", "export_daily": "https://export.example"},
        builds=found.builds,
        max_delivery_attempts=20,
        environment="dev",
        token="token",
        location="europe-west1",
    )
    assert found.api("lookup") == "https://lookup.example"
    behind = found._replace(front_door=True, url="https://psr.example")
    assert behind.api("lookup") == behind.address("lookup") == "https://psr.example"
    assert behind.address("export_daily") == "https://export.example"
    assert "pages" not in behind.manifests()
    with_pages = behind._replace(pages="https://pages.example")
    assert "pages" in with_pages.manifests()
    assert with_pages.address("pages") == "https://pages.example"
    with pytest.raises(CommandError, match="/no/such/terraform does not start"):
        environment_of("dev", "/no/such/terraform", None, "europe-west2")


def test_without_a_stack_or_an_environment_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PSR_STACK", raising=False)
    done = psr("doctor")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: name an environment, or `source .local/env` for the local stack (`make run` starts it)\n",
    )
