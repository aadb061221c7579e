"""Pages for people at the front door of the local stack: what runs, how to call it, the API described, its problems.

Only the local stack serves them. Everything they show needs no network: the API viewer is Swagger UI from a package.
"""

import re
from collections.abc import Iterable
from html import escape
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from shared.domain.registration import Status
from shared.errors import Unavailable, http_problems
from shared.runtime.manifest import Manifest, Trigger, read_manifests
from shared.store.service import service
from tools.local.issuer import SCOPES
from tools.local.layout import BUCKET, Layout
from tools.pages.api import OPENAPI
from tools.pages.text import about
from tools.places import FUNCTIONS

_STYLE = """\
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2rem } a { color: #0b57a4 } :target { background: #fff3bf }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd }
code, pre { font: .9rem/1.4 ui-monospace, monospace } pre { background: #f3f3f3; padding: .8rem; overflow-x: auto }
"""
_LINKS = " · ".join(
    f"<a href='{path}'>{name}</a>"
    for path, name in (
        ("/docs", "API"),
        ("/openapi.json", "openapi.json"),
        ("/problems", "problems"),
        ("/_status", "status"),
    )
)


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
        manifests = read_manifests(FUNCTIONS)
        functions = _table(("Function", "Description", "Trigger", ""), self._functions(manifests))
        counts = _table(("What", "How many"), await _counts())
        return _page(
            "Priority Services Register",
            f"<p>The local stack. {_LINKS}</p>"
            f"<h2>Functions</h2>{functions}"
            f"<h2>Call it</h2><pre>{escape(self._example())}</pre>"
            f"<p>Tokens: {', '.join(self._token_links())}. They last an hour.</p>"
            f"<h2>In the register</h2>{counts}"
            f"<h2>The last export</h2>{self._last_export()}",
        )

    def _functions(self, manifests: dict[str, Manifest]) -> Iterable[tuple[str, ...]]:
        for name, manifest in manifests.items():
            url = escape(self._layout.function_url(name))
            yield (
                f"<code>{escape(name)}</code>",
                escape(manifest.description),
                _started_by(manifest.trigger),
                f"<a href='{url}/_status'>{url}</a>",
            )

    def _example(self) -> str:
        return (
            f'TOKEN=$(curl -s "{self._layout.url}/dev/token?as=agent" | sed \'s/.*:"//; s/"}}//\')\n'
            f'curl -s -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n'
            f'  -d \'{{"mpan": "1000999001019"}}\' {self._layout.url}/v1/registrations:lookup'
        )

    def _token_links(self) -> Iterable[str]:
        examples = {"agent": "", "network": "&mpids=EELC", "customer": "&account_id=A-1&supply_points=1000999001019"}
        for kind, scopes in SCOPES.items():
            yield f"<a href='/dev/token?as={kind}{escape(examples[kind])}'>{kind}</a> (<code>{scopes}</code>)"

    def _last_export(self) -> str:
        manifests = sorted(self._exports.glob("*/r*/manifest.json"))
        if not manifests:
            return "<p>No day has been exported yet.</p>"
        folder = manifests[-1].parent
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        rows = [
            (f"<a href='/exports/{name}'><code>{name}</code></a>", f"{path.stat().st_size:,} bytes")
            for path in files
            if (name := escape(path.relative_to(self._exports).as_posix()))
        ]
        return _table(("File", "Size"), rows)

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
            _code_marks(about(problem)),
            _code_marks(problem.detail),
        )
        for problem in http_problems()
    ]
    return _page("Problems", _table(("Type", "Status", "Title", "When", "What to do"), rows))


async def _problem(request: Request) -> Response:
    """Where the type of a problem leads."""
    code = request.path_params["code"]
    if code not in {problem.code for problem in http_problems()}:
        return PlainTextResponse("no such problem\n", 404)
    return RedirectResponse(f"/problems#{code}")


async def _counts() -> list[tuple[str, str]]:
    """How many registrations there are by status, and messages in quarantine."""
    store = service().documents
    wanted = [("registrations", status.value) for status in Status]
    wanted += [("quarantine", status) for status in ("failed", "parked")]
    try:
        return [
            (f"{collection}: {status}", f"{await store.count(collection, 'status', [status]):,}")
            for collection, status in wanted
        ]
    except Unavailable:
        return [("Firestore", "does not answer")]


def _started_by(trigger: Trigger) -> str:
    if trigger.http is not None:
        return "<br>".join(f"<code>{route.method} {escape(route.path)}</code>" for route in trigger.http)
    if trigger.pubsub is not None:
        return f"topic <code>{trigger.pubsub.topic}</code>"
    return f"cron <code>{trigger.schedule.cron}</code>" if trigger.schedule else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """HTML of cells that are HTML already."""
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _code_marks(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )


def _viewer_folder() -> Path:
    """Where the package flask-swagger-ui keeps Swagger UI; Flask itself is not used."""
    package = find_spec("flask_swagger_ui")
    if package is None or package.origin is None:
        raise RuntimeError("the package flask-swagger-ui is not installed: make .venv/ready")
    return Path(package.origin).parent / "dist"
