"""Every command, setting, log event, file, heading and Terraform resource that a page mentions exists."""

from pathlib import Path

import pytest

from tests.docs.mentions import dead_mentions, headings
from tools.places import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_everything_that_a_page_mentions_exists(page: Path) -> None:
    assert dead_mentions(page.read_text(encoding="utf-8"), page) == []


@pytest.mark.parametrize(
    ("text", "dead"),
    [
        ("`psr export explode DAY`", "command: psr export explode"),
        ("`make explode`", "make target: explode"),
        ("`nox -s explode`", "nox session: explode"),
        ("`PSR_NO_SUCH_SETTING`", "name: PSR_NO_SUCH_SETTING"),
        ("`PSR_NO_SUCH_SETTING=1`", "name: PSR_NO_SUCH_SETTING"),
        ("`NO_SUCH_EVENT`", "name: NO_SUCH_EVENT"),
        ("`google_storage_bucket.none`", "resource: google_storage_bucket.none"),
        ("`shared/none.py`", "file: shared/none.py"),
        ("`NONE.md`", "file: NONE.md"),
        ("[none](none.md)", "link: none.md"),
        ("[none](deploy.md#none)", "link: deploy.md#none"),
        ("[none](#none)", "link: #none"),
    ],
)
def test_a_mention_of_what_does_not_exist_is_found(text: str, dead: str) -> None:
    assert dead_mentions(text, ROOT / "docs" / "deploy.md") == [dead]


def test_mentions_of_what_exists_are_not_found() -> None:
    text = (
        "`psr export release DAY`, `make run`, `nox -s docs`, `PSR_PROJECT`, `EXPORT_STOPPED`, `shared/data/*.csv`, "
        "`google_storage_bucket.exports`, `.local/env`, `roles/run.invoker`, [the settings](settings.md#settings)"
    )
    assert dead_mentions(text, ROOT / "docs" / "deploy.md") == []


def test_headings_have_the_anchors_that_github_gives_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A day, `r1` & more\n\n```\n# a comment\n```\n\n## Half-done\n")
    assert headings(page) == {"a-day-r1--more", "half-done"}
