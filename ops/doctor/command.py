"""`psr doctor`: every check at once, each within its time, and what they find on one screen."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from google.api_core.exceptions import Forbidden, GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from rich.console import Console
from rich.text import Text

from ops.doctor import serving, wiring, work
from ops.doctor.canary import canary
from ops.doctor.deployment import Deployment, environment_of, local_stack
from ops.doctor.finding import Finding, State, failing, not_checked
from ops.release import Program
from ops.running import named, run
from shared.errors import Problem
from shared.store.exports import Exports
from shared.store.objects import Buckets
from shared.store.quarantine import Quarantine
from shared.store.service import service
from tools.errors import CommandError
from tools.scheduler import LOCATION

#: Of each check. The canary has limits of its own, within this one, since it must not be cut off before it is erased.
_SECONDS, _CANARY_SECONDS = 25.0, 120.0
_STYLES = {State.OK: "green", State.FAILING: "bold red", State.NOT_CHECKED: "yellow"}

Check = Callable[[], Awaitable[list[Finding]]]


def doctor(
    environment: Annotated[
        str | None, typer.Argument(help="A folder of terraform/environments; without one, the local stack.")
    ] = None,
    *,
    without_canary: Annotated[bool, typer.Option("--without-canary", help="Register nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="PSR_TOKEN",
            help="Access token with psr:read and psr:write; the local stack's is asked of its issuer.",
        ),
    ] = None,
    location: Annotated[str, typer.Option(help="Where the scheduled jobs are.")] = LOCATION,
    terraform: Program = "terraform",
    stack: Annotated[Path | None, typer.Option(envvar="PSR_STACK", help="The local stack's stack.json.")] = None,
) -> None:
    """Check a deployment, or the local stack, from end to end.

    Shows what is wrong, and fails if anything is. A probe goes through the whole service: the doctor registers a
    made-up person, sends messages about them, amends, withdraws and erases. No network receives the probe.
    """
    examined = environment_of(environment, terraform, token, location) if environment else local_stack(stack, token)
    with Console(stderr=True).status("Examining") as status:
        found = run(lambda: examine(examined, with_canary=not without_canary, show=status.update))
    if as_json:
        print(json.dumps([finding._asdict() for finding in found], indent=2))
    else:
        _show(found)
    if any(finding.state is State.FAILING for finding in found):
        raise typer.Exit(1)


async def examine(
    deployment: Deployment, *, with_canary: bool = True, show: Callable[[str], None] = lambda _: None
) -> list[Finding]:
    """What every check finds, in the order of the chain. `show` is told what is still being looked at."""
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
    if with_canary:
        checks["canary"] = lambda: canary(deployment)
    going = dict.fromkeys(checks)

    async def checked(name: str, check: Check) -> list[Finding]:
        found = await _within(_CANARY_SECONDS if name == "canary" else _SECONDS, name, check)
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
    here = service().settings
    if here.export_bucket is None:
        return [not_checked("export", "PSR_EXPORT_BUCKET is not set here")]
    return await work.last_export(
        service().part(Exports), service().part(Buckets).get(here.export_bucket), here, service().documents.clock.now()
    )


async def _within(seconds: float, name: str, check: Check) -> list[Finding]:
    """What a check finds. What keeps it from finding anything is a finding too. Raises `GoogleAuthError`."""
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except TimeoutError:
        return [not_checked(name, f"not done in {seconds:.0f} s")]
    except GoogleAuthError:
        raise
    except Problem as problem:
        return [failing(name, f"cannot be read: {named(problem)}", "errors")]
    except Forbidden:
        return [not_checked(name, "your account may not do this: docs/runbooks/README.md has the roles")]
    except GoogleAPIError as error:
        return [not_checked(name, f"Google Cloud does not answer this: {type(error).__name__}")]
    except CommandError as error:
        return [not_checked(name, str(error))]


def _show(found: list[Finding]) -> None:
    console = Console(soft_wrap=True)
    width = max(len(finding.check) for finding in found)
    for finding in found:
        state = Text(f"{finding.state:<11} ", _STYLES[finding.state])
        console.print(state.append(f"{finding.check:<{width}}  {finding.line}", "none"))
    wrong = sum(finding.state is State.FAILING for finding in found)
    unknown = sum(finding.state is State.NOT_CHECKED for finding in found)
    known = f"{wrong} of {len(found)} findings are failing." if wrong else "Nothing is found wrong."
    console.print(f"{known} {unknown} could not be checked." if unknown else known)
