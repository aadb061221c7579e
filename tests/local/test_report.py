"""The tour explains the lines of the D0225 file that it shows, and ends with what to do next."""

import io

from rich.console import Console

from tools.local.commands import NEXT
from tools.local.report import legend_of


def test_the_legend_names_every_group_and_the_codes_of_the_lines() -> None:
    text = io.StringIO()
    lines = ["ZHV|1|", "510|1000999001019|Mrs A Example|", "99C|04|||", "99C|27|||", "99C|04|||"]
    Console(file=text, width=120).print(legend_of(lines))
    groups = [line.split("│")[0].strip() for line in text.getvalue().splitlines() if "│" in line]
    assert [group for group in groups if group] == ["ZHV", "510", "99C", "ZPT", "99C|04", "99C|27"]
    assert "Oxygen concentrator" in text.getvalue()
    assert "Poor sense of smell/taste" in text.getvalue()


def test_the_next_steps_are_the_pages_the_environment_and_the_doctor() -> None:
    said = NEXT.format(url="http://127.0.0.1:8080", pages="http://127.0.0.1:8099", env=".local/env")
    for step in (
        "http://127.0.0.1:8099",
        "http://127.0.0.1:8080/docs",
        "source .local/env",
        "psr doctor",
        "psr local clock",
    ):
        assert step in said
