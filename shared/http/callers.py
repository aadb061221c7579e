"""Callers: access tokens (JWT, RS256, RFC 9068 style) are checked against the issuer's published keys."""

import hashlib
import time
from collections import OrderedDict
from typing import Any, NamedTuple, Self

import jwt
from starlette.requests import Request

from shared.digest import digest
from shared.domain.registration import AccountId, RegistrationId
from shared.domain.supply_points import SupplyPoint
from shared.errors import InsufficientScope, NotFound, Unauthenticated, Unavailable
from shared.http.signing_keys import ALGORITHM, KeysUnavailable, SigningKeys
from shared.store.service import Service, service

_LEEWAY_SECONDS = 60
#: A checked token is accepted for this long without another check, unless its key is no longer published.
_CACHED_SECONDS = 60
_CACHED_TOKENS = 1000
_BEARER = "bearer "


class Caller(NamedTuple):
    """The holder of a token, of exactly one kind: agent or back end, customer (`account_id`) or network (`mpids`)."""

    subject: str
    scopes: frozenset[str]
    account_id: AccountId | None = None
    supply_points: frozenset[str] = frozenset()
    mpids: frozenset[str] | None = None
    purpose: str | None = None

    @property
    def kind(self) -> str:
        """`customer`, `network` or `agent`. An empty claim decides the kind too, so that it never grants more."""
        if self.account_id is not None:
            return "customer"
        return "agent" if self.mpids is None else "network"

    @property
    def group(self) -> str:
        """One of 256 groups of callers, by subject. Metrics show unusual reading by group, without the caller."""
        return digest(self.subject)[:2]

    def check_scope(self, scope: str) -> None:
        """Raises `InsufficientScope`."""
        if scope not in self.scopes:
            raise InsufficientScope(headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'})

    def check_account(self, account_id: AccountId) -> None:
        """Customers may use their own account, networks none. Raises `NotFound`, as for an account that is absent."""
        self._check(own=account_id == self.account_id)

    def check_registration(self, registration_id: RegistrationId) -> None:
        """Customers may use their own registration, networks none. Raises `NotFound`.

        The id of a customer's registration is computed from the account, without a read, so that the refusal of an
        absent registration takes the same path as that of another customer's.
        """
        self._check(
            own=self.account_id is not None and registration_id == service().identity.registration_id(self.account_id)
        )

    def check_supply_points(self, points: list[SupplyPoint]) -> None:
        """Customers may use the supply points of their claim, networks none. Raises `NotFound`."""
        self._check(own=self.kind == "customer" and self.supply_points.issuperset(points))

    def check_agent(self) -> None:
        """Only agents and back ends may. Raises `NotFound`, as for something that is absent."""
        self._check(own=False)

    def _check(self, *, own: bool) -> None:
        if self.kind != "agent" and not own:
            raise NotFound


class _CachedToken(NamedTuple):
    """A token that was checked: its expiry from the cache (POSIX seconds), the key that signed it, its holder."""

    until: float
    key_id: str
    caller: Caller


class Tokens:
    """Checks access tokens against the issuer's keys."""

    def __init__(self, issuer: str, audience: str, keys: SigningKeys) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._cache: OrderedDict[bytes, _CachedToken] = OrderedDict()

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the token checker of a process."""
        config = service.settings
        return cls(str(config.token_issuer), str(config.token_audience), SigningKeys(str(config.token_jwks_uri)))

    async def caller(self, request: Request) -> Caller:
        """The holder of the request's token. Raises `Unauthenticated`, `Unavailable` (the keys cannot be fetched)."""
        authorization = request.headers.get("authorization", "")
        if not authorization.lower().startswith(_BEARER):
            raise _unauthenticated("")
        token = authorization[len(_BEARER) :].strip()
        fingerprint = hashlib.sha256(token.encode()).digest()
        cached = self._cache.get(fingerprint)
        if cached is None or cached.until < time.time() or not self._keys.has(cached.key_id):
            cached = await self._check(token)
            self._add_to_cache(fingerprint, cached)
        return cached.caller

    async def reach_issuer(self) -> None:
        """Fetch the issuer's keys, unless they are fresh. Raises `KeysUnavailable`."""
        await self._keys.check()

    async def _check(self, token: str) -> _CachedToken:
        try:
            key_id = _key_id(token)
            key = await self._keys.find(key_id)
            if key is None:
                raise jwt.InvalidKeyError("the issuer has no such key")
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub"]},
            )
            until = min(claims["exp"] + _LEEWAY_SECONDS, time.time() + _CACHED_SECONDS)
            return _CachedToken(until, key_id, _caller(claims))
        except KeysUnavailable:
            raise Unavailable(retry_after=5) from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise _unauthenticated(' error="invalid_token"') from None

    def _add_to_cache(self, fingerprint: bytes, token: _CachedToken) -> None:
        self._cache[fingerprint] = token
        if len(self._cache) > _CACHED_TOKENS:
            self._cache.popitem(last=False)


def _key_id(token: str) -> str:
    """The id of the key that signed a token, by its header. Raises `PyJWTError` if the text is not a token."""
    header = jwt.get_unverified_header(token)
    if header.get("alg") != ALGORITHM or "kid" not in header:
        raise jwt.InvalidAlgorithmError("another algorithm, or no key id")
    return str(header["kid"])


def _caller(claims: dict[str, Any]) -> Caller:
    """Raises `TypeError` or `ValueError` for claims of the wrong shape."""
    return Caller(
        subject=_text(claims["sub"]),
        scopes=frozenset(_text(claims.get("scope", "")).split()),
        account_id=AccountId(_text(claims["account_id"])) if "account_id" in claims else None,
        supply_points=_texts(claims.get("supply_points", [])),
        mpids=_texts(claims["mpids"]) if "mpids" in claims else None,
        purpose=_text(claims["purpose"]) if "purpose" in claims else None,
    )


def _text(claim: object) -> str:
    if not isinstance(claim, str):
        raise TypeError("the claim is not text")
    return claim


def _texts(claim: object) -> frozenset[str]:
    if not isinstance(claim, list):
        raise TypeError("the claim is not a list")
    return frozenset(map(_text, claim))


def _unauthenticated(reason: str) -> Unauthenticated:
    return Unauthenticated(headers={"WWW-Authenticate": f"Bearer{reason}"})


async def reach_issuer() -> None:
    """Check that the token issuer responds. Raises `KeysUnavailable`."""
    await service().part(Tokens).reach_issuer()
