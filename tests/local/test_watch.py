"""`make watch`: a change reruns the tests that it concerns, and no others."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.places import ROOT
from tools.watch import affected_tests, dependencies

TESTS = sorted(
    ROOT / "tests" / place
    for place in (
        *("api/test_lookup.py", "docs/test_words.py", "domain/test_recipients.py", "domain/test_text.py"),
        *("store/test_orders.py",),
    )
)
ALL = [path.name for path in TESTS]


@pytest.mark.parametrize(
    ("changed", "rerun"),
    [
        pytest.param("tests/domain/test_text.py", ["test_text.py"], id="a test"),
        pytest.param("tests/docs/words.py", ["test_words.py"], id="a module next to a test"),
        pytest.param("shared/digest.py", [name for name in ALL if name not in ("test_words.py", "test_text.py")]),
        pytest.param("shared/domain/networks.py", ["test_lookup.py", "test_recipients.py", "test_orders.py"]),
        pytest.param("shared/data/recipients.csv", [name for name in ALL if name != "test_words.py"]),
        pytest.param("tests/support/registrations.py", ["test_recipients.py"]),
        pytest.param("tools/synthetic.py", ["test_lookup.py", "test_recipients.py", "test_orders.py"]),
        pytest.param("functions/lookup/main.py", ["test_lookup.py", "test_orders.py"], id="functions of the stack"),
        pytest.param("functions/lookup/function.yaml", ["test_lookup.py", "test_orders.py"]),
        pytest.param("tests/api/conftest.py", ["test_lookup.py"], id="fixtures of a folder"),
        pytest.param("tests/conftest.py", ALL, id="fixtures of all tests"),
        pytest.param("shared/http/none.py", [], id="a deleted module"),
        pytest.param("docs/tables.md", [], id="a page"),
    ],
)
def test_a_change_reruns_the_tests_that_it_concerns(changed: str, rerun: list[str]) -> None:
    assert [path.name for path in affected_tests([ROOT / changed], TESTS)] == rerun


def test_a_module_that_does_not_parse_depends_on_nothing(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("import shared.model\ndef half(:\n")
    assert dependencies(tmp_path / "half.py") == frozenset()


def test_tests_that_do_not_exist_are_named_before_anything_starts() -> None:
    command = (sys.executable, "-m", "tools.watch", "tests/none")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "error: there is no tests/none\n")
