"""The bucket of releases: bundles, inventories, release files, saved plans. No object in it is ever overwritten."""

from pathlib import Path

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import storage

from tools.bundle.release import Built, release_text
from tools.errors import CommandError

_RELEASES = "releases/"


class ReleaseBucket:
    """The releases of one project."""

    def __init__(self, project: str) -> None:
        self._bucket = storage.Client(project=project).bucket(f"{project}-psr-releases")

    def upload(self, built: Built) -> str:
        """Upload the objects that are not there yet, the release file last; the result is the release's name.

        Raises `CommandError` if the release was not made from a clean commit, or another has its name.
        """
        name = built.release.name
        if name is None:
            raise CommandError("only a clean commit can be released: commit or stash what git status shows")
        for place, content in built.objects.items():
            self.put(place, content)
        self.put(f"{_RELEASES}{name}.json", release_text(built.release).encode())
        return name

    def names(self) -> list[str]:
        """Every release, oldest first."""
        blobs = self._bucket.list_blobs(prefix=_RELEASES)
        return sorted(blob.name.removeprefix(_RELEASES).removesuffix(".json") for blob in blobs)

    def fetch_release(self, name: str, path: Path) -> None:
        """Write a release file to a path. Raises `CommandError` if there is no such release."""
        self.fetch(f"{_RELEASES}{name}.json", path)

    def put(self, place: str, content: bytes) -> None:
        """Upload an object, unless the same is there. Raises `CommandError` if another is."""
        blob = self._bucket.blob(place)
        try:
            blob.upload_from_string(content, if_generation_match=0)
        except PreconditionFailed:
            if blob.download_as_bytes() != content:
                raise CommandError(f"{place} is there with other content, and released objects never change") from None

    def fetch(self, place: str, path: Path) -> None:
        """Download an object. Raises `CommandError` if it is not there."""
        try:
            content = self._bucket.blob(place).download_as_bytes()
        except NotFound:
            raise CommandError(f"there is no {place} in the bucket {self._bucket.name}") from None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
