"""The token issuer's signing keys, cached in memory and refreshed in the background.

Finding a known key does not wait, even if the issuer is slow or unavailable and many requests name keys that do not
exist. See docs/decisions/issuer-keys.md.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from enum import StrEnum

import jwt

from shared.log import Event, log

ALGORITHM = "RS256"
#: Keys older than this are refreshed in the background, and stay in use meanwhile.
FRESH_SECONDS = 300.0
#: Keys older than this are refreshed before use, unless the issuer is known to be unavailable.
STALE_SECONDS = 600.0
#: While the issuer is unavailable, its last keys stay in use for this long.
KEPT_SECONDS = 24 * 3600.0
#: The pause between two fetches; shorter while there are no keys, because every request then needs a fetch.
COOLDOWN_SECONDS = 10.0
_COOLDOWN_WITHOUT_KEYS_SECONDS = 1.0
_FETCH_SECONDS = 5.0
#: The longest wait of a request for a fetch that it needs.
_WAIT_SECONDS = 6.0


class IssuerFault(StrEnum):
    """Reasons why the issuer's keys could not be fetched."""

    NO_ANSWER = "the issuer does not respond"
    NO_KEYS = "the issuer's response is not a set of signing keys"
    OTHER_ALGORITHMS = f"none of the issuer's keys is for {ALGORITHM}"


class KeysUnavailable(Exception):
    """The keys could not be fetched, so a token cannot be checked."""

    def __init__(self, fault: IssuerFault) -> None:
        super().__init__(fault)
        self.fault = fault


def fetch_keys(uri: str) -> Mapping[str, jwt.PyJWK]:
    """Fetch the issuer's keys for `ALGORITHM`, at least one, by id. Blocks. Raises `KeysUnavailable`."""
    try:
        keys = jwt.PyJWKClient(uri, cache_jwk_set=False, timeout=_FETCH_SECONDS).get_signing_keys()
    except (jwt.PyJWKClientConnectionError, OSError):
        raise KeysUnavailable(IssuerFault.NO_ANSWER) from None
    except Exception:  # noqa: BLE001 - an answer can be wrong in any way
        raise KeysUnavailable(IssuerFault.NO_KEYS) from None
    found = {str(key.key_id): key for key in keys if key.algorithm_name == ALGORITHM}
    if not found:
        raise KeysUnavailable(IssuerFault.OTHER_ALGORITHMS)
    return found


class SigningKeys:
    """The keys of one issuer. At most one fetch is in progress, for any number of requests."""

    def __init__(self, uri: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._uri = uri
        self._monotonic = monotonic
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = -math.inf
        self._next_fetch_at = -math.inf
        self._fault: IssuerFault | None = None
        self._fetching: asyncio.Task[None] | None = None

    def has(self, key_id: str) -> bool:
        """Whether the issuer's last response had a key with this id."""
        return key_id in self._keys

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id; None if the issuer does not publish it. Raises `KeysUnavailable` if that is unknown."""
        age = self._age()
        if age > FRESH_SECONDS or not self.has(key_id):
            self._start_fetch()
            if self._must_wait(key_id, age):
                await self._wait_for_fetch()
            if self._age() > KEPT_SECONDS or (self._fault and not self.has(key_id)):
                raise KeysUnavailable(self._fault or IssuerFault.NO_ANSWER)
        return self._keys.get(key_id)

    async def check(self) -> None:
        """Fetch the keys, unless they are fresh and the last fetch succeeded. Raises `KeysUnavailable`."""
        if self._age() > FRESH_SECONDS or self._fault:
            self._start_fetch()
            await self._wait_for_fetch()
        if self._fault:
            raise KeysUnavailable(self._fault)

    def _must_wait(self, key_id: str, age: float) -> bool:
        """Whether a request for a key must wait for the fetch.

        A known key waits only if the keys are stale, and an unknown key only if the last fetch succeeded. Without keys
        every request would fail, so all wait for the fetch in progress.
        """
        if age > KEPT_SECONDS:
            return True
        return self._fault is None and (age > STALE_SECONDS or not self.has(key_id))

    def _age(self) -> float:
        return self._monotonic() - self._fetched_at

    def _start_fetch(self) -> None:
        if self._fetching is None and self._monotonic() >= self._next_fetch_at:
            self._fetching = asyncio.create_task(self._fetch())

    async def _wait_for_fetch(self) -> None:
        """Wait for the fetch in progress, if there is one. The fetch continues if the waiting request ends."""
        if self._fetching is not None:
            done, _ = await asyncio.wait((self._fetching,), timeout=_WAIT_SECONDS)
            if not done:
                self._fault = IssuerFault.NO_ANSWER

    async def _fetch(self) -> None:
        try:
            keys = await asyncio.to_thread(fetch_keys, self._uri)
        except KeysUnavailable as unavailable:
            self._fault = unavailable.fault
            age = self._age()
            log(
                Event.ISSUER_KEYS_NOT_REFRESHED,
                reason=unavailable.fault,
                age_seconds=round(age) if math.isfinite(age) else None,
            )
        else:
            self._keys, self._fetched_at, self._fault = keys, self._monotonic(), None
        finally:
            self._fetching = None
            cooldown = COOLDOWN_SECONDS if self._keys else _COOLDOWN_WITHOUT_KEYS_SECONDS
            self._next_fetch_at = self._monotonic() + cooldown
