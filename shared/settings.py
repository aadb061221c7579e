"""The settings, from environment variables; no other module reads the environment.

They are validated at the start. A function does not start without the settings that it requires.
"""

import base64
import os
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from shared.clock import Clock, SimulatedClock
from shared.policy import Policy

PREFIX = "PSR_"
_KEY_BYTES = 32
_ORIGIN = r"^https?://[a-z0-9.-]+(:[0-9]+)?$"
_ORIGINS = r"^(https?://[a-z0-9.-]+(:[0-9]+)?( |$))*$"


class SettingsError(Exception):
    """The environment lacks a setting, or has one that is not valid. The text names settings, never values."""


class Settings(Policy):
    """All settings, with those of the policy. The environment variable is `PSR_` and the name in capitals."""

    project: str = Field(min_length=1, description="Google Cloud project id")
    database: str = Field("(default)", description="Firestore database id")
    single_threaded_streams: bool = Field(
        True, description="Whether many documents are read with gRPC's experimental single-threaded streams"
    )
    identity_key: SecretStr | None = Field(
        None, description="Base64 of 32 random bytes, the key from which document ids are made"
    )
    identity_key_version: int = Field(0, ge=0, le=1, description="Version bit of the key, which the ids contain")

    function: str | None = Field(None, description="Name of the deployed function; default: the name of its folder")
    build: str = Field("source", description="Content hash of the bundle that this process runs")

    token_issuer: str | None = Field(None, description="Required claim `iss` of access tokens")
    token_audience: str | None = Field(None, description="Required claim `aud` of access tokens")
    token_jwks_uri: str | None = Field(None, description="URI of the token issuer's signing keys (a JWK set)")

    cors_origins: str = Field(
        "",
        pattern=_ORIGINS,
        description="Allowed origins of web pages that call the API, separated by spaces",
    )

    export_bucket: str | None = Field(None, description="Bucket for the files of the daily export")
    export_first_day: date | None = Field(None, description="First London day of the export")
    export_work_topic: str = Field("psr-export-work", description="Topic of the export's work messages")
    supplier_mpid: str | None = Field(
        None, pattern=r"^[A-Z0-9]{4}$", description="This supplier's Market Participant Id"
    )
    test_data_flag: str = Field(
        "OPER", pattern=r"^[A-Z0-9]{4}$", description="Test data flag of the files (DTC J1063); OPER for live data"
    )

    signing_key: str | None = Field(
        None, description="Key that signs day manifests: a key version in Cloud KMS (projects/…), locally a PEM file"
    )
    hold_multiple: float = Field(
        5, gt=1, description="An export day is put on hold above this multiple of the usual supply points or deletes"
    )
    hold_supply_points: int = Field(
        1000, ge=1, description="Supply points below which an export day is not put on hold for their number"
    )
    hold_deletes: int = Field(
        100, ge=1, description="Deletes below which an export day is not put on hold for their number"
    )

    quarantine_bucket: str | None = Field(
        None, description="Bucket for quarantined messages that are too large for a document"
    )

    pages_address: str | None = Field(
        None, pattern=_ORIGIN, description="Public origin of the pages, which begins their redirect URIs"
    )
    pages_api: str | None = Field(None, pattern=_ORIGIN, description="Origin of the API that the pages call")
    pages_issuer: str | None = Field(
        None, description="OpenID provider of the pages; its `/.well-known/openid-configuration` says the rest"
    )
    pages_client_id: str | None = Field(None, description="Id of the pages as a client of the OpenID provider")
    pages_client_secret: SecretStr | None = Field(None, description="Secret of the pages at the OpenID provider")
    pages_session_keys: SecretStr | None = Field(
        None,
        description="Keys that encrypt the pages' cookies, each the Base64 of 32 random bytes, separated by spaces, "
        "newest first",
    )
    pages_return_origins: str = Field(
        "", pattern=_ORIGINS, description="Origins that the pages may return a customer to, separated by spaces"
    )

    parked_days: int = Field(14, ge=1, description="Days for which a parked message is retried")

    simulated_clock: Path | None = Field(None, description="Local stack only: file of the simulated clock")

    @field_validator("identity_key", "pages_session_keys")
    @classmethod
    def _are_32_bytes(cls, value: SecretStr | None) -> SecretStr | None:
        keys = value.get_secret_value().split(" ") if value else []
        if any(len(base64.b64decode(key, validate=True)) != _KEY_BYTES for key in keys):
            raise ValueError("must be the Base64 of 32 bytes")
        return value

    @model_validator(mode="after")
    def _simulated_time_is_never_deployed(self) -> Self:
        if self.simulated_clock is not None and not _only_emulators():
            raise ValueError("simulated_clock is for the local stack only: remove it from this environment")
        return self

    def clock(self) -> Clock:
        """The clock for all code in this process."""
        return SimulatedClock(self.simulated_clock) if self.simulated_clock else Clock()

    def secret(self, name: str) -> str:
        """The value of a secret setting. Raises `SettingsError` if it has none."""
        self.require([name])
        secret: SecretStr = getattr(self, name)
        return secret.get_secret_value()

    def require(self, names: list[str]) -> None:
        """Check that these settings have values. Raises `SettingsError`, which names those without."""
        missing = [PREFIX + name.upper() for name in names if getattr(self, name) is None]
        if missing:
            raise SettingsError(f"these required settings have no value: {', '.join(missing)}")


def _only_emulators() -> bool:
    """Whether this process can only reach emulators. Cloud Run sets K_REVISION in every container."""
    emulated = "FIRESTORE_EMULATOR_HOST" in os.environ
    deployed = "K_REVISION" in os.environ
    return emulated and not deployed


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables. Raises `SettingsError`, which names the settings that are not valid."""
    given = {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if environment.get(PREFIX + name.upper())
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError("; ".join(_fault(one) for one in error.errors(include_input=False))) from None


def _fault(error: Any) -> str:
    """The fault of a setting."""
    name = f"{PREFIX}{'.'.join(map(str, error['loc'])).upper()}"
    return f"{name} has no value" if error["type"] == "missing" else f"{name}: {error['msg']}"


@cache
def settings() -> Settings:
    """The settings of this process."""
    return read_settings(os.environ)


def emulator_host(name: str) -> str | None:
    """The address of a Google Cloud emulator (`FIRESTORE`, `PUBSUB`, …); None for the real service."""
    return os.environ.get(f"{name}_EMULATOR_HOST")
