"""The application: the pages' routes in each language, and what is the same for all of them."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from functions.pages.api import ApiProblem
from functions.pages.security import Refused, SecurityHeaders, read_form
from functions.pages.session import TooLong
from functions.pages.visit import FOLDER, STATIC, Visit, localised, split_path
from functions.pages.words import LANGUAGES
from shared.log import log_failure

Handler = Callable[[Visit], Awaitable[Response]]


class Page(NamedTuple):
    """A page, named like its function. `posts`: it has a form. `public`: nobody needs to sign in for it."""

    path: str
    handler: Handler
    posts: bool = False
    public: bool = False


def application(*pages: Page) -> Starlette:
    """The application with these pages."""
    routes = [_route(page, language) for page in pages for language in LANGUAGES]
    return Starlette(
        routes=[Route("/static/{name}", _static, name="static"), *routes],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: _not_a_page},
    )


def _route(page: Page, language: str) -> Route:
    async def serve(request: Request) -> Response:
        return await _response(page, Visit(request, language))

    methods = ["GET", "POST"] if page.posts else ["GET"]
    return Route(localised(page.path, language), serve, name=page.handler.__name__, methods=methods)


async def _response(page: Page, visit: Visit) -> Response:
    """The response of the page, or a page about the problem. A form that somebody typed is kept."""
    try:
        response = await _served(page, visit)
    except (Refused, TooLong) as error:
        name = "too-long" if isinstance(error, TooLong) else "refused"
        response = visit.problem(name, 413 if name == "too-long" else 403)
    except (ClientDisconnect, HTTPException):
        raise
    except Exception as error:  # noqa: BLE001 - anything else is a defect: the person gets a page, we get the log
        log_failure(page.handler.__name__, error)
        response = visit.problem("other", 500)
    if visit.session:
        visit.session.keep_in(visit.cookies)
    visit.cookies.apply(response)
    return response


async def _served(page: Page, visit: Visit) -> Response:
    if visit.posted:
        visit.form = await read_form(visit.request, visit.session or visit.lapsed)
    if visit.session is None and not page.public:
        return visit.to_sign_in()
    try:
        response = await page.handler(visit)
    except ApiProblem as problem:
        if problem.status == 401:  # noqa: PLR2004 - the token has expired
            return visit.to_sign_in()
        visit.keep_typed()
        return visit.problem(problem.code, problem.status)
    if visit.typed_was_shown:
        visit.cookies.delete("typed")
    return response


async def _static(request: Request) -> Response:
    """A file that every page uses."""
    name = request.path_params["name"]
    if name not in STATIC:
        raise HTTPException(404)
    content = (FOLDER / "static" / name).read_bytes()
    return Response(content, headers={"Cache-Control": "public, max-age=31536000, immutable"}, media_type=STATIC[name])


async def _not_a_page(request: Request, error: Exception) -> Response:
    """404 and 405."""
    visit = Visit(request, split_path(request.url.path)[0])
    status = error.status_code if isinstance(error, HTTPException) else 500
    response = visit.problem("no-page", status)
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response
