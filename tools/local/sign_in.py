"""The local issuer as an OpenID provider for the pages: authorization code flow with PKCE, and sign-out.

It keeps no session of its own: it shows the sign-in page each time.
"""

import base64
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from html import escape
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tools.local.html import page
from tools.local.people import Person, customer

_CODE_SECONDS = 60
_LEAD = (
    "<p class='lead'>This page takes the place of your organisation's sign-in page. It asks for no password, and "
    "everyone here is invented.</p>"
)


class Client(NamedTuple):
    """The one client. After a sign-out its people may return to any address of its origin."""

    id: str
    secret: str
    origin: str

    @property
    def redirect_uri(self) -> str:
        """The only address that codes are sent to."""
        return f"{self.origin}/sign-in/back"


class _Asked(BaseModel):
    """An authorization request (OpenID Connect Core 3.1.2.1, RFC 7636)."""

    response_type: Literal["code"]
    client_id: str
    redirect_uri: str
    scope: str = "openid"
    state: str = ""
    nonce: str = ""
    code_challenge: str = Field(pattern=r"^[A-Za-z0-9_-]{43}$")
    code_challenge_method: Literal["S256"]


class _Grant(NamedTuple):
    """The meaning of a code."""

    asked: _Asked
    person: Person
    until: float


class _Refused(Exception):
    """A token request fails with this error of OAuth 2 (RFC 6749 5.2)."""


class SignIn:
    """Signs people in for one client. `sign` makes a token of claims."""

    def __init__(
        self, issuer: str, client: Client, people: Mapping[str, Person], sign: Callable[[dict[str, Any]], str]
    ) -> None:
        self._issuer = issuer
        self._client = client
        self._people = people
        self._sign = sign
        self._grants: dict[str, _Grant] = {}

    def routes(self) -> list[Route]:
        """Discovery, the sign-in page and sign-out."""
        return [
            Route("/dev/.well-known/openid-configuration", self._configuration),
            Route("/dev/authorize", self._ask),
            Route("/dev/authorize", self._authorize, methods=["POST"]),
            Route("/dev/sign-out", self._sign_out, methods=["GET", "POST"]),
        ]

    def tokens(self, form: Mapping[str, str], authorization: str, access_claims: dict[str, Any]) -> Response:
        """The answer to a token request with a code. `access_claims` are those of every access token."""
        try:
            self._check_client(form, authorization)
            grant = self._redeem(form)
        except _Refused as refused:
            status = 401 if refused.args == ("invalid_client",) else 400
            headers = {"WWW-Authenticate": "Basic"} if status == 401 else {}  # noqa: PLR2004 - that status
            return JSONResponse({"error": refused.args[0]}, status, headers)
        scopes = [scope for scope in grant.asked.scope.split() if scope in ["openid", *grant.person.scope.split()]]
        access = {**access_claims, **grant.person.claims, "client_id": self._client.id, "scope": " ".join(scopes)}
        times = {name: access_claims[name] for name in ("iss", "iat", "exp")}
        identity = {**times, "aud": self._client.id, "sub": access["sub"], "name": grant.person.name}
        if grant.asked.nonce:
            identity["nonce"] = grant.asked.nonce
        return JSONResponse(
            {
                "access_token": self._sign(access),
                "token_type": "Bearer",
                "expires_in": access["exp"] - access["iat"],
                "scope": access["scope"],
                "id_token": self._sign(identity),
            },
            headers={"Cache-Control": "no-store"},
        )

    def _check_client(self, form: Mapping[str, str], authorization: str) -> None:
        """The id and the secret are in the Authorization header or in the form. Raises `_Refused`."""
        given = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.lower().startswith("basic "):
            try:
                name, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
            except ValueError:
                raise _Refused("invalid_client") from None
            given = unquote(name), unquote(secret)
        if not hmac.compare_digest("\n".join(given).encode(), f"{self._client.id}\n{self._client.secret}".encode()):
            raise _Refused("invalid_client")

    def _redeem(self, form: Mapping[str, str]) -> _Grant:
        """The grant of a code, which ends with its first use, right or wrong. Raises `_Refused`."""
        grant = self._grants.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if (
            grant is None
            or grant.until < time.monotonic()
            or grant.asked.redirect_uri != form.get("redirect_uri")
            or grant.asked.code_challenge != challenge.decode()
        ):
            raise _Refused("invalid_grant")
        return grant

    async def _configuration(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self._issuer,
                "authorization_endpoint": f"{self._issuer}/authorize",
                "token_endpoint": f"{self._issuer}/token",
                "end_session_endpoint": f"{self._issuer}/sign-out",
                "jwks_uri": f"{self._issuer}/jwks.json",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "client_credentials"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _ask(self, request: Request) -> Response:
        """The sign-in page."""
        try:
            asked = self._checked(request.query_params)
        except ValueError as error:
            return _fault(error)
        return page("Sign in", _LEAD + _sign_in_form(asked, self._people))

    async def _authorize(self, request: Request) -> Response:
        """Back to the client with a code, for the person who was chosen."""
        form = dict(parse_qsl((await request.body()).decode()))
        try:
            asked = self._checked(form)
            person = self._person(form)
        except (ValueError, KeyError) as error:
            return _fault(error)
        code = secrets.token_urlsafe(32)
        self._grants[code] = _Grant(asked, person, time.monotonic() + _CODE_SECONDS)
        answer = {"code": code, "iss": self._issuer, **({"state": asked.state} if asked.state else {})}
        return _redirect(asked.redirect_uri, answer)

    def _person(self, form: Mapping[str, str]) -> Person:
        """Raises `KeyError`."""
        if form["person"] in self._people:
            return self._people[form["person"]]
        return customer(form["account_id"], form.get("supply_points", "").replace(",", " ").split())

    def _checked(self, parameters: Mapping[str, str]) -> _Asked:
        """The authorization request. Raises `ValueError`, which says what is wrong with it."""
        asked = _Asked.model_validate(dict(parameters))
        if asked.client_id != self._client.id:
            raise ValueError("client_id is not a client of this issuer")
        if asked.redirect_uri != self._client.redirect_uri:
            raise ValueError(f"redirect_uri must be {self._client.redirect_uri}")
        return asked

    async def _sign_out(self, request: Request) -> Response:
        """Back to the client, if it says where to (OpenID Connect RP-Initiated Logout)."""
        form = dict(parse_qsl((await request.body()).decode()))
        parameters = {**request.query_params, **form}
        back = parameters.get("post_logout_redirect_uri", "")
        if back.startswith(f"{self._client.origin}/"):
            return _redirect(back, {"state": parameters["state"]} if "state" in parameters else {})
        return page("Signed out", "<p class='lead'>You have signed out.</p>")


def _redirect(uri: str, parameters: Mapping[str, str]) -> Response:
    joined = "&" if urlsplit(uri).query else "?"
    return RedirectResponse(f"{uri}{joined}{urlencode(parameters)}" if parameters else uri, 303)


def _fault(error: Exception) -> Response:
    faults = [str(error)]
    if isinstance(error, ValidationError):
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    if isinstance(error, KeyError):
        faults = [f"{error.args[0]} is missing"]
    answer = page("Sign-in failed", f"<p class='lead'>{escape('; '.join(faults))}</p>")
    answer.status_code = 400
    return answer


def _sign_in_form(asked: _Asked, people: Mapping[str, Person]) -> str:
    """Buttons for the people, and fields for a customer of any account."""
    values = asked.model_dump().items()
    hidden = "".join(f"<input type='hidden' name='{name}' value='{escape(value)}'>" for name, value in values)
    cards = "".join(
        f"<li class='card'><h3>{escape(person.name)}</h3><p>{escape(person.about)}</p>"
        f"<button name='person' value='{key}'>Sign in as {escape(person.name)}</button></li>"
        for key, person in people.items()
    )
    form = f"<form method='post' action='/dev/authorize'>{hidden}"
    return (
        f"<h2>People</h2>{form}<ul class='cards'>{cards}</ul></form>"
        f"<h2>Another customer</h2>{form}"
        "<p><label for='account'>Account</label><input id='account' name='account_id' required></p>"
        "<p><label for='points'>MPANs and MPRNs, separated by spaces</label>"
        "<input id='points' name='supply_points'></p>"
        "<button name='person' value='customer'>Sign in as this customer</button></form>"
    )
