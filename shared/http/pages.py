"""Page tokens: the start of the next page, valid only for the same request of the same caller, and unreadable.

The position in a token names a registration that the caller may not be allowed to see. Therefore the token is encrypted
and authenticated (AES-GCM), is bound to operation, caller and query, and has the same length as all other tokens.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import from_json, to_json

from shared.digest import digest
from shared.http.api import Call
from shared.store.service import service

_NONCE_BYTES = 12
#: Longer than any position, so that the length of a token reveals nothing about it.
_POSITION_BYTES = 192


def page_token(call: Call, query: str, position: list[Any]) -> str:
    """A token for the page after `position` in the answer to `query`. Raises `ValueError` for a long position."""
    payload = to_json(position).ljust(_POSITION_BYTES)
    if len(payload) > _POSITION_BYTES:
        raise ValueError("the position is too long for a page token")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + _cipher().encrypt(nonce, payload, _bound_to(call, query))
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def position_in(call: Call, query: str, token: str) -> list[Any]:
    """The position in a token. Raises `ValueError` for a token that was not made for this call."""
    sealed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    try:
        payload = _cipher().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(call, query))
    except InvalidTag:
        raise ValueError("the page token was not made for this call") from None
    return list(from_json(payload))


def _bound_to(call: Call, query: str) -> bytes:
    return digest(call.operation, call.caller.subject, query).encode()


def _cipher() -> AESGCM:
    return AESGCM(service().identity.page_tokens)
