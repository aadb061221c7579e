"""JSON merge patches (RFC 7396) of submissions."""

from typing import Any

import pytest

from shared.domain.patch import merge_patch, patched
from shared.domain.registration import AmendedInput, RegistrationInput, Status
from shared.errors import InvalidContent
from tests.support.registrations import MPAN, submission


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_gives_every_result_of_rfc_7396(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


def test_a_merge_patch_leaves_its_target_as_it_is() -> None:
    target = {"a": {"b": "c"}}
    merge_patch(target, {"a": {"b": None}})
    assert target == {"a": {"b": "c"}}


def errors(submitted: RegistrationInput, patch: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidContent) as refused:
        patched(submitted, patch)
    return [(error.pointer, error.code) for error in refused.value.errors]


def test_a_patch_changes_what_it_names_and_keeps_the_rest() -> None:
    after = patched(submission(), {"primary_contact": {"name": "Mr B Example"}})
    assert isinstance(after, AmendedInput)
    assert after.model_dump() == submission(primary_contact={"name": "Mr B Example"}).model_dump()


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        pytest.param({"needs": [{"code": "02"}]}, Status.ACTIVE, id="needs"),
        pytest.param({"primary_contact": {"name": "B"}}, Status.PENDING, id="no needs"),
    ],
)
def test_a_pending_registration_becomes_active_with_its_needs(patch: dict[str, Any], status: Status) -> None:
    assert patched(submission(needs=[]), patch).status is status


def test_needs_that_come_with_a_status_of_their_own_keep_it() -> None:
    assert errors(submission(needs=[]), {"needs": [{"code": "02"}], "status": "pending"}) == [("", "needs_known")]


def test_an_active_registration_without_needs_is_refused() -> None:
    assert errors(submission(), {"needs": []}) == [("", "needs_missing")]


def test_the_account_cannot_be_changed() -> None:
    with pytest.raises(InvalidContent) as refused:
        patched(submission(), {"account_id": "A-2"})
    assert refused.value.errors == (("/account_id", "immutable", "Leave the account as it is: it cannot be changed"),)


@pytest.mark.parametrize(
    ("patch", "pointers"),
    [
        pytest.param({"phone": None}, ["/phone"], id="at the top"),
        pytest.param({"primary_contact": {"phone": None}}, ["/primary_contact/phone"], id="within an object"),
        pytest.param(
            {"primary_contact": {"address": {"city": None}}}, ["/primary_contact/address/city"], id="two levels down"
        ),
        pytest.param({"alternate_contact": {"email": None}}, ["/alternate_contact/email"], id="where none was yet"),
        pytest.param({"a": None, "services": {"b": None}}, ["/a", "/services/b"], id="two"),
        pytest.param({"not a name!": None}, [""], id="text that is no name is not repeated"),
    ],
)
def test_the_removal_of_a_field_that_does_not_exist_is_refused(patch: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(InvalidContent) as refused:
        patched(submission(), patch)
    detail = "Remove this field: the contract does not have it"
    assert refused.value.errors == tuple((pointer, "unknown_field", detail) for pointer in pointers)


def test_a_field_that_does_not_exist_is_refused_with_a_value_too() -> None:
    assert errors(submission(), {"phone": "x"}) == [("/phone", "unknown_field")]


@pytest.mark.parametrize("patch", [{"alternate_contact": None}, {"primary_contact": {"address": None}}])
def test_the_removal_of_a_field_that_is_empty_changes_nothing(patch: dict[str, Any]) -> None:
    assert patched(submission(), patch).model_dump() == submission().model_dump()


INVISIBLE = RegistrationInput.model_construct(
    **dict(submission(supply_points={"mpans": [MPAN], "mprns": []}))
    | {"primary_contact": submission().primary_contact.model_copy(update={"name": "\u200b"})}
)


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param({"primary_contact": {"phones": ["07700900999"]}}, id="another field of the same contact"),
        pytest.param({"primary_contact": {"name": "\u200b"}}, id="the same name"),
        pytest.param({"premises": {"postcode": "M1 1AE"}}, id="another contact"),
    ],
)
def test_content_that_breaks_newer_rules_stays_where_it_is_not_changed(patch: dict[str, Any]) -> None:
    assert patched(INVISIBLE, patch).primary_contact.name == "\u200b"


def test_content_that_breaks_newer_rules_cannot_be_submitted_again() -> None:
    assert errors(INVISIBLE, {"primary_contact": {"name": "\u200d"}}) == [("/primary_contact/name", "blank")]


def test_only_the_errors_of_the_changed_parts_are_reported() -> None:
    assert errors(INVISIBLE, {"primary_contact": {"phones": ["x"]}}) == [
        ("/primary_contact/phones/0", "phone_malformed")
    ]


def with_notes(*notes: str) -> RegistrationInput:
    """A submission whose needs have notes that break the rules of today."""
    needs = submission(
        needs=[
            {"code": code, "note": "x", "ends_on": "2027-01-31"}
            for code, _ in zip(("02", "08", "15"), notes, strict=False)
        ]
    )
    stored = [need.model_copy(update={"note": note}) for need, note in zip(needs.needs, notes, strict=True)]
    return RegistrationInput.model_construct(**dict(needs) | {"needs": stored})


def test_a_stored_element_may_move_within_its_list() -> None:
    stored = with_notes("\u200b", "visible")
    needs = [need.model_dump(mode="json") for need in stored.needs][::-1]
    assert [need.note for need in patched(stored, {"needs": needs}).needs] == ["visible", "\u200b"]


def test_a_stored_element_that_changes_keeps_the_rules() -> None:
    stored = with_notes("\u200b", "visible")
    needs = [need.model_dump(mode="json") for need in stored.needs]
    needs[0]["ends_on"] = "2027-02-28"
    assert errors(stored, {"needs": needs}) == [("/needs/0/note", "blank")]
