"""Cuts an operation at each of its calls, lets the platform repeat it, and compares the result with an uncut run."""

import queue
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.crashes.picture import Picture, difference
from tests.crashes.samples import Step, deliver
from tests.crashes.world import BEGIN, Proxies, Snapshot, World
from tests.support.forks import Work
from tools.firestore_proxy import Fault
from tools.local.layout import Layout

#: The faults of a call that only reads, and of every other call.
_READ_FAULTS = (Fault.DIES, Fault.ANSWER_LATE)
_FAULTS = (*_READ_FAULTS, Fault.ANSWER_LOST, Fault.REFUSED)
_READS = {"GetDocument", "BatchGetDocuments", "RunQuery", "RunAggregationQuery", "storage GET"}
_REPEATS = 4
_AT_ONCE = 2


class Operation(NamedTuple):
    """One operation of the service in one process, the steps before it, and the steps after it.

    `work` is called once in each world, before the cut. It may take a message from the mail. The platform repeats the
    work until it is done: it redelivers a push, calls a scheduled function again, or an operator repeats a command.
    `settings` are environment variables. `expected` raises `AssertionError` if an uncut run ends wrong.
    The everyday run crashes the operation at `everyday` points, spread over all.
    """

    name: str
    before: Sequence[Step]
    work: Callable[[World], Work]
    after: Sequence[Step] = (deliver,)
    settings: Mapping[str, str] = {}
    expected: Callable[[Picture], object] = lambda _: None
    everyday: int = 0


class CutPoint(NamedTuple):
    """The number of the call that is cut, from 1, and the fault. 0 cuts none: the operation is repeated instead."""

    nth: int
    fault: Fault

    def __str__(self) -> str:
        return f"call {self.nth} ({self.fault.name})" if self.nth else "no call, but repeated"


class Uncut(NamedTuple):
    """A run without a fault: the state before it, its calls, and the state after it."""

    before: Snapshot
    calls: list[str]
    picture: Picture

    def points(self) -> list[CutPoint]:
        """Every way to cut the operation."""
        return [CutPoint(0, Fault.REFUSED)] + [
            CutPoint(nth, fault)
            for nth, name in enumerate(self.calls, 1)
            for fault in (_READ_FAULTS if name in _READS else _FAULTS)
        ]

    def __str__(self) -> str:
        counts = Counter(self.calls)
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        return f"{len(self.calls)} calls to cut ({kinds}), {len(self.points())} crashes"


class Crashes:
    """Makes worlds, and crashes operations in them."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        self._layout = layout
        self._folder = folder
        self._proxies: queue.Queue[Proxies] = queue.Queue()
        for _ in range(_AT_ONCE):
            self._proxies.put(Proxies(layout))

    def close(self) -> None:
        """Close the proxies."""
        for _ in range(_AT_ONCE):
            self._proxies.get().close()

    def uncut(self, operation: Operation) -> Uncut:
        """Run an operation without a cut. Raises `AssertionError` if it fails."""
        with self._world(operation) as world:
            world.at(BEGIN)
            for step in operation.before:
                step(world)
            before = world.snapshot()
        with self._world(operation) as world:
            world.restore(before)
            ended = world.run(operation.work(world))
            assert ended.done, world.log.read_text()
            for step in operation.after:
                step(world)
            return Uncut(before, ended.calls, world.picture())

    def differences(self, operation: Operation, uncut: Uncut, points: Sequence[CutPoint]) -> dict[CutPoint, str]:
        """The differences from an uncut run, by cut point. Points without a difference are left out."""

        def faults(point: CutPoint) -> str:
            try:
                return difference(uncut.picture, self._crashed(operation, uncut.before, point))
            except AssertionError as failed:
                return str(failed)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = dict(zip(points, pool.map(faults, points), strict=True))
        return {point: fault for point, fault in found.items() if fault}

    def _crashed(self, operation: Operation, before: Snapshot, point: CutPoint) -> Picture:
        with self._world(operation) as world:
            world.restore(before)
            work = operation.work(world)
            ended = world.run(work, *point)
            for _ in range(_REPEATS):
                if ended.done and point.nth:
                    break
                point = CutPoint(1, point.fault)
                ended = world.run(work)
            assert ended.done, f"repeating it does not help: {world.log.read_text()[-4000:]}"
            for step in operation.after:
                step(world)
            return world.picture()

    @contextmanager
    def _world(self, operation: Operation) -> Iterator[World]:
        proxies = self._proxies.get()
        world = World(proxies, self._folder, operation.settings)
        try:
            yield world
        finally:
            world.forget()
            self._proxies.put(proxies)
