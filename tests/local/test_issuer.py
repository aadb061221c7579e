"""The local issuer answers pages of the listed origins, as a token endpoint of OAuth 2, and signs people in.

Authlib, which knows nothing of the issuer, judges the sign-in.
"""

import html
import re
from typing import Any

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.httpx_client import OAuthError as Refused
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import KeySet

from tools.local.callers import REGISTERED
from tools.local.layout import PAGE_PORTS, PAGES, PAGES_CLIENT
from tools.local.people import NEW_NUMBER, REGISTERED_NUMBER, sample_people
from tools.local.sample import registration
from tools.local.stack import Stack
from tools.places import ROOT

VERIFIER = "v" * 43
SCOPE = "openid psr:read psr:write psr:work psr:caller_password"


def test_pages_of_listed_origins_may_read_a_token(stack: Stack) -> None:
    for origin in stack.layout.origins:
        answer = httpx.get(f"{stack.url}/dev/token?as=agent", headers={"Origin": origin})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)


@pytest.mark.parametrize("origin", ["http://localhost:3001", "https://localhost:3000", "http://evil.example", "null"])
def test_pages_of_other_origins_may_not(stack: Stack, origin: str) -> None:
    answer = httpx.get(f"{stack.url}/dev/token?as=agent", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("origin", "status"), [("http://localhost:5173", 200), ("http://localhost:3001", 400)])
def test_a_preflight_for_a_token_is_answered(stack: Stack, origin: str, status: int) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-client"}
    assert httpx.options(f"{stack.url}/dev/token", headers=headers).status_code == status


def test_the_api_and_the_issuer_have_the_same_list_and_the_page_names_it(stack: Stack) -> None:
    assert stack.layout.environment()["PSR_CORS_ORIGINS"].split() == stack.layout.origins
    page = (ROOT / "docs" / "local.md").read_text(encoding="utf-8")
    section = page.partition("## Origins")[2].partition("## ")[0]
    assert {int(port) for port in re.findall(r"\b[0-9]{4}\b", section)} == set(PAGE_PORTS)
    assert {3000, 4200, 5173, 8000, 8080} <= set(PAGE_PORTS)


def test_a_client_of_oauth_gets_a_token_with_the_scopes_that_it_asks_for(stack: Stack) -> None:
    form = {"grant_type": "client_credentials", "scope": "psr:bulk"}
    answer = httpx.post(f"{stack.url}/dev/token", data=form, auth=("any", "thing"))
    assert {name: answer.json()[name] for name in ("token_type", "expires_in")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    body = {"mpans": ["1000999001019"]}
    assert httpx.post(f"{stack.url}/v1/registrations:batchLookup", json=body, headers=headers).status_code == 200
    assert httpx.post(f"{stack.url}/v1/registrations:lookup", json={"mpan": "x"}, headers=headers).status_code == 403


class SignIn:
    """One sign-in through the issuer's page. Authlib makes the requests and reads the answers."""

    def __init__(self, stack: Stack, **different: str) -> None:
        self.issuer = stack.layout.issuer
        self.client = OAuth2Client(
            PAGES_CLIENT,
            different.pop("secret", stack.layout.pages_client_secret),
            scope=SCOPE,
            redirect_uri=different.pop("redirect_uri", f"{stack.function_url(PAGES)}/sign-in/back"),
            code_challenge_method="S256",
            **different,
        )
        self.url, self.state = self.client.create_authorization_url(
            f"{self.issuer}/authorize", code_verifier=VERIFIER, nonce="a-nonce"
        )

    def form(self) -> dict[str, str]:
        """The fields that the page sends for every person."""
        fields = re.findall(r"<input type='hidden' name='(\w+)' value='([^']*)'>", httpx.get(self.url).text)
        return {name: html.unescape(value) for name, value in fields}

    def choose(self, person: str, **more: str) -> str:
        """Choose a person on the page; the address that the browser is sent to."""
        answer = httpx.post(f"{self.issuer}/authorize", data={**self.form(), "person": person, **more})
        assert answer.status_code == 303
        return answer.headers["Location"]

    def tokens(self, back: str, verifier: str = VERIFIER) -> dict[str, Any]:
        """The answer for the code in an address. Raises `Refused`."""
        return dict(
            self.client.fetch_token(
                f"{self.issuer}/token", authorization_response=back, state=self.state, code_verifier=verifier
            )
        )

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that one of the published keys has signed."""
        keys = KeySet.import_key_set(httpx.get(f"{self.issuer}/jwks.json").json())
        return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)


def test_the_provider_describes_itself_as_the_standard_wants(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "true")  # on this machine only
    found = OpenIDProviderMetadata(httpx.get(f"{stack.layout.issuer}/.well-known/openid-configuration").json())
    found.validate()
    assert found["issuer"] == stack.layout.issuer
    own = [value for name, value in found.items() if name.endswith(("_endpoint", "_uri"))]
    assert [httpx.get(address).status_code for address in own] == [400, 400, 200, 200]


@pytest.mark.parametrize("person", ["registered", "new", "agent", "senior"])
def test_a_person_signs_in_and_has_the_tokens_of_that_person(stack: Stack, person: str) -> None:
    known = sample_people(stack.layout.first_day)[person]
    sign_in = SignIn(stack)
    tokens = sign_in.tokens(sign_in.choose(person))
    identity = sign_in.claims(tokens["id_token"])
    options = {"iss": {"value": sign_in.issuer}, "aud": {"value": PAGES_CLIENT}}
    CodeIDToken(identity, {}, options, {"nonce": "a-nonce", "client_id": PAGES_CLIENT}).validate(leeway=10)
    assert (identity["name"], identity["sub"]) == (known.name, known.claims["sub"])
    access = sign_in.claims(tokens["access_token"])
    assert {**access, **known.claims} == access
    asked = SCOPE.split()
    assert access["scope"] == tokens["scope"] == " ".join(s for s in asked if s in ["openid", *known.scope.split()])
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    body = {"account_id": known.claims.get("account_id", "A-NOBODY-1")}
    assert httpx.post(f"{stack.url}/v1/registrations:lookup", json=body, headers=headers).status_code in {200, 404}


def test_only_the_senior_agent_may_see_passwords(stack: Stack) -> None:
    people = sample_people(stack.layout.first_day).items()
    assert [name for name, person in people if "psr:caller_password" in person.scope] == ["senior"]


def test_the_tour_registers_one_of_the_customers_and_never_the_other(stack: Stack) -> None:
    people, day = sample_people(stack.layout.first_day), stack.layout.first_day
    assert REGISTERED_NUMBER < REGISTERED < NEW_NUMBER
    numbers = {"registered": REGISTERED_NUMBER, "new": NEW_NUMBER}
    for name, number in numbers.items():
        assert people[name].claims["account_id"] == registration(number, day)["account_id"]


def test_a_customer_of_any_account_can_sign_in(stack: Stack) -> None:
    sign_in = SignIn(stack)
    points = "1000999001019, 9900000104"
    back = sign_in.choose("customer", account_id="A-OTHER-1", supply_points=points)
    access = sign_in.claims(sign_in.tokens(back)["access_token"])
    assert (access["account_id"], access["supply_points"]) == ("A-OTHER-1", points.split(", "))


def test_a_code_is_for_one_use(stack: Stack) -> None:
    sign_in = SignIn(stack)
    back = sign_in.choose("agent")
    assert sign_in.tokens(back)["token_type"] == "Bearer"
    with pytest.raises(Refused, match="invalid_grant"):
        sign_in.tokens(back)


def test_a_wrong_verifier_is_refused_and_ends_the_code(stack: Stack) -> None:
    sign_in = SignIn(stack)
    back = sign_in.choose("agent")
    for verifier in ("w" * 43, VERIFIER):
        with pytest.raises(Refused, match="invalid_grant"):
            sign_in.tokens(back, verifier)


def test_a_code_is_for_the_redirect_uri_that_it_was_sent_to(stack: Stack) -> None:
    sign_in = SignIn(stack)
    back = sign_in.choose("agent")
    sign_in.client.redirect_uri = f"{stack.function_url(PAGES)}/elsewhere"
    with pytest.raises(Refused, match="invalid_grant"):
        sign_in.tokens(back)


@pytest.mark.parametrize("how", ["client_secret_basic", "client_secret_post"])
def test_a_client_without_the_secret_gets_no_token(stack: Stack, how: str) -> None:
    sign_in = SignIn(stack, token_endpoint_auth_method=how)
    back = sign_in.choose("agent")
    wrong = SignIn(stack, secret="wrong", token_endpoint_auth_method=how)
    wrong.state = sign_in.state
    with pytest.raises(Refused, match="invalid_client"):
        wrong.tokens(back)
    assert sign_in.tokens(back)["token_type"] == "Bearer"


@pytest.mark.parametrize("uri", ["https://evil.example/sign-in/back", "{pages}/elsewhere", "{pages}.evil.example/"])
def test_a_wrong_redirect_uri_gets_a_page_and_no_code(stack: Stack, uri: str) -> None:
    sign_in = SignIn(stack, redirect_uri=uri.format(pages=stack.function_url(PAGES)))
    asked = dict(httpx.URL(sign_in.url).params)
    for answer in (
        httpx.get(sign_in.url),
        httpx.post(sign_in.url.partition("?")[0], data={**asked, "person": "agent"}),
    ):
        assert (answer.status_code, "redirect_uri must be" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"client_id": "another"}, "client_id is not a client"),
        ({"code_challenge": "short"}, "code_challenge:"),
        ({"code_challenge_method": "plain"}, "code_challenge_method:"),
        ({"response_type": "token"}, "response_type:"),
    ],
)
def test_a_request_that_is_wrong_is_named_on_a_page(stack: Stack, changed: dict[str, str], says: str) -> None:
    url = httpx.URL(SignIn(stack).url).copy_merge_params(changed)
    answer = httpx.get(url)
    assert (answer.status_code, says in answer.text) == (400, True)


def test_an_answer_without_a_person_is_refused(stack: Stack) -> None:
    sign_in = SignIn(stack)
    answer = httpx.post(f"{sign_in.issuer}/authorize", data={**sign_in.form(), "person": "nobody"})
    assert (answer.status_code, "account_id is missing" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("back", "location"),
    [
        ("{pages}/signed-out", "{pages}/signed-out?state=s"),
        ("{pages}/?a=b", "{pages}/?a=b&state=s"),
        ("https://evil.example/", None),
        ("{pages}.evil.example/", None),
    ],
)
def test_signing_out_leads_back_to_the_pages_only(stack: Stack, back: str, location: str | None) -> None:
    pages = stack.function_url(PAGES)
    parameters = {"post_logout_redirect_uri": back.format(pages=pages), "state": "s"}
    for answer in (
        httpx.get(f"{stack.layout.issuer}/sign-out", params=parameters),
        httpx.post(f"{stack.layout.issuer}/sign-out", data=parameters),
    ):
        assert answer.headers.get("Location") == (location.format(pages=pages) if location else None)
        assert answer.status_code == (303 if location else 200)
