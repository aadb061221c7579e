"""Do the functions serve, and can callers show who they are?"""

import asyncio
import time
import uuid
from collections.abc import Iterator, Mapping

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from ops.doctor.deployment import Deployment, runbook_of
from ops.doctor.finding import Finding, failing, not_checked, ok
from shared.http.signing_keys import ALGORITHM, KEPT_SECONDS, IssuerFault, KeysUnavailable, fetch_keys
from shared.runtime.manifest import Manifest
from shared.runtime.status import STATUS_PATH, StatusReport
from shared.settings import Settings

_SECONDS = 10.0
#: The dependencies of a function: by its trigger, or the store.
_NEEDED, _STORE = {"http": ["firestore", "token_issuer"], "pages": ["api", "token_issuer"]}, ["firestore"]
#: Google's answers at an address that takes calls from inside only, or from accounts that may invoke it.
_NOT_FROM_HERE = (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
#: The id of no registration.
_NOBODY = "00000000-0000-8000-8000-000000000000"
_HOURS_KEPT = round(KEPT_SECONDS / 3600)


async def functions(deployment: Deployment) -> list[Finding]:
    """Check that each function and its dependencies answer, and that it runs the build of the release."""
    known = deployment.manifests()
    async with httpx.AsyncClient(timeout=_SECONDS) as client:
        asked = (_status(client, deployment, name, manifest) for name, manifest in known.items())
        answers = dict(zip(known, await asyncio.gather(*asked), strict=True))
    reports = {name: answer for name, answer in answers.items() if isinstance(answer, StatusReport)}
    found = [answer for answer in answers.values() if isinstance(answer, Finding)]
    found += [finding for name, report in reports.items() for finding in _faults(name, report, known[name], deployment)]
    if found or not reports:
        return found
    builds = set(deployment.builds.values())
    which = f"build {builds.pop()}" if len(builds) == 1 else "the builds of the release" if builds else _UNKNOWN_BUILDS
    return [ok("functions", f"{len(reports)} serve, what they depend on answers; {which}")]


_UNKNOWN_BUILDS = "builds are not compared (`nox -s plan` leaves the release file in dist/)"


async def _status(
    client: httpx.AsyncClient, deployment: Deployment, name: str, manifest: Manifest
) -> StatusReport | Finding:
    address = deployment.address(name)
    runbook = runbook_of(manifest)
    if address is None:
        return failing("functions", f"is not deployed: {deployment.fix}", runbook, name)
    try:
        answer = await client.get(f"{address}{STATUS_PATH}")
    except httpx.TransportError as error:
        return failing("functions", f"does not answer ({type(error).__name__}): look at its log", runbook, name)
    if deployment.environment is not None and answer.status_code in _NOT_FROM_HERE:
        why = "the probe shows whether it serves" if manifest.trigger.schedule is None else "its job shows it"
        return not_checked("functions", f"accepts no calls from here ({answer.status_code}): {why}", name)
    try:
        report = StatusReport.model_validate_json(answer.content)
    except ValidationError:
        return failing("functions", f"answers {answer.status_code} and no status: look at its log", runbook, name)
    if report.function != name:
        return failing("functions", f"{report.function} answers at {name}'s address: {deployment.fix}", runbook)
    return report


def _faults(name: str, report: StatusReport, manifest: Manifest, deployment: Deployment) -> Iterator[Finding]:
    needed = next((names for kind, names in _NEEDED.items() if getattr(manifest.trigger, kind) is not None), _STORE)
    for dependency in sorted({*needed, *report.dependencies}):
        if report.dependencies.get(dependency) != "ok":
            yield failing("functions", f"serves, but {dependency} does not answer it", runbook_of(manifest), name)
    build = deployment.builds.get(name, report.build)
    if report.build != build:
        yield failing(
            "functions", f"{name} runs build {report.build:.16}, not {build:.16} like the release: {deployment.fix}"
        )


async def issuer(settings: Settings) -> tuple[list[Finding], str]:
    """Check that the issuer publishes a usable signing key; the second value is its id, empty if there is none."""
    uri = settings.token_jwks_uri
    if uri is None:
        return [not_checked("issuer's keys", "PSR_TOKEN_JWKS_URI is not set here")], ""
    try:
        keys = await asyncio.to_thread(fetch_keys, uri)
    except KeysUnavailable as unavailable:
        says = _ISSUER_FAULTS[unavailable.fault].format(uri=uri)
        return [failing("issuer's keys", f"{says}; contact the owner of the issuer", "issuer_keys")], ""
    return [ok("issuer's keys", f"{len(keys)} for {ALGORITHM} at {uri}")], next(iter(keys))


_ISSUER_FAULTS = {
    IssuerFault.NO_ANSWER: (
        f"nothing answers at {{uri}}: functions refuse callers once the keys that they know are {_HOURS_KEPT} hours old"
    ),
    IssuerFault.NO_KEYS: "the answer of {uri} is no set of signing keys: functions cannot learn of new keys",
    IssuerFault.OTHER_ALGORITHMS: (
        f"no key at {{uri}} is for {ALGORITHM}, the only algorithm that is accepted: functions cannot learn of new keys"
    ),
}


async def tokens(deployment: Deployment, settings: Settings, key_id: str) -> list[Finding]:
    """Check that the API accepts a token of the issuer, and refuses one with another signature."""
    url = f"{deployment.api('lookup')}/v1/registrations/{_NOBODY}"
    async with httpx.AsyncClient(timeout=_SECONDS) as client:
        try:
            forged = await client.get(url, headers=_bearer(_forged(settings, key_id)))
            given = await client.get(url, headers=_bearer(deployment.token)) if deployment.token else None
        except httpx.TransportError as error:
            return [failing("tokens", f"the API does not answer at {url} ({type(error).__name__})", "errors")]
    if forged.status_code != httpx.codes.UNAUTHORIZED:
        return [_forged_token_taken(forged)]
    return [_verdict(given.status_code) if given else not_checked("tokens", f"a forged one is refused; {NO_TOKEN}")]


NO_TOKEN = "there is no token of the issuer to try (PSR_TOKEN, scopes psr:read and psr:write)"  # noqa: S105 - a sentence


def _verdict(status: int) -> Finding:
    """The finding on a token of the issuer, by the answer to a lookup of a registration that does not exist."""
    if status == httpx.codes.NOT_FOUND:
        return ok("tokens", "the issuer's is accepted, a forged one is refused")
    if status == httpx.codes.FORBIDDEN:
        return not_checked("tokens", "a forged one is refused; the token given lacks the scope psr:read")
    if status == httpx.codes.UNAUTHORIZED:
        says = "the token is refused: it has expired, or its iss or aud are not PSR_TOKEN_ISSUER and _AUDIENCE"
        return failing("tokens", says, "errors")
    return failing("tokens", f"a lookup with a token of the issuer is answered with {status}", "errors")


def _forged_token_taken(answer: httpx.Response) -> Finding:
    if answer.is_server_error:
        return failing("tokens", f"no token can be checked: the API answers {answer.status_code}", "errors")
    says = f"a token that the issuer has not signed is answered with {answer.status_code}, not refused"
    return failing("tokens", f"{says}: anyone can read the register; take it off the network (SECURITY.md)")


def _forged(settings: Settings, key_id: str) -> str:
    """A token that is right except for its key."""
    now = int(time.time())
    claims = {
        "iss": str(settings.token_issuer),
        "aud": str(settings.token_audience),
        "sub": f"psr-doctor-{uuid.uuid4().hex}",
        "iat": now,
        "exp": now + 60,
        "scope": "psr:read",
    }
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, "RS256", {"kid": key_id or "unknown"})


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}
