"""Sign day manifests: detached RSA PKCS#1 v1.5 signatures over SHA-256, identical each time for the same bytes.

Anyone with the public key can check a signature:
`openssl dgst -sha256 -verify PUBLIC.pem -signature manifest.json.sig manifest.json`.
"""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import google_crc32c
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from google.api_core import exceptions

from shared.errors import Unavailable

if TYPE_CHECKING:
    from google.cloud.kms_v1 import KeyManagementServiceClient

_SECONDS = 30.0
#: How the name of a Cloud KMS key version begins; anything else is a file.
_KMS = "projects/"


class Signer(Protocol):
    """A signing key."""

    async def sign(self, content: bytes) -> bytes:
        """Sign a file's content; the result is the signature. Raises `Unavailable`."""


class LocalKey:
    """A private key in a PEM file, for the local stack and tests."""

    def __init__(self, path: Path) -> None:
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("the signing key is not an RSA key")
        self._key = key

    async def sign(self, content: bytes) -> bytes:
        """Sign a file's content."""
        return self._key.sign(content, PKCS1v15(), hashes.SHA256())


class KmsKey:
    """A key version in Cloud KMS (RSA_SIGN_PKCS1_…_SHA256). The library blocks, so calls run on a thread."""

    def __init__(self, client: "KeyManagementServiceClient", name: str) -> None:
        self._client = client
        self._name = name

    async def sign(self, content: bytes) -> bytes:
        """Sign a file's content, with checksums of the request and the response. Raises `Unavailable`."""
        return await asyncio.to_thread(self._sign, sha256(content).digest())

    def _sign(self, digest: bytes) -> bytes:
        request = {"name": self._name, "digest": {"sha256": digest}, "digest_crc32c": google_crc32c.value(digest)}
        try:
            answer = self._client.asymmetric_sign(request=request, timeout=_SECONDS)
        except exceptions.GoogleAPIError as error:
            raise Unavailable(retry_after=5, dependency="Cloud KMS") from error
        signature: bytes = answer.signature
        if not answer.verified_digest_crc32c or answer.signature_crc32c != google_crc32c.value(signature):
            raise Unavailable(retry_after=5, dependency="Cloud KMS")
        return signature


def is_signed(content: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether the signature of a file's content is by the owner of a public key (PEM)."""
    key = load_pem_public_key(public_key)
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, content, PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def signer(name: str) -> Signer:
    """The signer with the key of that name: a version in Cloud KMS (`projects/…`), or a PEM file."""
    if not name.startswith(_KMS):
        return LocalKey(Path(name))
    from google.cloud.kms_v1 import KeyManagementServiceClient  # noqa: PLC0415 - a tenth of the start-up time; used once a day

    return KmsKey(KeyManagementServiceClient(), name)
