"""The doctor on functions, callers' tokens, subscriptions and jobs that are not as the manifests say."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from google.cloud.scheduler_v1.types import Job
from google.pubsub_v1.types import Subscription
from jwt.algorithms import ECAlgorithm

from ops import schedule
from ops.doctor import serving, wiring
from ops.doctor.deployment import Deployment
from ops.doctor.finding import State
from shared.settings import settings
from tests.ops.findings import faults, until
from tests.support.servers import file_handler
from tests.support.servers import serving as serving_at
from tools.local.stack import Stack
from tools.local.wiring import job_name, scheduler, subscriber


async def test_functions_that_are_not_what_they_should_be(deployment: Deployment, stack: Stack) -> None:
    swapped = {**deployment.functions, "lookup": stack.function_url("register")}
    nowhere = {**deployment.functions, "expire_needs": f"{stack.url}/nowhere"}
    cases = [
        deployment._replace(functions=swapped),
        deployment._replace(functions=nowhere),
        deployment._replace(builds={**deployment.builds, "lookup": "0123456789abcdef0123"}),
    ]
    runs = f"{stack.layout.project:.16}"
    assert [faults(await serving.functions(case)) for case in cases] == [
        ["register answers at lookup's address: start the local stack again (docs/runbooks/errors.md)"],
        ["expire_needs answers 404 and no status: look at its log (docs/runbooks/job_missing.md)"],
        [f"lookup runs build {runs}, not 0123456789abcdef like the release: start the local stack again"],
    ]
    (outside,) = await serving.functions(cases[1]._replace(environment="dev"))
    assert (outside.state, outside.line) == (
        State.NOT_CHECKED,
        "expire_needs accepts no calls from here (404): its job shows it",
    )


@pytest.mark.parametrize(
    ("claims", "state", "says"),
    [
        pytest.param(
            {"expires_in": -120},
            State.FAILING,
            "the token is refused: it has expired, or its iss or aud are not PSR_TOKEN_ISSUER and _AUDIENCE",
            id="expired",
        ),
        pytest.param(
            {"scope": "psr:bulk"},
            State.NOT_CHECKED,
            "a forged one is refused; the token given lacks the scope psr:read",
            id="without scope",
        ),
    ],
)
async def test_a_token_that_does_not_do(
    deployment: Deployment, stack: Stack, claims: dict[str, Any], state: State, says: str
) -> None:
    token = stack.token("agent", **claims)
    (found,) = await serving.tokens(deployment._replace(token=token), settings(), "")
    assert (found.state, found.says) == (state, says)


def _jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


ELLIPTIC = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))
CONTACT = "functions cannot learn of new keys; contact the owner of the issuer (docs/runbooks/issuer_keys.md)"
NO_KEYS = f"is no set of signing keys: {CONTACT}"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b"<html>", f"the answer of <uri> {NO_KEYS}", id="nonsense"),
        pytest.param(_jwks(), f"the answer of <uri> {NO_KEYS}", id="no keys"),
        pytest.param(
            _jwks({**ELLIPTIC, "kid": "1"}),
            f"no key at <uri> is for RS256, the only algorithm that is accepted: {CONTACT}",
            id="keys of another kind",
        ),
    ],
)
async def test_an_issuer_whose_keys_are_broken(content: bytes, line: str) -> None:
    with serving_at(file_handler(content)) as url:
        found, key_id = await serving.issuer(settings().model_copy(update={"token_jwks_uri": f"{url}/jwks.json"}))
    assert [fault.replace(f"{url}/jwks.json", "<uri>") for fault in faults(found)] == [line]
    assert key_id == ""


@contextmanager
def changed(stack: Stack, **changes: Any) -> Iterator[None]:
    """The subscription of the migration's consumer with other values for a while."""
    with subscriber(stack.layout) as client:
        path = f"projects/{stack.layout.project}/subscriptions/consume-migration"
        before = client.get_subscription(subscription=path)

        def put(subscription: Subscription) -> None:
            client.update_subscription(subscription=subscription, update_mask={"paths": sorted(changes)})

        put(Subscription({"name": path, "topic": before.topic, **changes}))
        try:
            yield
        finally:
            put(before)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param(
            {"dead_letter_policy": None},
            "has no dead-letter policy: a message that it cannot apply is retried for 7 days and then lost; "
            "start the local stack again (docs/runbooks/dead_letters.md)",
            id="no dead-letter policy",
        ),
        pytest.param(
            {"dead_letter_policy": {"dead_letter_topic": "psr-dead-letters", "max_delivery_attempts": 5}},
            "gives messages up to psr-dead-letters after 5 attempts, not to psr-dead-letters after 100; "
            "start the local stack again (docs/runbooks/dead_letters.md)",
            id="gives up too early",
        ),
        pytest.param(
            {"dead_letter_policy": {"dead_letter_topic": "psr-export-work", "max_delivery_attempts": 100}},
            "gives messages up to psr-export-work after 100 attempts, not to psr-dead-letters after 100; "
            "start the local stack again (docs/runbooks/dead_letters.md)",
            id="gives up to elsewhere",
        ),
        pytest.param(
            {"push_config": {"push_endpoint": "http://127.0.0.1:9/"}},
            "is not where its subscription pushes to (http://127.0.0.1:9/); "
            "start the local stack again (docs/runbooks/backlog.md)",
            id="pushes elsewhere",
        ),
    ],
)
async def test_a_subscription_that_is_not_as_it_should_be(
    deployment: Deployment, stack: Stack, changes: dict[str, Any], line: str
) -> None:
    if policy := changes.get("dead_letter_policy"):
        topic = f"projects/{stack.layout.project}/topics/{policy['dead_letter_topic']}"
        changes = {"dead_letter_policy": {**policy, "dead_letter_topic": topic}}
    with changed(stack, **changes):
        assert faults(await wiring.subscriptions(deployment)) == [f"consume_migration {line}"]
    assert faults(await wiring.subscriptions(deployment)) == []


async def test_a_subscription_that_is_gone(deployment: Deployment, stack: Stack) -> None:
    path = f"projects/{stack.layout.project}/subscriptions/export-recipient"
    with subscriber(stack.layout) as client:
        before = client.get_subscription(subscription=path)
        client.delete_subscription(subscription=path)
        try:
            assert faults(await wiring.subscriptions(deployment)) == [
                (
                    "export_recipient has no subscription on psr-export-work: nothing reaches it; "
                    "start the local stack again (docs/runbooks/backlog.md)"
                )
            ]
        finally:
            client.create_subscription(request=before)
    assert faults(await wiring.subscriptions(deployment)) == []


async def test_a_job_that_is_paused_missing_or_not_the_manifests(deployment: Deployment, stack: Stack) -> None:
    client = scheduler(stack.layout)
    name = job_name(stack.layout, "export_daily")
    before = client.get_job(name=name)
    client.delete_job(name=name)
    found = [faults(await wiring.schedules(deployment))]
    other = Job(before)
    other.schedule, other.http_target.uri = "0 12 * * *", "http://127.0.0.1:9/"
    client.create_job(parent=name.rpartition("/jobs/")[0], job=other)
    client.pause_job(name=name)
    try:
        found.append(faults(await wiring.schedules(deployment)))
    finally:
        client.delete_job(name=name)
        client.create_job(parent=name.rpartition("/jobs/")[0], job=before)
    assert found == [
        ["export_daily has no job: start the local stack again (docs/runbooks/job_missing.md)"],
        [
            (
                "export_daily runs at `0 12 * * *` (Europe/London), not `5 2-8 * * *` (Europe/London): "
                "start the local stack again (docs/runbooks/job_missing.md)"
            ),
            (
                "export_daily is called at http://127.0.0.1:9/, which is not its address: "
                "start the local stack again (docs/runbooks/job_missing.md)"
            ),
            "export_daily is paused: `psr schedule resume export_daily` (docs/runbooks/job_missing.md)",
        ],
    ]
    assert faults(await wiring.schedules(deployment)) == []


async def test_a_job_that_failed(deployment: Deployment, stack: Stack) -> None:
    async def fails() -> bool:
        return any(
            "erase_ended failed when it last ran" in fault for fault in faults(await wiring.schedules(deployment))
        )

    stack.kill("erase_ended")
    try:
        schedule.run("erase_ended")
        await until(fails)
        (fault,) = faults(await wiring.schedules(deployment))
    finally:
        stack.restart("erase_ended")
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "<time>", fault) == (
        "erase_ended failed when it last ran, <time> (UNAVAILABLE): look at its log, then "
        "`psr schedule run erase_ended` (docs/runbooks/job_missing.md)"
    )

    async def succeeds() -> bool:
        return faults(await wiring.schedules(deployment)) == []

    await until(succeeds)
