"""Field errors are a code of the contract and a sentence for people, for bad input in every field of every model."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ErrorType

from functions.lookup.main import LookupKey
from shared.data import rows
from shared.domain.registration import AmendedInput, RegistrationInput
from shared.errors import FieldError
from shared.field_errors import field_error_codes, field_error_of, refusal
from shared.http.bulk import Area, SupplyPointList
from shared.http.history import HistoryQuery
from shared.http.registrations import AttemptInput, RegistrationPatch, Withdrawal
from shared.http.work_lists import DueWorkQuery
from shared.messages.account_events import ACCOUNT_EVENTS
from shared.messages.events import CustomerMigrated
from shared.model import SUBMITTED
from shared.parsing import field_errors
from tools.places import ROOT
from tools.synthetic import registration

MODELS: tuple[type[BaseModel], ...] = (
    RegistrationInput,
    AmendedInput,
    RegistrationPatch,
    Withdrawal,
    LookupKey,
    SupplyPointList,
    Area,
    HistoryQuery,
    AttemptInput,
    DueWorkQuery,
    CustomerMigrated,
    *ACCOUNT_EVENTS,
)
#: Values that break the rules of some type or length. No sentence may repeat one.
BAD: tuple[Any, ...] = (
    None,
    "",
    " ",
    "Quillfeather",
    "Quill\u0000feather",
    "Quillfeather" * 50,
    "2026-02-30",
    "2026-11-23T10:11:12",
    "0001-01-01T00:00:00Z",
    "0",
    0,
    -4711.5,
    10**30,
    True,
    [],
    ["Quillfeather"],
    [None],
    [{"Quillfeather": 1}],
    ["1000999001019"] * 1001,
    {},
    {"Quillfeather": "Quillfeather"},
    {"quillfeather": "Quillfeather"},
)
#: The start of pydantic's own sentences.
VALIDATOR = re.compile(r"^(?:Input|String|Value|List|Field|Extra|Object|Unable|Datetime|Date|Dictionary|Data)\b|should")
NUMBERS = re.compile(r"^[0-9]+$")


def schema_paths(schema: Mapping[str, Any], whole: Mapping[str, Any], place: tuple[Any, ...] = ()) -> Iterator[Any]:
    """Every place of a JSON schema at which a value can be: fields, and elements of lists."""
    yield place
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    for choice in (schema, *schema.get("anyOf", [])):
        if "$ref" in choice and choice is not schema:
            yield from schema_paths(choice, whole, place)
        for name, part in choice.get("properties", {}).items():
            yield from schema_paths(part, whole, (*place, name))
        if "items" in choice:
            yield from schema_paths(choice["items"], whole, (*place, 0))


def spoilt(value: Any, place: tuple[Any, ...], bad: Any) -> Any:
    """A copy with another value at a place, which is made where it is missing."""
    if not place:
        return bad
    name, *rest = place
    if name == 0:
        return [spoilt(value[0] if isinstance(value, list) and value else None, tuple(rest), bad)]
    inside = value if isinstance(value, dict) else {}
    return {**inside, name: spoilt(inside.get(name), tuple(rest), bad)}


def errors_of(model: type[BaseModel], value: Any) -> tuple[FieldError, ...]:
    try:
        model.model_validate_json(json.dumps(value), context=SUBMITTED)
    except ValidationError as error:
        return field_errors(error)
    return ()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_bad_input_in_any_field_has_a_sentence_and_a_code_of_the_contract(model: type[BaseModel]) -> None:
    known = field_error_codes()
    whole = model.model_json_schema()
    good = registration() if issubclass(model, RegistrationInput) else {}
    seen = set()
    for place in set(schema_paths(whole, whole)):
        for bad in BAD:
            for error in errors_of(model, spoilt(good, place, bad)):
                assert error.code in known, (place, bad, error)
                assert not VALIDATOR.search(error.detail), (place, bad, error)
                assert "uillfeather" not in error.detail
                assert "{" not in error.detail, (place, bad, error)
                seen.add(error.code)
    assert seen, "nothing is refused"
    assert "invalid" not in seen, "a type of pydantic's errors has no row"


def test_every_field_that_can_be_submitted_has_a_prompt() -> None:
    prompts = {row["field"] for row in rows("field_prompts.csv")}
    named = {
        str(name)
        for model in MODELS
        for place in schema_paths(model.model_json_schema(), model.model_json_schema())
        for name in place
        if name != 0
    }
    assert named == prompts - {""}


def test_every_type_in_the_table_is_one_of_pydantics() -> None:
    types = {kind for row in rows("field_errors.csv") for kind in row["types"].split()}
    assert types - set(get_args(ErrorType)) == {"*"}


def test_a_type_without_a_row_is_only_invalid() -> None:
    entry: Any = {"type": "url_parsing", "loc": ("needs", 3, "note"), "msg": "Quillfeather", "ctx": {"error": "Quill"}}
    assert field_error_of(entry) == FieldError("/needs/3/note", "invalid", "Enter the note as text")


def test_every_code_is_raised_and_no_other() -> None:
    """A code of the table that nothing names would stay in the contract for nothing."""
    files = [path for folder in ("shared", "functions") for path in (ROOT / folder).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    own = {row["code"] for row in rows("field_errors.csv") if not row["types"]}
    assert {code for code in own if f'"{code}"' not in text} == set()
    literal = re.findall(r'(?:refusal|field_error)\((?:f?"[^"]*", |\w+, )?"(\w+)"', text)
    assert len(literal) > len(own) / 2
    assert set(literal) <= own
    with pytest.raises(KeyError):
        refusal("no_such_code")


def test_a_sentence_names_its_bound() -> None:
    assert isinstance(refusal("supply_points_too_many", most=20), PydanticCustomError)
    sentences = {error.detail for error in errors_of(SupplyPointList, {"mpans": ["1000999001019"] * 1001})}
    assert sentences == {"Enter at most 1,000 supply points"}
    assert {e.detail for e in errors_of(Area, {"postcode": "BS1 4DJ", "page_size": 501})} == {
        "Enter a number of at most 500"
    }
    assert {e.detail for e in errors_of(Withdrawal, {"reason": "x" * 201})} == {"Use at most 200 characters"}
