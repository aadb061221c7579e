"""A token issuer for the local stack: the functions check its tokens exactly as they check a real issuer's."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tools.local.people import Person
from tools.local.sign_in import Client, SignIn

#: Scopes by kind of caller (`as=`).
SCOPES = {
    "agent": "psr:write psr:read psr:history psr:work",
    "network": "psr:bulk",
    "customer": "psr:write psr:read",
}
_LASTS_SECONDS = 3600


class Issuer:
    """Signs with a key made at its start, and publishes the public half."""

    def __init__(
        self, issuer: str, audience: str, origins: Sequence[str], client: Client, people: Mapping[str, Person]
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = uuid.uuid4().hex
        self._cross_origin = Middleware(CORSMiddleware, allow_origins=origins, allow_headers=["*"])
        self._sign_in = SignIn(issuer, client, people, self._signed)

    def routes(self) -> list[Route]:
        """`GET` and `POST /dev/token`, for pages of the listed origins too, the keys, and the sign-in of people."""
        methods = ["GET", "POST", "OPTIONS"]
        return [
            Route("/dev/token", self._token, methods=methods, middleware=[self._cross_origin]),
            Route("/dev/jwks.json", self._jwks),
            *self._sign_in.routes(),
        ]

    async def _token(self, request: Request) -> Response:
        """A token for the claims in the query or, as OAuth 2 has it (RFC 6749 §4.4), in the form; or for a code."""
        try:
            if request.method == "POST":
                form = dict(parse_qsl((await request.body()).decode()))
                if form.get("grant_type") == "authorization_code":
                    authorization = request.headers.get("authorization", "")
                    return self._sign_in.tokens(form, authorization, self._claims({"as": "agent"}))
                token = self._signed(self._claims({"as": "agent", **form}))
                return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": _LASTS_SECONDS})
            claims = self._claims(request.query_params)
        except (KeyError, ValueError):
            kinds = ", ".join(SCOPES)
            return JSONResponse(
                {"detail": f"as must be one of {kinds}; customer needs account_id; expires_in is in seconds"}, 400
            )
        return JSONResponse({"access_token": self._signed(claims)})

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._key, "RS256", {"kid": self._key_id})

    def _claims(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """Raises `KeyError`, `ValueError`."""
        now = int(time.time())
        kind = wanted["as"]
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": wanted.get("audience", self._audience),
            "sub": wanted.get("sub", f"local-{kind}"),
            "iat": now,
            "exp": now + int(wanted.get("expires_in", _LASTS_SECONDS)),
            "scope": wanted.get("scope", SCOPES[kind]),
        }
        if kind == "customer":
            claims |= {"account_id": wanted["account_id"], "supply_points": _listed(wanted.get("supply_points"))}
        if kind == "network":
            claims["mpids"] = _listed(wanted.get("mpids"))
        return claims

    async def _jwks(self, _request: Request) -> Response:
        public = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        return JSONResponse({"keys": [{**public, "kid": self._key_id, "use": "sig", "alg": "RS256"}]})


def token_from(issuer: str, kind: str, **claims: str | int | list[str]) -> str:
    """Ask a stack's issuer for a token for a kind of caller. Raises httpx's `HTTPError`."""
    asked = {name: ",".join(claim) if isinstance(claim, list) else str(claim) for name, claim in claims.items()}
    answer = httpx.get(f"{issuer}/token", params={"as": kind, **asked}, timeout=10)
    return str(answer.raise_for_status().json()["access_token"])


def _listed(text: str | None) -> list[str]:
    return text.split(",") if text else []
