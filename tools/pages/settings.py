"""docs/settings.md: every setting, from the settings model and the manifests."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticUndefined

from shared.runtime.manifest import read_manifests
from shared.settings import PREFIX, Settings
from tools.places import FUNCTIONS

_HEAD = """# Settings

Made from `shared/settings.py` and the functions' manifests. `nox -s docs` writes this page.

A setting is an environment variable. Terraform sets those of a deployment (`settings` in `terraform/environments`), and
the local stack its own. `.local/env` has them for the operators' commands. A function does not start if a setting that it
requires has no value, or if a value is not valid. A function requires a setting if its manifest (`function.yaml`) names it
under `settings`, or under `permissions` as a secret. An empty variable counts as not set.

| Setting | Variable | Value | Default | Meaning | Required by |
| --- | --- | --- | --- | --- | --- |
"""


def settings_page() -> str:
    """The page."""
    schema = Settings.model_json_schema()["properties"]
    return _HEAD + "".join(_row(name, schema[name]) for name in Settings.model_fields)


def _row(name: str, schema: Mapping[str, Any]) -> str:
    field = Settings.model_fields[name]
    cells = (
        f"`{name}`",
        f"`{PREFIX}{name.upper()}`",
        _value(schema),
        _default(field.default),
        field.description or "",
        "every function" if field.is_required() else _required_by(name),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _value(schema: Mapping[str, Any]) -> str:
    """The values that a setting can have, in words."""
    form = next((one for one in schema.get("anyOf", []) if one["type"] != "null"), schema)
    parts = [
        {"string": "text", "integer": "whole number", "boolean": "`true` or `false`"}.get(form["type"], form["type"])
    ]
    if form.get("format") in ("date", "path"):
        parts = [form["format"]]
    for bound, words in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to")):
        if bound in form:
            parts.append(f"{words} {form[bound]:g}")
    if "pattern" in form:
        parts.append(f"matching `{form['pattern']}`")
    return " ".join(parts)


def _default(default: Any) -> str:
    return "" if default in (None, "", PydanticUndefined) else f"`{default}`".replace("False", "false")


def _required_by(name: str) -> str:
    """The functions that require a setting: every one, or their names."""
    manifests = read_manifests(FUNCTIONS)
    names = [function for function, one in manifests.items() if name in [*one.settings, *one.secrets]]
    others = manifests.keys() - names
    return ", ".join(f"`{function}`" for function in names) if len(others) != 1 else f"all except `{others.pop()}`"
