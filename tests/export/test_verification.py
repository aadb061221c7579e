"""Verifying a day from its files alone: a good day passes, and any change is found."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ops.verification import revisions, verify
from shared.domain.recipients import Withheld
from shared.export.day_manifest import Released
from shared.export.signer import LocalKey
from tests.export.samples import DAY, deleted, export_day, manifest, sent, withheld
from tests.support.commands import psr
from tests.support.register_world import World
from tools.local.layout import Layout

EELC, SHPR = "D0225/EELC-1.txt", "gas/SHPR-1.csv"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key; the public key is next to it."""
    path = tmp_path_factory.mktemp("key") / "key.pem"
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.with_suffix(".pub").write_bytes(
        made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return path


@pytest.fixture
async def folder(tmp_path: Path, key: Path) -> Path:
    """A released revision of a day."""
    plan, parts, files = export_day(
        [sent(1), deleted(2), withheld(3, Withheld.NO_LAWFUL_BASIS)], [sent(4, "SHPR"), deleted(5, "SHPR")]
    )
    content = manifest(plan, parts).text()
    files["manifest.json"] = content
    files["manifest.json.sig"] = await LocalKey(key).sign(content)
    released = Released(day=DAY, revision=1, manifest_sha256=sha256(content).hexdigest(), because=None)
    files["released"] = released.text()
    for name, text in files.items():
        path = tmp_path / f"{DAY}" / "r1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    return tmp_path / f"{DAY}" / "r1"


def faults(folder: Path, key: Path) -> list[str]:
    return verify(folder, key.with_suffix(".pub").read_bytes()).faults


def test_a_good_day_has_no_faults(folder: Path, key: Path) -> None:
    verified = verify(folder, key.with_suffix(".pub").read_bytes())
    assert (verified.faults, verified.released) == ([], True)
    assert verified.manifest is not None
    assert verified.manifest.written == 4
    (folder / "released").unlink()
    assert verify(folder, None) == verified._replace(released=False)


def _replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        assert old.encode() in content
        (folder / name).write_bytes(content.replace(old.encode(), new.encode(), 1))

    return change


def _remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _add(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(b"x")


def _cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-1])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(
            _replace(EELC, "Person 1", "Person 2"),
            [f"{EELC} is not the file of the manifest: size or SHA-256 differ"],
            id="a changed byte",
        ),
        pytest.param(_cut(SHPR), [f"{SHPR} is not the file of the manifest: size or SHA-256 differ"], id="a byte lost"),
        pytest.param(_remove(EELC), [f"{EELC} is missing"], id="a file lost"),
        pytest.param(_add("D0225/EELC-2.txt"), ["D0225/EELC-2.txt is not in the manifest"], id="a file too many"),
        pytest.param(
            _remove("manifest.json"), ["there is no manifest.json: the day is not complete"], id="no manifest"
        ),
        pytest.param(
            _cut("manifest.json.sig"),
            ["manifest.json.sig is not a signature of the manifest by this key"],
            id="signature",
        ),
        pytest.param(_remove("manifest.json.sig"), ["there is no manifest.json.sig"], id="no signature"),
        pytest.param(
            _replace("released", '"revision": 1', '"revision": 2'), ["released is of another manifest"], id="release"
        ),
        pytest.param(_add("released"), ["released is not a release"], id="no release"),
    ],
)
def test_any_change_is_found(folder: Path, key: Path, change: Callable[[Path], None], found: list[str]) -> None:
    change(folder)
    assert faults(folder, key) == found


def _resealed(folder: Path, **changes: object) -> None:
    """A manifest that says something else of EELC's file and still fits the other objects' own checks."""
    content = json.loads((folder / "manifest.json").read_text())
    row = next(row for row in content["recipients"] if row["recipient"] == "EELC")
    for name, value in changes.items():
        (row["files"][0] if name in row["files"][0] else row)[name] = value
    (folder / "manifest.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        pytest.param(
            {"file_id": "1XY1000201"},
            f"{EELC}: file id, sender, receiver or creation time are not the manifest's",
            id="file id",
        ),
        pytest.param(
            {"file_id": "1XYGS00101"}, "manifest.json: 2 files have the id 1XYGS00101", id="the same id twice"
        ),
        pytest.param({"rows": 4}, f"{EELC} does not hold 2 supply points in 4 rows", id="rows"),
        pytest.param({"sets": 2, "deletes": 0}, "EELC's files do not hold 2 sets and 0 deletes", id="sets and deletes"),
        pytest.param({"counted": 4}, "manifest.json: EELC's counts do not add up", id="counted"),
        pytest.param(
            {"supply_points": 3}, "manifest.json: EELC's files do not hold the 2 supply points written", id="sum"
        ),
    ],
)
def test_a_manifest_that_does_not_fit_its_files_is_found(folder: Path, changes: dict[str, object], fault: str) -> None:
    _resealed(folder, **changes)
    assert fault in verify(folder, None).faults


def test_a_file_that_breaks_its_format_is_named_by_line(folder: Path) -> None:
    content = (folder / EELC).read_bytes().replace(b"|T|F|", b"|T|X|")
    (folder / EELC).write_bytes(content)
    _resealed(folder, bytes=len(content), sha256=sha256(content).hexdigest())
    assert f"{EELC}: line 2: delete all (J2210) is neither T nor F" in verify(folder, None).faults


def test_a_signature_of_another_key_is_found(folder: Path, key: Path, tmp_path: Path) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    public = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert verify(folder, public).faults == ["manifest.json.sig is not a signature of the manifest by this key"]
    (tmp_path / "public.pem").write_bytes(key.with_suffix(".pub").read_bytes())
    checked = subprocess.run(
        (
            "openssl",
            "dgst",
            "-sha256",
            "-verify",
            tmp_path / "public.pem",
            "-signature",
            "manifest.json.sig",
            "manifest.json",
        ),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    assert checked.stdout == b"Verified OK\n"


def test_revisions_are_found_from_the_bucket_the_day_and_the_revision(folder: Path, tmp_path: Path) -> None:
    assert revisions(folder) == revisions(folder.parent) == revisions(tmp_path) == [folder]
    assert revisions(folder / "gas") == []


def ops(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process without a service, with only the files."""
    return psr("export", *arguments, environment={"PATH": "/usr/bin:/bin"})


def test_the_command_needs_no_service_and_fails_on_any_fault(folder: Path, key: Path, tmp_path: Path) -> None:
    good = ops("verify", str(tmp_path), "--key", str(key.with_suffix(".pub")))
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout == "ok     2026-11-23/r1: 2 files, 4 supply points, released, signature checked\n"
    (folder / EELC).write_bytes((folder / EELC).read_bytes().replace(b"Person", b"Parson"))
    bad = ops("verify", str(tmp_path))
    assert bad.returncode == 1
    assert bad.stdout == f"FAULT  2026-11-23/r1: {EELC} is not the file of the manifest: size or SHA-256 differ\n"
    assert bad.stderr == "error: 1 fault: do not send these files\n"
    none = ops("verify", str(key.parent))
    where = "they are in folders such as 2026-11-23/r1"
    assert (none.returncode, none.stderr) == (1, f"error: there is no revision of a day in {key.parent}: {where}\n")


def test_only_an_unreleased_revision_is_replaced(folder: Path, tmp_path: Path) -> None:
    """r1 stopped without a manifest, r2 stopped with a release, r10 is the day."""
    day = folder.parent
    folder.rename(day / "r10")
    for stopped in (day / "r1", day / "r2"):
        stopped.mkdir()
        (stopped / "other.txt").write_bytes(b"by somebody else")
    good = "ok     2026-11-23/r10: 2 files, 4 supply points, released, signature not checked (no --key)\n"
    old = "old    2026-11-23/{}: replaced by r10 before it was released; do not send it\n"
    seen = ops("verify", str(tmp_path))
    assert (seen.returncode, seen.stdout) == (0, old.format("r1") + good + old.format("r2"))
    (day / "r2" / "released").write_bytes((day / "r10" / "released").read_bytes())
    seen = ops("verify", str(day), "--json")
    rows = {row["revision"][-2:]: (row["replaced_by"], row["faults"]) for row in json.loads(seen.stdout)}
    no_manifest = ["there is no manifest.json: the day is not complete"]
    assert rows == {"r1": ("r10", []), "10": (None, []), "r2": (None, no_manifest)}
    assert (seen.returncode, seen.stderr) == (1, "error: 1 fault: do not send these files\n")
    assert ops("verify", str(day / "r1")).returncode == 1, "alone, nothing shows that it was replaced"


async def test_a_bucket_is_verified_like_its_files(emulators: Layout, tmp_path: Path) -> None:  # noqa: ARG001 - they run
    world = World(tmp_path)
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    key = tmp_path / "key.pub.pem"
    key.write_bytes(world.public_key)

    def verified(path: str, *more: str | Path) -> subprocess.CompletedProcess[str]:
        address = f"gs://{world.settings.export_bucket}{path}"
        return psr("export", "verify", address, *more, environment=world.child_environment())

    good = "ok     2026-11-23/r1: 1 files, 1 supply points, released, signature checked\n"
    for path in ("", "/", "/2026-11-23", "/2026-11-23/r1/"):
        done = await asyncio.to_thread(verified, path, "--key", key)
        assert (done.returncode, done.stdout, done.stderr) == (0, good, "")
    absent = await asyncio.to_thread(verified, "/2026-11-22")
    assert (absent.returncode, absent.stdout) == (1, "")
    world.objects.blob("2026-11-23/r0/other.txt").upload_from_string(b"by somebody else")
    replaced = await asyncio.to_thread(verified, "", "--key", key)
    old = "old    2026-11-23/r0: replaced by r1 before it was released; do not send it\n"
    assert (replaced.returncode, replaced.stdout) == (0, old + good)
    world.objects.blob("2026-11-23/r0/other.txt").delete()
    world.objects.blob("2026-11-23/r1/added.txt").upload_from_string(b"by somebody else")
    bad = await asyncio.to_thread(verified, "", "--json")
    (revision,) = json.loads(bad.stdout)
    assert (revision["revision"], revision["faults"]) == ("2026-11-23/r1", ["added.txt is not in the manifest"])
    assert (bad.returncode, bad.stderr) == (1, "error: 1 fault: do not send these files\n")
