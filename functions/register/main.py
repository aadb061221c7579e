"""Creates registrations. Wiring only: the rules are in `shared.domain.lifecycle`, the storage in `shared.store`."""

import uuid

from shared.digest import digest
from shared.domain.changes import Origin
from shared.domain.lifecycle import register
from shared.domain.registration import Fact, RegistrationInput
from shared.http.api import Answer, Api, Call
from shared.http.registrations import registration_answer
from shared.log import Event, log
from shared.settings import settings
from shared.store.registrations import Request, registrations

SOURCE = "http"

api = Api(__file__)


@api.operation("createRegistration")
async def create_registration(call: Call, body: RegistrationInput) -> Answer:
    """Register an account. A repeat of the same key and body gets the first answer."""
    call.caller.check_account(body.account_id)
    call.caller.check_supply_points(body.supply_points.all())
    store = registrations()
    registration_id = store.registration_id(body.account_id)
    key = digest(call.caller.subject, call.idempotency_key) if call.idempotency_key else uuid.uuid4().hex
    now = settings().clock().now()
    fact = Fact(time=now, source=SOURCE, id=key)
    outcome = await store.apply(
        Request(
            registration_id=registration_id,
            change_id=f"{registration_id}-{key}",
            fingerprint=digest(call.operation, body.model_dump_json()),
            origin=Origin(actor=call.caller.subject, source=SOURCE, event_id=None, event_time=now),
            points=body.supply_points.all(),
        ),
        lambda known, moment: register(body, known, registration_id, moment=moment, fact=fact, settings=settings()),
        expect_new=True,
    )
    registration = outcome.change.state.registration
    log(
        Event.CHANGE_STORED,
        registration_id=registration_id,
        kind=outcome.change.kind,
        version=outcome.change.version,
        replayed=outcome.replayed,
    )
    headers = {"Location": f"/v1/registrations/{registration_id}"}
    if outcome.replayed and call.idempotency_key:
        headers["Idempotent-Replayed"] = "true"
    return registration_answer(registration, call.caller, 201, headers)


main = api.function()
