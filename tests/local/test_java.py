"""Which Java runs the emulators."""

from pathlib import Path

import pytest
from rich.console import Console

from tools.local.java import java


@pytest.mark.parametrize(
    ("says", "on_the_path"),
    [
        pytest.param('openjdk version "21.0.4" 2024-07-16', True, id="new enough"),
        pytest.param('openjdk version "22-ea" 2024-03-19', True, id="early access"),
        pytest.param('openjdk version "17.0.15" 2025-04-15', False, id="too old"),
        pytest.param('java version "1.8.0_302"', False, id="old numbering"),
        pytest.param("The operation could not be completed. Unable to locate a Java Runtime.", False, id="only a stub"),
    ],
)
def test_takes_the_java_on_the_path_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, *, on_the_path: bool
) -> None:
    program = tmp_path / "java"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = java(21, Console(quiet=True))
    assert (found == program) is on_the_path
    assert found.exists()
