"""Cloud Scheduler's client, for the local stack's own scheduler too."""

from google.auth.credentials import AnonymousCredentials
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerRestTransport

#: Where the scheduled jobs are.
LOCATION = "europe-west2"


def scheduler_at(host: str) -> CloudSchedulerClient:
    """A client of a server that speaks Cloud Scheduler's REST API, as the local stack's does."""
    transport = CloudSchedulerRestTransport(host=host, url_scheme="http", credentials=AnonymousCredentials())
    return CloudSchedulerClient(transport=transport)
