"""The supplier's policy: the settings that the rules depend on."""

from pydantic import Field

from shared.model import Model

#: The number of contact attempts of each kind of work that a registration keeps: the newest.
MOST_ATTEMPTS = 10


class Policy(Model, strict=False):
    """Choices that the law and the industry leave to the supplier."""

    delete_on_supply_lost: bool = Field(
        False, description="Whether networks are asked to delete supply points that another supplier now serves"
    )
    young_child_until_birthday: int = Field(6, ge=5, le=6, description="Birthday on which code 29 ends (5 or 6)")
    follow_up_days: int = Field(14, ge=1, description="Days until the follow-up of a pending registration is due")
    referral_follow_up_days: int = Field(7, ge=1, description="Days until the follow-up of a referral is due")
    referral_days: int = Field(
        90, ge=1, description="Days that a referral can be confirmed; after them the registration is erased"
    )
    ended_kept_days: int = Field(730, ge=1, description="Days until an ended registration is erased")
    review_months: int = Field(24, ge=1, description="Months between reviews of a registration")
    review_months_medically_dependent: int = Field(
        12, ge=1, description="Months between reviews for customers who depend on electricity medically"
    )
    attempt_days: int = Field(7, ge=1, description="Days until the next attempt to contact a customer")
    attempts_until_escalation: int = Field(
        3, ge=1, le=MOST_ATTEMPTS, description="Attempts in a row that reach nobody until a person decides (at most 10)"
    )
