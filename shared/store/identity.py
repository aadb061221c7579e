"""Keyed identities: document ids that are computed from a number and a key, and reveal nothing without the key.

HMAC-SHA256 under a subkey per purpose (HKDF, RFC 5869), shaped as a UUID version 8 (RFC 9562) whose lowest bit of the
variant byte is the key's version. Random to Firestore (no hot spots), a point read to us.
"""

import base64
import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.domain.registration import AccountId, RegistrationId
from shared.settings import Settings

_VERSION_BYTE, _VARIANT_BYTE = 6, 8


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
        """Ids under the key of these settings. Raises `SettingsError` if they have none."""
        return cls(base64.b64decode(settings.secret("identity_key")), settings.identity_key_version)

    def registration_id(self, account_id: AccountId) -> RegistrationId:
        """The id of an account's one registration."""
        return RegistrationId(self._keyed(self._registrations, account_id))

    def supply_point_id(self, key: str) -> str:
        """The id of a supply point's claim, from its key (`mpan:…`, `mprn:…`)."""
        return self._keyed(self._supply_points, key)

    def _subkey(self, purpose: str) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=f"psr {purpose}".encode()).derive(self._key)

    def _keyed(self, subkey: bytes, text: str) -> str:
        content = bytearray(hmac.digest(subkey, text.encode(), sha256)[:16])
        content[_VERSION_BYTE] = content[_VERSION_BYTE] & 0x0F | 0x80
        content[_VARIANT_BYTE] = content[_VARIANT_BYTE] & 0x3E | 0x80 | self._version
        digits = content.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
