"""Releases in their bucket, on a real storage server: uploaded once, never changed, fetched by name."""

import base64
import json
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.cloud import storage

from shared.export.signer import LocalKey
from tools.bundle.bucket import ReleaseBucket
from tools.bundle.provenance import Builder, signed, statement, verify
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
    return new_bucket()


@pytest.fixture
def other_bucket(emulators: Layout) -> ReleaseBucket:  # noqa: ARG001 - they run first
    return new_bucket()


def new_bucket() -> ReleaseBucket:
    project = f"psr-{uuid.uuid4().hex[:8]}"
    storage.Client(project=project).create_bucket(f"{project}-psr-releases")
    return ReleaseBucket(project)


def test_a_release_is_uploaded_once_and_fetched_by_name(built: Built, bucket: ReleaseBucket) -> None:
    assert bucket.upload(built) == bucket.upload(built) == "20261124T081500Z-111111111111"
    assert bucket.release("20261124T081500Z-111111111111") == built.release
    bucket.check(built.release)
    for place, content in built.objects.items():
        assert bucket.read(place) == content


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
    with pytest.raises(CommandError, match=r"only a clean commit can be released.*in the way: new\.txt, old\.txt"):
        bucket.upload(of_commit(built, None, None)._replace(uncommitted=["new.txt", "old.txt"]))
    assert bucket.names() == []


def test_a_release_that_is_not_there_is_named(bucket: ReleaseBucket) -> None:
    with pytest.raises(CommandError, match=r"there is no releases/unknown\.json in the bucket"):
        bucket.release("unknown")


def test_the_same_release_has_the_same_text(built: Built) -> None:
    assert release_text(Release.model_validate_json(release_text(built.release))) == release_text(built.release)


def test_a_release_is_promoted_only_where_it_has_run_and_keeps_its_files(
    built: Built, bucket: ReleaseBucket, other_bucket: ReleaseBucket
) -> None:
    name = bucket.upload(built)
    with pytest.raises(CommandError, match=f"{name} has not run there"):
        other_bucket.take_over(name, bucket)
    assert other_bucket.names() == []
    bucket.note_applied(built.release)
    assert other_bucket.take_over(name, bucket) == built.release
    assert other_bucket.names() == [name]
    for place, content in built.objects.items():
        assert other_bucket.read(place) == content


def test_a_bundle_with_other_content_is_noticed(built: Built, bucket: ReleaseBucket) -> None:
    bucket.upload(built)
    changed = built.release.functions["lookup"].model_copy(update={"sha256": "0" * 64})
    functions = {**built.release.functions, "lookup": changed}
    with pytest.raises(CommandError, match=r"lookup/.* is not what the release names"):
        bucket.check(built.release.model_copy(update={"functions": functions}))


def test_provenance_is_next_to_the_release_and_every_bundle_and_is_no_release(
    built: Built, bucket: ReleaseBucket
) -> None:
    name = bucket.upload(built)
    bucket.attest(built.release, b"first")
    bucket.attest(built.release, b"second")
    assert bucket.provenance(name) == b"first"
    for bundled in built.release.functions.values():
        assert bucket.read(bundled.object.replace(".zip", ".intoto.json")) == b"first"
    assert bucket.names() == [name]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalKey, bytes]:
    """A signing key like the pipeline's, and its public key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    path = tmp_path_factory.mktemp("key") / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return LocalKey(path), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


BUILDER = Builder(id="https://builder.example", run="a-run")


async def test_provenance_names_commit_builder_and_every_file(built: Built, keys: tuple[LocalKey, bytes]) -> None:
    key, public = keys
    envelope = await signed(statement(built.release, BUILDER), key)
    verify(envelope, public, built.release)
    stated = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    assert stated["predicateType"] == "https://slsa.dev/provenance/v1"
    assert stated["predicate"]["buildDefinition"]["externalParameters"]["commit"] == "1" * 40
    assert stated["predicate"]["runDetails"]["metadata"]["invocationId"] == "a-run"
    names = {subject["name"] for subject in stated["subject"]}
    assert names == {f"releases/{built.release.name}.json", *(one.object for one in built.release.functions.values())}


async def test_a_release_that_another_key_signed_is_refused(built: Built, keys: tuple[LocalKey, bytes]) -> None:
    key, _ = keys
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=3072).public_key()
    public = stranger.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(CommandError, match="the pipeline did not sign"):
        verify(await signed(statement(built.release, BUILDER), key), public, built.release)


async def test_signed_provenance_of_another_release_is_refused(built: Built, keys: tuple[LocalKey, bytes]) -> None:
    key, public = keys
    other = of_commit(built, "2" * 40, "20261125T000000Z").release
    with pytest.raises(CommandError, match="is of other files"):
        verify(await signed(statement(other, BUILDER), key), public, built.release)


async def test_provenance_that_was_changed_after_it_was_signed_is_refused(
    built: Built, keys: tuple[LocalKey, bytes]
) -> None:
    key, public = keys
    envelope = json.loads(await signed(statement(built.release, BUILDER), key))
    envelope["payload"] = base64.b64encode(b"{}").decode()
    with pytest.raises(CommandError, match="the pipeline did not sign"):
        verify(json.dumps(envelope).encode(), public, built.release)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("functions", "requirements", "shared", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_files_that_keep_a_tree_from_being_a_commit_are_named(repository: Path) -> None:
    assert build(repository).uncommitted == ["everything: this is no git repository"]
    git = ("git", "-C", str(repository), "-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run((*git, "init", "--quiet"), check=True)
    subprocess.run((*git, "add", "--all"), check=True)
    subprocess.run((*git, "commit", "--quiet", "--message", "One"), check=True)
    assert build(repository).uncommitted == []
    (repository / "in the way.txt").write_text("")
    assert build(repository).uncommitted == ['"in the way.txt"']


def test_a_fault_of_git_is_raised(repository: Path) -> None:
    (repository / ".git").write_text("gitdir: nowhere")
    with pytest.raises(CommandError, match=r"git status failed: .*not a git repository"):
        build(repository)
