"""A registration, of which a test changes the fields that it needs."""

import json
from typing import Any

from shared.domain.registration import Registration

REGISTRATION = {
    "registration_id": "r",
    "account_id": "A-1",
    "status": "active",
    "version": 1,
    "supply_points": {"mpans": ["2200999000017"], "mprns": []},
    "premises": {"address_lines": ["1 Test Street"], "postcode": "BS1 4DJ"},
    "primary_contact": {"name": "Mrs A Example"},
    "alternate_contact": None,
    "needs": [{"code": "02", "starts_on": "2026-11-01"}, {"code": "37", "starts_on": "2026-11-01"}],
    "sharing": {"basis": "explicit_consent", "recorded_on": "2026-11-01", "evidence": "call 1"},
    "services": {},
    "created_at": "2026-11-23T09:00:00Z",
    "updated_at": "2026-11-23T09:00:00Z",
    "review_due_on": "2027-11-23",
    "follow_up_on": None,
    "warnings": [],
}


def registration(**changes: Any) -> Registration:
    return Registration.model_validate_json(json.dumps(REGISTRATION | changes))
