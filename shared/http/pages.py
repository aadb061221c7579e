"""Page tokens: where the next page begins, good for the same question of the same caller only, and readable by no one.

A position names a registration that the page's reader may not see otherwise. So the token is encrypted and
authenticated (AES-GCM), bound to operation, caller and question, and all tokens have one length.
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
#: Longer than any position, so that a length tells nothing about one.
_POSITION_BYTES = 192


def page_token(call: Call, question: str, position: list[Any]) -> str:
    """A token for what comes after `position` in the answer to `question`. Raises `ValueError` for a long position."""
    payload = to_json(position).ljust(_POSITION_BYTES)
    if len(payload) > _POSITION_BYTES:
        raise ValueError("the position is too long for a page token")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + _cipher().encrypt(nonce, payload, _bound_to(call, question))
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def position_in(call: Call, question: str, token: str) -> list[Any]:
    """The position that a token stands for. Raises `ValueError` for any token not made for this call."""
    sealed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    try:
        payload = _cipher().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(call, question))
    except InvalidTag:
        raise ValueError("the page token was not made for this call") from None
    return list(from_json(payload))


def _bound_to(call: Call, question: str) -> bytes:
    return digest(call.operation, call.caller.subject, question).encode()


def _cipher() -> AESGCM:
    return AESGCM(service().identity.page_tokens)
