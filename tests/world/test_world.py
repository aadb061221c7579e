"""The whole service against a plain model of it (`tests.world.model`), on the real emulators in one process.

A failure shows the steps and the differences in plain words. `PSR_TEST_EXAMPLES` sets the number of examples, and makes
them random.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.world.machine import World
from tools.local.layout import Layout


def run(folder: Path, **settings_of_hypothesis: Any) -> None:
    chosen = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), **settings_of_hypothesis)
    loop = asyncio.new_event_loop()
    try:
        World.loop, World.folder = loop, folder
        run_state_machine_as_test(World, settings=chosen)
    finally:
        loop.close()


def test_the_world_is_as_its_model(emulators: Layout, tmp_path: Path) -> None:  # noqa: ARG001 - they run first
    run(tmp_path, max_examples=12, stateful_step_count=25, derandomize=True)


@pytest.mark.soak
def test_the_world_is_as_its_model_in_300_examples(emulators: Layout, tmp_path: Path) -> None:  # noqa: ARG001
    more = os.environ.get("PSR_TEST_EXAMPLES")
    run(tmp_path, max_examples=int(more or 300), stateful_step_count=40, derandomize=more is None)
