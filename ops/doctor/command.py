"""`psr doctor`: run every check at once, each within its time limit, and show the findings."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from google.api_core.exceptions import GoogleAPIError, ServerError
from google.auth.exceptions import GoogleAuthError
from rich.console import Console
from rich.text import Text

from ops.doctor import serving, wiring, work
from ops.doctor.deployment import Deployment, environment_of, local_stack
from ops.doctor.finding import Finding, State, failing, line_of, not_checked
from ops.doctor.probe import probe
from ops.failures import AGAIN, NO_RIGHT, sentence_of
from ops.output import AsJson, print_json
from ops.release import Program
from ops.running import run_anyway
from shared.errors import Problem
from shared.store.exports import Exports
from shared.store.objects import Buckets
from shared.store.quarantine import Quarantine
from shared.store.service import service
from tools.errors import CommandError
from tools.scheduler import LOCATION

#: For an answer of Cloud Storage, and for all attempts at one: the check ends within its own time.
_STORAGE_SECONDS = 8.0
#: For each check. The probe has limits of its own, within this one, since its erasure must not be cut off.
_SECONDS, _PROBE_SECONDS = 25.0, 120.0
_STYLES = {State.OK: "green", State.FAILING: "bold red", State.NOT_CHECKED: "yellow"}

Check = Callable[[], Awaitable[list[Finding]]]


def doctor(
    environment: Annotated[
        str | None, typer.Argument(help="A folder of terraform/environments; without one, the local stack.")
    ] = None,
    *,
    without_probe: Annotated[bool, typer.Option("--without-probe", help="Register nothing.")] = False,
    as_json: AsJson = False,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="PSR_TOKEN",
            help="Access token with psr:read and psr:write; default for the local stack: a token of its issuer.",
        ),
    ] = None,
    location: Annotated[str, typer.Option(help="The region of the scheduled jobs.")] = LOCATION,
    terraform: Program = "terraform",
    stack: Annotated[Path | None, typer.Option(envvar="PSR_STACK", help="The local stack's stack.json.")] = None,
) -> None:
    """Check a deployment, or the local stack, from end to end.

    Shows what is wrong, and fails if anything is. A probe goes through the whole service: the doctor registers a
    made-up person, sends messages about them, amends, withdraws and erases. No network receives the probe.
    """
    examined = environment_of(environment, terraform, token, location) if environment else local_stack(stack, token)
    with Console(stderr=True).status("Examining") as status:
        found = run_anyway(lambda: examine(examined, with_probe=not without_probe, show=status.update))
    if as_json:
        print_json([finding._asdict() for finding in found])
    else:
        _show(found)
    if any(finding.state is State.FAILING for finding in found):
        raise typer.Exit(1)


async def examine(
    deployment: Deployment, *, with_probe: bool = True, show: Callable[[str], None] = lambda _: None
) -> list[Finding]:
    """Run every check; the findings in the order of the checks. `show` gets the names of those that still run."""
    checks: dict[str, Check] = {
        "functions": lambda: serving.functions(deployment),
        "callers": lambda: _callers(deployment),
        "schedules": lambda: wiring.schedules(deployment),
        "subscriptions": lambda: wiring.subscriptions(deployment),
        "quarantine": lambda: work.quarantined(
            service().part(Quarantine), service().settings, service().documents.clock.now()
        ),
        "export": _export,
    }
    if with_probe:
        checks["probe"] = lambda: probe(deployment)
    going = dict.fromkeys(checks)

    async def checked(name: str, check: Check) -> list[Finding]:
        found = await _within(_PROBE_SECONDS if name == "probe" else _SECONDS, name, check)
        del going[name]
        show(f"Examining: {', '.join(going)}")
        return found

    show(f"Examining: {', '.join(going)}")
    found = await asyncio.gather(*(checked(name, check) for name, check in checks.items()))
    return [finding for of_check in found for finding in of_check]


async def _callers(deployment: Deployment) -> list[Finding]:
    keys, key_id = await serving.issuer(service().settings)
    return [*keys, *await serving.tokens(deployment, service().settings, key_id)]


async def _export() -> list[Finding]:
    config = service().settings
    if config.export_bucket is None:
        return [not_checked("export", "PSR_EXPORT_BUCKET is not set here")]
    return await work.last_export(
        service().part(Exports),
        service().part(Buckets).get(config.export_bucket, _STORAGE_SECONDS),
        config,
        service().documents.clock.now(),
    )


async def _within(seconds: float, name: str, check: Check) -> list[Finding]:
    """The findings of a check. A reason why it finds nothing is a finding too. Raises `GoogleAuthError`."""
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except TimeoutError:
        return [failing(name, f"no answer in {seconds:.0f} s", "errors")]
    except GoogleAuthError:
        raise
    except (CommandError, GoogleAPIError, Problem) as error:
        says = str(sentence_of(error)).removesuffix(AGAIN)
        down = isinstance(error, (Problem, ServerError)) and says != NO_RIGHT
        return [failing(name, says, "errors") if down else not_checked(name, says)]


def _show(found: list[Finding]) -> None:
    console = Console(soft_wrap=True)
    width = max(len(finding.check) for finding in found)
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in found:
        alike.setdefault((finding.check, finding.state, finding.says), []).append(finding)
    for (check, state, _), findings in alike.items():
        line = Text(f"{state:<11} ", _STYLES[State(state)])
        console.print(line.append(f"{check:<{width}}  {line_of(findings)}", "none"))
    wrong = sum(finding.state is State.FAILING for finding in found)
    unknown = sum(finding.state is State.NOT_CHECKED for finding in found)
    known = f"{wrong} of {len(found)} findings are failing." if wrong else "Nothing is wrong."
    console.print(f"{known} {unknown} could not be checked." if unknown else known)
