"""Pages for people at the front door of the local stack: what runs, how to call it, the API described, its problems.

Only the local stack serves them. Everything they show needs no network: the API viewer is Swagger UI from a package.
"""

from html import escape
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from shared.errors import http_problems
from tools.local.html import code_marks, page, table
from tools.local.layout import BUCKET, Layout
from tools.local.start_page import StartPage
from tools.pages.api import OPENAPI
from tools.pages.text import about


class Pages:
    """The pages of one stack."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._exports = layout.home / BUCKET

    def routes(self) -> list[Route | Mount]:
        """Start page, API description and viewer, problems, exported files."""
        return [
            Route("/", self._start),
            Route("/openapi.json", _openapi),
            Route("/docs", _docs),
            Mount("/docs/viewer", StaticFiles(directory=_viewer_folder())),
            Route("/problems", _problems),
            Route("/problems/{code}", _problem),
            Route("/exports/{path:path}", self._export),
        ]

    async def _start(self, _request: Request) -> Response:
        return await StartPage(self._layout).answer()

    async def _export(self, request: Request) -> Response:
        path = (self._exports / request.path_params["path"]).resolve()
        if not path.is_relative_to(self._exports.resolve()) or not path.is_file():
            return PlainTextResponse("no such file\n", 404)
        return FileResponse(path, media_type="text/plain; charset=utf-8")


async def _openapi(_request: Request) -> Response:
    return FileResponse(OPENAPI, media_type="application/json")


async def _docs(_request: Request) -> Response:
    return FileResponse(Path(__file__).with_name("api_page.html"))


async def _problems(_request: Request) -> Response:
    rows = [
        (
            f"<code id='{problem.code}'>/problems/{problem.code}</code>",
            str(problem.status),
            escape(problem.title),
            code_marks(about(problem)),
            code_marks(problem.detail),
        )
        for problem in http_problems()
    ]
    return page("Problems", table(("Type", "Status", "Title", "When", "What to do"), rows))


async def _problem(request: Request) -> Response:
    """Where the type of a problem leads."""
    code = request.path_params["code"]
    if code not in {problem.code for problem in http_problems()}:
        return PlainTextResponse("no such problem\n", 404)
    return RedirectResponse(f"/problems#{code}")


def _viewer_folder() -> Path:
    """Where the package flask-swagger-ui keeps Swagger UI; Flask itself is not used."""
    package = find_spec("flask_swagger_ui")
    if package is None or package.origin is None:
        raise RuntimeError("the package flask-swagger-ui is not installed: make .venv/ready")
    return Path(package.origin).parent / "dist"
