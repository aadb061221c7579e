"""Whether this machine's clock agrees with Firestore's."""

from datetime import datetime, timedelta

from shared.clock import machine_time
from shared.errors import ClockOutOfStep

#: A clock that differs from Firestore's by more than this is not used.
CLOCK_TOLERANCE = timedelta(seconds=60)
#: How long a comparison of the clocks is valid.
CLOCK_COMPARISON_LASTS = timedelta(minutes=5)


class ClockComparison:
    """The last comparison of the clocks. The server's time is between request and answer if the clocks agree."""

    def __init__(self) -> None:
        self._compared_at: datetime | None = None
        self._difference = timedelta()

    @property
    def made(self) -> bool:
        """Whether the clocks have been compared: whether Firestore has answered."""
        return self._compared_at is not None

    @property
    def old(self) -> bool:
        """Whether the clocks must be compared again."""
        return self._compared_at is None or abs(machine_time() - self._compared_at) > CLOCK_COMPARISON_LASTS

    def compare(self, requested_at: datetime, server_time: datetime) -> None:
        """Compare with the server's time of an answer that has just come."""
        answered_at = machine_time()
        self._difference = max(requested_at - server_time, server_time - answered_at, timedelta())
        self._compared_at = answered_at

    def check(self) -> None:
        """Raises `ClockOutOfStep` if the clocks differ too much; the next check compares them again."""
        if self._difference > CLOCK_TOLERANCE:
            self._compared_at = None
            raise ClockOutOfStep(retry_after=60)
