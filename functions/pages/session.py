"""The cookies: encrypted, for this origin only, and the only memory that the pages have.

The newest of `pages_session_keys` encrypts; each of them decrypts. To replace a key, put a new one first, and remove
the old one when the sessions under it have ended.
"""

import base64
import json
import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from starlette.responses import Response

from shared.clock import LONDON
from shared.settings import settings

IDLE_SECONDS = 15 * 60
#: A browser refuses a cookie of more than 4,096 bytes with its name.
_PIECE = 3800
_MOST_PIECES = 8


class TooLong(Exception):
    """More was typed than cookies can keep."""


class Cookies:
    """The cookies of one request, and those to set with its response."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._written: dict[str, str] = {}

    def read(self, name: str, *, seconds: int | None = None) -> Any:
        """The value of a cookie that was written in the last `seconds`; None if there is no such cookie."""
        pieces: list[str] = []
        while (piece := self._given.get(_piece_name(name, len(pieces)))) and len(pieces) < _MOST_PIECES:
            pieces.append(piece)
        return opened(name, "".join(pieces), seconds=seconds)

    def write(self, name: str, value: Any) -> None:
        """Set a cookie. Raises `TooLong`."""
        token = sealed(name, value)
        pieces = [token[start : start + _PIECE] for start in range(0, len(token), _PIECE)]
        if len(pieces) > _MOST_PIECES:
            raise TooLong
        self.delete(name)
        self._written |= {_piece_name(name, number): piece for number, piece in enumerate(pieces)}

    def delete(self, name: str) -> None:
        """Remove a cookie."""
        names = (_piece_name(name, number) for number in range(_MOST_PIECES))
        self._written |= {piece: "" for piece in names if piece in self._given or piece in self._written}

    def apply(self, response: Response) -> None:
        """Set and remove cookies with a response. They end with the browser's session."""
        for name, value in self._written.items():
            gone = None if value else 0
            response.set_cookie(name, value, max_age=gone, path="/", secure=True, httponly=True, samesite="lax")


def sealed(name: str, value: Any) -> str:
    """A value, encrypted together with its name, so that none can be given for another."""
    text = json.dumps([name, value], ensure_ascii=False, separators=(",", ":"))
    return _encryption().encrypt(text.encode()).decode().rstrip("=")


def opened(name: str, token: str, *, seconds: int | None = None) -> Any:
    """The value that was sealed under this name in the last `seconds`; None if there is no such value."""
    try:
        stored = json.loads(_encryption().decrypt(token + "=" * (-len(token) % 4), ttl=seconds))
    except (InvalidToken, ValueError):
        return None
    return stored[1] if stored[0] == name else None


def _piece_name(name: str, number: int) -> str:
    return f"__Host-psr-{name}-{number}"


@cache
def encryption(keys: str) -> MultiFernet:
    """The encryption with the first of these keys, and the decryption with any of them."""
    return MultiFernet([Fernet(base64.urlsafe_b64encode(base64.b64decode(key))) for key in keys.split(" ")])


def _encryption() -> MultiFernet:
    return encryption(settings().secret("pages_session_keys"))


class Session(NamedTuple):
    """Somebody is signed in: their tokens, and the token that each form of theirs has."""

    access_token: str
    id_token: str
    form_token: str
    seen_at: int

    @classmethod
    def begun(cls, access_token: str, id_token: str) -> Self:
        """A new session."""
        return cls(access_token, id_token, secrets.token_urlsafe(24), int(time.time()))

    @classmethod
    def stored_in(cls, cookies: Cookies) -> Self | None:
        """The session in the cookies, which may be over."""
        stored = cookies.read("session")
        return cls(*stored) if stored else None

    def keep_in(self, cookies: Cookies) -> None:
        """Store the session as seen now."""
        cookies.write("session", self._replace(seen_at=int(time.time())))

    @property
    def live(self) -> bool:
        """Whether it may be used: not idle for too long, and its token has not expired."""
        now = time.time()
        return now - self.seen_at < IDLE_SECONDS and now < self.claims["exp"]

    @property
    def end(self) -> tuple[str, str]:
        """The reason for its end if nothing more is sent, and the time in London."""
        expires = float(self.claims["exp"])
        why, at = min(("idle", time.time() + IDLE_SECONDS), ("expired", expires), key=itemgetter(1))
        return why, f"{datetime.fromtimestamp(at, LONDON):%H:%M}"

    @property
    def claims(self) -> dict[str, Any]:
        """The claims of the access token, for showing pages only: the API checks the token itself."""
        payload = self.access_token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims

    @property
    def subject(self) -> str:
        """The person, as the issuer names them."""
        return str(self.claims["sub"])

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the person has at the API."""
        return frozenset(self.claims.get("scope", "").split())

    @property
    def account_id(self) -> str | None:
        """The account of a customer; None for anybody else."""
        return self.claims.get("account_id")

    @property
    def supply_points(self) -> list[str]:
        """The supply points of a customer."""
        return list(self.claims.get("supply_points", []))

    @property
    def agent(self) -> bool:
        """Whether the person works for the supplier."""
        return self.account_id is None and bool({"psr:work", "psr:history"} & self.scopes)
