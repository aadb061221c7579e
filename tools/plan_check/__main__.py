"""`python -m tools.plan_check FILE`: check the JSON of a plan or of a state."""

import json
import sys
from pathlib import Path

from tools.errors import CommandError, run_command
from tools.plan_check import discovery, limits, reach, rights
from tools.plan_check.resources import Resource, read


def findings(resources: list[Resource]) -> list[str]:
    """Everything that is wrong with planned resources."""
    return [fault for check in (discovery, limits, rights, reach) for fault in check.findings(resources)]


def main() -> None:
    """Check a file. Raises `CommandError` with what is wrong."""
    resources = read(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    if wrong := findings(resources):
        raise CommandError("\n".join(["the plan would fail or reach too far:", *wrong]))
    print(f"{len(resources)} resources are as Google's APIs want them")


if __name__ == "__main__":
    run_command(main)
