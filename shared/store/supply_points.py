"""The documents of a supply point: its claim (`supply_points/<keyed id>`), and the feed entries of its networks.

The writes are made here and committed together with the registration that they belong to.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import Field

from shared.domain.feed import FeedEntry, Networks, effects_of_release, size_of
from shared.domain.networks import NetworkState, taken_over
from shared.domain.recipients import recipients
from shared.domain.registration import Fact, Registration, RegistrationId, RegistrationState
from shared.model import Model
from shared.store.documents import Collection, Documents, Key, Stored
from shared.store.identity import Identity
from shared.store.values import Value

#: Feed documents are deleted this long after their day.
_FEED_KEPT = timedelta(days=90)


class Claim(Model):
    """Which registration holds a supply point.

    A released claim stays until someone takes it over: with what each network had of it, the day of its release, who
    released it, the newest `fact` by which that registration held it, and the newest by which it had a `loss` of it,
    both without the event's id, which is a producer's text.
    It has the supply point's key only while a recipient still has something that cannot be deleted there, since its row
    is missing from the table.
    """

    registration_id: RegistrationId | None
    released_on: date | None = None
    released_by: RegistrationId | None = None
    fact: Fact | None = None
    loss: Fact | None = None
    supply_point: str | None = None
    networks: dict[str, NetworkState] = Field(default_factory=dict)


class SupplyPointWrites:
    """Writes of claims and of the export feed."""

    def __init__(self, documents: Documents, identity: Identity) -> None:
        self._documents = documents
        self._identity = identity

    def claim_key(self, point: str) -> Key:
        """Where the claim of a supply point is, by the supply point's key."""
        return Key(Collection.SUPPLY_POINTS, self._identity.supply_point_id(point))

    def taken(self, points: Iterable[str], registration_id: RegistrationId, versions: Mapping[str, Any]) -> list[Any]:
        """Claims that a registration takes, under the versions read of those that somebody has held before."""
        claim = Claim(registration_id=registration_id)
        return [self.claim(point, claim, versions.get(point)) for point in points]

    def released(
        self, released: Networks, holder: RegistrationState, day: date, losses: Mapping[str, Fact]
    ) -> list[Any]:
        """Claims that their holder releases on `day`, some since it has lost them. `holder` is its state before.

        A held claim changes only together with its registration, whose version this commit checks.
        """
        claims = {
            point: Claim(
                registration_id=None,
                released_on=day,
                released_by=holder.registration.registration_id,
                fact=_nameless(holder.facts.points[point]),
                loss=_nameless(losses[point]) if point in losses else None,
                supply_point=kept_key(point, networks),
                networks=networks,
            )
            for point, networks in released.items()
        }
        return [self._documents.put(self.claim_key(point), _fields(claim)) for point, claim in claims.items()]

    def stated(
        self, point: str, claim: Claim, version: Any, holder: Registration, fact: Fact, day: date, *, served: bool
    ) -> list[Any]:
        """The writes after `holder`, which released a supply point earlier on `day`, states that it had or lost it.

        A loss that is newer than the fact by which it was held takes back the delete that the release has left for the
        day's file; what is newer than the loss puts it there again.
        """
        name = "fact" if served else "loss"
        if claim.released_on != day or not fact.newer_than(getattr(claim, name)):
            return []
        after = claim.model_copy(update={name: _nameless(fact)})
        lost = after.loss is not None and after.loss.newer_than(after.fact)
        networks, entries = effects_of_release(point, claim.networks, day, holder, lost=lost)
        after = after.model_copy(update={"networks": networks, "supply_point": kept_key(point, networks)})
        return [self.claim(point, after, version), *(self.feed(entry) for entry in entries)]

    def taken_over(self, claim: Claim, holder: RegistrationId) -> dict[str, NetworkState]:
        """Each network's view of a supply point that `holder` takes."""
        return {name: taken_over(view, claim.released_by, holder) for name, view in claim.networks.items()}

    def claim(self, point: str, claim: Claim, version: Any) -> Any:
        """A claim, new if there is no version to expect."""
        if version is None:
            return self._documents.create(self.claim_key(point), _fields(claim))
        return self._documents.replace(self.claim_key(point), _fields(claim), version)

    def feed(self, entry: FeedEntry) -> Any:
        """A feed entry. It replaces the day's earlier ones, also those of another holder."""
        key = self.claim_key(entry.supply_point)
        document_id = f"{key.document_id}-{entry.recipient}-{entry.day}"
        return self._documents.put(Key(Collection.EXPORT_FEED, document_id), feed_fields(entry))


def kept_key(point: str, networks: Mapping[str, NetworkState]) -> str | None:
    """The key that a released claim keeps: for deletes that wait until the recipient's row is back in the table."""
    waits = any(view.wants and name not in recipients() for name, view in networks.items())
    return point if waits else None


def claim_of(stored: Stored | None) -> Claim | None:
    """A claim as read."""
    return Claim.model_validate_json(stored.state) if stored else None


def _nameless(fact: Fact) -> Fact:
    return Fact(time=fact.time, source=fact.source, id="")


def feed_fields(entry: FeedEntry) -> dict[str, Value]:
    """The fields of a stored feed entry."""
    state = entry.model_dump_json()
    return {
        "file": entry.file,
        "registration_id": entry.registration_id,
        "size": size_of(entry, state),
        "expires_at": datetime.combine(entry.day + _FEED_KEPT, time(), UTC),
        "state": state,
    }


def _fields(claim: Claim) -> dict[str, Value]:
    return {"registration_id": claim.registration_id, "state": claim.model_dump_json()}
