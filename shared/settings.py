"""The one place that reads the environment. Validated at start; a function that lacks what it needs does not start."""

import base64
import os
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from shared.clock import Clock, SimulatedClock
from shared.policy import Policy

PREFIX = "PSR_"
_KEY_BYTES = 32


class SettingsError(Exception):
    """The environment lacks a setting or holds one that cannot be right. Names settings, never values."""


class Settings(Policy):
    """Every setting, the policy's too; the environment variable is the name in capitals after `PSR_`."""

    project: str = Field(min_length=1, description="Google Cloud project id")
    database: str = Field("(default)", description="Firestore database id")
    identity_key: SecretStr = Field(description="Base64 of 32 random bytes; every document id is keyed by it")
    identity_key_version: int = Field(0, ge=0, le=1, description="Version bit that is written into the ids")

    function: str | None = Field(None, description="Name of the function; where it is deployed its folder has another")
    build: str = Field("source", description="The bundle that this process runs, by its content hash")

    token_issuer: str | None = Field(None, description="`iss` that access tokens must have")
    token_audience: str | None = Field(None, description="`aud` that access tokens must have")
    token_jwks_uri: str | None = Field(None, description="Where the issuer publishes its signing keys")

    cors_origins: str = Field(
        "",
        pattern=r"^(https?://[a-z0-9.-]+(:[0-9]+)?( |$))*$",
        description="Origins whose pages may call the API, separated by spaces",
    )

    export_bucket: str | None = Field(None, description="Bucket that the daily export is written to")
    export_first_day: date | None = Field(None, description="The first London day that is exported")
    export_work_topic: str = Field("psr-export-work", description="Topic of the export's work messages")
    supplier_mpid: str | None = Field(
        None, pattern=r"^[A-Z0-9]{4}$", description="This supplier's Market Participant Id"
    )
    test_data_flag: str = Field("OPER", pattern=r"^[A-Z0-9]{4}$", description="DTC J1063; OPER means live data")

    signing_key: str | None = Field(
        None, description="Key that signs manifests: a version in Cloud KMS (projects/…), locally a PEM file"
    )
    hold_multiple: float = Field(5, gt=1, description="A day is held if it has more than so many times the usual")
    hold_supply_points: int = Field(1000, ge=1, description="A day with fewer supply points is not held for them")
    hold_deletes: int = Field(100, ge=1, description="A day with fewer deletes is not held for them")

    quarantine_bucket: str | None = Field(
        None, description="Bucket for quarantined messages that are too large for a document"
    )

    parked_days: int = Field(14, ge=1, description="Days for which a parked message is tried again")

    simulated_clock: Path | None = Field(None, description="Local stack only: file of the simulated clock")

    @field_validator("identity_key")
    @classmethod
    def _is_32_bytes(cls, value: SecretStr) -> SecretStr:
        if len(base64.b64decode(value.get_secret_value(), validate=True)) != _KEY_BYTES:
            raise ValueError("must be the Base64 of 32 bytes")
        return value

    @model_validator(mode="after")
    def _simulated_time_is_never_deployed(self) -> Self:
        if self.simulated_clock is not None and not _only_emulators():
            raise ValueError("simulated_clock is for the local stack: production tells the true time")
        return self

    def clock(self) -> Clock:
        """The clock that everything in this process uses."""
        return SimulatedClock(self.simulated_clock) if self.simulated_clock else Clock()

    def require(self, names: list[str]) -> None:
        """Raise `SettingsError` naming each of these settings that has no value."""
        missing = [PREFIX + name.upper() for name in names if getattr(self, name) is None]
        if missing:
            raise SettingsError(f"these settings are needed and not set: {', '.join(missing)}")


def _only_emulators() -> bool:
    """Whether this process can only reach emulators. Cloud Run sets K_REVISION on everything that it runs."""
    emulated = "FIRESTORE_EMULATOR_HOST" in os.environ
    deployed = "K_REVISION" in os.environ
    return emulated and not deployed


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables. Raises `SettingsError`, which names what is wrong without its value."""
    given = {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if environment.get(PREFIX + name.upper())
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        reasons = [
            f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False)
        ]
        raise SettingsError("; ".join(reasons)) from None


@cache
def settings() -> Settings:
    """The settings of this process."""
    return read_settings(os.environ)


def emulator_host(name: str) -> str | None:
    """Where a Google Cloud emulator listens (`FIRESTORE`, `PUBSUB`, …), None for the real service."""
    return os.environ.get(f"{name}_EMULATOR_HOST")
