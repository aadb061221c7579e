"""Provenance: who built a release from what, as a signed in-toto statement (SLSA provenance 1) in a DSSE envelope.

slsa.dev/spec/v1.0/provenance and github.com/secure-systems-lab/dsse describe the formats.
"""

import base64
import json
from hashlib import sha256
from typing import Any

from shared.export.signer import Signer, is_signed
from shared.model import Model
from tools.bundle.release import Release, release_text
from tools.errors import CommandError

_TYPE = "application/vnd.in-toto+json"


class Builder(Model):
    """A builder: the address of the pipeline, and the id of its run."""

    id: str
    run: str


def statement(release: Release, builder: Builder) -> dict[str, Any]:
    """The results of a pipeline's run from a commit: the release file and every bundle, by their SHA-256."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": _subjects(release),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:psr:bundle:1",
                "externalParameters": {"commit": release.commit, "runtime": release.runtime},
                "resolvedDependencies": [{"name": "source", "digest": {"gitCommit": release.commit}}],
            },
            "runDetails": {"builder": {"id": builder.id}, "metadata": {"invocationId": builder.run}},
        },
    }


async def signed(statement: dict[str, Any], signer: Signer) -> bytes:
    """A statement in its envelope."""
    payload = json.dumps(statement, sort_keys=True).encode()
    signature = await signer.sign(_signed_bytes(payload))
    envelope = {"payloadType": _TYPE, "payload": _text(payload), "signatures": [{"sig": _text(signature)}]}
    return json.dumps(envelope, indent=2).encode()


def verify(envelope: bytes, public_key: bytes, release: Release) -> None:
    """Raises `CommandError` unless the owner of the key says that the pipeline made exactly this release."""
    content = json.loads(envelope)
    payload = base64.b64decode(content["payload"])
    signatures = [base64.b64decode(signature["sig"]) for signature in content["signatures"]]
    if not any(is_signed(_signed_bytes(payload), signature, public_key) for signature in signatures):
        raise CommandError(f"the pipeline did not sign the provenance of {release.name}")
    if json.loads(payload)["subject"] != _subjects(release):
        raise CommandError(f"the signed provenance of {release.name} is of other files")


def _subjects(release: Release) -> list[dict[str, Any]]:
    made = {f"releases/{release.name}.json": sha256(release_text(release).encode()).hexdigest()}
    made |= {bundled.object: bundled.sha256 for bundled in release.functions.values()}
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in made.items()]


def _signed_bytes(payload: bytes) -> bytes:
    """DSSE's encoding of type and payload, which is what is signed."""
    return b"DSSEv1 %d %s %d %s" % (len(_TYPE), _TYPE.encode(), len(payload), payload)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
