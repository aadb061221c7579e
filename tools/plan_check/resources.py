"""The resources of a plan or of a state, as `terraform show -json` prints them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


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


def read(document: Mapping[str, Any]) -> list[Resource]:
    """The resources of a plan's or a state's JSON."""
    values = document.get("planned_values") or document.get("values") or {}
    return list(_resources(values.get("root_module", {})))


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for one in module.get("resources", []):
        if one["mode"] == "managed":
            before = one.get("depends_on")
            yield Resource(
                one["type"],
                one["name"],
                str(one.get("index", "")),
                one["values"],
                None if before is None else frozenset(before),
            )
