"""Keyed identities: document ids that can be computed from what we know and tell nothing to who does not have the key.

HMAC-SHA256 under a subkey per purpose (HKDF, RFC 5869), shaped as a UUID version 8 (RFC 9562) whose lowest bit of the
variant octet is the key's version. Random to Firestore (no hot spots), a point read to us.
"""

import base64
import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.domain.registration import AccountId, RegistrationId
from shared.settings import Settings

_VERSION_OCTET, _VARIANT_OCTET = 6, 8


class Identity:
    """Document ids under one identity key."""

    def __init__(self, key: bytes, version: int) -> None:
        self._key = key
        self._version = version
        self._registrations = self._subkey("registration")
        self._supply_points = self._subkey("supply point")
        self.page_tokens = self._subkey("page token")

    @classmethod
    def of(cls, settings: Settings) -> "Identity":
        """Ids under the key of these settings."""
        return cls(base64.b64decode(settings.identity_key.get_secret_value()), settings.identity_key_version)

    def registration_id(self, account_id: AccountId) -> RegistrationId:
        """The id of an account's one registration."""
        return RegistrationId(self._keyed(self._registrations, account_id))

    def supply_point_id(self, key: str) -> str:
        """The id of a supply point's claim, from its key (`mpan:…`, `mprn:…`)."""
        return self._keyed(self._supply_points, key)

    def _subkey(self, purpose: str) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=f"psr {purpose}".encode()).derive(self._key)

    def _keyed(self, subkey: bytes, text: str) -> str:
        octets = bytearray(hmac.digest(subkey, text.encode(), sha256)[:16])
        octets[_VERSION_OCTET] = octets[_VERSION_OCTET] & 0x0F | 0x80
        octets[_VARIANT_OCTET] = octets[_VARIANT_OCTET] & 0x3E | 0x80 | self._version
        digits = octets.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
