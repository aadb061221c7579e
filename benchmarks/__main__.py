"""`python -m benchmarks COMPARISON_PYTHON`: measure everything, in under twelve minutes on two idle cores.

Writes `benchmarks/results/figures.json`, `figures.md` and `figures.svg`.
"""

import asyncio
import multiprocessing
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console

from benchmarks import measures, servers
from benchmarks.export_day import export_of
from benchmarks.figures import Figure, as_json, as_table
from benchmarks.picture import as_svg
from tools.api_client import ALL_SCOPES, Caller
from tools.local.layout import new_layout
from tools.local.stack import Stack
from tools.places import FUNCTIONS
from tools.synthetic import registration

_RESULTS = Path(__file__).parent / "results"
_ROUNDS = 5
_EXPORT_ROUNDS = 3
_FEW, _MANY = 6_000, 60_000


def main() -> None:
    """Measure, and write the figures."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).exists():
        sys.exit("usage: python -m benchmarks PYTHON, that of the comparison's environment. `make bench` makes it.")
    console = Console(stderr=True)
    comparison_python = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="psr-bench-") as home:
        layout = new_layout(Path(home), {})
        os.environ.update(layout.environment())
        stack = Stack(layout, console, crons=False)
        machine: dict[str, object] = {
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load_before": round(os.getloadavg()[0], 1),
        }
        figures: list[Figure] = []
        try:
            stack.start()
            for figure in _measured(stack, comparison_python):
                console.print(f"{figure.name}: {figure.median:.3g} {figure.unit}")
                figures.append(figure)
                _write(figures, machine)
        finally:
            stack.stop()
    print(as_table(figures))


def _write(figures: list[Figure], machine: dict[str, object]) -> None:
    """After each measurement, so that an interrupted run leaves what it has."""
    machine["load_after"] = round(os.getloadavg()[0], 1)
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / "figures.json").write_text(as_json(figures, machine), encoding="utf-8")
    (_RESULTS / "figures.md").write_text(as_table(figures), encoding="utf-8")
    (_RESULTS / "figures.svg").write_text(as_svg(figures), encoding="utf-8")


def _measured(stack: Stack, comparison_python: Path) -> Iterator[Figure]:
    layout = stack.layout
    documents = layout.home / "documents.json"
    baseline = servers.function(layout, servers.BENCHMARKS / "baseline" / "firestore", BENCH_DOCUMENTS=str(documents))
    noop = servers.function(layout, servers.BENCHMARKS / "baseline" / "noop")
    comparison = servers.comparison(layout, comparison_python)
    Caller(stack, scope=ALL_SCOPES).create(registration()).raise_for_status()
    functions = {
        name: servers.function(layout, FUNCTIONS / name) for name in ("register", "lookup", "consume_migration")
    }
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as generator,
        servers.running(baseline, noop, comparison, *functions.values()),
    ):
        bench = measures.Bench(stack, functions, baseline, noop, comparison, generator, _ROUNDS)
        measures.write_documents(bench, documents)
        yield from measures.requests_over_http(bench)
        yield from measures.reads_by_token(bench)
        yield from measures.migration(bench)
        yield from measures.through_pubsub(bench)
        yield from measures.batch_lookup(bench)
        yield from measures.starts(bench)
    yield from _exports(layout.home)
    yield from measures.commands()


def _exports(home: Path) -> Iterator[Figure]:
    few, conventional = [], []
    for _ in range(_EXPORT_ROUNDS):
        few.append(asyncio.run(export_of(home, _FEW)))
        conventional.append(measures.comparison_export(_FEW))
    many = asyncio.run(export_of(home, _MANY))
    few_rates = [one["supply_points"] / (one["plan_seconds"] + one["write_seconds"]) for one in few]
    written = [one["bare_seconds"] / one["write_seconds"] for one in few]
    whole = [one["bare_seconds"] / (one["plan_seconds"] + one["write_seconds"]) for one in few]
    ratios = [ours / (_FEW / theirs["seconds"]) for ours, theirs in zip(few_rates, conventional, strict=True)]
    cpu = [theirs["cpu_seconds"] / ours["cpu_seconds"] for ours, theirs in zip(few, conventional, strict=True)]
    memory = [many["peak_kib"] / one["peak_kib"] for one in few]
    yield Figure("export: files written ÷ paged reads by the official client", "", written, at_least=0.5)
    yield Figure("export: planned and written ÷ paged reads by the official client", "", whole)
    yield Figure("export: planned and written ÷ comparison", "", ratios, at_least=2.2)
    yield Figure("export: CPU of the comparison ÷ CPU of planning and writing", "", cpu, at_least=5)
    yield Figure("export: supply points here", "/s", few_rates)
    yield Figure(f"export: peak memory at {_MANY:,} ÷ at {_FEW:,}", "", memory, at_most=1.2)


if __name__ == "__main__":
    main()
