"""Pages for customers and agents, which call the API with each person's own token."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shared.runtime.site import Site

site = Site(__file__)


async def start(_request: Request) -> PlainTextResponse:
    """The first page."""
    return PlainTextResponse("Priority Services Register")


site.serve(Starlette(routes=[Route("/", start)]), {})
main = site.function()
