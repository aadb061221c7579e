"""Is every function started: scheduled jobs, push subscriptions, the dead-letter topic?"""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
from google.api_core.exceptions import NotFound
from google.cloud.scheduler_v1.types import Job
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from google.rpc.code_pb2 import Code

from ops import schedule
from ops.doctor.deployment import Deployment, manifests
from ops.doctor.finding import Finding, failing, ok
from shared.clock import LONDON
from shared.runtime.manifest import Manifest, PushSubscriptions, Schedule, read_push_subscriptions
from shared.settings import emulator_host
from shared.store.service import service
from tools.local.wiring import dashed
from tools.places import FUNCTIONS

_SECONDS = 10.0


async def schedules(deployment: Deployment) -> list[Finding]:
    """Check that each scheduled function has its job, on the manifest's schedule, and that its last run succeeded."""
    wanted = {name: m.trigger.schedule for name, m in manifests().items() if m.trigger.schedule}
    jobs = await asyncio.to_thread(schedule.jobs, deployment.location)
    faults = [
        failing("schedules", fault, "job_missing", name)
        for name, cron in wanted.items()
        for fault in _job_faults(name, cron, jobs.get(dashed(name)), deployment)
    ]
    return faults or [ok("schedules", f"{len(wanted)} jobs run as the manifests say, no last run failed")]


def _job_faults(name: str, wanted: Schedule, job: Any, deployment: Deployment) -> Iterator[str]:
    if job is None:
        yield f"has no job: {deployment.fix}"
        return
    if (job.schedule, job.time_zone) != (wanted.cron, wanted.time_zone):
        difference = f"runs at `{job.schedule}` ({job.time_zone}), not `{wanted.cron}` ({wanted.time_zone})"
        yield f"{difference}: {deployment.fix}"
    if job.http_target.uri.rstrip("/") != deployment.functions.get(name, "").rstrip("/"):
        yield f"is called at {job.http_target.uri}, which is not its address: {deployment.fix}"
    if job.state != Job.State.ENABLED:
        yield f"is {Job.State(job.state).name.lower()}: `psr schedule resume {name}`"
    if job.last_attempt_time and job.status.code:
        at = f"{job.last_attempt_time.astimezone(LONDON):%Y-%m-%d %H:%M}"
        again = f"look at its log, then `psr schedule run {name}`"
        yield f"failed when it last ran, {at} ({Code.Name(job.status.code)}): {again}"


async def subscriptions(deployment: Deployment) -> list[Finding]:
    """Check that each function with a topic has its subscription, which pushes to it and dead-letters as it should."""
    shared = read_push_subscriptions(FUNCTIONS)
    wanted = {name: m for name, m in manifests().items() if m.trigger.pubsub}
    async with _subscriber() as client:
        found = await asyncio.gather(*(_subscription(client, name) for name in wanted))
    faults = [
        finding
        for (name, manifest), subscription in zip(wanted.items(), found, strict=True)
        for finding in _subscription_faults(name, manifest, subscription, shared, deployment)
    ]
    return faults or [
        ok("subscriptions", f"{len(wanted)} push to their functions; dead letters go to {shared.dead_letter_topic}")
    ]


def _subscription_faults(
    name: str, manifest: Manifest, subscription: Any, shared: PushSubscriptions, deployment: Deployment
) -> Iterator[Finding]:
    topic = manifest.trigger.pubsub.topic if manifest.trigger.pubsub else ""
    runbook = "dead_letters" if topic == shared.dead_letter_topic else "backlog"
    if subscription is None:
        yield _fault(name, f"has no subscription on {topic}: nothing reaches it", runbook, deployment)
        return
    if subscription.topic != _topic(topic):
        other = subscription.topic.rpartition("/")[2]
        yield _fault(name, f"has its subscription on {other}, not on {topic}: nothing reaches it", runbook, deployment)
    endpoint = subscription.push_config.push_endpoint
    if endpoint.rstrip("/") != deployment.functions.get(name, "").rstrip("/"):
        elsewhere = f"is not where its subscription pushes to ({endpoint or 'nowhere'})"
        yield _fault(name, elsewhere, runbook, deployment)
    if fault := _dead_letter_fault(topic, subscription.dead_letter_policy, shared, deployment):
        yield _fault(name, fault, "dead_letters", deployment)


def _dead_letter_fault(topic: str, policy: Any, shared: PushSubscriptions, deployment: Deployment) -> str | None:
    """The fault of a dead-letter policy. The dead-letter topic's own subscription has none: it never gives up."""
    gives_up = bool(policy.dead_letter_topic)
    if topic == shared.dead_letter_topic:
        return "gives up on dead letters, so they can be lost" if gives_up else None
    if not gives_up:
        days = shared.message_retention_days
        return f"has no dead-letter policy: a message that it cannot apply is retried for {days} days and then lost"
    wanted = (_topic(shared.dead_letter_topic), deployment.max_delivery_attempts)
    if (policy.dead_letter_topic, policy.max_delivery_attempts) == wanted:
        return None
    other = policy.dead_letter_topic.rpartition("/")[2]
    return (
        f"gives messages up to {other} after {policy.max_delivery_attempts} attempts, "
        f"not to {shared.dead_letter_topic} after {deployment.max_delivery_attempts}"
    )


def _fault(name: str, fault: str, runbook: str, deployment: Deployment) -> Finding:
    return failing("subscriptions", f"{fault}; {deployment.fix}", runbook, name)


async def _subscription(client: SubscriberAsyncClient, name: str) -> Any:
    """None if there is none."""
    path = f"projects/{service().settings.project}/subscriptions/{dashed(name)}"
    try:
        return await client.get_subscription(subscription=path, timeout=_SECONDS, retry=None)
    except NotFound:
        return None


def _subscriber() -> SubscriberAsyncClient:
    host = emulator_host("PUBSUB")
    if host is None:
        return SubscriberAsyncClient()
    return SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(host)))


def _topic(name: str) -> str:
    return f"projects/{service().settings.project}/topics/{name}"
