"""Work lists of an agents' desk: registrations with a review, an ending need or a follow-up that is due."""

from datetime import date

from pydantic import Field

from shared.domain.campaigns import Campaign, CampaignState, Work
from shared.domain.contacts import AlternateContact, Contact
from shared.domain.needs import Need
from shared.domain.notices import campaign_of, unsettled_date_of
from shared.domain.registration import AccountId, Registration, RegistrationId, Status
from shared.domain.services import CommunicationFormat
from shared.model import Model


class DueWorkQuery(Model):
    """The work to list: what is due by a day, without work whose next attempt is later.

    Work that is escalated is in a list of its own, which `escalated` asks for.
    """

    work: Work
    until: date = Field(examples=["2026-11-30"])
    escalated: bool = False
    page_size: int = Field(50, ge=1, le=100)
    page_token: str | None = Field(None, max_length=500)


class WorkItem(Model):
    """One registration to work on. `campaign` has the attempts so far; None if there was none about `due_on`."""

    registration_id: RegistrationId
    account_id: AccountId
    status: Status
    work: Work
    due_on: date
    contact: Contact
    alternate_contact: AlternateContact | None
    communication_format: CommunicationFormat
    language: str
    needs: list[Need]
    campaign: Campaign | None


class WorkPage(Model):
    """Work that is due. A page with a token is not the last, even if it is short or empty."""

    items: list[WorkItem]
    next_page_token: str | None


def work_item(query: DueWorkQuery, registration: Registration) -> WorkItem | None:
    """A registration as an item of a work list; None if it is not on that list."""
    due_on = unsettled_date_of(query.work, registration)
    campaign = campaign_of(query.work, registration)
    if due_on is None or due_on > query.until or not _is_listed(query, campaign):
        return None
    return WorkItem(
        registration_id=registration.registration_id,
        account_id=registration.account_id,
        status=registration.status,
        work=query.work,
        due_on=due_on,
        contact=registration.primary_contact,
        alternate_contact=registration.alternate_contact,
        communication_format=registration.services.communication_format,
        language=registration.services.language,
        needs=registration.needs,
        campaign=campaign,
    )


def _is_listed(query: DueWorkQuery, campaign: Campaign | None) -> bool:
    """Whether a list has work with this campaign. A confirmed review that is still due was asked for again later."""
    if campaign is None:
        return not query.escalated
    if campaign.state is CampaignState.SETTLED:
        return query.work is Work.REVIEW and not query.escalated
    is_escalated = campaign.state is CampaignState.ESCALATED
    is_later = campaign.next_attempt_on is not None and campaign.next_attempt_on > query.until
    return is_escalated == query.escalated and not is_later
