"""Pages of docs/ that are made from the code say what the code says."""

import pytest

from tools.pages.__main__ import pages
from tools.places import ROOT

PAGES = pages()


@pytest.mark.parametrize("place", PAGES)
def test_a_page_is_up_to_date(place: str) -> None:
    assert (ROOT / "docs" / place).read_text(encoding="utf-8") == PAGES[place], "run `nox -s docs`"
