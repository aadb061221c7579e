"""Signing manifests: with a local key, and with Cloud KMS as its real client speaks to it."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import google_crc32c
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.auth.credentials import AnonymousCredentials
from google.cloud.kms_v1 import KeyManagementServiceClient
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceRestTransport

from shared.errors import Unavailable
from shared.export.signer import KmsKey, is_signed
from tests.support.servers import serving

NAME = "projects/p/locations/europe-west2/keyRings/psr/cryptoKeys/manifests/cryptoKeyVersions/1"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class Kms(BaseHTTPRequestHandler):
    """`asymmetricSign` of Cloud KMS's REST API, with one key."""

    changes: dict[str, Any] = {}  # noqa: RUF012 - set by the tests

    def do_POST(self) -> None:
        assert self.path.partition("?")[0] == f"/v1/{NAME}:asymmetricSign"
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        digest = base64.b64decode(request["digest"]["sha256"])
        signature = KEY.sign(digest, PKCS1v15(), Prehashed(hashes.SHA256()))
        answer = {
            "name": NAME,
            "signature": base64.b64encode(signature).decode(),
            "signatureCrc32c": str(google_crc32c.value(signature)),
            "verifiedDigestCrc32c": int(request["digestCrc32c"]) == google_crc32c.value(digest),
        }
        body = json.dumps(answer | self.changes).encode()
        self.send_response(self.changes.get("status", 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def kms() -> Iterator[KmsKey]:
    Kms.changes = {}
    with serving(Kms) as url:
        host = url.removeprefix("http://")
        transport = KeyManagementServiceRestTransport(host=host, url_scheme="http", credentials=AnonymousCredentials())
        yield KmsKey(KeyManagementServiceClient(transport=transport), NAME)


async def test_kms_signs_and_signing_again_gives_the_same(kms: KmsKey) -> None:
    signature = await kms.sign(b"a manifest")
    assert is_signed(b"a manifest", signature, PUBLIC)
    assert not is_signed(b"another", signature, PUBLIC)
    assert await kms.sign(b"a manifest") == signature


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"verifiedDigestCrc32c": False}, id="the digest was changed on the way there"),
        pytest.param({"signatureCrc32c": "1"}, id="the signature was changed on the way back"),
        pytest.param({"status": 403}, id="not allowed"),
    ],
)
async def test_a_signature_of_other_bytes_by_kms_is_not_used(kms: KmsKey, changes: dict[str, Any]) -> None:
    Kms.changes = changes
    with pytest.raises(Unavailable):
        await kms.sign(b"a manifest")
