"""`GET /v1/reference`: every code of the API with its labels, for anybody, cacheable and versioned."""

import re
from collections.abc import Iterator

import httpx
import pytest

from shared.domain import notices, supply_points
from shared.domain.contacts import Relationship
from shared.domain.needs import categories
from shared.domain.referral import Referrer
from shared.domain.registration import Status
from shared.domain.services import CommunicationFormat, Services
from shared.domain.sharing import Article6Basis, Article9Condition, CaptureChannel, Schedule1Paragraph, SpeakerRole
from shared.errors import http_problems
from shared.field_errors import field_error_codes
from shared.http.access import Purpose
from shared.http.reference import Reference, reference, terms
from tests.support.tables import Tables
from tools.local.stack import Stack

#: Codes by list. Languages are a choice: the API accepts any code of ISO 639.
CODES = {
    "statuses": set(Status),
    "communication_formats": set(CommunicationFormat),
    "relationships": set(Relationship),
    "lawful_bases": set(Article9Condition),
    "article_6_bases": set(Article6Basis),
    "schedule_1_paragraphs": set(Schedule1Paragraph),
    "capture_channels": set(CaptureChannel),
    "speakers": set(SpeakerRole),
    "referrers": set(Referrer),
    "purposes": set(Purpose),
    "warnings": {
        notices.DATE_PASSED,
        notices.LAPSED,
        notices.WAITING,
        supply_points.UNKNOWN_DISTRIBUTOR,
        "mprn_check_digit",
    },
}


@pytest.fixture
def fresh() -> Iterator[None]:
    reference.cache_clear()
    yield
    reference.cache_clear()


def test_every_code_has_a_label_and_every_label_a_code() -> None:
    found = {name: [term.code for term in listed] for name, listed in terms().items()}
    languages = found.pop("languages")
    assert {name: set(codes) for name, codes in found.items()} == CODES
    assert all(len(codes) == len(set(codes)) for codes in (*found.values(), languages))
    assert [Services(language=code).language for code in languages] == languages
    assert languages[:2] == ["en", "cy"]
    assert all(term.label.en for listed in terms().values() for term in listed)


def test_formats_languages_and_statuses_have_welsh_labels() -> None:
    names = ("statuses", "communication_formats", "languages", "relationships")
    assert [term.code for name in names for term in terms()[name] if term.label.cy is None] == []


def test_needs_problems_and_field_errors_are_complete() -> None:
    found = Reference.model_validate_json(reference().json)
    assert {need.code: need.retired for need in found.needs} == {c.code: c.retired for c in categories().values()}
    assert [problem.type for problem in found.problems] == [f"/problems/{kind.code}" for kind in http_problems()]
    assert {error.code: error.details for error in found.field_errors} == field_error_codes()


@pytest.mark.usefixtures("fresh")
def test_the_version_changes_with_an_entry_only(tables: Tables) -> None:
    first = reference().version
    reference.cache_clear()
    assert reference().version == first
    tables("labels.csv", lambda text: text.replace("Print bras", "Print mawr"))
    reference.cache_clear()
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert reference().version != first
    assert reference().version in reference().json


def test_anybody_may_read_and_cache_it(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/v1/reference", headers={"Origin": "http://localhost:3000"})
    assert answer.status_code == 200
    assert answer.json() == Reference.model_validate_json(reference().json).model_dump(mode="json")
    assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    head = httpx.head(f"{stack.url}/v1/reference")
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", answer.headers["ETag"])


def test_a_reader_that_has_it_gets_304(stack: Stack) -> None:
    tag = f'"{reference().version}"'
    for given, status in ((tag, 304), (f'W/{tag}, "other"', 304), ("*", 304), ('"other"', 200), ("other", 400)):
        answer = httpx.get(f"{stack.url}/v1/reference", headers={"If-None-Match": given})
        assert answer.status_code == status
        if status == 304:
            assert (answer.content, answer.headers["ETag"]) == (b"", tag)
            assert answer.headers["Cache-Control"] == "public, max-age=3600"


def test_a_token_makes_no_difference_and_a_parameter_is_refused(stack: Stack) -> None:
    url = f"{stack.url}/v1/reference"
    for token in (stack.token("network", mpids=["EELC"]), "forged"):
        assert httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    refused = httpx.get(url, params={"lang": "cy"})
    assert (refused.status_code, refused.headers["Cache-Control"]) == (400, "no-store")
    assert [error["code"] for error in refused.json()["errors"]] == ["parameter_unknown"]
    assert httpx.post(url).headers["Allow"] == "GET, HEAD"
