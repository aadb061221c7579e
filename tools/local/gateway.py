"""The process at the stack's one public address: front door, token issuer, Cloud Scheduler, pages for people.

`python -m tools.local.gateway <stack.json>`
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from shared.runtime.manifest import read_manifests
from tools.local.front_door import FrontDoor
from tools.local.issuer import Issuer
from tools.local.layout import AUDIENCE, PAGES, PAGES_CLIENT, Layout
from tools.local.pages import Pages
from tools.local.people import sample_people
from tools.local.processes import LOOPBACK
from tools.local.scheduler import Scheduler
from tools.local.sign_in import Client
from tools.places import FUNCTIONS

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def gateway(layout: Layout) -> Starlette:
    """The application. Requests for neither the issuer, the scheduler nor a page go through the front door."""
    client = Client(PAGES_CLIENT, layout.pages_client_secret, layout.function_url(PAGES))
    issuer = Issuer(layout.issuer, AUDIENCE, layout.origins, client, sample_people(layout.first_day))
    scheduler = Scheduler(layout.clock)
    door = FrontDoor(
        read_manifests(FUNCTIONS),
        {name: layout.function_url(name) for name in layout.functions},
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        jobs = asyncio.create_task(scheduler.run())
        yield
        jobs.cancel()
        await door.close()

    async def status(_request: Request) -> JSONResponse:
        return JSONResponse({"function": "gateway", "build": layout.project})

    own_status = Route(urlsplit(layout.gateway_status).path, status)
    everything_else = Route("/{path:path}", door.serve, methods=_METHODS)
    pages = Pages(layout)
    routes = [*issuer.routes(), *scheduler.routes(), *pages.routes(), own_status, everything_else]
    return Starlette(routes=routes, lifespan=lifespan)


if __name__ == "__main__":
    running = Layout.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    uvicorn.run(
        gateway(running),
        host=LOOPBACK,
        port=running.port,
        log_level="warning",
        timeout_graceful_shutdown=2,
        # The functions' servers say these already.
        date_header=False,
        server_header=False,
    )
