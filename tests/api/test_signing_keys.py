"""The issuer's keys: what callers notice of an issuer that is slow, away, or answers something else."""

import asyncio
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.requests import Request

from shared.errors import Problem, Unauthenticated, Unavailable
from shared.http import signing_keys
from shared.http.callers import Tokens
from shared.http.signing_keys import (
    COOLDOWN_SECONDS,
    FRESH_SECONDS,
    KEPT_SECONDS,
    STALE_SECONDS,
    KeysUnavailable,
    SigningKeys,
)
from tests.support.functions import starting
from tests.support.servers import serving
from tools.local.stack import Stack
from tools.places import FUNCTIONS

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ELLIPTIC = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))


def published(*key_ids: str) -> bytes:
    """A set of keys as issuers publish it."""
    public = json.loads(RSAAlgorithm.to_jwk(KEY.public_key()))
    return json.dumps(
        {"keys": [{**public, "kid": key_id, "use": "sig", "alg": "RS256"} for key_id in key_ids]}
    ).encode()


class Answer(NamedTuple):
    """The issuer's answer, and its delay in seconds."""

    content: bytes
    status: int = 200
    seconds: float = 0.0


class TestClock:
    """A clock that tests set."""

    __test__ = False

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class World:
    """An issuer whose answer can be changed, and a function's checker of its tokens."""

    def __init__(self) -> None:
        self.answer = Answer(published("1"))
        self.fetches = 0
        self.clock = TestClock()
        self.uri = ""
        self._numbers = iter(range(10**6))

    def connect(self, uri: str) -> None:
        self.uri = f"{uri}/jwks.json"
        self.tokens = Tokens("issuer", "audience", SigningKeys(self.uri, self.clock))

    def token(self, key_id: str | None = "1", algorithm: str = "RS256", key: Any = KEY) -> str:
        """A valid token that nobody has sent before."""
        now = int(time.time())
        claims = {"iss": "issuer", "aud": "audience", "sub": str(next(self._numbers)), "iat": now, "exp": now + 300}
        return jwt.encode(claims, key, algorithm, {"kid": key_id} if key_id else {})

    async def send(self, token: str) -> type[Problem] | None:
        """The problem of a request with a token; None if the token is accepted."""
        headers = [(b"authorization", f"Bearer {token}".encode())]
        try:
            await self.tokens.caller(Request({"type": "http", "headers": headers}))
        except Problem as problem:
            return type(problem)
        return None

    async def settled(self) -> None:
        """A fetch that is underway in the background ends."""
        fetching = self.tokens._keys._fetching
        if fetching:
            await fetching


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(signing_keys, "_FETCH_SECONDS", 1.5)
    world = World()

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            world.fetches += 1
            answer = world.answer
            time.sleep(answer.seconds)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Issuer) as uri:
        world.connect(uri)
        yield world


def logged(capfd: pytest.CaptureFixture[str]) -> list[tuple[str, int | None]]:
    """Reasons and ages of the failed fetches."""
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    return [(line["reason"], line.get("age_seconds")) for line in lines if line["event"] == "ISSUER_KEYS_NOT_REFRESHED"]


async def test_a_known_key_is_found_without_a_pause(world: World) -> None:
    """A coroutine that awaits nothing, no thread and no lock, ends at its first step."""
    assert await world.send(world.token()) is None
    with pytest.raises(StopIteration) as ended:
        world.send(world.token()).send(None)
    assert ended.value.value is None
    assert world.fetches == 1


async def test_unknown_key_ids_delay_nobody_and_cause_one_fetch_in_a_cooldown(world: World) -> None:
    assert await world.send(world.token()) is None
    world.clock.seconds += COOLDOWN_SECONDS
    world.answer = Answer(published("1"), seconds=1)
    strangers = [asyncio.create_task(world.send(world.token(f"nobody-{n}"))) for n in range(20)]
    await asyncio.sleep(0.2)
    began = time.monotonic()
    assert await world.send(world.token()) is None
    assert time.monotonic() - began < 0.5
    assert await asyncio.gather(*strangers) == [Unauthenticated] * 20
    assert [await world.send(world.token(f"nobody-{n}")) for n in range(20)] == [Unauthenticated] * 20
    assert world.fetches == 2
    world.clock.seconds += COOLDOWN_SECONDS
    assert await world.send(world.token("nobody")) is Unauthenticated
    assert world.fetches == 3


async def test_a_text_that_is_not_a_token_of_the_issuer_causes_no_fetch(world: World) -> None:
    tokens = ["x", "a.b.c", world.token(None), world.token(algorithm="HS256", key="secret" * 8)]
    assert [await world.send(token) for token in tokens] == [Unauthenticated] * 4
    assert world.fetches == 0


async def test_a_new_key_counts_from_the_first_token_that_names_it(world: World) -> None:
    assert await world.send(world.token()) is None
    world.answer = Answer(published("1", "2"))
    world.clock.seconds += COOLDOWN_SECONDS
    assert [await world.send(world.token(key_id)) for key_id in ("2", "1")] == [None, None]


async def test_keys_are_refreshed_in_the_background_while_they_count(world: World) -> None:
    assert await world.send(world.token()) is None
    world.answer = Answer(published("2"), seconds=1)
    world.clock.seconds += FRESH_SECONDS + 1
    began = time.monotonic()
    assert await world.send(world.token("1")) is None
    assert time.monotonic() - began < 0.5
    await world.settled()
    assert [await world.send(world.token(key_id)) for key_id in ("1", "2")] == [Unauthenticated, None]
    assert world.fetches == 2


async def test_a_withdrawn_key_stops_counting_also_for_tokens_that_were_checked(world: World) -> None:
    token = world.token()
    assert await world.send(token) is None
    world.answer = Answer(published("2"))
    world.clock.seconds += FRESH_SECONDS + 1
    assert await world.send(world.token()) is None
    await world.settled()
    assert await world.send(token) is Unauthenticated


async def test_an_instance_that_nobody_has_asked_for_a_while_asks_before_it_accepts(world: World) -> None:
    assert await world.send(world.token()) is None
    world.answer = Answer(published("2"))
    world.clock.seconds += STALE_SECONDS + 1
    assert await world.send(world.token("1")) is Unauthenticated


NO_KEYS = "the issuer's response is not a set of signing keys"
WRONG = {
    "a maintenance page": (Answer(b"<html>maintenance</html>"), NO_KEYS),
    "an empty answer": (Answer(b""), NO_KEYS),
    "a list": (Answer(b"[1]"), NO_KEYS),
    "no keys": (Answer(b'{"keys": []}'), NO_KEYS),
    "keys that are none": (
        Answer(b'{"keys": [1, {"kty": 7, "kid": {}}]}'),
        NO_KEYS,
    ),
    "keys of another kind": (
        Answer(json.dumps({"keys": [{**ELLIPTIC, "kid": "1"}]}).encode()),
        "none of the issuer's keys is for RS256",
    ),
    "an error": (Answer(published("1"), status=503), "the issuer does not respond"),
    "nothing for too long": (Answer(published("1"), seconds=2), "the issuer does not respond"),
}


@pytest.mark.parametrize(("answer", "reason"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_answer_takes_no_known_key_away(
    world: World, capfd: pytest.CaptureFixture[str], answer: Answer, reason: str
) -> None:
    assert await world.send(world.token()) is None
    world.answer = answer
    world.clock.seconds += STALE_SECONDS + 1
    assert await world.send(world.token()) is None
    assert logged(capfd) == [(reason, 601)]
    began = time.monotonic()
    assert [await world.send(world.token(key_id)) for key_id in ("1", "2")] == [None, Unavailable]
    assert time.monotonic() - began < 0.5
    assert world.fetches == 2


@pytest.mark.parametrize(("answer", "reason"), WRONG.values(), ids=WRONG.keys())
async def test_without_any_keys_it_is_not_known_whether_a_token_is_valid(
    world: World, capfd: pytest.CaptureFixture[str], answer: Answer, reason: str
) -> None:
    world.answer = answer
    assert await world.send(world.token()) is Unavailable
    assert logged(capfd) == [(reason, None)]
    world.answer = Answer(published("1"))
    world.clock.seconds += 1
    assert await world.send(world.token()) is None


async def test_known_keys_count_for_a_day_while_the_issuer_is_away(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    assert await world.send(world.token()) is None
    world.answer = Answer(b"", status=500)
    ages = []
    for hours in (1, 12, 23.9):
        world.clock.seconds = 1000 + hours * 3600
        assert await world.send(world.token()) is None
        await world.settled()
        ages += [age for _, age in logged(capfd)]
    assert ages == [3600, 43200, 86040]
    world.clock.seconds = 1000 + KEPT_SECONDS + 1
    assert await world.send(world.token()) is Unavailable
    world.answer = Answer(published("1"))
    world.clock.seconds += COOLDOWN_SECONDS
    assert await world.send(world.token()) is None


async def test_the_status_says_whether_the_issuer_answers_and_asks_no_oftener_than_callers(world: World) -> None:
    async def answers() -> bool:
        try:
            await world.tokens.reach_issuer()
        except KeysUnavailable:
            return False
        return True

    assert [await answers() for _ in range(5)] == [True] * 5
    assert world.fetches == 1
    world.answer = Answer(b"<html>")
    world.clock.seconds += FRESH_SECONDS + 1
    assert [await answers() for _ in range(5)] == [False] * 5
    assert world.fetches == 2
    world.answer = Answer(published("1"))
    world.clock.seconds += COOLDOWN_SECONDS
    assert await answers()


def test_a_function_that_cannot_fetch_keys_says_that_it_is_unavailable(stack: Stack, tmp_path: Path) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>maintenance</html>")

        def log_message(self, *_: object) -> None:
            pass

    headers = {"Authorization": f"Bearer {stack.token('agent')}"}
    with serving(Page) as uri:
        child = starting(stack, FUNCTIONS / "lookup", tmp_path, {"PSR_TOKEN_JWKS_URI": f"{uri}/jwks.json"})
        try:
            child.wait_until_ready()
            url = f"http://127.0.0.1:{child.port}"
            answer = httpx.get(f"{url}/v1/registrations/x", headers=headers, timeout=30)
            status = httpx.get(f"{url}/_status", timeout=30).json()["dependencies"]
        finally:
            child.end()
    assert (answer.status_code, answer.json()["type"], answer.headers["Retry-After"]) == (
        503,
        "/problems/unavailable",
        "5",
    )
    assert status == {"firestore": "ok", "token_issuer": "unavailable"}
