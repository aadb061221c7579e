"""The resources of a plan or of a state, as `terraform show -json` prints them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

_UNKNOWN = "offline"


class Resource(NamedTuple):
    """A resource. Its values lack what is known only after the apply.

    `depends_on` names the resources that exist before it, by type and name; a plan does not say, so there it is None.
    """

    type: str
    name: str
    key: str
    values: Mapping[str, Any]
    depends_on: frozenset[str] | None

    @property
    def address(self) -> str:
        """`type.name["index"]`."""
        return f"{self.type}.{self.name}" + (f'["{self.key}"]' if self.key else "")

    def get(self, path: str) -> Any:
        """A value by its path, `push_config.oidc_token.audience`, through blocks; None if there is none."""
        value: Any = self.values
        for name in path.split("."):
            value = only(value)
            value = value.get(name) if isinstance(value, Mapping) else None
        return only(value)


def only(value: Any) -> Any:
    """The single block of a list of at most one block; anything else as it is."""
    if isinstance(value, list) and (not value or isinstance(value[0], Mapping)):
        return value[0] if len(value) == 1 else (value or None)
    return value


def is_unknown(value: Any) -> bool:
    """Whether a value is known only after the apply, or made up by a check without a cloud."""
    return str(value).startswith(_UNKNOWN)


def read(document: Mapping[str, Any]) -> list[Resource]:
    """The resources of a plan's or a state's JSON."""
    later = {one["address"]: one["change"].get("after_unknown", {}) for one in document.get("resource_changes", [])}
    values = document.get("planned_values") or document.get("values") or {}
    return [
        Resource(
            one["type"],
            one["name"],
            str(one.get("index", "")),
            _completed(one["values"], later.get(one["address"], {})),
            frozenset(one["depends_on"]) if "depends_on" in one else (None if later else frozenset()),
        )
        for one in values.get("root_module", {}).get("resources", [])
        if one["mode"] == "managed"
    ]


def _completed(value: Any, later: Any) -> Any:
    """A planned value with a mark wherever the plan does not know it yet."""
    if later is True:
        return _UNKNOWN
    if isinstance(later, Mapping):
        known = value or {}
        return {**known, **{name: _completed(known.get(name), inner) for name, inner in later.items() if inner}}
    if isinstance(later, list) and isinstance(value, list) and len(later) == len(value):
        return [_completed(*pair) for pair in zip(value, later, strict=True)]
    return value
