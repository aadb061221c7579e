"""Which function answers a request at the front door: the load balancer's rules, made from the manifests' routes.

A rule compares the method and either the whole path or its beginning, which is all that the URL map needs for paths
such as `/v1/registrations/{id}:withdraw`. Other requests go to the default function.
"""

from collections.abc import Mapping
from typing import Literal

from shared.model import Model
from shared.runtime.manifest import Manifest
from tools.errors import CommandError

#: Takes what no route names: its answers to unknown paths, preflights and `/_status` are the service's.
DEFAULT_FUNCTION = "lookup"


class Rule(Model):
    """One rule. `path` is compared whole or, if `match` is `prefix`, with the beginning of the request's path."""

    method: str
    match: Literal["full", "prefix"]
    path: str
    function: str

    def takes(self, method: str, path: str) -> bool:
        """Whether a request comes under this rule."""
        return method == self.method and (path == self.path if self.match == "full" else path.startswith(self.path))


def front_door_rules(manifests: Mapping[str, Manifest]) -> list[Rule]:
    """The rules in the order that they are tried: whole paths, then longer beginnings before shorter ones.

    Preflights go to the default function, which answers them for all. Raises `CommandError` if two functions would
    have the same rule.
    """
    preflights = Rule(method="OPTIONS", match="prefix", path="/v1/", function=DEFAULT_FUNCTION)
    rules = {(preflights.method, preflights.match, preflights.path): preflights}
    for name, manifest in manifests.items():
        for route in manifest.trigger.http or []:
            path, parameter, _ = route.path.partition("{")
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                rule = Rule(method=method, match="prefix" if parameter else "full", path=path, function=name)
                known = rules.setdefault((rule.method, rule.match, rule.path), rule)
                if known.function != name:
                    raise CommandError(f"{known.function} and {name} both want {method} {route.path} at the front door")
    return sorted(rules.values(), key=lambda rule: (rule.match != "full", -len(rule.path), rule.path, rule.method))
