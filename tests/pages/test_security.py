"""Headers, cookies, forms of others, and where the pages send people."""

import base64
import secrets
from html import unescape

import httpx
import pytest
from cryptography.fernet import InvalidToken

from functions.pages.acts import Stamp
from functions.pages.session import Cookies, encryption, sealed
from shared.settings import settings
from tests.pages.person import ANSWERS, SAME_ORIGIN, Person
from tools.local.layout import PAGES
from tools.local.stack import Stack


@pytest.fixture(scope="module")
def customer(stack: Stack) -> Person:
    person = Person(stack)
    person.join()
    return person


@pytest.mark.parametrize("path", ["/", "/cy", "/sign-in", "/registration", "/nothing/here/at/all", "/static/pages.css"])
def test_every_answer_has_the_headers(customer: Person, path: str) -> None:
    answer = customer.get(path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "script-src" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["strict-transport-security"].startswith("max-age=63072000")
    assert "camera=()" in answer.headers["permissions-policy"]
    cached = "immutable" if answer.request.url.path.startswith("/static/") else "no-store"
    assert cached in answer.headers["cache-control"]


def test_cookies_are_for_this_origin_only_and_hold_nothing_in_the_clear(stack: Stack) -> None:
    person = Person(stack)
    person.sign_in()
    answer = person.post("/join/name", {"name": "Ermintrude Quillfeather"})
    set_cookies = answer.headers.get_list("set-cookie")
    assert {line.partition("=")[0] for line in set_cookies} == {"__Host-psr-session-0", "__Host-psr-draft-0"}
    for line in set_cookies:
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert attributes == {"secure", "httponly", "samesite=lax", "path=/"}
        value = line.partition("=")[2].partition(";")[0]
        decoded = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        assert b"Ermintrude" not in decoded
        assert person.account_id.encode() not in decoded
    log = (stack.logs / f"{PAGES}.log").read_text()
    assert "Ermintrude" not in log
    assert person.account_id not in log


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_a_form_from_elsewhere_is_refused(customer: Person, headers: dict[str, str]) -> None:
    assert customer.post("/sign-out", {}, headers).status_code == 403
    assert customer.get("/registration").status_code == 200


def test_a_browser_without_fetch_metadata_is_known_by_its_origin(customer: Person) -> None:
    answer = customer.post("/change/name", {"name": ""}, {"Origin": customer.origin})
    assert answer.status_code == 422


def test_the_token_of_another_persons_form_is_refused(stack: Stack, customer: Person) -> None:
    other = Person(stack)
    other.sign_in()
    for token in (other.form_token, "", "x"):
        answer = customer.post("/change/name", {"name": "Mr X"}, SAME_ORIGIN, token)
        assert answer.status_code == 403
    assert "Mr X" not in customer.get("/registration").text


@pytest.mark.parametrize("path", ["/registration", "/change/name", "/change/check", "/leave", "/renew/agree"])
def test_a_page_needs_somebody_who_is_signed_in(stack: Stack, path: str) -> None:
    answer = Person(stack).get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path.replace('/', '%2F')}")


def test_a_draft_is_not_shown_to_the_next_person(stack: Stack) -> None:
    first, second = Person(stack), Person(stack)
    first.sign_in()
    first.post("/join/name", {"name": "Ermintrude Quillfeather"})
    second.sign_in()
    second.cookies |= {name: value for name, value in first.cookies.items() if "draft" in name}
    assert "Ermintrude" in first.get("/join/name").text
    assert "Ermintrude" not in second.get("/join/name").text


@pytest.mark.parametrize(
    "onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(stack: Stack, onward: str) -> None:
    person = Person(stack)
    person.get(f"/sign-in?next={onward}")
    begun = Cookies(person.cookies).read("sign-in")
    assert begun[3] == "/"


def test_a_sign_in_that_another_browser_began_is_refused(stack: Stack) -> None:
    victim, attacker = Person(stack), Person(stack)
    state = httpx.URL(attacker.get("/sign-in").headers["location"]).params["state"]
    assert victim.get(f"/sign-in/back?code=x&state={state}").status_code == 400
    victim.get("/sign-in")
    assert victim.get(f"/sign-in/back?code=x&state={state}").status_code == 400
    assert not any("session" in name for name in victim.cookies)


def test_a_code_that_the_issuer_refuses_signs_nobody_in(stack: Stack) -> None:
    person = Person(stack)
    state = httpx.URL(person.get("/sign-in").headers["location"]).params["state"]
    assert person.get(f"/sign-in/back?code=wrong&state={state}").status_code == 400
    assert not any("session" in name for name in person.cookies)


def test_an_identity_of_another_sign_in_is_refused(stack: Stack) -> None:
    person = Person(stack)
    location = person.get("/sign-in").headers["location"]
    state, _, verifier, onward = Cookies(person.cookies).read("sign-in")
    person.write("sign-in", [state, "another-nonce", verifier, onward])
    assert person.get(f"/sign-in/back?code={_code(stack, location, person)}&state={state}").status_code == 400
    assert not any("session" in name for name in person.cookies)


def _code(stack: Stack, location: str, person: Person) -> str:
    form = dict(httpx.URL(location).params)
    form |= {"person": "customer", "account_id": person.account_id, "supply_points": " ".join(person.points)}
    back = httpx.post(f"{stack.url}/dev/authorize", data=form, timeout=60).headers["location"]
    return httpx.URL(back).params["code"]


def test_people_return_to_listed_sites_only(stack: Stack) -> None:
    listed = settings().pages_return_origins.split()[0]
    person = Person(stack)
    assert f'href="{listed}/account"' in unescape(person.get(f"/?return_to={listed}/account").text)
    assert f'href="{listed}/account"' in unescape(person.get("/").text)
    for other in ("https://evil.example/", f"{listed}.evil.example/", f"{listed}@evil.example/", "https://[evil"):
        answer = Person(stack).get(f"/?return_to={other}")
        assert answer.status_code == 200
        assert "evil" not in answer.text


def test_keys_are_replaced_without_ending_sessions() -> None:
    old, new = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    kept = encryption(old).encrypt(b"session")
    both = encryption(f"{new} {old}")
    assert both.decrypt(kept) == b"session"
    assert encryption(new).decrypt(both.encrypt(b"session")) == b"session"
    with pytest.raises(InvalidToken):
        encryption(new).decrypt(kept)


def test_a_cookie_cannot_be_given_for_another(stack: Stack) -> None:
    person = Person(stack)
    person.sign_in()
    person.post("/join/name", ANSWERS["name"])
    draft = person.cookies["__Host-psr-draft-0"]
    assert Cookies({"__Host-psr-draft-0": draft}).read("draft") is not None
    assert Cookies({"__Host-psr-session-0": draft}).read("session") is None


def test_a_form_cannot_name_the_time_of_its_record() -> None:
    forged = ["a-key", "2020-01-01T00:00:00+00:00"]
    assert Stamp.of({"stamp": [sealed("stamp", forged)]}).key == "a-key"
    for token in ("", str(forged), sealed("leave", forged)):
        assert Stamp.of({"stamp": [token]}).at.year > 2020
