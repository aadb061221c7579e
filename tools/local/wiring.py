"""Topics, push subscriptions, the buckets and the scheduled jobs of a local stack, made from the manifests."""

from datetime import timedelta

import grpc
import httpx
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.types import HttpTarget, Job, RetryConfig
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, Subscription

from shared.runtime.manifest import Manifest, PushSubscriptions, read_manifests, read_push_subscriptions
from tools.local.layout import BUCKET, QUARANTINE_BUCKET, Layout
from tools.places import FUNCTIONS
from tools.scheduler import LOCATION, scheduler_at

#: In the cloud a refused message waits ten seconds and more; here somebody is watching.
_MINIMUM_BACKOFF = timedelta(seconds=0.5)
#: A second apart; in the cloud fewer, further and further apart, last for hours.
MAX_DELIVERY_ATTEMPTS = 100
_JOB_RETRIES = 5


def publisher(layout: Layout) -> PublisherClient:
    """A client of the stack's Pub/Sub."""
    channel = grpc.insecure_channel(layout.emulators["pubsub"])
    return PublisherClient(transport=PublisherGrpcTransport(channel=channel))


def subscriber(layout: Layout) -> SubscriberClient:
    """A client of the stack's subscriptions."""
    channel = grpc.insecure_channel(layout.emulators["pubsub"])
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


def scheduler(layout: Layout) -> CloudSchedulerClient:
    """A client of the stack's Cloud Scheduler."""
    return scheduler_at(layout.scheduler)


def job_name(layout: Layout, function: str) -> str:
    """The full name of a scheduled function's job."""
    return f"projects/{layout.project}/locations/{LOCATION}/jobs/{dashed(function)}"


def make_topics_and_buckets(layout: Layout) -> None:
    """Every topic that a manifest names, the dead-letter topic, and the buckets."""
    shared = read_push_subscriptions(FUNCTIONS)
    topics = {m.trigger.pubsub.topic for m in read_manifests(FUNCTIONS).values() if m.trigger.pubsub}
    with publisher(layout) as client:
        for topic in sorted({*topics, shared.dead_letter_topic}):
            client.create_topic(name=_topic(layout, topic))
    for bucket in (BUCKET, QUARANTINE_BUCKET):
        httpx.post(f"http://{layout.emulators['storage']}/storage/v1/b", json={"name": bucket}).raise_for_status()


def make_subscriptions(layout: Layout) -> None:
    """One push subscription for each function that a topic triggers."""
    shared = read_push_subscriptions(FUNCTIONS)
    with subscriber(layout) as client:
        for name, manifest in read_manifests(FUNCTIONS).items():
            if manifest.trigger.pubsub:
                client.create_subscription(request=_subscription(layout, name, manifest.trigger.pubsub.topic, shared))


def make_jobs(layout: Layout, *, paused: bool) -> None:
    """One job for each scheduled function."""
    client = scheduler(layout)
    for name, manifest in read_manifests(FUNCTIONS).items():
        if manifest.trigger.schedule:
            job = _job(layout, name, manifest)
            client.create_job(parent=job.name.rpartition("/jobs/")[0], job=job)
            if paused:
                client.pause_job(name=job.name)


def _subscription(layout: Layout, name: str, topic: str, shared: PushSubscriptions) -> Subscription:
    """What has been given up on is not given up on again: the dead letters' own subscription has no such policy.

    No retry policy here: with one, the emulator (0.8.20) stops pushing for good after an endpoint has refused a few
    dozen messages at once. Without, it tries again every second, so it takes more attempts to outlast an outage.
    """
    policy = DeadLetterPolicy(
        dead_letter_topic=_topic(layout, shared.dead_letter_topic), max_delivery_attempts=MAX_DELIVERY_ATTEMPTS
    )
    return Subscription(
        name=f"projects/{layout.project}/subscriptions/{dashed(name)}",
        topic=_topic(layout, topic),
        push_config=PushConfig(push_endpoint=f"{layout.function_url(name)}/"),
        ack_deadline_seconds=shared.ack_deadline_seconds,
        message_retention_duration=timedelta(days=shared.message_retention_days),
        dead_letter_policy=None if topic == shared.dead_letter_topic else policy,
    )


def _job(layout: Layout, name: str, manifest: Manifest) -> Job:
    schedule = manifest.trigger.schedule
    return Job(
        name=job_name(layout, name),
        description=manifest.description,
        schedule=schedule.cron if schedule else "",
        time_zone=schedule.time_zone if schedule else "",
        http_target=HttpTarget(uri=f"{layout.function_url(name)}/", http_method="POST"),
        attempt_deadline=timedelta(seconds=manifest.resources.timeout_seconds),
        retry_config=RetryConfig(retry_count=_JOB_RETRIES, min_backoff_duration=_MINIMUM_BACKOFF),
    )


def _topic(layout: Layout, topic: str) -> str:
    return f"projects/{layout.project}/topics/{topic}"


def dashed(function: str) -> str:
    """What a function's job, subscription and service are called."""
    return function.replace("_", "-")
