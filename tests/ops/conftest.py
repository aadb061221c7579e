"""The deployment that the doctor examines."""

from collections.abc import Iterator

import pytest

from ops import schedule
from ops.doctor.deployment import Deployment, local_stack
from shared.errors import GivenUp
from shared.runtime.manifest import read_manifests
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus
from shared.store.service import service
from tools.local.stack import Stack
from tools.places import FUNCTIONS

SCHEDULED = [name for name, manifest in read_manifests(FUNCTIONS).items() if manifest.trigger.schedule]


@pytest.fixture
async def nothing_given_up(stack: Stack) -> None:  # noqa: ARG001 - it runs first
    """No dead letter of another test waits for a person."""
    quarantine = service().part(Quarantine)
    async for page in quarantine.records(QuarantineStatus.FAILED):
        for record in page:
            if record.reason == GivenUp.code:
                await quarantine.discard(record.record_id)


@pytest.fixture
def deployment(stack: Stack) -> Iterator[Deployment]:
    """The tests' stack, whose jobs are enabled as `make run` leaves them."""
    for name in SCHEDULED:
        schedule.resume(name)
    yield local_stack(stack.layout.file, None)
    for name in SCHEDULED:
        schedule.pause(name)
