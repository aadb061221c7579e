"""Fingerprints: whether two requests are the same, and ids made of what identifies them."""

from hashlib import sha256


def digest(*parts: str) -> str:
    """SHA-256 of the parts, told apart by their lengths; 40 hex digits."""
    whole = sha256()
    for part in parts:
        octets = part.encode()
        whole.update(len(octets).to_bytes(8, "big"))
        whole.update(octets)
    return whole.hexdigest()[:40]
