"""A site's application is behind the guard: its pages, its errors and its log."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from shared.runtime.site import Site
from tools.places import FUNCTIONS

SECRET = "Ermintrude Quillfeather"


async def show(request: Request) -> Response:
    body = await request.body()
    return PlainTextResponse(
        f"{request.method} {request.path_params['name']} {body.decode()} {request.url_for('away')}"
    )


async def away(_request: Request) -> Response:
    response = RedirectResponse("/elsewhere", 303)
    for name in ("one", "two"):
        response.set_cookie(name, name)
    return response


async def fail(_request: Request) -> Response:
    raise ValueError(SECRET)


async def error_page(_request: Request, _error: Exception) -> Response:
    return HTMLResponse("<h1>Something went wrong</h1>", 500)


ROUTES = [Route("/people/{name}", show, methods=["GET", "POST"]), Route("/away", away), Route("/fail", fail)]


def client(site: Site) -> httpx.AsyncClient:
    """A client of a site as the framework serves it."""
    framework = Starlette(routes=[Route("/{path:path}", site.function(), methods=["GET", "POST"])])
    return httpx.AsyncClient(transport=httpx.ASGITransport(framework), base_url="http://site.example")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(sys, "__stdout__", (tmp_path / "log").open("w"))
    (tmp_path / "function.yaml").write_text((FUNCTIONS / "pages" / "function.yaml").read_text())
    site = Site(str(tmp_path / "main.py"))
    site.serve(Starlette(routes=ROUTES, exception_handlers={Exception: error_page}), {"api": reached})
    return site


async def reached() -> None:
    pass


def logged(folder: Path) -> Iterator[tuple[str, str, object]]:
    for line in (folder / "log").read_text().splitlines():
        entry = json.loads(line)
        yield entry["event"], entry["operation"], entry.get("status", entry.get("exception"))


async def test_a_page_is_served_whole_and_logged_by_the_name_of_its_route(site: Site, tmp_path: Path) -> None:
    async with client(site) as http:
        shown = await http.post(f"/people/{SECRET}", content="body")
        gone = await http.get("/away")
        missing = await http.get(f"/nothing/{SECRET}")
    assert shown.text == f"POST {SECRET} body http://site.example/away"
    assert (gone.status_code, gone.headers["Location"]) == (303, "/elsewhere")
    assert dict(gone.cookies) == {"one": "one", "two": "two"}
    assert missing.status_code == 404
    assert {answer.headers["Cache-Control"] for answer in (shown, gone, missing)} == {"no-store"}
    served = "REQUEST_SERVED"
    assert list(logged(tmp_path)) == [(served, "show", 200), (served, "away", 303), (served, "none", 404)]
    assert SECRET not in (tmp_path / "log").read_text()


async def test_an_exception_has_the_sites_error_page_and_is_logged_without_its_text(site: Site, tmp_path: Path) -> None:
    async with client(site) as http:
        answer = await http.get("/fail")
    assert (answer.status_code, answer.text) == (500, "<h1>Something went wrong</h1>")
    assert list(logged(tmp_path)) == [("REQUEST_FAILED", "fail", "ValueError"), ("REQUEST_SERVED", "fail", 500)]
    assert SECRET not in (tmp_path / "log").read_text()


async def test_the_status_is_not_a_page_of_the_application(site: Site) -> None:
    async with client(site) as http:
        status = (await http.get("/_status")).json()
    assert (status["status"], status["dependencies"]) == ("serving", {"api": "ok"})


def test_a_site_without_a_pages_trigger_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "function.yaml").write_text((FUNCTIONS / "lookup" / "function.yaml").read_text())
    with pytest.raises(RuntimeError, match="add a pages trigger"):
        Site(str(tmp_path / "main.py")).function()
