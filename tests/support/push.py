"""Push bodies, posted to a consumer as Pub/Sub posts them."""

import base64
import itertools
import json
from typing import Any, NamedTuple

import httpx

from tools.local.stack import Stack

_numbers = itertools.count(1)


class Push(NamedTuple):
    """Posts push bodies to a consumer's real server, as Pub/Sub does."""

    stack: Stack
    client: httpx.Client

    def __call__(self, function: str, data: bytes | dict[str, Any], **attributes: str) -> int:
        """The status of one delivery. With the attribute `marker` it is one of the same message each time."""
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        message = {
            "data": base64.b64encode(content).decode(),
            "messageId": attributes.get("marker") or str(next(_numbers)),
            "publishTime": "2026-11-24T08:00:00.123Z",
            "attributes": attributes,
        }
        body = {"subscription": f"projects/p/subscriptions/{function}", "message": message}
        return self.client.post(self.stack.function_url(function), json=body).status_code
