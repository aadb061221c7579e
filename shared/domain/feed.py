"""The export feed: the content of each network's file of a day, decided when a registration changes."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from shared.domain.contacts import Address, AlternateContact, Contact
from shared.domain.needs import NeedCode
from shared.domain.networks import NetworkState, Send, after_change, after_supply_lost, to_send
from shared.domain.recipients import UNROUTABLE, Withheld, allowed_needs, recipients, recipients_of, why_withheld
from shared.domain.registration import Registration, RegistrationId
from shared.domain.sharing import Article6Basis, Article9Condition, Ground
from shared.domain.supply_points import supply_point_of
from shared.domain.text import LINE_LENGTH, NAME_LENGTH, NOTE_LENGTH
from shared.model import Model

#: Each network's view of each supply point, by supply point key and recipient id.
Networks = dict[str, dict[str, NetworkState]]


class SharedNeed(Model):
    """A need as a recipient gets it."""

    code: NeedCode
    ends_on: date | None
    note: str | None


class SharedState(Model):
    """The data about a supply point that a recipient gets, and the ground on which it is shared."""

    basis: Article9Condition
    article_6_basis: Article6Basis = Article6Basis.NOT_RECORDED
    primary_contact: Contact
    alternate_contact: AlternateContact | None
    premises: Address
    needs: list[SharedNeed]

    @property
    def ground(self) -> Ground:
        """The Article 6 basis and the Article 9 condition."""
        return Ground(self.article_6_basis, self.basis)


class FeedEntry(Model):
    """One supply point in one recipient's file of one day. `withheld` says why there is nothing to set.

    `registration_id` and `version` are of the registration whose change made the entry: an erasure or an access request
    finds the entry by them, even if the tables have changed. `registration_id` is None once the entry is erased.
    """

    supply_point: str
    recipient: str
    day: date
    send: Send
    withheld: Withheld | None = None
    state: SharedState | None = None
    registration_id: RegistrationId | None
    version: int

    @property
    def file(self) -> str:
        """The file that this entry is part of: an indexed field of the feed."""
        return feed_file(self.recipient, self.day)


class Effects(NamedTuple):
    """A change's effects on the networks: views `retained` by the registration, views `released` to claims, entries."""

    retained: Networks
    released: Networks
    entries: list[FeedEntry]


def size_of(entry: FeedEntry, text: str) -> int:
    """How many bytes an entry's lines have at most, in a file of any format; `text` is its JSON.

    JSON names its fields, so it is longer than the lines. Only text can grow beyond it: romanised, up to its longest
    (an emoji of 4 bytes becomes 25 letters), or with each `|` doubled.
    """
    if text.isascii() and "|" not in text:
        return len(text)
    texts = _texts(entry.state) if entry.state else ()
    return len(text.encode()) + sum(longest for one, longest in texts if not one.isascii() or "|" in one)


def _texts(state: SharedState) -> Iterator[tuple[str, int]]:
    """Each text that a person wrote, with the length that a file cuts it to."""
    yield state.primary_contact.name, NAME_LENGTH
    if state.alternate_contact:
        yield state.alternate_contact.name, NAME_LENGTH
    for address in filter(None, (state.premises, state.primary_contact.address)):
        for line in address.address_lines:
            yield line, LINE_LENGTH
    for need in state.needs:
        yield need.note or "", NOTE_LENGTH


def feed_file(recipient: str, day: date) -> str:
    """`EELC|2026-11-23`."""
    return f"{recipient}|{day.isoformat()}"


def effects_of(
    after: Registration, known: Mapping[str, Mapping[str, NetworkState]], day: date, lost: Iterable[str] = ()
) -> Effects:
    """The effects of a change to `after` on `day`.

    `known` has every supply point that the registration had before, and those that it takes over from others, with
    each network's view of it. `lost` are keys of supply points that another supplier now serves. The view of a
    recipient that the table lacks now is kept: nothing is sent to it until its row is back, but an entry of today that
    it should not get any more is taken back.
    """
    retained: Networks = {}
    released: Networks = {}
    entries: list[FeedEntry] = []
    assigned = after.assigned()
    for key in sorted({*known, *assigned}):
        views: dict[str, NetworkState] = {}
        routed = {recipient.recipient_id for recipient in recipients_of(supply_point_of(key), after.premises.postcode)}
        for recipient_id in sorted({*routed, *known.get(key, {})}):
            previous = known.get(key, {}).get(recipient_id)
            point = _Point(key, assigned=key in assigned, lost=key in lost, routed=recipient_id in routed)
            view, entry = _effect_on(recipient_id, point, previous, after, day)
            if view:
                views[recipient_id] = view
            if entry:
                entries.append(entry)
        (retained if key in assigned else released)[key] = views
    return Effects(retained, released, entries)


class _Point(NamedTuple):
    """A supply point after a change: whether the registration has it, another supplier, and this recipient's area."""

    key: str
    assigned: bool
    lost: bool
    routed: bool


def _effect_on(
    recipient_id: str, point: _Point, previous: NetworkState | None, after: Registration, day: date
) -> tuple[NetworkState | None, FeedEntry | None]:
    """A recipient's view of a supply point after a change, and its entry; None if there is none."""
    withheld = _why_withheld(recipient_id, point, after)
    has_entry = previous is not None and previous.day == day
    if recipient_id == UNROUTABLE and not point.routed:  # no network has ever had this
        nothing = after_change(None, day, wants=False)
        return None, _entry(after, point.key, recipient_id, nothing, withheld) if has_entry else None
    in_table = recipient_id in recipients()
    takes_back = has_entry and not point.assigned
    if previous and not (in_table or point.lost or takes_back):
        return previous, None
    if withheld is Withheld.SUPPLY_LOST:
        view = after_supply_lost(previous, day)
    else:
        view = after_change(previous, day, wants=withheld is None)
    return view, _entry(after, point.key, recipient_id, view, withheld) if in_table or has_entry else None


def effects_of_release(
    key: str, known: Mapping[str, NetworkState], day: date, holder: Registration, *, lost: bool
) -> tuple[dict[str, NetworkState], list[FeedEntry]]:
    """Each network's view of a supply point that was released on `day`, and the entries: by whether `holder` lost it.

    The view of a recipient without a row in the table is kept unless the supply point is lost; an entry of the day is
    replaced in any case.
    """
    withheld = Withheld.SUPPLY_LOST if lost else Withheld.RELEASED
    views = {
        name: after_supply_lost(view, day) if lost else after_change(view, day, wants=False)
        for name, view in known.items()
        if name in recipients() or lost or view.day == day
    }
    entries = [
        FeedEntry(
            supply_point=key,
            recipient=name,
            day=day,
            registration_id=holder.registration_id,
            version=holder.version,
            send=to_send(view),
            withheld=withheld,
        )
        for name, view in views.items()
        if name in recipients() or known[name].day == day
    ]
    return {**known, **views}, entries


def _why_withheld(recipient_id: str, point: _Point, after: Registration) -> Withheld | None:
    if point.lost:
        return Withheld.SUPPLY_LOST
    if not point.assigned:
        return Withheld.RELEASED
    if not point.routed:
        return Withheld.NOT_ITS_AREA
    return why_withheld(after, recipients()[recipient_id])


def _entry(
    after: Registration, key: str, recipient_id: str, view: NetworkState, withheld: Withheld | None
) -> FeedEntry:
    send = to_send(view)
    return FeedEntry(
        supply_point=key,
        recipient=recipient_id,
        day=view.day,
        send=send,
        withheld=withheld,
        state=shared_state(after, recipient_id) if send is Send.SET else None,
        registration_id=after.registration_id,
        version=after.version,
    )


def shared_state(after: Registration, recipient_id: str) -> SharedState:
    """The data of a registration that a recipient gets."""
    return SharedState(
        basis=after.sharing.effective_basis,
        article_6_basis=after.sharing.article_6_basis,
        primary_contact=after.primary_contact,
        alternate_contact=after.alternate_contact,
        premises=after.premises,
        needs=[
            SharedNeed(code=need.code, ends_on=need.ends_on, note=need.note)
            for need in allowed_needs(after, recipients()[recipient_id])
        ],
    )
