"""Releases in their bucket, on a real storage server: uploaded once, never changed, fetched by name."""

import uuid
from pathlib import Path

import pytest
from google.cloud import storage

from tools.bundle.bucket import ReleaseBucket
from tools.bundle.release import Built, Release, build, release_text
from tools.errors import CommandError
from tools.local.layout import Layout
from tools.places import ROOT


@pytest.fixture(scope="module")
def built() -> Built:
    return of_commit(build(ROOT), "1" * 40, "20261124T081500Z")


def of_commit(built: Built, commit: str | None, committed_at: str | None) -> Built:
    changes = {"commit": commit, "committed_at": committed_at}
    return built._replace(release=built.release.model_copy(update=changes))


@pytest.fixture
def bucket(emulators: Layout) -> ReleaseBucket:  # noqa: ARG001 - they run first
    project = f"psr-{uuid.uuid4().hex[:8]}"
    storage.Client(project=project).create_bucket(f"{project}-psr-releases")
    return ReleaseBucket(project)


def test_a_release_is_uploaded_once_and_fetched_by_name(built: Built, bucket: ReleaseBucket, tmp_path: Path) -> None:
    assert bucket.upload(built) == bucket.upload(built) == "20261124T081500Z-111111111111"
    bucket.fetch_release("20261124T081500Z-111111111111", tmp_path / "release.json")
    assert Release.model_validate_json((tmp_path / "release.json").read_bytes()) == built.release
    for place, content in built.objects.items():
        bucket.fetch(place, tmp_path / "object")
        assert (tmp_path / "object").read_bytes() == content


def test_releases_are_listed_oldest_first(built: Built, bucket: ReleaseBucket) -> None:
    for commit, committed_at in (("2", "20261125T000000Z"), ("9", "20261124T000000Z"), ("1", "20261231T000000Z")):
        bucket.upload(of_commit(built, commit * 40, committed_at))
    assert bucket.names() == [
        "20261124T000000Z-999999999999",
        "20261125T000000Z-222222222222",
        "20261231T000000Z-111111111111",
    ]


def test_a_release_never_changes(built: Built, bucket: ReleaseBucket) -> None:
    bucket.upload(built)
    other = built._replace(release=built.release.model_copy(update={"runtime": "python314"}))
    with pytest.raises(CommandError, match="released objects never change"):
        bucket.upload(other)


def test_only_a_clean_commit_is_released(built: Built, bucket: ReleaseBucket) -> None:
    with pytest.raises(CommandError, match="only a clean commit can be released"):
        bucket.upload(of_commit(built, None, None))
    assert bucket.names() == []


def test_a_release_that_is_not_there_is_named(bucket: ReleaseBucket, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"there is no releases/unknown\.json in the bucket"):
        bucket.fetch_release("unknown", tmp_path / "release.json")


def test_the_same_release_has_the_same_text(built: Built) -> None:
    assert release_text(Release.model_validate_json(release_text(built.release))) == release_text(built.release)
