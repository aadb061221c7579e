"""The deployment that the doctor examines."""

from collections.abc import Iterator

import pytest

from ops import schedule
from ops.doctor.deployment import Deployment, local_stack
from shared.runtime.manifest import read_manifests
from tools.local.stack import Stack
from tools.places import FUNCTIONS

SCHEDULED = [name for name, manifest in read_manifests(FUNCTIONS).items() if manifest.trigger.schedule]


@pytest.fixture
def deployment(stack: Stack) -> Iterator[Deployment]:
    """The tests' stack, whose jobs are enabled as `make run` leaves them."""
    for name in SCHEDULED:
        schedule.resume(name)
    yield local_stack(stack.layout.file, None)
    for name in SCHEDULED:
        schedule.pause(name)
