"""Answers as bodies of the API, and registrations as answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from functions.pages.api import Answer
from functions.pages.forms import day_in, typed_day
from functions.pages.questions import SITUATIONS, YOUNG_CHILDREN, Asked, services_asked
from functions.pages.session import Session
from shared.clock import london_day, rfc3339

#: The name of these pages, in records of the things that people do here themselves.
PAGES = "psr-pages"
_MPAN_DIGITS = 13


def new_body(asked: Asked, session: Session) -> dict[str, Any]:
    """A registration without its sharing record."""
    values = asked.values
    points = session.supply_points or [values.get("mpan", ""), values.get("mprn", "")]
    return {
        "account_id": session.account_id or values.get("account"),
        "supply_points": {
            "mpans": [point for point in points if point and len(point) == _MPAN_DIGITS],
            "mprns": [point for point in points if point and len(point) != _MPAN_DIGITS],
        },
        **_person(values),
    }


def customer_body(asked: Asked, stored: Answer | None, at: datetime) -> dict[str, Any]:
    """The submission of a customer. `stored`: their registration, if they have one."""
    values = asked.values
    nominee = None
    if values.get("nominee") == "yes":
        nominee = {
            "name": values.get("nominee_name"),
            "phones": _given(values, "nominee_phone"),
            "relationship": values.get("relationship"),
        }
    services = {
        "communication_format": values.get("format"),
        "language": values.get("language"),
        "nominee_receives_communications": bool(nominee) and values.get("nominee_receives") == "yes",
        "cannot_read_meter": values.get("cannot_read_meter") == "yes",
        "arranged": _arranged(asked, stored.body["services"]["arranged"] if stored else [], london_day(at).isoformat()),
    }
    if values.get("password"):
        services["caller_password"] = values["password"]
    return {**_person(values), "alternate_contact": nominee, "needs": _needs(asked), "services": services}


def referral(values: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The parts of a registration that somebody else asks for."""
    today = london_day(at).isoformat()
    referred = {
        "referrer": values["referrer"],
        "name": values["referrer_name"],
        "organisation": values["organisation"] or None,
        "phone": values["referrer_phone"] or None,
        "referred_on": today,
    }
    sharing = {"basis": "none", "recorded_on": today, "evidence": "web form of a referral"}
    return {"status": "pending", "referral": referred, "sharing": sharing}


def sharing(said: Mapping[str, Any], at: datetime, by: str) -> dict[str, Any]:
    """The whole sharing record: a merge patch keeps what it does not name. `by`: the agent or the pages."""
    version, _, language = said["wording"].partition(" ")
    names = {"role": "speaker", "name": "speaker_name", "organisation": "speaker_organisation"}
    return {
        "basis": said["basis"],
        "article_6_basis": said["article_6"],
        "schedule_1_paragraph": said.get("paragraph") or None,
        "cannot_consent_reason": said.get("cannot_consent") or None,
        "recorded_on": london_day(at).isoformat(),
        "evidence": said["evidence"],
        "capture": {
            "captured_at": rfc3339(at),
            "captured_by": by,
            "channel": said["channel"],
            "speaker": {name: said.get(field) or None for name, field in names.items()},
            "wording": {"version": version, "language": language} if version else None,
        },
        "withdrawn": None,
    }


def sharing_withdrawn(at: datetime, by: str, channel: str, *, objection: bool) -> dict[str, Any]:
    """The end of sharing. `objection`: to a basis other than consent."""
    withdrawn = {"withdrawn_at": rfc3339(at), "captured_by": by, "channel": channel, "objection": objection}
    return {"sharing": {"withdrawn": withdrawn}}


def patch(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch with the parts that differ."""
    changed: dict[str, Any] = {}
    for name, value in wanted.items():
        before = stored.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            if members := patch(value, before):
                changed[name] = members
        elif value != before:
            changed[name] = value
    return changed


def values_of(registration: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """A registration as the answers that a customer would have given."""
    contact, services = registration["primary_contact"], registration["services"]
    nominee = registration["alternate_contact"]
    phones = [*contact["phones"], "", ""]
    arranged = {entry["service"] for entry in services["arranged"] if not entry["declined_on"]}
    values = {
        "name": contact["name"],
        "phone": phones[0],
        "phone_2": phones[1],
        "lines": "\n".join(registration["premises"]["address_lines"]),
        "postcode": registration["premises"]["postcode"],
        "services": [code for code in services_asked(reference) if code in arranged],
        "cannot_read_meter": "yes" if services["cannot_read_meter"] else "",
        "format": services["communication_format"],
        "language": services["language"],
        "nominee": "yes" if nominee else "no",
        "password": "",
    }
    if nominee:
        values |= {
            "nominee_name": nominee["name"],
            "nominee_phone": (nominee["phones"] or [""])[0],
            "relationship": nominee["relationship"],
            "nominee_receives": "yes" if services["nominee_receives_communications"] else "",
        }
    return values | _values_of_needs(registration["needs"])


def _values_of_needs(needs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {"situations": []}
    for need in needs:
        code = need["code"]
        situation = next((name for name, codes in SITUATIONS.items() if code in codes), "support")
        if situation not in values["situations"]:
            values["situations"].append(situation)
        values.setdefault(f"needs_{situation}", []).append(code)
        values[f"note_{code}"] = need["note"] or ""
        values["born" if code == YOUNG_CHILDREN else f"ends_{code}"] = typed_day(
            need["youngest_child_born_on"] if code == YOUNG_CHILDREN else need["ends_on"]
        )
    return values


def _person(values: Mapping[str, Any]) -> dict[str, Any]:
    lines = [line.strip() for line in str(values.get("lines", "")).split("\n")]
    return {
        "premises": {"address_lines": [line for line in lines if line], "postcode": values.get("postcode")},
        "primary_contact": {"name": values.get("name"), "phones": _given(values, "phone", "phone_2")},
    }


def _given(values: Mapping[str, Any], *names: str) -> list[str]:
    return [values[name] for name in names if values.get(name)]


def _needs(asked: Asked) -> list[dict[str, Any]]:
    return [
        {
            "code": code,
            "ends_on": None if code == YOUNG_CHILDREN else _day(asked.values.get(f"ends_{code}")),
            "youngest_child_born_on": _day(asked.values.get("born")) if code == YOUNG_CHILDREN else None,
            "note": asked.values.get(f"note_{code}") or None,
        }
        for code in asked.needs
    ]


def _day(typed: str | None) -> str | None:
    day = day_in(typed or "")
    return day.isoformat() if day else None


def _arranged(asked: Asked, stored: Sequence[Mapping[str, Any]], today: str) -> list[dict[str, Any]]:
    """The services with those asked for today, and those that are no longer wanted declined today."""
    wanted = asked.values.get("services") or []
    known = {entry["service"]: dict(entry) for entry in stored}
    for code in services_asked(asked.reference):
        entry = known.get(code)
        if code in wanted and (entry is None or entry["declined_on"]):
            known[code] = {"service": code, "requested_on": today}
        elif code not in wanted and entry and not entry["declined_on"]:
            entry["declined_on"] = today
    return list(known.values())
