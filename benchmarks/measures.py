"""The measurements. Each yields figures. The servers take turns within a round, for a second or two each."""

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from benchmarks import load, servers
from benchmarks.baseline.creates import creates_a_second
from benchmarks.figures import Figure
from shared.clock import machine_time
from tools.api_client import ALL_SCOPES, Caller
from tools.local.layout import Layout
from tools.local.processes import Child
from tools.local.stack import Stack
from tools.local.wiring import publisher, subscriber
from tools.places import ROOT
from tools.synthetic import event, registration

CONNECTIONS = (1, 16, 64)
_SECONDS = 1.2
#: More than anything here answers in that time.
_MOST = 3000
_POSTED_AT_ONCE = 16
_PUBLISHED = 1000
_STARTS = 3
_BATCHES = 4
#: More than a process keeps, so that each read checks its token's signature.
_TOKENS = 1200
_WARM = 100
_AS_LONG_AS_IT_TAKES = 600.0
_numbers = count(1)


class Bench(NamedTuple):
    """The running servers, and another process that makes load. `rounds` is how often each comparison is made.

    It uses the issuer and the emulators of the stack, and measures `functions`, which run outside the stack.
    """

    stack: Stack
    functions: Mapping[str, Child]
    baseline: Child
    noop: Child
    comparison: Child
    generator: ProcessPoolExecutor
    rounds: int

    def load(self, server: Child, requests: list[bytes], connections: int, *, seconds: float = _SECONDS) -> load.Load:
        """The result of a load on one server."""
        prepared = load.Prepared(servers.address(server), requests)
        before = servers.cpu_seconds(server)
        met = self.generator.submit(load.run, prepared, connections, seconds).result()
        return met._replace(cpu_ms=1000 * (servers.cpu_seconds(server) - before) / met.answers)


def requests_over_http(bench: Bench) -> Iterator[Figure]:
    """Registering and reading, one to 64 connections, compared with the baseline and the comparison."""
    token = bench.stack.token("agent")
    register, lookup = bench.functions["register"], bench.functions["lookup"]
    baseline, comparison = bench.baseline, bench.comparison
    ours = Caller(bench.stack, scope=ALL_SCOPES).create(registration()).json()["registration_id"]
    theirs = _created(servers.address(comparison), token)
    reads = {name: [_get(token, known)] * _MOST for name, known in (("ours", ours), ("theirs", theirs))}
    for connections in CONNECTIONS:
        yield from _three(
            bench,
            f"register, {connections} connections",
            connections,
            lambda: [_post(token, registration()) for _ in range(_MOST // 2)],
            (register, baseline, comparison),
        )
        yield from _three(
            bench,
            f"read one, {connections} connections",
            connections,
            lambda: reads["ours"],
            (lookup, baseline, comparison),
            reads["theirs"],
        )


def reads_by_token(bench: Bench) -> Iterator[Figure]:
    """Reads by callers who each have a token of their own, compared with reads by one caller."""
    known = Caller(bench.stack, scope=ALL_SCOPES).create(registration()).json()["registration_id"]
    one = [_get(bench.stack.token("agent"), known)] * _MOST
    own = [_get(bench.stack.token("agent", sub=f"agent-{number}"), known) for number in range(_TOKENS)] * 3
    lookup, ratios, together, apart = bench.functions["lookup"], [], [], []
    for _ in range(bench.rounds):
        together.append(bench.load(lookup, one, 16))
        apart.append(bench.load(lookup, own, 16))
        ratios.append(apart[-1].cpu_ms / together[-1].cpu_ms)
    yield Figure("read one, a token for each caller ÷ one token: CPU", "", ratios, at_most=1.35)
    yield Figure("read one, a token for each caller ÷ one token: throughput", "", _rates(apart, together))
    outside = _outside_firestore(known, bench.stack.token("agent"), bench.rounds)
    yield Figure("read one: p99 ÷ p50 of the time outside Firestore", "", outside, at_most=1.5)


def _outside_firestore(registration_id: str, token: str, rounds: int) -> list[float]:
    """The hundredth slowest read ÷ the median, of the time that is not spent in the call to Firestore."""
    ratios = []
    for _ in range(rounds):
        command = (sys.executable, "-m", "benchmarks.own_time", registration_id, token)
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=300)
        times = sorted(json.loads(done.stdout.splitlines()[-1]))
        ratios.append(times[len(times) * 99 // 100] / times[len(times) // 2])
    return ratios


def _three(
    bench: Bench,
    name: str,
    connections: int,
    requests: Callable[[], list[bytes]],
    compete: tuple[Child, Child, Child],
    comparison_requests: list[bytes] | None = None,
) -> Iterator[Figure]:
    """The service, the baseline and the comparison, in turn, once they are warm."""
    ours, baselines, comparisons = [], [], []
    warm = requests()[:_WARM]
    for server, these in zip(compete, (warm, warm, (comparison_requests or warm)[:_WARM]), strict=True):
        bench.load(server, these, connections)
    for _ in range(bench.rounds):
        prepared = requests()
        ours.append(bench.load(compete[0], prepared, connections))
        baselines.append(bench.load(compete[1], prepared, connections))
        comparisons.append(bench.load(compete[2], comparison_requests or prepared, connections))
    goal_p50 = 1.3 if connections == 1 else None
    goal_cpu = 1.15 if name.startswith("register") and connections > 1 else None
    goal_baseline = 0.75 if connections == 16 else None
    goal_other = 1.5 if connections > 1 else None
    pairs = list(zip(ours, baselines, comparisons, strict=True))
    yield Figure(f"{name}: p50 ÷ baseline", "", [o.p50 / b.p50 for o, b, _ in pairs], at_most=goal_p50)
    yield Figure(f"{name}: p99 ÷ baseline", "", [o.p99 / b.p99 for o, b, _ in pairs])
    yield Figure(f"{name}: throughput ÷ baseline", "", [o.rate / b.rate for o, b, _ in pairs], at_least=goal_baseline)
    yield Figure(f"{name}: throughput ÷ comparison", "", [o.rate / c.rate for o, _, c in pairs], at_least=goal_other)
    yield Figure(f"{name}: CPU ÷ baseline", "", [o.cpu_ms / b.cpu_ms for o, b, _ in pairs], at_most=goal_cpu)
    yield Figure(f"{name}: throughput here", "/s", [o.rate for o in ours])
    yield Figure(f"{name}: CPU here", "ms", [o.cpu_ms for o in ours])


def migration(bench: Bench) -> Iterator[Figure]:
    """Push bodies posted to the consumer, compared with plain creates of one document and the comparison's consumer."""
    consumer = bench.functions["consume_migration"]
    fields = {"state": max((fields["state"] for _, fields in _written(bench.stack.layout.project)), key=len)}
    project = bench.stack.layout.project
    ours, creates, commits, comparisons, nothing = [], [], [], [], []
    for _ in range(bench.rounds):
        bodies = [_push(_migrated(registration())) for _ in range(_MOST)]
        prepared = [_posted("/", body) for body in bodies]
        ours.append(bench.load(consumer, prepared, _POSTED_AT_ONCE))
        creates.append(bench.generator.submit(creates_a_second, project, fields, _POSTED_AT_ONCE, _SECONDS).result())
        commits.append(bench.load(bench.baseline, prepared, _POSTED_AT_ONCE).rate)
        pushes = [_posted("/push", body) for body in bodies]
        comparisons.append(bench.load(bench.comparison, pushes, _POSTED_AT_ONCE).rate)
        nothing.append(bench.load(bench.noop, prepared[:1] * 10_000, _POSTED_AT_ONCE).rate)
    rates = [one.rate for one in ours]
    yield Figure("migration: messages ÷ plain creates of one document", "", _ratios(rates, creates), at_least=0.6)
    yield Figure("migration: messages ÷ bare commits of the same six documents", "", _ratios(rates, commits))
    yield Figure("migration: bare commits of six documents ÷ plain creates of one", "", _ratios(commits, creates))
    yield Figure("migration: messages ÷ comparison", "", _ratios(rates, comparisons), at_least=2)
    yield Figure("migration: messages here", "/s", rates)
    yield Figure("migration: CPU of a message here", "ms", [one.cpu_ms for one in ours])
    yield Figure("no-op function: pushes here (the ceiling of this load generator)", "/s", nothing)


def through_pubsub(bench: Bench) -> Iterator[Figure]:
    """The same messages pushed by the emulator, three to five in flight, compared with pushes to the no-op."""
    layout, consumer, noop = bench.stack.layout, bench.functions["consume_migration"], bench.noop
    log = layout.home / "logs" / f"bench-{consumer.name}.log"
    _subscribe(layout, "bench-migration", consumer)
    _subscribe(layout, "bench-noop", noop)
    ours, nothing = [], []
    for _ in range(bench.rounds):
        messages = [_migrated(registration()) for _ in range(_PUBLISHED)]
        ours.append(_delivered(layout, "bench-migration", messages, lambda: log.read_bytes().count(b'"CHANGE_STORED"')))
        nothing.append(_delivered(layout, "bench-noop", messages, lambda: int(httpx.get(servers.address(noop)).text)))
    yield Figure("migration pushed by the emulator ÷ pushes to the no-op", "", _ratios(ours, nothing))
    yield Figure("migration pushed by the emulator: messages here", "/s", ours)
    yield Figure("no-op function: pushes by the emulator here", "/s", nothing)


def _subscribe(layout: Layout, name: str, child: Child) -> None:
    """A topic of its own whose messages are pushed to a function."""
    topic = f"projects/{layout.project}/topics/{name}"
    with publisher(layout) as topics, subscriber(layout) as subscriptions:
        topics.create_topic(name=topic)
        subscriptions.create_subscription(
            name=f"projects/{layout.project}/subscriptions/{name}",
            topic=topic,
            push_config={"push_endpoint": f"{servers.address(child)}/"},
            ack_deadline_seconds=600,
        )


def _delivered(layout: Layout, name: str, messages: list[bytes], done: Callable[[], int]) -> float:
    """Messages a second, from publishing them until `done` has counted them all."""
    wanted = done() + len(messages)
    began = time.perf_counter()
    with publisher(layout) as topics:
        for start in range(0, len(messages), 500):
            batch = [{"data": data} for data in messages[start : start + 500]]
            topics.publish(topic=f"projects/{layout.project}/topics/{name}", messages=batch)
    while done() < wanted:
        if time.perf_counter() > began + _AS_LONG_AS_IT_TAKES:
            raise RuntimeError(f"{name}: not every message was delivered")
        time.sleep(0.02)
    return len(messages) / (time.perf_counter() - began)


def batch_lookup(bench: Bench) -> Iterator[Figure]:
    """1,000 supply points in one request, compared with 1,000 requests; and a single read during four such batches."""
    agent = Caller(bench.stack, scope=ALL_SCOPES).http
    submissions = [registration() for _ in range(500)]
    bodies = [_posted("/", _push(_migrated(one))) for one in submissions]
    consumer, lookup = bench.functions["consume_migration"], bench.functions["lookup"]
    bench.load(consumer, bodies, _POSTED_AT_ONCE, seconds=_AS_LONG_AS_IT_TAKES)
    mpans = [mpan for one in submissions for mpan in one["supply_points"]["mpans"]]
    mprns = [mprn for one in submissions for mprn in one["supply_points"]["mprns"]]
    url = servers.address(lookup)
    token = bench.stack.token("agent", scope=ALL_SCOPES)
    keys = [*({"mpan": mpan} for mpan in mpans), *({"mprn": mprn} for mprn in mprns)]
    single = [_post(token, key, ":lookup") for key in keys]
    ratios, cpu = [], []
    for _ in range(bench.rounds):
        began, used = time.perf_counter(), servers.cpu_seconds(lookup)
        answer = agent.post(f"{url}/v1/registrations:batchLookup", json={"mpans": mpans, "mprns": mprns})
        batch = time.perf_counter() - began
        cpu.append(1000 * (servers.cpu_seconds(lookup) - used))
        if len(answer.json()["found"]) != len(single):
            raise RuntimeError("the batch lookup did not find all")
        alone = bench.load(lookup, single, 1, seconds=_AS_LONG_AS_IT_TAKES)
        ratios.append(batch / (alone.answers / alone.rate))
    yield Figure("batch lookup of 1,000 ÷ 1,000 single lookups", "", ratios, at_most=0.045)
    yield Figure("batch lookup of 1,000: CPU here", "ms", cpu)
    batches = [_post(token, {"mpans": mpans, "mprns": mprns}, ":batchLookup")] * _MOST
    undisturbed: list[float] = []
    during: list[float] = []
    with ThreadPoolExecutor(1) as thread:
        for _ in range(bench.rounds):
            undisturbed.append(bench.load(lookup, single, 1).p50)
            running = thread.submit(load.run, load.Prepared(url, batches), _BATCHES, 2 * _SECONDS)
            during.append(bench.load(lookup, single, 1).p50)
            running.result()
    yield Figure("a read during four batches ÷ undisturbed: p50", "", _ratios(during, undisturbed), at_most=5)
    yield Figure("a read during four batches here: p50", "ms", during)


def starts(bench: Bench) -> Iterator[Figure]:
    """Start to first answer that has read from Firestore, compared with a bare function with client and models."""
    layout = bench.stack.layout
    base = servers.BENCHMARKS / "baseline" / "models"
    folders = servers.folders(layout)
    ratios: dict[str, list[float]] = {name: [] for name in folders}
    bare = []
    for _ in range(_STARTS):
        for name, folder in folders.items():
            bare.append(servers.seconds_to_first_answer(layout, base, "/"))
            ratios[name].append(servers.seconds_to_first_answer(layout, folder, "/_status") / bare[-1])
    for name, samples in ratios.items():
        yield Figure(f"start of {name} ÷ bare function with client and models", "", samples, at_most=1.05)
    yield Figure("start of the bare function here", "s", bare)


def commands() -> Iterator[Figure]:
    """How long a newcomer waits for `make run EXIT=1`."""
    began = time.perf_counter()
    command = (sys.executable, "-m", "ops", "local", "run", "--exit", "--port", "0")
    home = ROOT / ".local" / "bench-run"
    subprocess.run([*command, "--home", str(home)], check=True, stdout=subprocess.DEVNULL, timeout=300)
    yield Figure("make run EXIT=1 here", "s", [time.perf_counter() - began])


def comparison_export(supply_points: int) -> dict[str, float]:
    """Seconds and seconds of CPU that the comparison's export takes."""
    command = (sys.executable, "-m", "benchmarks.comparison.export", str(supply_points))
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=300)
    taken: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return taken


def write_documents(bench: Bench, path: Path) -> None:
    """Save the documents that one registration writes, for the baseline to write too."""
    path.write_text(json.dumps(_written(bench.stack.layout.project)), encoding="utf-8")


@cache
def _written(project: str) -> list[tuple[str, dict[str, Any]]]:
    """Collection and fields of the documents that the stack's first registration wrote."""
    root = f"http://{os.environ['FIRESTORE_EMULATOR_HOST']}/v1/projects/{project}"
    written: list[tuple[str, dict[str, Any]]] = []
    for collection, documents in (("registrations", 1), ("changes", 1), ("supply_points", 2), ("export_feed", 2)):
        answer = httpx.get(f"{root}/databases/(default)/documents/{collection}", params={"pageSize": documents})
        found = answer.raise_for_status().json()["documents"]
        written += [(collection, {k: _plain(v) for k, v in one["fields"].items()}) for one in found]
    return written


def _plain(value: dict[str, Any]) -> Any:
    ((kind, plain),) = value.items()
    return int(plain) if kind == "integerValue" else plain


def _rates(these: list[load.Load], those: list[load.Load]) -> list[float]:
    return _ratios([this.rate for this in these], [that.rate for that in those])


def _ratios(these: list[float], those: list[float]) -> list[float]:
    return [this / that for this, that in zip(these, those, strict=True)]


def _created(comparison: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{comparison}/v1/registrations", json=registration(), headers=headers)
    return str(answer.raise_for_status().json()["id"])


def _post(token: str, body: Any, method: str = "") -> bytes:
    content = json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    return load.request("POST", f"/v1/registrations{method}", content, **headers)


def _get(token: str, registration_id: str) -> bytes:
    return load.request("GET", f"/v1/registrations/{registration_id}", Authorization=f"Bearer {token}")


def _posted(path: str, body: bytes) -> bytes:
    return load.request("POST", path, body, Content_Type="application/json")


def _migrated(submission: dict[str, Any]) -> bytes:
    at, number = machine_time(), str(next(_numbers))
    message = event("customer.migrated", submission["account_id"], at, "//bench", number, submission)
    return json.dumps(message).encode()


def _push(data: bytes) -> bytes:
    message = {"data": b64encode(data).decode(), "messageId": str(next(_numbers)), "publishTime": _now()}
    return json.dumps({"subscription": "projects/p/subscriptions/bench", "message": message}).encode()


def _now() -> str:
    """As Pub/Sub writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
