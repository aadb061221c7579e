"""The sizes and costs of storage that docs/cost.md and the decisions state, computed from what the code stores."""

import zlib
from statistics import mean
from typing import Any

import pytest
from google.cloud.firestore_v1.types import Document

from benchmarks.simulation import ENTRY_BYTES
from benchmarks.storage import Mean, Size, mean_of, of_collection, sample, size_of
from shared.clock import Clock
from shared.store.documents import Collection, Documents
from tools.places import ROOT

_CHANGES_A_YEAR = 200_000 * 365
_FEED_DAYS = 90
_GIB = 2**30
_GIB_MONTH, _DELETE = 0.18, 0.02 / 100_000


@pytest.fixture(scope="module")
def documents() -> list[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")  # nothing is sent
        return sample(Documents("project", "database", Clock()))


@pytest.fixture(scope="module")
def means(documents: list[Any]) -> dict[str, Mean]:
    stored = (Collection.REGISTRATIONS, Collection.CHANGES, Collection.SUPPLY_POINTS, Collection.EXPORT_FEED)
    return {name: mean_of(documents, name) for name in stored}


@pytest.fixture(scope="module")
def page() -> str:
    return " ".join((ROOT / "docs" / "cost.md").read_text(encoding="utf-8").split())


def test_a_document_has_the_size_of_firestores_own_example() -> None:
    """The example of cloud.google.com/firestore/docs/storage-size, without the 11 bytes of its parent's name."""
    fields = {"type": {"string_value": "Personal"}, "done": {"boolean_value": False}, "priority": {"integer_value": 1}}
    fields["description"] = {"string_value": "Learn Cloud Firestore"}
    name = "projects/p/databases/d/documents/changes/my_task_id"
    document = Document.pb(Document(name=name, fields=fields))
    assert size_of(document) == Size(document=147 - len("users_jeff_") + len("changes") - len("tasks"), index=0)


def test_an_index_entry_has_names_values_and_the_field_of_a_single_one() -> None:
    name = "projects/p/databases/d/documents/export_parts/one"
    document = Document.pb(Document(name=name, fields={"missing": {"string_value": "2026-11-23-r0001"}}))
    assert size_of(document).index == (len("export_parts") + 1 + len("one") + 1 + 16) + 16 + 8 + 17 + 32


def test_the_page_has_the_size_of_each_document(means: dict[str, Mean], page: str) -> None:
    for name, one in means.items():
        row = f"| `{name}` | {one.a_customer:g} a "
        sizes = f" | {round(one.document, -1):,.0f} | {round(one.index, -1):,.0f} | "
        assert row in page, row
        assert sizes in page.partition(row)[2].partition("`")[0], f"{name}: {sizes}"


def test_the_page_has_the_growth_of_the_change_log(means: dict[str, Mean], page: str) -> None:
    grown = _CHANGES_A_YEAR * (means["changes"].document + means["changes"].index)
    assert f"by {round(grown / 1e9, -1):.0f} GB a year**" in page
    assert f"(73 million a year): US$ {grown / _GIB * _GIB_MONTH:.0f} a month more with each year" in page


def test_the_page_has_the_volume_and_price_of_ttl_deletes(means: dict[str, Mean], page: str) -> None:
    deletes = 30 * 200_000 * 2
    held = _FEED_DAYS * 200_000 * 2 * (means["export_feed"].document + means["export_feed"].index)
    assert f"{deletes / 1e6:.0f} million deletes in 30 days, and hold {held / 1e9:.0f} GB" in page
    assert f"for 30 days | {deletes / 1e6:.0f} million deletes | {deletes * _DELETE:.2f} |" in page
    assert f"once | 10 million deletes | {5_000_000 * 2 * _DELETE:.2f} |" in page


def test_the_usual_entry_of_the_simulation_is_the_mean_of_the_sample(documents: list[Any]) -> None:
    sizes = [fields["size"].integer_value for fields in of_collection(documents, Collection.EXPORT_FEED)]
    assert round(mean(sizes)) == ENTRY_BYTES


def test_compressed_states_have_the_size_that_the_decision_states(documents: list[Any]) -> None:
    text = (ROOT / "docs" / "decisions" / "uncompressed-states.md").read_text(encoding="utf-8")
    for collection in (Collection.REGISTRATIONS, Collection.CHANGES):
        states = [fields["state"].string_value.encode() for fields in of_collection(documents, collection)]
        plain, compressed = mean(map(len, states)), mean(len(zlib.compress(state, 1)) for state in states)
        assert f"{round(plain, -1):,.0f} → {round(compressed, -1):,.0f} bytes" in text, f"{collection}: {compressed}"
