"""Protections of every page: headers, and the checks of what forms send."""

from collections.abc import Mapping
from secrets import compare_digest
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.pages.session import Session
from shared.errors import PayloadTooLarge
from shared.runtime.body import read_within
from shared.settings import settings

FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field
_MOST_BYTES = 64 * 1024
_MOST_FIELDS = 400


class Refused(Exception):
    """A form that our own page did not send, or that is too large."""


class SecurityHeaders:
    """Adds the headers of every response, also of those for errors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = security_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def security_headers() -> dict[str, str]:
    """No scripts and nothing from elsewhere; nothing cached, framed or passed on to other sites."""
    issuer = urlsplit(str(settings().pages_issuer))
    forms = f"'self' {issuer.scheme}://{issuer.netloc}"  # signing out continues at the issuer
    return {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Referrer-Policy": "no-referrer",
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


async def read_form(request: Request, session: Session | None) -> dict[str, list[str]]:
    """The fields of a form that this session's own page sent. Raises `Refused`."""
    _check_origin(request.headers)
    if session is None or not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Refused
    form: dict[str, list[str]] = {}
    try:
        body = await read_within(request, _MOST_BYTES)
        for name, value in parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS):
            form.setdefault(name, []).append(value)
    except (PayloadTooLarge, ValueError):
        raise Refused from None
    if not compare_digest(form.pop(FORM_TOKEN, [""])[0].encode(), session.form_token.encode()):
        raise Refused
    return form


def _check_origin(headers: Mapping[str, str]) -> None:
    """Browsers say where a form comes from, in one header or the other. Raises `Refused`."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site not in {None, "same-origin"} or (site is None and origin != settings().pages_address):
        raise Refused
