"""The token issuer's signing keys, kept in memory and refreshed in the background.

A known key is found without waiting for anything: the issuer can be slow or away, and any number of requests can name
keys that do not exist. See docs/decisions/issuer-keys.md.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from enum import StrEnum

import jwt

from shared.log import Event, log

ALGORITHM = "RS256"
#: Older keys are refreshed in the background while they count.
FRESH_SECONDS = 300.0
#: Keys that nobody has asked for this long are refreshed before they count, unless the issuer is known to be away.
UNASKED_SECONDS = 600.0
#: While the issuer is away, its last keys count this long.
KEPT_SECONDS = 24 * 3600.0
#: Between the end of one fetch and the start of the next; without any keys there is nothing to protect.
COOLDOWN_SECONDS = 10.0
_COOLDOWN_WITHOUT_KEYS_SECONDS = 1.0
_FETCH_SECONDS = 5.0
#: How long a request waits for a fetch that it needs.
_PATIENCE_SECONDS = 6.0


class IssuerFault(StrEnum):
    """Why the issuer's keys could not be fetched."""

    NO_ANSWER = "the issuer does not answer"
    NO_KEYS = "the issuer's answer is not a set of signing keys"
    OTHER_ALGORITHMS = f"none of the issuer's keys is for {ALGORITHM}"


class KeysUnavailable(Exception):
    """The keys could not be fetched, so it is not known whether a token is valid."""

    def __init__(self, fault: IssuerFault) -> None:
        super().__init__(fault)
        self.fault = fault


def fetch_keys(uri: str) -> Mapping[str, jwt.PyJWK]:
    """The keys that an issuer publishes for `ALGORITHM`, by id; at least one. Blocks. Raises `KeysUnavailable`."""
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
    """The keys of one issuer. At most one fetch is underway, however many requests ask."""

    def __init__(self, uri: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._uri = uri
        self._monotonic = monotonic
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = -math.inf
        self._next_fetch_at = -math.inf
        self._fault: IssuerFault | None = None
        self._fetching: asyncio.Task[None] | None = None

    def counts(self, key_id: str) -> bool:
        """Whether the issuer published a key with this id when it last answered."""
        return key_id in self._keys

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id; None if the issuer publishes none. Raises `KeysUnavailable` if that cannot be known."""
        age = self._age()
        if age > FRESH_SECONDS or not self.counts(key_id):
            self._start_fetch()
            if self._must_wait(key_id, age):
                await self._fetched()
            if self._age() > KEPT_SECONDS or (self._fault and not self.counts(key_id)):
                raise KeysUnavailable(self._fault or IssuerFault.NO_ANSWER)
        return self._keys.get(key_id)

    async def check(self) -> None:
        """Fetch the keys, unless they are fresh and the last fetch succeeded. Raises `KeysUnavailable`."""
        if self._age() > FRESH_SECONDS or self._fault:
            self._start_fetch()
            await self._fetched()
        if self._fault:
            raise KeysUnavailable(self._fault)

    def _must_wait(self, key_id: str, age: float) -> bool:
        """A known key waits only if nobody has asked for a while, an unknown one only if the issuer last answered.

        Without keys every request fails, so each waits for the fetch that is underway.
        """
        if age > KEPT_SECONDS:
            return True
        return self._fault is None and (age > UNASKED_SECONDS or not self.counts(key_id))

    def _age(self) -> float:
        return self._monotonic() - self._fetched_at

    def _start_fetch(self) -> None:
        if self._fetching is None and self._monotonic() >= self._next_fetch_at:
            self._fetching = asyncio.create_task(self._fetch())

    async def _fetched(self) -> None:
        """Wait for the fetch that is underway, if there is one. It goes on if the waiting request ends."""
        if self._fetching is not None:
            done, _ = await asyncio.wait((self._fetching,), timeout=_PATIENCE_SECONDS)
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
