"""Objects in Cloud Storage. One is written once and never changed; writing the same again is a success."""

import asyncio
from contextlib import suppress
from hashlib import sha256
from typing import Any, Self

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from shared.errors import Unavailable
from shared.settings import emulator_host
from shared.store.service import Service

_SECONDS = 60.0
#: Objects that are checked at the same time; each is whole in memory.
_AT_ONCE = 4


class DifferentObject(Exception):
    """There is an object of this name with other content."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Bucket:
    """Objects of one bucket. The library blocks, so it works on threads.

    An answer may take `seconds`, and so may all attempts together. Repeating is safe: an object is created only if
    there is none.
    """

    def __init__(self, bucket: Any, seconds: float = _SECONDS) -> None:
        self._bucket = bucket
        self._patience: dict[str, Any] = {"timeout": seconds, "retry": DEFAULT_RETRY.with_timeout(seconds)}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def put(self, path: str, content: bytes, content_type: str) -> None:
        """Create an object, with one request up to 8 MiB. Raises `DifferentObject`, `Unavailable`."""
        if not await self._run(self._create, path, content, content_type):
            existing = await self.get(path)
            if existing != content:
                raise DifferentObject(path)

    async def get(self, path: str) -> bytes | None:
        """An object's content, None if there is none. Raises `Unavailable`."""
        content: bytes | None = await self._run(self._read, path)
        return content

    async def sha256(self, path: str) -> str | None:
        """Of an object's content as it is now, None if there is none. Raises `Unavailable`."""
        async with self._at_once:
            content = await self.get(path)
        return sha256(content).hexdigest() if content is not None else None

    async def md5_by_path(self, prefix: str) -> dict[str, str]:
        """The MD5 (Base64) of each object's content, as Cloud Storage states it, by path; a request for each thousand.

        Raises `Unavailable`.
        """
        found: dict[str, str] = await self._run(self._list, prefix)
        return found

    async def delete(self, path: str) -> None:
        """Delete an object, if there is one. Raises `Unavailable`."""
        await self._run(self._delete, path)

    async def _run(self, work: Any, *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(work, *arguments)
        except (exceptions.GoogleAPIError, OSError) as error:
            raise Unavailable(retry_after=5, dependency="Cloud Storage") from error

    def _create(self, path: str, content: bytes, content_type: str) -> bool:
        try:
            self._bucket.blob(path).upload_from_string(
                content,
                content_type=content_type,
                if_generation_match=0,
                checksum="crc32c",
                **self._patience,
            )
        except exceptions.PreconditionFailed:
            return False
        return True

    def _read(self, path: str) -> bytes | None:
        try:
            content: bytes = self._bucket.blob(path).download_as_bytes(**self._patience)
        except exceptions.NotFound:
            return None
        return content

    def _list(self, prefix: str) -> dict[str, str]:
        fields = "items(name,md5Hash),nextPageToken"
        blobs = self._bucket.list_blobs(prefix=prefix, fields=fields, **self._patience)
        return {blob.name: blob.md5_hash for blob in blobs}

    def _delete(self, path: str) -> None:
        with suppress(exceptions.NotFound):
            self._bucket.blob(path).delete(**self._patience)


class Buckets:
    """The buckets of a project."""

    def __init__(self, client: storage.Client) -> None:
        self._client = client
        self._buckets: dict[tuple[str, float], Bucket] = {}

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the one of a process."""
        anonymous = AnonymousCredentials() if emulator_host("STORAGE") else None
        return cls(storage.Client(project=service.settings.project, credentials=anonymous))

    def get(self, name: str, seconds: float = _SECONDS) -> Bucket:
        """One bucket by its name, whose answers may take `seconds`."""
        if (name, seconds) not in self._buckets:
            self._buckets[name, seconds] = Bucket(self._client.bucket(name), seconds)
        return self._buckets[name, seconds]
