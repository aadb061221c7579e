"""Compares the stored documents with the model, and reports differences in plain words."""

import base64
import json
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from shared.domain.registration import AccountId
from shared.store.documents import Stored
from shared.store.service import service
from tests.world.cast import ACCOUNTS, AREAS, POINTS
from tests.world.model import Model, Registration

COLLECTIONS = ("registrations", "changes", "supply_points", "export_feed", "quarantine")

Documents = dict[tuple[str, str], Stored]


class Record(NamedTuple):
    """A quarantine record as stored. `data` is empty if it is an object in the bucket."""

    status: str
    erased: bool
    data: bytes


def id_of(account: str) -> str:
    """The id of an account's registration."""
    return service().identity.registration_id(AccountId(account))


def account_ids() -> dict[str, str]:
    """The accounts by the ids of their registrations."""
    return {id_of(account): account for account in ACCOUNTS}


def point_ids() -> dict[str, str]:
    """The supply points by the ids of their claims."""
    return {service().identity.supply_point_id(point): point for point in POINTS}


def differences(model: Model, stored: Documents, records: dict[str, str]) -> Iterator[str]:
    """The differences between documents and the model. `records` are the ids of quarantine records, by message."""
    yield from _registrations(model, stored)
    yield from _holders(model, stored)
    yield from _quarantine(model, stored, records)


def _registrations(model: Model, stored: Documents) -> Iterator[str]:
    ids = account_ids()
    found = {ids[key]: json.loads(one.state) for (kind, key), one in stored.items() if kind == "registrations"}
    for account in ACCOUNTS:
        should, state = model.registrations.get(account), found.get(account)
        if should is None or state is None:
            if should is not None or state is not None:
                yield f"{account} is {'not ' if state is None else ''}stored, and should {'' if should else 'not '}be"
            continue
        for name, value in _should(should).items():
            other = _is(state)[name]
            if other != value:
                yield f"{account}: its {name} should be {value}, and is {other}"


def _should(one: Registration) -> dict[str, Any]:
    if one.erased:
        return {"erased": True, "live": False, "supply points": []}
    return {
        "erased": False,
        "status": one.shown,
        "name": f"Mrs {one.people}",
        "needs": {code: end.isoformat() if end else None for code, end in sorted(one.needs.items())},
        "home": (AREAS[one.area], f"1 {one.street} Street"),
        "basis": one.basis,
        "supply points": sorted(one.holds()),
    }


def _is(state: dict[str, Any]) -> dict[str, Any]:
    one = state["registration"]
    points = one["supply_points"]
    return {
        "erased": state.get("erased_on") is not None,
        "live": one["status"] in ("active", "pending"),
        "status": one["status"],
        "name": one["primary_contact"]["name"],
        "needs": {need["code"]: need["ends_on"] for need in one["needs"]},
        "home": (one["premises"]["postcode"], one["premises"]["address_lines"][0]),
        "basis": one["sharing"]["basis"],
        "supply points": sorted([f"mpan:{n}" for n in points["mpans"]] + [f"mprn:{n}" for n in points["mprns"]]),
    }


def shown(stored: Stored, ids: dict[str, str]) -> Any:
    """A registration as callers see it, or the account that holds a supply point."""
    state = json.loads(stored.state)
    return _is(state) if "registration" in state else ids.get(str(state["registration_id"]))


def _holders(model: Model, stored: Documents) -> Iterator[str]:
    ids, points = account_ids(), point_ids()
    for (kind, key), one in stored.items():
        if kind == "supply_points":
            holder = one.fields["registration_id"]
            is_, should = ids[str(holder)] if holder else None, model.holder(points[key])
            if is_ != should:
                yield f"{points[key]} should be assigned to {should or 'nobody'}, and is to {is_ or 'nobody'}"
    for point in POINTS:
        claim = service().identity.supply_point_id(point)
        if model.holder(point) and ("supply_points", claim) not in stored:
            yield f"{point} should be assigned to {model.holder(point)}, and is to nobody"


def hidden_differences(model: Model, stored: Documents) -> Iterator[str]:
    """Differences that callers cannot see and later steps depend on: releases of supply points, former periods."""
    ids, points = account_ids(), point_ids()
    found = {points[key]: json.loads(one.state) for (kind, key), one in stored.items() if kind == "supply_points"}
    for point in POINTS:
        last, claim = model.released.get(point), found.get(point, {})
        if (last.account if last else None) != ids.get(str(claim.get("released_by"))):
            yield f"{point} was released by another account"
    for (kind, key), one in stored.items():
        if kind == "registrations":
            former = [period for period in json.loads(one.state)["former"] if period["erased_at"] is None]
            if len(former) != len(model.former.get(ids[key], [])):
                yield f"{ids[key]} has ended {len(former)} times"


def _quarantine(model: Model, stored: Documents, records: dict[str, str]) -> Iterator[str]:
    found = {key: record_of(one) for (kind, key), one in stored.items() if kind == "quarantine"}
    for message, should in model.quarantine.items():
        record = found.pop(records[message], None)
        if record is None:
            yield f"message {message!r} should be in quarantine, and is not"
        elif not should.lost and record.status != should.status:
            yield f"message {message!r} should be {should.status}, and is {record.status}"
        elif should.empty != record.erased:
            yield f"message {message!r} should {'have no data any more' if should.empty else 'be whole'}, and is not"
    messages = {record_id: message for message, record_id in records.items()}
    for key, record in found.items():
        yield f"message {messages.get(key, key)!r} is {record.status} in quarantine, and should not be there"


def record_of(stored: Stored) -> Record:
    """A quarantine record."""
    state = json.loads(stored.state)
    return Record(str(stored.fields["status"]), state["erased"], base64.b64decode(state["data"] or ""))


def texts(stored: Documents) -> Iterator[tuple[str, str, str]]:
    """Every stored text: the collection, the document's id, its text with Base64 decoded."""
    for (kind, key), one in stored.items():
        text = " ".join(str(value) for value in one.fields.values())
        if kind == "quarantine":
            text += record_of(one).data.decode(errors="replace").replace("\\/", "/")
        yield kind, key, text


def feed_day(key: str) -> date:
    """The day of a feed entry, from the id of its document."""
    return date.fromisoformat(key[-10:])
