"""The addresses, folders and keys of a local stack. Decided before anything starts, and written to `stack.json`."""

import base64
import os
import secrets
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import ValidationError

from shared.clock import LONDON, SimulatedClock, london_day, machine_time
from shared.model import Model
from tools.errors import CommandError
from tools.functions import read_functions
from tools.local.processes import LOOPBACK, free_ports, reports
from tools.places import FUNCTIONS, ROOT

AUDIENCE = "psr-api"
#: The function that serves the pages, and their client id at the issuer.
PAGES, PAGES_CLIENT = "pages", "psr-pages"
BUCKET = "exports"
QUARANTINE_BUCKET = "quarantine"
SUPPLIER = "SUPP"
#: Ports of development servers, whose pages on this machine may call the API and get tokens (docs/local.md).
PAGE_PORTS = (3000, 4200, 5000, 5173, 8000, 8080, 8888)
#: Not inherited by the stack's processes: settings of another register, credentials of a real project, and the
#: developer's wishes for Python (with `PYTHONDONTWRITEBYTECODE` each start takes three times as long).
_NOT_INHERITED = ("PSR_", "K_", "GOOGLE_", "CLOUDSDK_", "FUNCTION_", "GUNICORN_", "PYTHON", "STORAGE_EMULATOR_HOST")
_STARTS_AT = time(9, 0)


class Layout(Model):
    """One stack. `emulators` holds host:port by name, `running` names those that somebody else runs, `functions` holds
    ports by name, `first_day` is the first London day.

    Written to `stack.json`, where the stack's own processes and the curious find it.
    """

    home: Path
    project: str
    identity_key: str
    pages_client_secret: str
    pages_session_key: str
    first_day: date
    port: int
    emulators: dict[str, str]
    running: list[str]
    functions: dict[str, int]

    @property
    def url(self) -> str:
        """The front door."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def origins(self) -> list[str]:
        """The origins of pages that may call the API: the front door's, and those of development servers."""
        ports = sorted({self.port, *PAGE_PORTS})
        return [f"http://{host}:{port}" for host in ("localhost", LOOPBACK) for port in ports]

    @property
    def issuer(self) -> str:
        """The token issuer, which is behind the front door too; also the `iss` of its tokens."""
        return f"{self.url}/dev"

    @property
    def scheduler(self) -> str:
        """Where the local Cloud Scheduler is: behind the front door."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def clock(self) -> SimulatedClock:
        """The clock that every process of the stack reads."""
        return SimulatedClock(self.home / "clock.json")

    @property
    def signing_key(self) -> Path:
        """The key that signs manifests; the public key is next to it, as `.pub.pem`."""
        return self.home / "signing-key.pem"

    @property
    def gateway_status(self) -> str:
        """The status page of the gateway itself; `/_status` behind it is a function's."""
        return f"{self.issuer}/status"

    @property
    def file(self) -> Path:
        """Where the layout itself is written down."""
        return self.home / "stack.json"

    def function_url(self, name: str) -> str:
        """A function's own address, behind the front door."""
        return f"http://{LOOPBACK}:{self.functions[name]}"

    def environment(self) -> dict[str, str]:
        """The variables that make a process part of this stack."""
        return {
            "FIRESTORE_EMULATOR_HOST": self.emulators["firestore"],
            "PUBSUB_EMULATOR_HOST": self.emulators["pubsub"],
            "CLOUD_SCHEDULER_EMULATOR_HOST": self.scheduler,
            "STORAGE_EMULATOR_HOST": f"http://{self.emulators['storage']}",
            "PSR_PROJECT": self.project,
            "PSR_IDENTITY_KEY": self.identity_key,
            # The build distinguishes the functions of this stack from those of another.
            "PSR_BUILD": self.project,
            "PSR_TOKEN_ISSUER": self.issuer,
            "PSR_TOKEN_AUDIENCE": AUDIENCE,
            "PSR_TOKEN_JWKS_URI": f"{self.issuer}/jwks.json",
            "PSR_CORS_ORIGINS": " ".join(self.origins),
            "PSR_EXPORT_BUCKET": BUCKET,
            "PSR_QUARANTINE_BUCKET": QUARANTINE_BUCKET,
            "PSR_EXPORT_FIRST_DAY": self.first_day.isoformat(),
            "PSR_SIGNING_KEY": str(self.signing_key),
            "PSR_SUPPLIER_MPID": SUPPLIER,
            "PSR_TEST_DATA_FLAG": "TR01",
            "PSR_PAGES_ADDRESS": self.function_url(PAGES),
            "PSR_PAGES_API": self.url,
            "PSR_PAGES_CLIENT_ID": PAGES_CLIENT,
            "PSR_PAGES_CLIENT_SECRET": self.pages_client_secret,
            "PSR_PAGES_ISSUER": self.issuer,
            "PSR_PAGES_RETURN_ORIGINS": " ".join(self.origins),
            "PSR_PAGES_SESSION_KEYS": self.pages_session_key,
            "PSR_SIMULATED_CLOCK": str(self.clock.path),
            "PSR_STACK": str(self.file),
        }


def new_layout(home: Path, running: Mapping[str, str | None], port: int | None = None) -> Layout:
    """A stack with an identity and a project of its own, so that it meets nothing of an earlier one.

    `running` holds host:port of each emulator that already runs; `port` is the front door's, None for a free one.
    Raises `CommandError` if a function lacks something.
    """
    names = list(read_functions(FUNCTIONS))
    free = iter(free_ports(len(names) + 4))
    return Layout(
        home=home.resolve(),
        project=f"psr-local-{uuid.uuid4().hex[:8]}",
        identity_key=_key(),
        pages_client_secret=secrets.token_urlsafe(32),
        pages_session_key=_key(),
        first_day=london_day(machine_time()),
        port=port or next(free),
        emulators={
            name: running.get(name) or f"{LOOPBACK}:{next(free)}" for name in ("firestore", "pubsub", "storage")
        },
        running=sorted(name for name, host in running.items() if host),
        functions={name: next(free) for name in names},
    )


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def running_layout(file: Path) -> Layout:
    """The stack that wrote a file. Raises `CommandError` if it does not run."""
    with suppress(OSError, ValidationError):
        layout = Layout.model_validate_json(file.read_text(encoding="utf-8"))
        if reports(layout.gateway_status, "gateway", layout.project):
            return layout
    raise CommandError(f"no local stack runs in {file.parent}. Start one: make run")


def start_clock(layout: Layout) -> None:
    """Set the simulated clock to nine in the morning of the first day: no run straddles midnight."""
    layout.clock.path.unlink(missing_ok=True)
    layout.clock.jump_to(datetime.combine(layout.first_day, _STARTS_AT, LONDON))


def make_signing_key(layout: Layout) -> None:
    """A new key for the stack's manifests, and the public key that checks them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    layout.signing_key.touch(mode=0o600)
    layout.signing_key.write_bytes(private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    layout.signing_key.with_suffix(".pub.pem").write_bytes(public)


def child_environment(layout: Layout) -> dict[str, str]:
    """The whole environment of the stack's processes."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    return {**inherited, "PYTHONPATH": str(ROOT), **layout.environment()}
