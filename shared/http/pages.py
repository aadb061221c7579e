"""Page tokens: where the next page begins, opaque and signed, good for the same question of the same caller only."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from pydantic_core import from_json, to_json

from shared.digest import digest
from shared.http.api import Call
from shared.store.identity import identity

_MAC_BYTES = 16


def page_token(call: Call, question: str, position: list[Any]) -> str:
    """A token for what comes after `position` in the answer to `question`."""
    payload = to_json(position)
    return urlsafe_b64encode(_mac(call, question, payload) + payload).decode().rstrip("=")


def position_in(call: Call, question: str, token: str) -> list[Any]:
    """The position that a token stands for. Raises `ValueError` for any token not made for this call."""
    octets = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    mac, payload = octets[:_MAC_BYTES], octets[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(call, question, payload)):
        raise ValueError("the page token was not made for this call")
    return list(from_json(payload))


def _mac(call: Call, question: str, payload: bytes) -> bytes:
    bound = digest(call.operation, call.caller.subject, question, payload.decode("latin-1"))
    return hmac.digest(identity().page_tokens, bound.encode(), sha256)[:_MAC_BYTES]
