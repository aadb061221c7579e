"""`python -m ops.pages`: write every page anew."""

from ops.local.layout import ROOT
from ops.pages.logs import log_page

#: The pages by their place in docs/.
PAGES = {"logs.md": log_page}


def main() -> None:
    """Write them all."""
    for place, page in PAGES.items():
        (ROOT / "docs" / place).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
