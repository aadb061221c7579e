"""Reads registrations. Whatever a caller may not see answers exactly like what is not there."""

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from shared.domain.registration import AccountIdField, RegistrationState
from shared.domain.supply_points import Mpan, Mprn
from shared.errors import NotFound
from shared.http.api import Answer, Api, Call
from shared.http.registrations import registration_answer
from shared.log import Event, log
from shared.model import Model
from shared.store.registrations import registrations

api = Api(__file__)


class LookupKey(Model):
    """Exactly one of the three."""

    account_id: AccountIdField | None = None
    mpan: Mpan | None = None
    mprn: Mprn | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1 or all(v is None for v in (self.account_id, self.mpan, self.mprn)):
            raise PydanticCustomError("lookup_key", "give exactly one of account_id, mpan and mprn")
        return self


@api.operation("getRegistration")
async def get_registration(call: Call) -> Answer:
    """One registration by id; one RPC."""
    return _answer(call, await registrations().get(call.parameters["registration_id"]))


@api.operation("lookUpRegistration")
async def look_up_registration(call: Call, body: LookupKey) -> Answer:
    """One registration by account (one RPC), MPAN or MPRN (two)."""
    store = registrations()
    if body.account_id is not None:
        return _answer(call, await store.get(store.registration_id(body.account_id)))
    return _answer(call, await store.find(body.mpan or body.mprn))  # type: ignore[arg-type]


def _answer(call: Call, state: RegistrationState | None) -> Answer:
    visible = state is not None and call.caller.sees(state.registration)
    log(
        Event.REGISTRATION_READ,
        operation=call.operation,
        caller=call.caller.subject,
        registration_id=state.registration.registration_id if state and visible else None,
        found=visible,
    )
    if state is None or not visible:
        raise NotFound
    return registration_answer(state.registration, call.caller)


main = api.function()
