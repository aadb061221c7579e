"""`psr events`: publish an event as the old platform or the account system does."""

from typing import Annotated

import typer

from ops.running import run
from shared.clock import Clock
from shared.domain.delivery import Delivery
from shared.errors import MalformedJson, Problem
from shared.messages.account_events import ACCOUNT_EVENTS
from shared.messages.events import CloudEvent, CustomerMigrated, read_event
from shared.messages.legacy import translated
from shared.messages.publisher import Publisher
from shared.store.service import service
from tools.errors import CommandError
from tools.pages.events import TOPICS

app = typer.Typer(no_args_is_help=True)


@app.command()
def publish(
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="One event as JSON; - reads standard input.")],
) -> None:
    """Publish an event to its topic, unless it breaks the contract.

    The consumer then applies it, or quarantines it: `psr quarantine list`.
    """
    data = file.read()
    config = service().settings
    try:
        topic = TOPICS[type(_checked(data, config.clock()))]
    except Problem as problem:
        raise CommandError(f"{file.name} is not published. {_why(problem)}") from None
    message_id = run(lambda: service().part(Publisher).publish(topic, data))
    print(f"Published to {topic} of {config.project} as message {message_id}.")


def _checked(data: bytes, clock: Clock) -> CloudEvent:
    """The event, read as its consumer does. Raises `Problem`."""
    delivery = Delivery("", "", "", clock.now(), {}, translated(data), 1)
    return read_event(delivery, clock, *ACCOUNT_EVENTS, CustomerMigrated)


def _why(problem: Problem) -> str:
    """The fields and what is wrong with each; the problem itself if it is about none."""
    if isinstance(problem, MalformedJson):
        return "It is not JSON in UTF-8."
    faults = [f"{error.pointer} {error.detail}" for error in problem.errors]
    return "; ".join(faults) or f"{problem.title}. {problem.detail}"
