"""Markers: personal data that no other test uses, and a search for it."""

import base64
import itertools
import random
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from tools.synthetic import consent, new_mpan, new_mprn, new_postcode

#: No two people of a test run share a phone number, and no other test has one of these.
_phone_numbers = itertools.count(500, 2)


class MarkedPerson:
    """Personal data of one person that can be found anywhere, also in Base64."""

    def __init__(self) -> None:
        self.mark = f"MARK{secrets.token_hex(3).upper()}"
        self.account_id = f"{self.mark}-1"
        self.mpan, self.mprn = new_mpan(), new_mprn()
        number, day = next(_phone_numbers), random.randrange(3000)
        self.phones = [f"07700900{number}", f"07700 900{number + 1}"]
        self.postcode = new_postcode()
        self.born = str(date(2022, 1, 1) + timedelta(days=day % 1000))
        self.ends = str(date(2091, 1, 1) + timedelta(days=day))
        self.aged_on = str(date(2016, 1, 1) + timedelta(days=day % 1000))
        self.until = str(date(2081, 1, 1) + timedelta(days=day))
        self.marks: Mapping[str, str] = {
            "text": self.mark,
            "phone": self.phones[0],
            "other phone": self.phones[1],
            "mpan": self.mpan,
            "mprn": self.mprn,
            "postcode": self.postcode,
            "birth date": self.born,
            "end of a need": self.ends,
            "day of an age": self.aged_on,
            "end of a circumstance": self.until,
        }

    def registration(self, **changed: Any) -> dict[str, Any]:
        """A registration with markers in every field that can hold them."""
        address = {"address_lines": [f"1 {self.mark} Street", f"{self.mark} Town"], "postcode": self.postcode}
        return {
            "account_id": self.account_id,
            "status": "active",
            "supply_points": {"mpans": [self.mpan], "mprns": [self.mprn]},
            "premises": address,
            "primary_contact": {"name": f"Zoe {self.mark}", "phones": self.phones, "address": address},
            "alternate_contact": {"name": f"Al {self.mark}", "phones": self.phones, "relationship": "neighbour"},
            "needs": [
                {"code": "02", "note": f"ventilator {self.mark}"},
                {"code": "29", "youngest_child_born_on": self.born},
                {"code": "33", "ends_on": self.ends},
            ],
            "sharing": self._sharing(),
            "services": {"caller_password": self.mark, "nominee_receives_communications": True},
            "household": {
                "occupants": [{"age_band": "18_to_65", "as_of": self.aged_on}],
                "chronic_or_severe_illness": True,
                "temporary_circumstances": [{"kind": "pregnancy", "until": self.until}],
            },
            **changed,
        }

    def _sharing(self) -> dict[str, Any]:
        """A sharing record with markers: an attorney spoke for the person, who cannot consent."""
        record = consent("2026-01-05", f"call {self.mark}")
        speaker = {"role": "attorney", "name": f"At {self.mark}", "organisation": f"{self.mark} Law"}
        return record | {
            "basis": "vital_interests",
            "article_6_basis": "vital_interests",
            "cannot_consent_reason": f"coma {self.mark}",
            "capture": record["capture"] | {"wording": None, "speaker": speaker},
        }

    def event(self, kind: str, data: Any, **changed: Any) -> dict[str, Any]:
        """A CloudEvent about the person, with the marker in each attribute that is free text."""
        return {
            "specversion": "1.0",
            "type": f"uk.psr.{kind}.v1",
            "source": "marked",
            "id": f"{self.mark}-{secrets.token_hex(4)}",
            "subject": self.account_id,
            "time": "2026-11-01T08:00:00Z",
            "data": data,
            "extension": self.mark,
            **changed,
        }

    def found_in(self, text: str | bytes) -> list[str]:
        """The names of the markers that a text holds, as they are, without blanks, or in Base64."""
        content = text.encode() if isinstance(text, str) else text
        searched = b"\n".join([content, *_decoded(content)]).upper()
        return [
            name
            for name, value in self.marks.items()
            if value.upper().encode() in searched or value.replace(" ", "").upper().encode() in searched
        ]


def _decoded(content: bytes) -> Iterator[bytes]:
    """Every run of Base64 in a text, decoded. A cut run is decoded from each of four characters."""
    for run in re.findall(rb"[A-Za-z0-9+/]{12,}", content):
        for start in range(4):
            part = run[start : len(run) - (len(run) - start) % 4]
            yield base64.b64decode(part)
