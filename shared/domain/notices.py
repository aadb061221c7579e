"""Notices: the warnings of a registration, about its supply points, its needs and its dates."""

from datetime import date

from shared.domain.aspects import Profile, Statement
from shared.domain.campaigns import Campaign, CampaignState, Work
from shared.domain.registration import Facts, Notice, Registration
from shared.domain.supply_points import SupplyPoints

#: Warning: a date to act on has come.
DATE_PASSED = "date_passed"
#: Warning: needs whose last day was over when the old platform's record came were left out. Also an error's code.
LAPSED = "need_already_ended"
#: Warning: the account states a supply point as its own, and another registration has not released it yet.
WAITING = "supply_point_waiting"
#: Warning: too many attempts in a row to contact the customer about work that is due reached nobody.
NOBODY_REACHED = "nobody_reached"
NEEDS_LEFT_OUT = Notice(pointer="/needs", code=LAPSED)
_WAITING_FOR_RELEASE = Notice(pointer="/supply_points", code=WAITING)


def warned(registration: Registration, facts: Facts, notices: list[Notice]) -> Registration:
    """A registration whose warnings are those of its supply points and of its campaigns, and `notices`."""
    waits = registration.status.live and any(point.waiting for point in facts.points.values())
    warnings = [
        *_of_supply_points(registration.supply_points),
        *([_WAITING_FOR_RELEASE] if waits else []),
        *notices,
        *_of_campaigns(registration),
    ]
    return registration.model_copy(update={"warnings": warnings})


def with_warnings_of_today(registration: Registration) -> Registration:
    """A registration with the warnings that its supply points have by today's tables."""
    others = [notice for notice in registration.warnings if not notice.pointer.startswith("/supply_points/")]
    warnings = [*_of_supply_points(registration.supply_points), *others]
    return registration.model_copy(update={"warnings": warnings})


def notices_of_due_dates(registration: Registration, day: date) -> list[Notice]:
    """The dates of a registration that somebody should act on by now."""
    dates = {"review_due_on": registration.review_due_on, "follow_up_on": registration.follow_up_on}
    return [Notice(pointer=f"/{name}", code=DATE_PASSED) for name, due in dates.items() if due and due <= day]


def notices_after(
    statement: Statement, profile: Profile | None, before: Registration, after: Registration
) -> list[Notice]:
    """The notices about needs and dates after a statement; `profile` is None if the statement's does not win."""
    return [*_notice_of_needs_left_out(statement, profile, before, after), *_dates_still_noted(before, after)]


def notices_of_needs(registration: Registration) -> list[Notice]:
    """The notices about needs."""
    return [notice for notice in registration.warnings if notice.code == LAPSED]


def notices_of_needs_and_dates(registration: Registration) -> list[Notice]:
    """The notices about needs and dates."""
    return [notice for notice in registration.warnings if notice.code in (DATE_PASSED, LAPSED)]


def _notice_of_needs_left_out(
    statement: Statement, profile: Profile | None, before: Registration, after: Registration
) -> list[Notice]:
    """That needs were left out stays noted until a statement has other needs, or confirms these."""
    if profile and profile.lapsed:
        return [NEEDS_LEFT_OUT]
    stays = after.status.live and after.needs == before.needs and not statement.confirmed
    return notices_of_needs(before) if stays else []


def _dates_still_noted(before: Registration, after: Registration) -> list[Notice]:
    """A date that was noted as due stays noted until it is moved."""
    unmoved = {
        "/review_due_on": after.review_due_on == before.review_due_on,
        "/follow_up_on": after.follow_up_on == before.follow_up_on,
    }
    noted = [notice for notice in before.warnings if notice.code == DATE_PASSED]
    return [notice for notice in noted if after.status.live and unmoved[notice.pointer]]


def due_date_of(work: Work, registration: Registration) -> date | None:
    """When a kind of work is due next; None if it is not, as of a registration that is not live."""
    if not registration.status.live:
        return None
    if work is Work.NEED_ENDING:
        return min((need.ends_on for need in registration.needs if need.ends_on), default=None)
    return registration.review_due_on if work is Work.REVIEW else registration.follow_up_on


def unsettled_date_of(work: Work, registration: Registration) -> date | None:
    """When a kind of work is due next for somebody to do: not the end of a need that the customer has confirmed."""
    if work is not Work.NEED_ENDING or not registration.status.live:
        return due_date_of(work, registration)
    settled = {one.due_on for one in registration.campaigns if (one.work, one.state) == (work, CampaignState.SETTLED)}
    ends = {need.ends_on for need in registration.needs if need.ends_on}
    return min(ends - settled, default=None)


def campaign_of(work: Work, registration: Registration) -> Campaign | None:
    """The campaign about the date on which somebody has this kind of work to do; None if there is none."""
    due_on = unsettled_date_of(work, registration)
    return next((one for one in registration.campaigns if (one.work, one.due_on) == (work, due_on)), None)


def _of_campaigns(registration: Registration) -> list[Notice]:
    return [
        Notice(pointer=f"/campaigns/{index}", code=NOBODY_REACHED)
        for index, one in enumerate(registration.campaigns)
        if one.state is CampaignState.ESCALATED and one.due_on == unsettled_date_of(one.work, registration)
    ]


def _of_supply_points(points: SupplyPoints) -> list[Notice]:
    places = [
        *((f"/supply_points/mpans/{index}", mpan.warning) for index, mpan in enumerate(points.mpans)),
        *((f"/supply_points/mprns/{index}", mprn.warning) for index, mprn in enumerate(points.mprns)),
    ]
    return [Notice(pointer=pointer, code=code) for pointer, code in places if code]
