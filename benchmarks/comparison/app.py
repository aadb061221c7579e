"""The comparison: the same register, lookup and consumer as most teams would write them, with FastAPI and firedantic.

It keeps the same promises where that is usual: one registration for an account, one for a supply point, a history, the
export's feed, the same answer to a repeat under the same Idempotency-Key, and a check of tokens. Documents that are
written together are written in a transaction. Started by uvicorn, with its fast loop and parser.
"""

import base64
import json
import os
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import firedantic
import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from google.cloud.firestore import AsyncClient, async_transactional
from pydantic import BaseModel, Field


class Contact(BaseModel):
    """A person to call."""

    name: str = Field(min_length=1, max_length=66)
    phones: list[str] = Field(min_length=1, max_length=4)
    relationship: str | None = None
    address: dict[str, Any] | None = None


class Need(BaseModel):
    """A need of a person."""

    code: str = Field(pattern=r"^\d\d$")
    ends_on: str | None = None
    youngest_child_born_on: str | None = None
    note: str | None = None


class RegistrationInput(BaseModel):
    """The registration that a caller submits."""

    account_id: str = Field(min_length=1, max_length=40)
    status: str = "active"
    supply_points: dict[str, list[str]]
    premises: dict[str, Any]
    primary_contact: Contact
    alternate_contact: Contact | None = None
    needs: list[Need]
    sharing: dict[str, Any]
    services: dict[str, Any] = {}


class Registration(firedantic.AsyncModel, RegistrationInput):
    """As stored: a document with a nested map."""

    __collection__ = "comparison_registrations"
    version: int = 1
    created_at: datetime
    updated_at: datetime


class SupplyPoint(firedantic.AsyncModel):
    """The registration that a supply point is assigned to."""

    __collection__ = "comparison_supply_points"
    registration_id: str


class HistoryEntry(firedantic.AsyncModel):
    """One version, and the request that made it."""

    __collection__ = "comparison_history"
    registration_id: str
    actor: str
    registration: RegistrationInput


class FeedEntry(firedantic.AsyncModel):
    """A statement for the network at the end of the day."""

    __collection__ = "comparison_feed"
    file: str
    registration: RegistrationInput


app = FastAPI()
_keys = jwt.PyJWKClient(os.environ["PSR_TOKEN_JWKS_URI"])


@app.on_event("startup")
async def start() -> None:
    """Configure the models' database."""
    firedantic.configure(AsyncClient(project=os.environ["PSR_PROJECT"]))


def caller(authorization: Annotated[str, Header()]) -> str:
    """The subject of a valid token."""
    token = authorization.removeprefix("Bearer ")
    try:
        key = _keys.get_signing_key_from_jwt(token).key
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=os.environ["PSR_TOKEN_AUDIENCE"],
            issuer=os.environ["PSR_TOKEN_ISSUER"],
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error
    return str(claims["sub"])


def _id(account_id: str) -> str:
    return str(uuid5(NAMESPACE_OID, account_id))


@app.post("/v1/registrations", status_code=201)
async def create(
    submission: RegistrationInput,
    actor: Annotated[str, Depends(caller)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Registration:
    """Register an account."""
    registration_id = _id(submission.account_id)
    now = datetime.now(UTC)
    registration = Registration(id=registration_id, created_at=now, updated_at=now, **submission.model_dump())
    return await _save(registration, actor, f"{registration_id}-{idempotency_key or uuid4()}", only_new=True)


@app.get("/v1/registrations/{registration_id}")
async def get(registration_id: str, _: Annotated[str, Depends(caller)]) -> Registration:
    """Read one registration."""
    try:
        return await Registration.get_by_id(registration_id)
    except firedantic.ModelNotFoundError as error:
        raise HTTPException(404) from error


@app.post("/push", status_code=204)
async def consume(request: Request) -> Response:
    """Take a migrated customer, unless something newer is known: a transaction for each message."""
    message = (await request.json())["message"]
    event = json.loads(base64.b64decode(message["data"]))
    submission = RegistrationInput.model_validate(event["data"])
    registration_id = _id(submission.account_id)
    happened = datetime.fromisoformat(event["time"])
    registration = Registration(id=registration_id, created_at=happened, updated_at=happened, **submission.model_dump())
    await _save(registration, event["source"], f"{registration_id}-{event['id']}", only_new=False)
    return Response(status_code=204)


@async_transactional
async def _write(transaction: Any, registration: Registration, actor: str, history_id: str, *, only_new: bool) -> None:
    known = await _found(Registration, str(registration.id), transaction)
    repeated = await _found(HistoryEntry, history_id, transaction)
    points = [number for numbers in registration.supply_points.values() for number in numbers]
    claims = [await _found(SupplyPoint, number, transaction) for number in points]
    if repeated or (known and not only_new and known.updated_at >= registration.updated_at):
        return
    if (known and only_new) or any(point and point.registration_id != registration.id for point in claims):
        raise HTTPException(409)
    registration.version = known.version + 1 if known else 1
    submission = RegistrationInput.model_validate(registration.model_dump())
    await registration.save(transaction=transaction)
    entry = HistoryEntry(id=history_id, registration_id=str(registration.id), actor=actor, registration=submission)
    await entry.save(transaction=transaction)
    day = datetime.now(UTC).date()
    for number in points:
        await SupplyPoint(id=number, registration_id=str(registration.id)).save(transaction=transaction)
        feed_entry = FeedEntry(id=f"{number}-{day}", file=_file(number, day), registration=submission)
        await feed_entry.save(transaction=transaction)


async def _save(registration: Registration, actor: str, history_id: str, *, only_new: bool) -> Registration:
    await _write(firedantic.get_async_transaction(), registration, actor, history_id, only_new=only_new)
    return registration


async def _found(model: Any, document_id: str, transaction: Any) -> Any:
    try:
        return await model.get_by_id(document_id, transaction=transaction)
    except firedantic.ModelNotFoundError:
        return None


def _file(number: str, day: date) -> str:
    return f"{number[:2]}|{day.isoformat()}"
