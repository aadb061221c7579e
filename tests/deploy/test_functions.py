"""A function that lacks something is refused before it starts, and the message names all that is missing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.runtime.manifest import ManifestError, read_manifest, read_push_subscriptions
from tools.errors import CommandError
from tools.functions import read_functions
from tools.local import layout
from tools.places import FUNCTIONS, ROOT

MANIFEST = """\
description: Counts registrations.
entry_point: main
trigger:
  http:
    - {operation: countRegistrations, method: GET, path: "/v1/registrations:count", scope: psr:bulk}
resources: {memory: 512Mi, cpu: 1, timeout_seconds: 60, concurrency: 40, max_instances: 2}
permissions: [firestore.read]
"""
MAIN = """\
from shared.http.api import Api
api = Api(__file__)
main = api.function()
"""
NAMED = "elsewhere:\n  /v1/registrations:count: [GET]\n"
PLAIN = """\
import functions_framework
@functions_framework.http
def main(request):
    return "anyone may read this"
"""
GUARD = "functions/count/main.py bypasses the guard"


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    """The functions of the repository and one more, which has everything."""
    copied = tmp_path / "functions"
    shutil.copytree(FUNCTIONS, copied, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "count").mkdir()
    (copied / "count" / "function.yaml").write_text(MANIFEST)
    (copied / "count" / "main.py").write_text(MAIN)
    lookup = copied / "lookup" / "function.yaml"
    lookup.write_text(lookup.read_text().replace("elsewhere:\n", NAMED))
    return copied


def faults(functions: Path) -> list[str]:
    with pytest.raises(CommandError) as refused:
        read_functions(functions)
    return str(refused.value).splitlines()


def test_a_function_that_has_everything_is_read_with_the_others(functions: Path) -> None:
    assert read_functions(functions).keys() - read_functions(FUNCTIONS).keys() == {"count"}


@pytest.mark.parametrize(
    "main",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(MAIN.replace("main = ", "handler = ") + PLAIN, id="next to a handler"),
        pytest.param(MAIN + PLAIN, id="in place of the guarded one"),
        pytest.param(MAIN + "if True:\n    main = lambda request: 'all'\n", id="in a block"),
        pytest.param(MAIN + "from shared.runtime.body import read_within as main\n", id="imported"),
        pytest.param(MAIN + "api = object()\n", id="wiring replaced"),
        pytest.param(MAIN + "class Api: ...\n", id="class replaced"),
        pytest.param(MAIN.replace("shared.http.api", "flask"), id="another library's class"),
        pytest.param(
            MAIN.replace("shared.http.api", "shared.messages.push")
            .replace("Api(", "Consumer(")
            .replace(" Api", " Consumer"),
            id="wiring of another trigger",
        ),
        pytest.param(MAIN.replace("api.function()", "api.operation('count')"), id="another method"),
        pytest.param(MAIN.replace("main = api.function()\n", ""), id="none"),
    ],
)
def test_an_entry_point_that_bypasses_the_guard_is_refused(functions: Path, main: str) -> None:
    (functions / "count" / "main.py").write_text(main)
    assert faults(functions) == [
        (
            f"{GUARD}: its only `main` must be `main = wiring.function()`, where `wiring` is Api(__file__) of "
            "shared.http.api, since the trigger is http"
        )
    ]


def test_an_entry_point_that_bypasses_the_guard_gets_no_bundle(functions: Path) -> None:
    (functions / "count" / "main.py").write_text(PLAIN)
    for name in ("requirements", "shared", "tools"):
        shutil.copytree(ROOT / name, functions.parent / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = (sys.executable, "-m", "tools.bundle")
    done = subprocess.run(command, cwd=functions.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.startswith(f"error: {GUARD}")) == (1, True)
    assert not (functions.parent / "dist").exists()


def test_the_local_stack_does_not_start_with_an_entry_point_that_bypasses_the_guard(
    functions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (functions / "count" / "main.py").write_text(PLAIN)
    monkeypatch.setattr(layout, "FUNCTIONS", functions)
    with pytest.raises(CommandError, match=GUARD):
        layout.new_layout(functions.parent, {})


def test_everything_that_is_missing_is_named_at_once(functions: Path) -> None:
    (functions / "count" / "function.yaml").write_text("description: Counts registrations.\ncolour: red\n")
    (functions / "count" / "main.py").unlink()
    (functions / "sum").mkdir()
    (functions / "sum" / "main.py").write_text(PLAIN)
    assert faults(functions) == [
        "functions/count/function.yaml has faults:",
        "  entry_point: is missing",
        "  trigger: is missing",
        "  resources: is missing",
        "  permissions: is missing",
        "  colour: is not a field here",
        "functions/count/main.py is missing",
        "functions/sum/function.yaml cannot be read",
    ]


def test_the_default_function_has_to_name_the_methods_of_the_others(functions: Path) -> None:
    lookup = functions / "lookup" / "function.yaml"
    lookup.write_text(lookup.read_text().replace(NAMED, "elsewhere:\n  /v1/sums: [GET]\n"))
    assert faults(functions) == [
        (
            "functions/lookup/function.yaml: `elsewhere` must be `/v1/registrations:count: [GET]`, as the other "
            "functions serve it"
        ),
        "functions/lookup/function.yaml: `elsewhere` must not name /v1/sums, as the other functions serve it",
    ]


def test_an_operation_and_a_route_have_one_function(functions: Path) -> None:
    again = MANIFEST.replace("countRegistrations", "getRegistration").replace(":count", "")
    (functions / "count" / "function.yaml").write_text(again.replace("method: GET", "method: POST"))
    assert [fault for fault in faults(functions) if "is also in" in fault] == [
        "functions/lookup/function.yaml: getRegistration is also in functions/count/function.yaml",
        "functions/register/function.yaml: POST /v1/registrations is also in functions/count/function.yaml",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("trigger: [\n", "function.yaml is not YAML, see line 2", id="not YAML"),
        pytest.param("- a list\n", "function.yaml has faults:\n  the whole file: Input should be", id="a list"),
        pytest.param(
            MANIFEST.replace("cpu: 1", "cpu: 8").replace("psr:bulk", "psr:all"),
            "function.yaml has faults:\n  trigger.http.0.scope: is not a scope of this service\n"
            "  resources.cpu: Input should be less than or equal to 4",
            id="values",
        ),
    ],
)
def test_a_faulty_manifest_is_named_with_each_fault(functions: Path, text: str, fault: str) -> None:
    (functions / "count" / "function.yaml").write_text(text)
    with pytest.raises(ManifestError) as refused:
        read_manifest(functions / "count")
    assert str(refused.value).startswith(f"functions/count/{fault}")


def test_faulty_settings_of_the_subscriptions_are_named(functions: Path) -> None:
    (functions / "pubsub.yaml").write_text("ack_deadline_seconds: 5\n")
    with pytest.raises(ManifestError) as refused:
        read_push_subscriptions(functions)
    assert str(refused.value).splitlines()[:2] == [
        "functions/pubsub.yaml has faults:",
        "  ack_deadline_seconds: Input should be greater than or equal to 10",
    ]
