"""Registrations, as callers send and see them."""

import re
from collections.abc import Collection
from contextlib import suppress
from datetime import date
from typing import Any

from pydantic import AwareDatetime, Field, JsonValue, RootModel

from shared.domain.campaigns import Attempt
from shared.domain.protections import Protections, protections_json
from shared.domain.registration import Registration
from shared.domain.supply_points import MOST_PER_FUEL, Mpan, Mprn, SupplyPoint
from shared.domain.text import Note
from shared.http.access import Shown, Shows
from shared.http.api import Answer
from shared.http.callers import Caller
from shared.model import Model

_PASSWORD_SCOPE = "psr:caller_password"  # noqa: S105 - a scope's name


class RegistrationPatch(RootModel[dict[str, JsonValue]]):
    """A JSON merge patch (RFC 7396) of what was submitted at registration: any part of it, null to remove."""

    def supply_points(self) -> list[SupplyPoint]:
        """The valid supply points that the patch names. The others are refused when the whole patch is checked."""
        given = self.root.get("supply_points")
        points: list[SupplyPoint] = []
        for name, kind in (("mpans", Mpan), ("mprns", Mprn)):
            numbers = given.get(name) if isinstance(given, dict) else None
            for number in numbers[:MOST_PER_FUEL] if isinstance(numbers, list) else []:
                with suppress(ValueError, TypeError):
                    points.append(kind.parse(number))  # type: ignore[arg-type]
        return points


class RegistrationAnswer(Registration):
    """A registration, with the protections that its household has on a day. They are not stored."""

    protections: Protections


class Withdrawal(Model):
    """The reason for taking an account off the register, as the requester states it. The history keeps the reason."""

    reason: Note = Field(examples=["The customer asked to be removed"])


class AttemptInput(Attempt):
    """An attempt to contact a customer about work that is due. Without `at`, it was made now."""

    at: AwareDatetime | None = Field(None, examples=["2026-11-23T09:30:00Z"])


def without_secrets(caller: Caller) -> dict[str, Any]:
    """The fields to omit from a registration for this caller: the caller password, unless the token has its scope."""
    return {} if _PASSWORD_SCOPE in caller.scopes else {"services": {"caller_password"}}


def registration_answer(
    registration: Registration, day: date, caller: Caller, status: int = 200, headers: dict[str, str] | None = None
) -> Answer:
    """The answer with a registration, its protections on a day, and its entity tag."""
    known = registration.model_dump_json(exclude=without_secrets(caller))
    body = f'{known[:-1]},"protections":{protections_json(registration, day)}}}'
    shows = Shows.REGISTRATION if without_secrets(caller) else Shows.REGISTRATION_AND_PASSWORD
    shown = Shown(shows, [registration.registration_id])
    return Answer(status, body, shown, {"ETag": entity_tag(registration), **(headers or {})})


def entity_tag(registration: Registration) -> str:
    """The version as an entity tag. It is the same for callers who see different fields, which `Vary` allows."""
    return f'"{registration.version}"'


def entity_tag_on(registration: Registration, day: date) -> str:
    """The entity tag of a read, whose protections depend on the day: `"3.20261125"`."""
    return f'"{registration.version}.{day.isoformat().replace("-", "")}"'


def names_version(tags: Collection[str], registration: Registration) -> bool:
    """Whether an entity tag names the version of a registration, on any day or on none."""
    version = re.compile(rf'"{registration.version}(\.[0-9]{{8}})?"')
    return any(version.fullmatch(tag) for tag in tags)
