"""docs/migration-sample.csv: a source file of a migration, with customers of the tour and words that are not known."""

import csv
import io
from datetime import date
from random import Random
from typing import Any

from shared.domain.household import YES_OR_NO
from shared.domain.needs import labels
from tools.local.sample import customers

_RECORDED_ON = date(2026, 11, 2)
#: Not those of the tour.
_NUMBERS = range(2000, 2020)
_EVERY_OTHER = 2
#: Cells by row that name no code and no term of the API.
_UNKNOWN = {
    3: {"needs": "Uses a stairlift"},
    11: {"needs": "Uses a stairlift|02"},
    17: {"nominee_relationship": "cousin"},
}

Row = dict[str, str]


def migration_sample() -> str:
    """The whole file."""
    events = customers(_RECORDED_ON, _NUMBERS, Random(0))  # noqa: S311 - made-up people
    rows = [_row(event) | _UNKNOWN.get(number, {}) for number, event in enumerate(events, 1)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(event: dict[str, Any]) -> Row:
    """Every other customer has the needs in words."""
    data = event["data"]
    nominee = data.get("alternate_contact", {"phones": []})
    services = data.get("services", {})
    in_words = int(data["account_id"].rpartition("-")[2]) % _EVERY_OTHER == 1
    return {
        "account_id": data["account_id"],
        "recorded_at": event["time"],
        "mpans": " ".join(data["supply_points"]["mpans"]),
        "mprns": " ".join(data["supply_points"]["mprns"]),
        "address": "|".join(data["premises"]["address_lines"]),
        "postcode": data["premises"]["postcode"],
        "name": data["primary_contact"]["name"],
        "phones": "|".join(data["primary_contact"]["phones"]),
        "nominee_name": nominee.get("name", ""),
        "nominee_phones": "|".join(nominee["phones"]),
        "nominee_relationship": nominee.get("relationship", ""),
        "needs": "|".join(_term(need, in_words=in_words) for need in data["needs"]),
        "youngest_child_born_on": "".join(need.get("youngest_child_born_on", "") for need in data["needs"]),
        "basis": data["sharing"]["basis"],
        "basis_recorded_on": data["sharing"]["recorded_on"],
        "basis_evidence": data["sharing"]["evidence"],
        "caller_password": services.get("caller_password", ""),
        "communication_format": services.get("communication_format", ""),
        "language": "cy" if services else "",
        **_sharing(data["sharing"]),
        "services": "|".join(_service(one) for one in services.get("arranged", [])),
        **_household(data.get("household", {})),
    }


def _sharing(sharing: dict[str, Any]) -> Row:
    """The columns of the sharing record. An old platform knows them of some customers."""
    capture = sharing.get("capture", {})
    wording = capture.get("wording", {})
    names = ("captured_at", "captured_by", "channel")
    return {
        **{
            name: sharing.get(name, "") for name in ("article_6_basis", "schedule_1_paragraph", "cannot_consent_reason")
        },
        **{name: capture.get(name, "") for name in names},
        "wording": " ".join((wording["version"], wording["language"])) if wording else "",
    }


def _service(arranged: dict[str, str]) -> str:
    return f"{arranged['service']}={arranged['delivered_on']}" if "delivered_on" in arranged else ""


def _household(facts: dict[str, Any]) -> Row:
    """The columns of the household; an empty cell is not known."""
    row = dict.fromkeys(("occupants", *YES_OR_NO, "temporary_circumstances"), "")
    if facts:
        row["occupants"] = "|".join(str(one["birth_year"]) for one in facts["occupants"])
        row["temporary_circumstances"] = "none"
        row |= {name: "yes" if facts[name] else "no" for name in YES_OR_NO if name in facts}
    return row


def _term(need: dict[str, str], *, in_words: bool) -> str:
    """The code or its newest label, with the last day of a need that has one."""
    word = next(iter(labels()[need["code"]].values())) if in_words else need["code"]
    return f"{word}={need['ends_on']}" if "ends_on" in need else word
