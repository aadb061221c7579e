"""`GET /_status`: that a function serves, and which build. No token, no data."""

from pydantic_core import to_json
from starlette.responses import Response

STATUS_PATH = "/_status"


def status_response(name: str) -> Response:
    """What this process is."""
    return Response(to_json({"function": name, "status": "serving"}), media_type="application/json")
