"""Sign-in with OpenID Connect: authorization code with PKCE, and sign-out at the issuer too."""

import secrets
from typing import Any
from urllib.parse import urlencode

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.responses import RedirectResponse, Response

from functions.pages.api import ApiProblem, remembered
from functions.pages.app import Page
from functions.pages.session import Session
from functions.pages.visit import Visit, own_path
from shared.settings import settings

#: The issuer grants those that the person may have.
_SCOPES = "openid psr:read psr:write psr:history psr:work psr:caller_password psr:bulk"
_ALGORITHMS = ["RS256", "PS256", "ES256"]
_TIMEOUT_SECONDS = 8
_SIGN_IN_SECONDS = 15 * 60


async def sign_in(visit: Visit) -> Response:
    """Send the person to the issuer. A cookie remembers what the answer must have, and where to continue."""
    provider = await _provider()
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    async with _client() as client:
        address, state = client.create_authorization_url(
            provider["authorization_endpoint"],
            code_verifier=verifier,
            nonce=nonce,
            ui_locales=visit.language,
            audience=settings().token_audience,
        )
    onward = own_path(visit.request.query_params.get("next", "")) or visit.url("home")
    visit.cookies.write("sign-in", [state, nonce, verifier, onward])
    return RedirectResponse(address, 303)


async def signed_in(visit: Visit) -> Response:
    """The issuer sends the person back with a code, which the tokens are fetched for."""
    given = visit.request.query_params
    begun = visit.cookies.read("sign-in", seconds=_SIGN_IN_SECONDS)
    visit.cookies.delete("sign-in")
    if begun is None or not secrets.compare_digest(given.get("state", "").encode(), begun[0].encode()):
        return visit.problem("sign-in-lost", 400)
    _, nonce, verifier, onward = begun
    provider = await _provider()
    if "error" in given or given.get("iss", provider["issuer"]) != provider["issuer"]:
        return visit.problem("sign-in-refused", 400)
    try:
        async with _client() as client:
            tokens = await client.fetch_token(
                provider["token_endpoint"], code=given.get("code", ""), code_verifier=verifier
            )
        keys = KeySet.import_key_set(await _fetched(provider["jwks_uri"]))
        _check_id_token(tokens["id_token"], keys, provider["issuer"], nonce)
        visit.session = Session.begun(tokens["access_token"], tokens["id_token"])
        live = visit.session.live
    except httpx2.TransportError:
        raise ApiProblem(503, "unavailable") from None
    except (OAuthError, JoseError, ValueError, LookupError, TypeError):
        live = False
    if not live:
        visit.session = None
        return visit.problem("sign-in-refused", 400)
    return RedirectResponse(onward, 303)


async def sign_out(visit: Visit) -> Response:
    """Forget everything here, and end the session at the issuer too."""
    session = visit.session or visit.lapsed
    for name in ("session", "draft", "typed", "sign-in", "done", "purpose"):
        visit.cookies.delete(name)
    visit.session = None
    back = f"{settings().pages_address}{visit.url('signed_out')}"
    ends = (await _provider()).get("end_session_endpoint")
    if ends is None or session is None:
        return RedirectResponse(back, 303)
    asked = {"id_token_hint": session.id_token, "post_logout_redirect_uri": back}
    return RedirectResponse(f"{ends}?{urlencode({**asked, 'client_id': str(settings().pages_client_id)})}", 303)


async def signed_out(visit: Visit) -> Response:
    """The end of a visit."""
    return visit.render("signed_out.html")


def _client() -> AsyncOAuth2Client:
    config = settings()
    return AsyncOAuth2Client(
        config.pages_client_id,
        config.secret("pages_client_secret"),
        scope=_SCOPES,
        redirect_uri=f"{config.pages_address}/sign-in/back",
        code_challenge_method="S256",
        timeout=_TIMEOUT_SECONDS,
    )


def _check_id_token(token: str, keys: KeySet, issuer: str, nonce: str) -> None:
    """Raises `JoseError` or `ValueError`."""
    claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
    jwt.JWTClaimsRegistry(
        leeway=60,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": str(settings().pages_client_id)},
        nonce={"essential": True, "value": nonce},
        exp={"essential": True},
        sub={"essential": True},
    ).validate(claims)


async def _provider() -> dict[str, Any]:
    """The issuer's own description. Raises `ApiProblem`."""
    found: dict[str, Any] = await remembered("issuer", reach_issuer)
    return found


async def reach_issuer() -> Any:
    """The same, read now. Raises `ApiProblem` if the issuer does not answer."""
    issuer = str(settings().pages_issuer)
    found = await _fetched(f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise ApiProblem(503, "unavailable")
    return found


async def _fetched(address: str) -> Any:
    try:
        async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
            return (await client.get(address)).raise_for_status().json()
    except (httpx2.HTTPError, ValueError):
        raise ApiProblem(503, "unavailable") from None


PAGES = (
    Page("/sign-in", sign_in, public=True),
    Page("/sign-in/back", signed_in, public=True),
    Page("/sign-out", sign_out, public=True, posts=True),
    Page("/signed-out", signed_out, public=True),
)
