"""Read registrations. A registration that the caller may not see has the same answer as one that does not exist."""

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from typing import Any, Self

from pydantic import model_validator
from starlette.datastructures import Headers
from starlette.responses import Response

from shared.clock import london_day
from shared.domain.campaigns import Work
from shared.domain.registration import AccountIdField, Registration
from shared.domain.sharing_periods import sharing_periods
from shared.domain.supply_points import Mpan, Mprn, SupplyPoint, supply_point_key
from shared.errors import InvalidContent, MalformedParameter, NotFound, RegistrationErased, Unavailable
from shared.field_errors import field_error, refusal
from shared.http.access import Shown, Shows
from shared.http.api import Answer, Api, Call, has_read
from shared.http.bulk import (
    Area,
    AreaPage,
    Batch,
    FoundInArea,
    Summary,
    SupplyPointList,
    at_supply_point,
    in_area,
)
from shared.http.callers import Caller
from shared.http.history import HistoryPage, HistoryQuery, SharingHistory, history_entry
from shared.http.pages import page_token, position_in
from shared.http.reference import Reference, reference
from shared.http.registrations import RegistrationAnswer, entity_tag_on, registration_answer, without_secrets
from shared.http.work_lists import DueWorkQuery, WorkPage, work_item
from shared.model import Model
from shared.store.due_dates import DueDate, DueDates
from shared.store.registrations import Read, Registrations
from shared.store.service import service
from shared.turns import in_turns

api = Api(__file__)

#: Batches that an instance accepts, and those of them that it works on; the others wait. More are to come again later,
#: by then perhaps to another instance.
BATCHES_ACCEPTED, _BATCHES_WORKED_ON = 4, 2
_BATCH_RETRY_SECONDS = 1
_accepted, _worked_on = asyncio.Semaphore(BATCHES_ACCEPTED), asyncio.Semaphore(_BATCHES_WORKED_ON)
_MOST_READ_AT_ONCE = 500
_CHANGES_A_PAGE = 100
_DUE_DATES = {Work.REVIEW: DueDate.REVIEW, Work.NEED_ENDING: DueDate.NEED_ENDS, Work.FOLLOW_UP: DueDate.FOLLOW_UP}


class LookupKey(Model):
    """An account or a supply point: exactly one of the three fields."""

    account_id: AccountIdField | None = None
    mpan: Mpan | None = None
    mprn: Mprn | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1 or all(v is None for v in (self.account_id, self.mpan, self.mprn)):
            raise refusal("lookup_key")
        return self


@api.operation("getRegistration", answers=RegistrationAnswer, problems=(NotFound, RegistrationErased))
async def get_registration(call: Call) -> Answer:
    """Get a registration by id.

    The answer is 304 if If-None-Match has the registration's ETag, which names the version and the day in London that
    the protections are for. One RPC.
    """
    registration_id = call.registration_id
    call.caller.check_registration(registration_id)
    registration = _seen(await service().part(Registrations).read(registration_id))
    today = _today()
    tag = {"ETag": entity_tag_on(registration, today)}
    if call.has_read(tag["ETag"]):
        return Answer(304, "", Shown(Shows.VERSION, [registration_id]), tag)
    return registration_answer(registration, today, call.caller, headers=tag)


@api.operation("lookUpRegistration", answers=RegistrationAnswer, problems=(NotFound, RegistrationErased))
async def look_up_registration(call: Call, body: LookupKey) -> Answer:
    """Look up a registration by account, MPAN or MPRN.

    One RPC by account, two by MPAN or MPRN.
    """
    point = body.mpan or body.mprn
    return registration_answer(_seen(await _look_up(call, body, point)), _today(), call.caller)


async def _look_up(call: Call, body: LookupKey, point: SupplyPoint | None) -> Read | None:
    """For a customer only the customer's own registration is read, so that timing reveals nothing about others."""
    store = service().part(Registrations)
    account_id = call.caller.account_id or body.account_id
    if body.account_id is not None:
        call.caller.check_account(body.account_id)
    elif point is not None:
        call.caller.check_supply_points([point])
    if account_id is None:
        return await store.find(point) if point else None
    found = await store.read(store.registration_id(account_id))
    holds = point is None or (found is not None and supply_point_key(point) in found.registration.assigned())
    return found if holds else None


@api.operation("batchLookUpRegistrations", answers=Batch)
async def batch_look_up(call: Call, body: SupplyPointList) -> Answer:
    """Look up registrations by up to 1,000 supply points.

    At most four RPCs for each 500 supply points. While an instance has four batches, it refuses others with 503: more
    would delay every other request.
    """
    if _accepted.locked():
        raise Unavailable(retry_after=_BATCH_RETRY_SECONDS)
    async with _accepted, _worked_on:
        return await _batch(call, body.all(), _today())


async def _batch(call: Call, points: Sequence[SupplyPoint], today: date) -> Answer:
    holders = await service().part(Registrations).find_all(points)
    seen: dict[SupplyPoint, Summary] = {}
    texts: list[str] = []
    async for piece in in_turns(points):
        for point in piece:
            registration = holders.get(supply_point_key(point))
            if registration and (found := at_supply_point(call.caller, registration, point, today)):
                seen[point] = found
                texts.append(found.model_dump_json())
    absent = json.dumps([str(point) for point in points if point not in seen])
    return Answer(200, f'{{"found":[{",".join(texts)}],"not_found":{absent}}}', _shown(list(seen.values())))


@api.operation("searchRegistrations", answers=AreaPage)
async def search_registrations(call: Call, body: Area) -> Answer:
    """List the live registrations in a postcode or postcode sector, page by page.

    One RPC for a page if the caller may see all of them.
    """
    after_id = None
    if body.page_token is not None:
        (after_id,) = _position(call, body.postcode, body.page_token, InvalidContent, "/page_token")
    found = await _visible_in_area(call.caller, body.postcode, after_id, body.page_size + 1)
    shown = found[: body.page_size]
    more = len(found) > len(shown)
    page = AreaPage(
        registrations=shown,
        next_page_token=page_token(call, body.postcode, [shown[-1].registration_id]) if more else None,
    )
    return Answer(200, page.model_dump_json(), _shown(shown))


async def _visible_in_area(caller: Caller, postcode: str, after_id: str | None, count: int) -> list[FoundInArea]:
    """At most `count` registrations that the caller may see, in order of id. It skips those that the caller may not."""
    found: list[FoundInArea] = []
    limit, today = count, _today()
    while True:
        page, after_id = await service().part(Registrations).in_area(postcode, after_id=after_id, limit=limit)
        found += [seen for registration in page if (seen := in_area(caller, registration, today))]
        if after_id is None or len(found) >= count:
            return found[:count]
        limit = min(2 * limit, _MOST_READ_AT_ONCE)


@api.operation("listChanges", answers=HistoryPage, problems=(NotFound, RegistrationErased))
async def list_changes(call: Call, query: HistoryQuery) -> Answer:
    """List the changes of a registration by version, newest last, page by page.

    The list omits erased entries of an account that was registered again. One RPC for a page, two with erased entries.
    """
    registration_id = call.registration_id
    call.caller.check_registration(registration_id)
    after = None
    if query.page_token is not None:
        after = _position(call, registration_id, query.page_token, MalformedParameter, "page_token")
    found, last = await service().part(Registrations).history(registration_id, after=after, limit=query.page_size)
    changes = [change for change in found if not change.erased]
    if not found or len(changes) < len(found):
        _seen(await service().part(Registrations).read(registration_id))
    page = HistoryPage(
        changes=[history_entry(change) for change in changes],
        next_page_token=page_token(call, registration_id, list(last)) if last else None,
    )
    shows = Shows.HISTORY if without_secrets(call.caller) else Shows.HISTORY_AND_PASSWORD
    return Answer(200, page.json_for(call.caller), Shown(shows, [registration_id]))


@api.operation("listSharing", answers=SharingHistory, problems=(NotFound, RegistrationErased))
async def list_sharing(call: Call) -> Answer:
    """List the sharing records of a registration: basis, wording, capture, and the recipients that each allowed.

    A recipient may have data from the next daily file after `since` to the next one after `until`. One RPC for 100
    changes.
    """
    registration_id = call.registration_id
    call.caller.check_registration(registration_id)
    store = service().part(Registrations)
    _seen(await store.read(registration_id))
    changes, last = await store.history(registration_id, after=None, limit=_CHANGES_A_PAGE)
    while last is not None:
        page, last = await store.history(registration_id, after=last, limit=_CHANGES_A_PAGE)
        changes += page
    periods = sharing_periods(change for change in changes if not change.erased)
    history = SharingHistory(registration_id=registration_id, periods=periods)
    return Answer(200, history.model_dump_json(), Shown(Shows.HISTORY, [registration_id]))


@api.operation("listDueWork", answers=WorkPage, problems=(NotFound,))
async def list_due_work(call: Call, body: DueWorkQuery) -> Answer:
    """List the customers to contact about reviews, ending needs or follow-ups, page by page, for an agents' desk.

    Only agents and back ends may. To see the longest overdue first, start with an early `until`. One RPC for a page,
    two for one of them.
    """
    call.caller.check_agent()
    listed = f"{body.work} {body.until} {body.escalated}"
    after = None
    if body.page_token is not None:
        after = _position(call, listed, body.page_token, InvalidContent, "/page_token")
    found, last = (
        await service().part(DueDates).page(_DUE_DATES[body.work], body.until, after=after, limit=body.page_size)
    )
    items = [item for state in found if (item := work_item(body, state.registration))]
    page = WorkPage(items=items, next_page_token=page_token(call, listed, list(last)) if last else None)
    shown = Shown(Shows.SUMMARY, sorted(item.registration_id for item in items))
    return Answer(200, page.model_dump_json(), shown)


@api.operation("getReference", answers=Reference)
async def get_reference(headers: Headers) -> Response:
    """List the codes of the API with labels in English and Welsh.

    It needs no token, and caches may keep it for an hour. `version` and the ETag change when an entry does.
    """
    version, text = reference()
    tag = f'"{version}"'
    caching = {"ETag": tag, "Cache-Control": "public, max-age=3600"}
    if has_read(headers, tag):
        return Response(status_code=304, headers=caching)
    return Response(text, headers=caching, media_type="application/json")


def _today() -> date:
    """The day for which protections are answered."""
    return london_day(service().clock.now())


def _seen(found: Read | None) -> Registration:
    if found is None:
        raise NotFound
    if found.erased_on is not None:
        raise RegistrationErased
    return found.registration


def _position(
    call: Call, query: str, token: str, problem: type[InvalidContent | MalformedParameter], pointer: str
) -> Any:
    try:
        return position_in(call, query, token)
    except ValueError:
        raise problem((field_error(pointer, "page_token"),)) from None


def _shown(found: Sequence[Summary]) -> Shown:
    """The access log's entry, with each registration once, even if several of its supply points were found."""
    return Shown(Shows.SUMMARY, sorted({one.registration_id for one in found}))


main = api.function()
