"""Settings and manifests are checked before anything starts."""

import base64
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from shared.runtime.manifest import Manifest
from shared.settings import Settings, SettingsError, read_settings
from tools.functions import read_functions
from tools.places import FUNCTIONS

KEY = base64.b64encode(bytes(32)).decode()
LEAST = {"PSR_PROJECT": "p", "PSR_IDENTITY_KEY": KEY}


def test_settings_come_from_the_environment_and_have_defaults() -> None:
    here = read_settings({**LEAST, "PSR_FOLLOW_UP_DAYS": "7", "PSR_REVIEW_MONTHS": "", "HOME": "/"})
    assert (here.project, here.follow_up_days, here.review_months) == ("p", 7, 24)
    assert KEY not in repr(here)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"PSR_PROJECT": ""}, "PSR_PROJECT"),
        ({"PSR_IDENTITY_KEY": base64.b64encode(bytes(31)).decode()}, "PSR_IDENTITY_KEY"),
        ({"PSR_IDENTITY_KEY": "not base64!"}, "PSR_IDENTITY_KEY"),
        ({"PSR_YOUNG_CHILD_UNTIL_BIRTHDAY": "7"}, "PSR_YOUNG_CHILD_UNTIL_BIRTHDAY"),
        ({"PSR_EXPORT_FIRST_DAY": "soon"}, "PSR_EXPORT_FIRST_DAY"),
        ({"PSR_SUPPLIER_MPID": "supp"}, "PSR_SUPPLIER_MPID"),
        ({"PSR_CORS_ORIGINS": "*"}, "PSR_CORS_ORIGINS"),
        ({"PSR_CORS_ORIGINS": "https://a.example/"}, "PSR_CORS_ORIGINS"),
    ],
)
def test_a_setting_that_cannot_be_right_is_named_without_its_value(changed: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({**LEAST, **changed})
    assert named in str(refused.value)
    assert not any(value and value in str(refused.value) for value in changed.values() if value != "*")


def test_a_function_that_lacks_a_setting_names_it() -> None:
    with pytest.raises(SettingsError, match="PSR_TOKEN_ISSUER, PSR_EXPORT_BUCKET"):
        read_settings(LEAST).require(["project", "token_issuer", "export_bucket"])


@pytest.mark.parametrize("environment", [{}, {"FIRESTORE_EMULATOR_HOST": "h:1", "K_REVISION": "r"}])
def test_production_refuses_to_simulate_time(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRESTORE_EMULATOR_HOST", "K_REVISION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="is for the local stack only"):
        read_settings({**LEAST, "PSR_SIMULATED_CLOCK": "/clock.json"})


def test_every_function_has_what_it_needs_and_a_description() -> None:
    manifests = read_functions(FUNCTIONS)
    assert manifests.keys() == {path.parent.name for path in FUNCTIONS.glob("*/main.py")}
    assert all(manifest.description.endswith(".") for manifest in manifests.values())


def changed_manifest(change: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load((FUNCTIONS / "lookup" / "function.yaml").read_text())
    return {**whole, **change}


ROUTE = {"operation": "getIt", "method": "GET", "path": "/v1/it", "scope": "psr:read"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param({"trigger": {"http": [{**ROUTE, "scope": "psr:all"}]}}, "scope", id="a scope that is none"),
        pytest.param(
            {"trigger": {"http": [{k: v for k, v in ROUTE.items() if k != "scope"}]}},
            "scope",
            id="a route without scope",
        ),
        pytest.param({"trigger": {"http": [{**ROUTE, "path": "/it"}]}}, "path", id="a path outside /v1"),
        pytest.param({"trigger": {"http": [{**ROUTE, "method": "DELETE"}]}}, "method", id="a method of no use"),
        pytest.param({"trigger": {}}, "trigger", id="no trigger"),
        pytest.param(
            {"trigger": {"http": [], "schedule": {"cron": "0 3 * * *", "time_zone": "Europe/London"}}},
            "trigger",
            id="two triggers",
        ),
        pytest.param({"permissions": ["owner"]}, "permissions", id="a permission that is none"),
        pytest.param({"settings": ["colour"]}, "settings", id="a setting that is none"),
        pytest.param({"memory": "1Gi"}, "memory", id="an unknown field"),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_refused(change: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Manifest.model_validate(changed_manifest(change))
    assert place in {str(part) for error in refused.value.errors() for part in error["loc"]}


@pytest.mark.parametrize("setting", sorted(Settings.model_fields))
def test_every_setting_says_what_it_is(setting: str) -> None:
    assert Settings.model_fields[setting].description
