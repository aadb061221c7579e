"""Settings are checked before anything starts."""

import base64

import pytest

from shared.settings import Settings, SettingsError, read_settings
from tests.support.settings import settings_read
from tools.places import ROOT

KEY = base64.b64encode(bytes(32)).decode()
LEAST = {"PSR_PROJECT": "p", "PSR_IDENTITY_KEY": KEY}


def test_settings_come_from_the_environment_and_have_defaults() -> None:
    config = read_settings({**LEAST, "PSR_FOLLOW_UP_DAYS": "7", "PSR_REVIEW_MONTHS": "", "HOME": "/"})
    assert (config.project, config.follow_up_days, config.review_months) == ("p", 7, 24)
    assert KEY not in repr(config)


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
        ({"PSR_PAGES_ADDRESS": "https://a.example/"}, "PSR_PAGES_ADDRESS"),
        ({"PSR_PAGES_API": "ftp://a.example"}, "PSR_PAGES_API"),
        ({"PSR_PAGES_SESSION_KEYS": f"{KEY},{KEY}"}, "PSR_PAGES_SESSION_KEYS"),
        ({"PSR_PAGES_SESSION_KEYS": f"{KEY} short"}, "PSR_PAGES_SESSION_KEYS"),
        ({"PSR_CORS_ORIGINS": "https://a.example/"}, "PSR_CORS_ORIGINS"),
    ],
)
def test_a_setting_that_cannot_be_right_is_named_without_its_value(changed: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({**LEAST, **changed})
    assert named in str(refused.value)
    assert not any(value and value in str(refused.value) for value in changed.values() if value != "*")


def test_a_secret_is_read_by_name_and_required() -> None:
    config = read_settings({**LEAST, "PSR_PAGES_SESSION_KEYS": f"{KEY} {KEY}"})
    assert config.secret("pages_session_keys") == f"{KEY} {KEY}"
    with pytest.raises(SettingsError, match="no value: PSR_PAGES_CLIENT_SECRET"):
        config.secret("pages_client_secret")


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


@pytest.mark.parametrize("setting", sorted(Settings.model_fields))
def test_every_setting_says_what_it_is(setting: str) -> None:
    assert Settings.model_fields[setting].description


def test_every_setting_is_read() -> None:
    paths = [path for folder in ("functions", "shared") for path in (ROOT / folder).rglob("*.py")]
    read = set().union(*(settings_read(path.read_bytes()) for path in paths))
    assert sorted(Settings.model_fields.keys() - read) == []
