"""Files that are fetched once: whole and right, or not at all and one line."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.servers import file_handler, serving
from tools.errors import CommandError
from tools.local.downloads import Pinned, fetched

JAR = b"PK synthetic jar" * 5000
QUIET = Console(quiet=True)


def pinned(url: str, content: bytes = JAR, in_archive: str | None = None) -> Pinned:
    return Pinned(
        url=f"{url}/emulator.jar",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        in_archive=in_archive,
    )


def zipped(*names: str) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name in names:
            archive.writestr(name, JAR)
    return whole.getvalue()


def test_a_file_is_fetched_once_and_kept(tmp_path: Path) -> None:
    handler = file_handler(JAR)
    with serving(handler) as url:
        first = fetched(pinned(url), tmp_path, QUIET)
        again = fetched(pinned(url), tmp_path, QUIET)
    assert first.read_bytes() == JAR
    assert (again, handler.requests) == (first, 1)  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == [first]


def test_only_the_wanted_member_of_an_archive_is_kept(tmp_path: Path) -> None:
    archive = zipped("pubsub/lib/pubsub-all.jar", "pubsub/README")
    with serving(file_handler(archive)) as url:
        kept = fetched(pinned(url, archive, "*/lib/*-all.jar"), tmp_path, QUIET)
    assert kept.read_bytes() == JAR
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.parametrize(
    ("served", "status", "cut_after", "expected", "said"),
    [
        pytest.param(JAR[:-1] + b"x", 200, None, JAR, "its sha256 differs", id="wrong checksum"),
        pytest.param(JAR + b"x", 200, None, JAR, "its sha256 differs", id="longer than pinned"),
        pytest.param(JAR, 200, 1000, JAR, "was cut after 1,000 of 80,000 bytes", id="cut"),
        pytest.param(b"no such object", 404, None, JAR, "answers 404", id="not there"),
        pytest.param(zipped("README"), 200, None, zipped("README"), "holds 0 files", id="archive without the member"),
    ],
)
def test_another_file_than_expected_ends_in_one_line_and_leaves_nothing(
    tmp_path: Path, served: bytes, status: int, cut_after: int | None, expected: bytes, said: str
) -> None:
    in_archive = "*/lib/*-all.jar" if expected is not JAR else None
    with (
        serving(file_handler(served, status=status, cut_after=cut_after)) as url,
        pytest.raises(CommandError, match=said) as problem,
    ):
        fetched(pinned(url, expected, in_archive), tmp_path, QUIET)
    assert "\n" not in str(problem.value)
    assert list(tmp_path.iterdir()) == []


def test_no_network_ends_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with serving(file_handler(JAR)) as url:
        pass
    with pytest.raises(CommandError, match="cannot be reached") as problem:
        fetched(pinned(url), tmp_path, QUIET)
    assert "\n" not in str(problem.value)
    assert list(tmp_path.iterdir()) == []
