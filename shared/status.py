"""`GET /_status`: that a function serves, and which build. No token, no data."""

from pathlib import Path

from pydantic_core import to_json
from starlette.responses import Response

from shared.settings import settings

STATUS_PATH = "/_status"


def function_name(folder: Path) -> str:
    """The function that this process serves: its folder's name, or the setting where the folder is the platform's."""
    return settings().function or folder.name


def status_response(name: str) -> Response:
    """What this process is."""
    body = {"function": name, "build": settings().build, "status": "serving"}
    return Response(to_json(body), media_type="application/json")
