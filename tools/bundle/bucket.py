"""The bucket of releases: bundles, inventories, release files, provenance, saved plans. No object in it is overwritten.

FUNCTION/HASH.zip, .cdx.json, .intoto.json   a bundle, its inventory, the provenance of the release that first had it
releases/NAME.json, .intoto.json             a release file, its provenance
applied/NAME.json                            the same release file, if the release has run here
plans/NAME.tar.gz, .sig                      a saved plan with the files that it needs, its signature
"""

from hashlib import sha256

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import storage

from tools.bundle.release import Built, Bundled, Release, release_text
from tools.errors import CommandError

_RELEASES, _APPLIED = "releases/", "applied/"
_JSON, _PROVENANCE = ".json", ".intoto.json"


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
            files = ", ".join(built.uncommitted)
            raise CommandError(f"only a clean commit can be released. Commit or remove what is in the way: {files}")
        for place, content in built.objects.items():
            self.put(place, content)
        self.put(f"{_RELEASES}{name}{_JSON}", release_text(built.release).encode())
        return name

    def attest(self, release: Release, envelope: bytes) -> None:
        """Store a release's provenance next to the release file, and next to each bundle that has none yet."""
        for place in (_RELEASES + str(release.name), *map(_bundle, release.functions.values())):
            self._put_first(place + _PROVENANCE, envelope)

    def provenance(self, name: str) -> bytes:
        """A release's provenance. Raises `CommandError` if it has none."""
        return self.read(f"{_RELEASES}{name}{_PROVENANCE}")

    def check(self, release: Release) -> None:
        """Raises `CommandError` unless every bundle of a release is there, with the content that the release names."""
        for bundled in release.functions.values():
            if sha256(self.read(bundled.object)).hexdigest() != bundled.sha256:
                raise CommandError(f"{bundled.object} is not what the release names")

    def note_applied(self, release: Release) -> None:
        """Note that a release has run here, so that it may be promoted. One without a commit is not noted."""
        if release.name:
            self.put(f"{_APPLIED}{release.name}{_JSON}", release_text(release).encode())

    def has_applied(self, name: str) -> bool:
        """Whether a release has run here."""
        return bool(self._bucket.blob(f"{_APPLIED}{name}{_JSON}").exists())

    def take_over(self, name: str, source: "ReleaseBucket") -> Release:
        """Copy a release that has run in another environment, with its bundles. Raises `CommandError`."""
        if not source.has_applied(name):
            raise CommandError(f"{name} has not run there: apply and check it before you promote it")
        release = Release.model_validate_json(source.read(f"{_RELEASES}{name}{_JSON}"))
        for bundled in release.functions.values():
            for suffix in (".zip", ".cdx.json"):
                self.put(_bundle(bundled) + suffix, source.read(_bundle(bundled) + suffix))
        self.put(f"{_RELEASES}{name}{_JSON}", release_text(release).encode())
        return release

    def names(self) -> list[str]:
        """Every release, oldest first."""
        blobs = self._bucket.list_blobs(prefix=_RELEASES)
        files = [blob.name.removeprefix(_RELEASES) for blob in blobs if not blob.name.endswith(_PROVENANCE)]
        return sorted(name.removesuffix(_JSON) for name in files)

    def release(self, name: str) -> Release:
        """A release file. Raises `CommandError` if there is no such release."""
        return Release.model_validate_json(self.read(f"{_RELEASES}{name}{_JSON}"))

    def put(self, place: str, content: bytes) -> None:
        """Upload an object, unless the same is there. Raises `CommandError` if another is."""
        if not self._put_first(place, content) and self.read(place) != content:
            raise CommandError(f"{place} is there with other content, and released objects never change")

    def read(self, place: str) -> bytes:
        """The content of an object. Raises `CommandError` if it is not there."""
        try:
            content: bytes = self._bucket.blob(place).download_as_bytes()
        except NotFound:
            raise CommandError(f"there is no {place} in the bucket {self._bucket.name}") from None
        return content

    def _put_first(self, place: str, content: bytes) -> bool:
        """Upload an object unless one is there already; whether it was uploaded."""
        try:
            self._bucket.blob(place).upload_from_string(content, if_generation_match=0)
        except PreconditionFailed:
            return False
        return True


def _bundle(bundled: Bundled) -> str:
    """The place of a bundle and of what belongs to it, without the suffix."""
    return bundled.object.removesuffix(".zip")
