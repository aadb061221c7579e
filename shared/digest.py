"""Fingerprints, to compare requests and to derive ids."""

from hashlib import sha256


def digest(*parts: str) -> str:
    """SHA-256 of the parts and their lengths, so that each list of parts has its own digest; 40 hex digits."""
    combined = sha256()
    for part in parts:
        content = part.encode()
        combined.update(len(content).to_bytes(8, "big"))
        combined.update(content)
    return combined.hexdigest()[:40]
