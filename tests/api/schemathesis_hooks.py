"""Data that Schemathesis needs to get past the first rule: values in our formats, and registrations that exist.

And one check of ours: a problem never repeats a value that was sent.
"""

import json
import os
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import schemathesis
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shared.domain.supply_points import mpan_check_digit, mprn_check_digits
from tools.pages.api import OPENAPI

#: Registrations that exist, as JSON: a list of ids.
KNOWN = json.loads(os.environ.get("PSR_TEST_REGISTRATIONS", "[]"))
#: Shorter texts, and those of the contract, can occur in a problem by chance.
_REVEALING = 6
ENTITY_TAG = re.compile(r'"[1-9][0-9]*(\.[0-9]{8})?"')
LINE_BREAK = re.compile(r"[\r\n]")
FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
CONTRACT = OPENAPI.read_text(encoding="utf-8")
REGISTRATION = Draft202012Validator(
    {**json.loads(CONTRACT), "$ref": "#/components/schemas/RegistrationInput"},
    format_checker=Draft202012Validator.FORMAT_CHECKER,  # what is no date must reach the API, to be refused
)


def _mpan(body: int) -> str:
    digits = f"10{body:010d}"
    return f"{digits}{mpan_check_digit(digits)}"


def _mprn(body: int) -> str:
    digits = f"{body:08d}"
    return digits + mprn_check_digits(f"{digits}00")


# The highest numbers are those of the doctor's probe (ops/doctor).
schemathesis.openapi.format("mpan", st.integers(0, 10**10 - 2).map(_mpan))
schemathesis.openapi.format("mprn", st.integers(0, 10**8 - 2).map(_mprn))
schemathesis.openapi.format("phone", st.integers(900000, 900999).map("07700{}".format))
schemathesis.openapi.format("postcode", st.sampled_from(["BS1 4DJ", "M1 1AE", "EC1A 1BB"]))


@schemathesis.hook
def map_path_parameters(_context: schemathesis.HookContext, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every second id is one that exists."""
    if parameters and KNOWN and "registration_id" in parameters and len(str(parameters["registration_id"])) % 2 == 0:
        return {**parameters, "registration_id": KNOWN[hash(str(parameters)) % len(KNOWN)]}
    return parameters


@schemathesis.hook
def filter_path_parameters(_context: schemathesis.HookContext, parameters: dict[str, Any] | None) -> bool:
    """A path with a line break does not reach us: the framework's router answers 404 in plain text."""
    return not any(LINE_BREAK.search(unquote(str(value))) for value in (parameters or {}).values())


@schemathesis.hook
def filter_headers(_context: schemathesis.HookContext, headers: dict[str, Any] | None) -> bool:
    """A header that is not a valid field value (RFC 9110 §5.5) does not reach us: the server answers it."""
    return all(FIELD_VALUE.fullmatch(str(value)) for value in (headers or {}).values())


@schemathesis.hook
def map_headers(_context: schemathesis.HookContext, headers: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every second If-Match that can be one names the version that most registrations have."""
    if headers and ENTITY_TAG.fullmatch(tag := str(headers.get("If-Match", ""))) and len(tag) % 2:
        return {**headers, "If-Match": '"1"'}
    return headers


@schemathesis.hook
def map_body(_context: schemathesis.HookContext, body: Any) -> Any:
    """A registration that keeps the schema is made to keep the rules beyond it: so most are stored."""
    if not REGISTRATION.is_valid(body):
        return body
    points = {fuel: sorted(set(numbers)) for fuel, numbers in body["supply_points"].items()}
    return {
        **body,
        "status": "active",
        "supply_points": points if any(points.values()) else {"mpans": [_mpan(len(str(body)))]},
        "needs": [{"code": "02"}, {"code": "33", "ends_on": "2099-01-31"}],
        "sharing": {**body["sharing"], "recorded_on": "2020-01-05"},
        "services": {**body.get("services", {}), "nominee_receives_communications": False},
        "household": {**(body.get("household") or {}), "occupants": [{"birth_year": 1950}]},
    }


@schemathesis.check
def no_value_is_repeated(
    _context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """A problem never repeats a value of the request."""
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return
    for value in _texts(case.body):
        if len(value) >= _REVEALING and value not in CONTRACT and value in response.text:
            raise AssertionError("a value of the request stands in the answer")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
