"""The examples of docs/openapi.json: requests that succeed in the order of the document, and an answer of each problem.

The example of `createRegistration` registers the customer of the examples. The id differs from deployment to deployment:
before you send the other examples, replace `REGISTRATION_ID` with the id in that answer. The keys make each request
repeatable.
"""

from typing import Any

from shared.errors import (
    InvalidContent,
    MalformedHeader,
    MalformedParameter,
    Problem,
    http_problems,
)
from shared.field_errors import field_error
from tools.synthetic import consent

Json = dict[str, Any]

REGISTRATION_ID = "0b9f6a52-7d1e-8c3a-9f00-1234567890ab"
_ACCOUNT, _MPAN, _POSTCODE = "A-EXAMPLE-1", "1400999007774", "BS1 4DJ"

#: Bodies by operation.
BODIES: dict[str, Json] = {
    "createRegistration": {
        "account_id": _ACCOUNT,
        "supply_points": {"mpans": [_MPAN]},
        "premises": {"address_lines": ["1 Test Street", "Testtown"], "postcode": _POSTCODE},
        "primary_contact": {"name": "Mrs A Example", "phones": ["07700900123"]},
        "needs": [{"code": "02"}, {"code": "33", "ends_on": "2099-01-31", "note": "home from hospital"}],
        "sharing": consent("2026-01-05"),
        "services": {"communication_format": "large_print", "language": "cy"},
    },
    "amendRegistration": {
        "primary_contact": {"phones": ["07700900456"]},
        "needs": [{"code": "02"}, {"code": "08"}, {"code": "33", "ends_on": "2099-01-31"}],
    },
    "recordAttempt": {
        "work": "need_ending",
        "due_on": "2099-01-31",
        "channel": "phone",
        "outcome": "no_answer",
        "by": "agent-117",
    },
    "withdrawRegistration": {"reason": "The customer asked to be removed"},
    "lookUpRegistration": {"account_id": _ACCOUNT},
    "batchLookUpRegistrations": {"mpans": [_MPAN]},
    "searchRegistrations": {"postcode": _POSTCODE, "page_size": 10},
    "listDueWork": {"work": "review", "until": "2026-11-30"},
}
#: If-Match by operation: of the version after the example of `createRegistration`, or after that of `amendRegistration`.
VERSIONS = {"amendRegistration": '"1"', "withdrawRegistration": '"1", "2", "3"'}

_ERRORS = {
    InvalidContent: field_error("/premises/postcode", "postcode_malformed"),
    MalformedHeader: field_error("If-Match", "header_malformed"),
    MalformedParameter: field_error("", "parameter_unknown"),
}


def idempotency_key(operation: str) -> str:
    """The key of an operation's example."""
    return f"example-{operation}"


def problem_examples() -> dict[str, Json]:
    """An answer of each type of problem, by code."""
    return {problem.code: {"summary": problem.title, "value": _answer(problem)} for problem in http_problems()}


def _answer(problem: type[Problem]) -> Json:
    errors = [_ERRORS[problem]._asdict()] if problem in _ERRORS else []
    return {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "errors": errors,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
