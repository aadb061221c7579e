"""Check the records of a source file as the consumer does for accounts that are not registered. Publishes nothing."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ops.migration.records import LARGEST_BYTES, Record, records
from ops.migration.work_list import TOO_LARGE, Outcome
from shared.clock import Clock, london_day
from shared.domain.decision import Moment
from shared.domain.delivery import Delivery
from shared.domain.migration import migrate
from shared.domain.registration import RegistrationId
from shared.errors import InvalidContent, Problem
from shared.messages.events import CustomerMigrated, read_event
from shared.messages.legacy import translated
from shared.policy import Policy

_ACCEPTED = Outcome("accepted")
_NOBODY = RegistrationId("none")
_SHOWN_EVERY = 1000


class Rules:
    """The policy and the clock that a file is checked by."""

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock

    def check_file(
        self, file: Path, source: str, each: Callable[[Record, Outcome], None], progress: Callable[[int], None]
    ) -> Counter[str]:
        """Count the records by outcome; `each` gets every one, `progress` their number so far."""
        outcomes: Counter[str] = Counter()
        for record in records(file, source):
            outcome = self.outcome(record.data)
            outcomes[outcome.name] += 1
            each(record, outcome)
            if record.number % _SHOWN_EVERY == 0:
                progress(record.number)
        return outcomes

    def outcome(self, data: bytes) -> Outcome:
        """The outcome of an event."""
        if len(data) > LARGEST_BYTES:
            return TOO_LARGE
        try:
            self._apply(data)
        except Problem as problem:
            return Outcome.failure("refused", problem.code, problem.errors)
        return _ACCEPTED

    def _apply(self, data: bytes) -> None:
        """Raises `Problem`."""
        now = self._clock.now()
        delivery = Delivery("", "", "", now, {}, translated(data), 1)
        event = read_event(delivery, self._clock, CustomerMigrated)
        moment = Moment(now, london_day(now))
        try:
            migrate(event.data, None, _NOBODY, moment=moment, fact=event.fact, policy=self._policy)
        except InvalidContent as invalid:
            raise InvalidContent(tuple(e._replace(pointer=f"/data{e.pointer}") for e in invalid.errors)) from None
