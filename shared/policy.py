"""What a supplier decides about its register: the settings that the rules depend on."""

from pydantic import Field

from shared.model import Model


class Policy(Model, strict=False):
    """The choices that the law and the industry leave to the supplier."""

    delete_on_supply_lost: bool = Field(
        False, description="Tell networks to delete supply points that another supplier now serves"
    )
    young_child_until_birthday: int = Field(6, ge=5, le=6, description="Code 29 ends on this birthday (5th or 6th)")
    follow_up_days: int = Field(14, ge=1, description="Days until a pending registration is followed up")
    ended_kept_days: int = Field(730, ge=1, description="Days after which an ended registration is erased")
    review_months: int = Field(24, ge=1, description="Months between reviews of a registration")
    review_months_medically_dependent: int = Field(
        12, ge=1, description="Months between reviews where somebody depends on electricity medically"
    )
