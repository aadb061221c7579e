"""The one line that an operator reads about a failure: what is wrong, and what to do."""

import subprocess
from collections.abc import Callable
from typing import Any

import requests
from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, Unauthenticated
from google.auth.exceptions import GoogleAuthError

from shared.domain.export_day import ExportStopped
from shared.errors import ClockOutOfStep, Problem, Unavailable
from shared.settings import SettingsError
from tools.errors import CommandError

NO_CREDENTIALS = "Google Cloud does not know you: `gcloud auth application-default login`"
_OF_AN_ENVIRONMENT = "docs/runbooks/README.md lists those of an environment"
NO_RIGHT = "your account lacks a role: docs/runbooks/README.md lists them"
_MISSING = {
    "Cloud Storage": "there is no such bucket, or your account may not see it: check its name",
    "Pub/Sub": "there is no such topic: check PSR_PROJECT",
}
AGAIN = ". Run the command again; if that does not help, run `psr doctor`"


def sentence_of(error: BaseException) -> str | None:
    """The failure in a line; None for a defect."""
    return next((sentence(error) for kind, sentence in _SENTENCES if isinstance(error, kind)), None)


def _unavailable(problem: Unavailable) -> str:
    cause: BaseException = problem
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if cause is problem:
        return f"the write kept conflicting with other changes{AGAIN}"
    return _refused(cause, problem.dependency)


def _refused(error: BaseException, dependency: str) -> str:
    """The failure of a call to a dependency."""
    match error:
        case Forbidden():
            return NO_RIGHT
        case Unauthenticated() | GoogleAuthError():
            return NO_CREDENTIALS
        case NotFound():
            return _MISSING.get(dependency, "there is no such project, database or bucket: check their names")
    return f"{dependency} does not answer ({type(error).__name__}){AGAIN}"


def _file(error: OSError) -> str | None:
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else None


def _program(error: subprocess.CalledProcessError) -> str:
    lines = str(error.stderr or "").strip().splitlines()
    return f"`{error.cmd[0]}` failed with status {error.returncode}{f': {lines[-1]}' if lines else ''}"


#: By kind of error, the first that fits.
_SENTENCES: tuple[tuple[type[BaseException], Callable[[Any], str | None]], ...] = (
    (CommandError, str),
    (SettingsError, lambda error: f"{error}. `source .local/env` sets those of the local stack; {_OF_AN_ENVIRONMENT}"),
    (ExportStopped, lambda error: error.sentence),
    (ClockOutOfStep, lambda _: "this machine's clock and Firestore's differ: docs/runbooks/clocks_out_of_step.md"),
    (Unavailable, _unavailable),
    (Problem, lambda error: f"{error.title[0].lower()}{error.title[1:]}"),
    (GoogleAuthError, lambda _: NO_CREDENTIALS),
    (GoogleAPIError, lambda error: _refused(error, "Google Cloud")),
    (requests.RequestException, lambda error: _refused(error, "Google Cloud")),
    (subprocess.CalledProcessError, _program),
    (OSError, _file),
)
