"""The problems that a caller or a message can meet, one class per meaning.

Each class has its HTTP status and public code (RFC 9457), and never holds data. `disposition` says how the consumer
handles a message that meets the problem.
"""

from enum import StrEnum
from typing import ClassVar, NamedTuple


class FieldError(NamedTuple):
    """One thing wrong with one field. `pointer` is a JSON Pointer (RFC 6901); `detail` never holds the value."""

    pointer: str
    code: str
    detail: str


class Disposition(StrEnum):
    """How a consumer handles a message that it cannot apply.

    `failed`: quarantined, and waits for a person. `parked`: quarantined, and retried later. `retried`: returned to
    Pub/Sub, which delivers it again. `dropped`: not stored.
    """

    FAILED = "failed"
    PARKED = "parked"
    RETRIED = "retried"
    DROPPED = "dropped"


class Problem(Exception):
    """The service cannot do what was asked. Subclasses are the catalogue of problem types.

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
    detail = "Send one JSON value in UTF-8. JSON has no NaN and no infinities."


class MalformedHeader(Problem):
    """A request header does not have the required form."""

    code, status, title = "malformed-header", 400, "A request header is not valid"
    detail = "Correct the header. `errors` names it and gives its form."


class MalformedParameter(Problem):
    """A query parameter is unknown, or does not have the required form."""

    code, status, title = "malformed-parameter", 400, "A query parameter is not valid"
    detail = "Correct the parameter. `errors` names it and gives its form."


class Unauthenticated(Problem):
    """The request has no access token, or one that is not valid: expired, or of another issuer, audience or key."""

    code, status, title = "unauthenticated", 401, "A valid access token is required"
    detail = "Get a new access token from this service's issuer, and send it in the Authorization header."


class InsufficientScope(Problem):
    """The access token lacks the scope that the operation requires."""

    code, status, title = "insufficient-scope", 403, "The access token lacks a scope"
    detail = "Ask the issuer for a token with the scope that the WWW-Authenticate header names."


class OriginRefused(Problem):
    """A browser sent a preflight request for a page whose origin is not on the list of allowed origins."""

    code, status, title = "origin-refused", 403, "Pages of this origin may not call the service"
    detail = "Ask the operators to allow the page's origin, or call the service from your own back end."


class NotFound(Problem):
    """The resource does not exist, or the caller may not see it. The two answers are the same."""

    code, status, title = "not-found", 404, "Not found"
    detail = "The resource does not exist, or this caller may not see it. Check the path and the identifiers."


class MethodNotAllowed(Problem):
    """The path exists, but does not support the method."""

    code, status, title = "method-not-allowed", 405, "Method not allowed"
    detail = "Use one of the methods that the Allow header names."


class AlreadyRegistered(Problem):
    """The account already has a live registration."""

    code, status, title = "already-registered", 409, "The account is already registered"
    detail = "Look up the account's registration, and amend it instead."


class NotLive(Problem):
    """The registration is withdrawn or ended, so it cannot change. Registering the account reactivates it."""

    code, status, title = "not-live", 409, "The registration is withdrawn or ended"
    detail = "Register the account again instead."


class SupplyPointHeld(Problem):
    """Another live registration has one of the supply points. A message is retried until it is released."""

    code, status, title = "supply-point-held", 409, "A supply point belongs to another registration"
    disposition = Disposition.PARKED
    detail = "Check the MPANs and MPRNs. If they are right, the other registration must release the supply point first."


class RegistrationErased(Problem):
    """The person's data was erased, at their request or at the end of its retention period."""

    code, status, title = "erased", 410, "The data was erased"
    disposition = Disposition.DROPPED
    detail = "The data cannot be restored. To put the account on the register again, register it with a new key."


class VersionStale(Problem):
    """The registration has changed since the version that If-Match names."""

    code, status, title = "version-stale", 412, "The registration has changed since you read it"
    detail = "Read the registration again, check that your change still applies, and send it with the new ETag."


class PayloadTooLarge(Problem):
    """The body is larger than the limit."""

    code, status, title = "payload-too-large", 413, "The body is too large"
    detail = "Send a body of at most 256 KiB."


class UnsupportedMediaType(Problem):
    """The operation does not support the request's Content-Type."""

    code, status, title = "unsupported-media-type", 415, "The content type is not supported"
    detail = "Use a content type that the Accept header (for PATCH: Accept-Patch) of this response names."


class InvalidContent(Problem):
    """The body is well-formed JSON, but breaks a rule. `errors` has one entry per field."""

    code, status, title = "invalid-content", 422, "The content is not valid"
    detail = "Correct each field that `errors` lists."


class VersionNeeded(Problem):
    """A change has no If-Match header, or one that matches any version."""

    code, status, title = "version-needed", 428, "The If-Match header is required"
    detail = "Read the registration first, and send its ETag in If-Match. This protects other people's changes."


class IdempotencyKeyReused(Problem):
    """A different request has used the same key; for a message, a different event has the same source and id."""

    code, status, title = "idempotency-key-reused", 422, "The idempotency key was used for another request"
    detail = "Use a new key for each new request."


class InternalError(Problem):
    """The service has a defect. The log has the error under the trace id."""

    code, status, title, disposition = "internal-error", 500, "Internal error", Disposition.RETRIED
    detail = "Retry. If the error persists, report it to the operators with the trace id."


class Unavailable(Problem):
    """A dependency does not respond, or the write kept conflicting with other changes. The outcome is unknown."""

    code, status, title, disposition = "unavailable", 503, "Temporarily unavailable", Disposition.RETRIED
    detail = "Retry after the number of seconds in Retry-After, with the same Idempotency-Key."

    def __init__(self, retry_after: int | None = None, *, dependency: str = "Firestore") -> None:
        super().__init__(retry_after=retry_after)
        #: For operators; callers do not see it.
        self.dependency = dependency


class ClockOutOfStep(Problem):
    """The clocks of the instance and of Firestore differ too much, or a stored day is in the future."""

    code, status, title, disposition = "clock-out-of-step", 503, "Temporarily unavailable", Disposition.RETRIED
    detail = "Retry after the number of seconds in Retry-After."


class MessageRefused(Problem):
    """A problem that only a message can meet; no HTTP response has it."""

    status = 422


class RegistrationUnknown(MessageRefused):
    """The event is about an account that is not on the register yet."""

    code, title, disposition = "registration-unknown", "The account is not registered", Disposition.PARKED
    detail = "Wait, or register the account: the event is retried until the account is registered."


class GivenUp(MessageRefused):
    """Every attempt failed, and Pub/Sub dead-lettered the message. The consumer's log says why."""

    code, title = "given-up", "Every attempt to apply the message failed"
    detail = "Find the consumer's errors at that time in the log, fix the cause, and replay the message."


class UnknownEventType(MessageRefused):
    """The consumer of this topic has no rule for the event's type."""

    code, title = "unknown-event-type", "The event type is not known on this topic"
    detail = "Check the topic and the type against the published event schemas."


class UnreadableMessage(MessageRefused):
    """The message's data is not Base64. Pub/Sub always sends Base64, so another caller sent the request."""

    code, title = "unreadable-message", "The message's data is not Base64"
    detail = "Publish the message through Pub/Sub."


class EventFromTheFuture(MessageRefused):
    """The event's time is in the future, so the event would win over every later one."""

    code, title = "event-from-the-future", "The event's time is in the future"
    detail = "Check the producer's clock, and publish the event again with its true time."


def http_problems() -> list[type[Problem]]:
    """Every problem that HTTP answers, by status."""
    found = [kind for kind in Problem.__subclasses__() if kind.__module__ == __name__ and kind is not MessageRefused]
    return sorted(found, key=lambda kind: (kind.status, kind.code))
