"""`python -m tools.pages`: write every page that is made from the code."""

import os

from tools.errors import run_command
from tools.local.layout import new_layout
from tools.pages.api import api_pages
from tools.pages.events import event_pages
from tools.pages.logs import log_page
from tools.pages.migration import migration_sample
from tools.pages.protections import protections_page
from tools.pages.settings import settings_page
from tools.pages.sharing import sharing_page
from tools.places import ROOT


def pages() -> dict[str, str]:
    """Text by place in docs/."""
    return {
        "logs.md": log_page(),
        "migration-sample.csv": migration_sample(),
        "protections.md": protections_page(),
        "settings.md": settings_page(),
        "sharing.md": sharing_page(),
        **api_pages(),
        **event_pages(),
    }


def main() -> None:
    """Write them all."""
    # The functions' modules check their settings when they are imported.
    os.environ.update(new_layout(ROOT / ".local", {}).environment())
    for place, text in pages().items():
        path = ROOT / "docs" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run_command(main)
