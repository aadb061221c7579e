"""The checks of `psr release smoke`, of a deployment from outside."""

from collections.abc import Iterable, Mapping
from typing import Any

import google.auth
import httpx
from google.auth.transport.requests import AuthorizedSession

from tools.bundle.release import Bundled
from tools.errors import CommandError

_API = "https://cloudfunctions.googleapis.com/v2"


def check_functions(project: str, region: str, wanted: Mapping[str, Bundled]) -> None:
    """Raises `CommandError` unless each of these functions is active with its bundle, those without a route too."""
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    place = f"{_API}/projects/{project}/locations/{region}/functions?pageSize=1000"
    answer = AuthorizedSession(credentials).get(place, timeout=30)
    if answer.status_code != httpx.codes.OK:
        raise CommandError(f"Google answers {answer.status_code} for the functions of {project}")
    if wrong := differences(answer.json().get("functions", []), wanted):
        raise CommandError("; ".join(wrong))


def differences(found: Iterable[Mapping[str, Any]], wanted: Mapping[str, Bundled]) -> list[str]:
    """How the platform's functions differ from those that should be deployed."""
    by_name = {function["name"].rpartition("/")[2].replace("-", "_"): function for function in found}
    wrong = []
    for name, bundled in wanted.items():
        function = by_name.get(name)
        if function is None:
            wrong.append(f"{name} is not deployed")
        elif function["state"] != "ACTIVE":
            wrong.append(f"{name} is {function['state']}")
        elif (build := function["serviceConfig"]["environmentVariables"].get("PSR_BUILD")) != bundled.sha256:
            wrong.append(f"{name} runs the build {build}, not the one that was deployed")
    return wrong


def check_build(url: str, build: str) -> None:
    """Raises `CommandError` unless the function at an address runs a build."""
    try:
        status = httpx.get(f"{url}/_status", timeout=30).raise_for_status().json()
    except httpx.HTTPError as error:
        raise CommandError(f"{url} does not answer properly: {type(error).__name__}") from None
    if status["build"] != build:
        raise CommandError(f"{url} serves the build {status['build']}, not the one that was deployed")


def check_service(url: str, build: str) -> None:
    """Raises `CommandError` unless a service runs a build and refuses a lookup without a token."""
    check_build(url, build)
    try:
        refused = httpx.post(f"{url}/v1/registrations:lookup", json={"account_id": "A-0"}, timeout=30)
    except httpx.HTTPError as error:
        raise CommandError(f"{url} does not answer properly: {type(error).__name__}") from None
    if refused.status_code != httpx.codes.UNAUTHORIZED:
        raise CommandError(f"{url} answers {refused.status_code} to a lookup without a token")
