"""What can go wrong, one class per meaning. Each knows its status and public code (RFC 9457), never the data.

`disposition` says what becomes of a message that meets the problem.
"""

from enum import StrEnum
from typing import ClassVar, NamedTuple


class FieldError(NamedTuple):
    """One thing wrong with one field. `pointer` is a JSON Pointer (RFC 6901); `detail` never holds the value."""

    pointer: str
    code: str
    detail: str


class Disposition(StrEnum):
    """What becomes of a message: kept for a person, kept to be tried again later, given back to Pub/Sub, not kept."""

    FAILED = "failed"
    PARKED = "parked"
    RETRIED = "retried"
    DROPPED = "dropped"


class Problem(Exception):
    """A request cannot be answered as asked. Subclasses are the catalogue of problem types.

    `retry_after` is in seconds; `headers` are those that HTTP prescribes for the status.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    detail: ClassVar[str]
    disposition: ClassVar[Disposition] = Disposition.FAILED

    def __init__(
        self,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(self.code)
        self.errors = errors
        self.headers = headers or {}
        self.retry_after = retry_after


class MalformedJson(Problem):
    """The body is not JSON (RFC 8259: no NaN, no infinities), or not UTF-8."""

    code, status, title = "malformed-json", 400, "The body is not JSON"
    detail = "Send one JSON value in UTF-8; NaN and infinities are not JSON."


class MalformedHeader(Problem):
    """A request header does not have its form."""

    code, status, title = "malformed-header", 400, "A request header is not valid"
    detail = "See errors for the header's name and form."


class MalformedParameter(Problem):
    """A query parameter is unknown, or does not have its form."""

    code, status, title = "malformed-parameter", 400, "A query parameter is not valid"
    detail = "See errors for the parameter's name and form."


class Unauthenticated(Problem):
    """No access token, or one that is not valid (any reason: expired, wrong issuer, audience, signature)."""

    code, status, title = "unauthenticated", 401, "A valid access token is needed"
    detail = "Send a current access token of this service's issuer in the Authorization header."


class InsufficientScope(Problem):
    """The access token lacks the scope of this route."""

    code, status, title = "insufficient-scope", 403, "The access token lacks the scope of this route"
    detail = "Ask the issuer for a token with the scope that WWW-Authenticate names."


class OriginRefused(Problem):
    """A browser asks on behalf of a page whose origin is not on the list."""

    code, status, title = "origin-refused", 403, "Pages of this origin may not call the service"
    detail = "Ask the operators to add the page's origin to the list; other origins go through their own back end."


class NotFound(Problem):
    """There is no such thing, or the caller may not know of it: both answers are the same."""

    code, status, title = "not-found", 404, "Not found"
    detail = "There is nothing here that this caller may see."


class MethodNotAllowed(Problem):
    """The path exists, the method does not."""

    code, status, title = "method-not-allowed", 405, "Method not allowed"
    detail = "The Allow header names the methods of this path."


class AlreadyRegistered(Problem):
    """The account has a live registration."""

    code, status, title = "already-registered", 409, "The account is already registered"
    detail = "Amend the existing registration instead."


class NotLive(Problem):
    """The registration is withdrawn or ended: there is nothing to change. Registering the account takes it up again."""

    code, status, title = "not-live", 409, "The registration is withdrawn or ended"
    detail = "Register the account again instead."


class SupplyPointHeld(Problem):
    """Another live registration holds one of the supply points. A message can succeed later, once it is released."""

    code, status, title = "supply-point-held", 409, "A supply point belongs to another registration"
    disposition = Disposition.PARKED
    detail = "Check the MPANs and MPRNs; the other registration must release the supply point first."


class RegistrationErased(Problem):
    """The person's data was erased, at their request or because its retention was over."""

    code, status, title = "erased", 410, "The data was erased"
    disposition = Disposition.DROPPED
    detail = "Nothing is left of it. If the account needs the register again, register it again, with a new key."


class VersionStale(Problem):
    """The registration has changed since the version that If-Match names."""

    code, status, title = "version-stale", 412, "The registration has changed meanwhile"
    detail = "Read it again, see whether your change still makes sense, and send it with the new ETag."


class PayloadTooLarge(Problem):
    """The body is larger than the limit."""

    code, status, title = "payload-too-large", 413, "The body is too large"
    detail = "The limit is 256 KiB."


class UnsupportedMediaType(Problem):
    """The Content-Type is not the one that this route takes."""

    code, status, title = "unsupported-media-type", 415, "Unsupported content type"
    detail = "See the Accept header (or Accept-Patch) of this answer."


class InvalidContent(Problem):
    """Well-formed JSON that breaks a rule; `errors` has one entry per field."""

    code, status, title = "invalid-content", 422, "The content is not valid"
    detail = "See errors: one entry per field."


class VersionNeeded(Problem):
    """A change came without If-Match, or with one that matches anything."""

    code, status, title = "version-needed", 428, "If-Match is needed"
    detail = "Read the registration first, and send its ETag in If-Match, so that no one else's change is lost."


class IdempotencyKeyReused(Problem):
    """The same key came with another request; for a message, the same source and id with another body."""

    code, status, title = "idempotency-key-reused", 422, "The idempotency key was used for another request"
    detail = "Use a new key for a new request."


class InternalError(Problem):
    """A defect of this service. The log has the trace id."""

    code, status, title, disposition = "internal-error", 500, "Internal error", Disposition.RETRIED
    detail = "The fault is ours and has been logged; try again, and quote the trace id if it stays."


class Unavailable(Problem):
    """A dependency does not answer, or the attempt kept meeting others. Nothing is known to be stored."""

    code, status, title, disposition = "unavailable", 503, "Temporarily unavailable", Disposition.RETRIED
    detail = "Try again after the time in Retry-After, with the same Idempotency-Key."


class ClockOutOfStep(Problem):
    """The instance's clock and Firestore's differ too much, or a stored day lies in the future: it will not write."""

    code, status, title, disposition = "clock-out-of-step", 503, "Temporarily unavailable", Disposition.RETRIED
    detail = "Try again after the time in Retry-After."


class MessageRefused(Problem):
    """What only messages meet; no HTTP answer shows these."""

    status = 422


class RegistrationUnknown(MessageRefused):
    """The event speaks of an account that the register does not know yet."""

    code, title, disposition = "registration-unknown", "The account is not registered", Disposition.PARKED
    detail = "The event is tried again until the account's registration has come."


class GivenUp(MessageRefused):
    """Every attempt failed, and Pub/Sub gave the message up. The consumer's log says why."""

    code, title = "given-up", "Every attempt to apply the message failed"
    detail = "Look for the consumer's errors at the time, mend the cause, and replay the message."


class UnknownEventType(MessageRefused):
    """The consumer of this topic has no rule for the event's type."""

    code, title = "unknown-event-type", "The event type is not known here"
    detail = "Check the topic and the type; see the published event schemas."


class UnreadableMessage(MessageRefused):
    """The message's data is not Base64, which Pub/Sub always sends: somebody else called."""

    code, title = "unreadable-message", "The message's data cannot be read"
    detail = "Publish through Pub/Sub."


class EventFromTheFuture(MessageRefused):
    """The fact's time lies ahead of the clock: it would win over every later one."""

    code, title = "event-from-the-future", "The event's time lies in the future"
    detail = "Check the producer's clock, and publish the event again with its true time."
