"""The examples of docs/frontend.md, run unchanged."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from shared.errors import Problem
from tests.support.browser import LISTED, needs_browser, shown_at
from tools.local.stack import Stack
from tools.places import ROOT

GUIDE = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture(scope="module")
def registered(stack: Stack) -> str:
    """The output of the shell commands, run twice: the first time, and as a repeat."""
    commands, _labels = blocks("sh")
    environment = {"PSR_URL": stack.url, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    runs = [
        subprocess.run(("bash", "-eu", "-c", commands), env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert "Idempotent-Replayed" not in runs[0].stdout
    return runs[1].stdout


def test_the_shell_commands_register_and_find(registered: str) -> None:
    head, _, rest = registered.partition("\n\n")
    assert head.startswith("HTTP/1.1 201")
    assert "idempotent-replayed: true" in head.lower()
    first, _, second = rest.partition("}{")
    assert json.loads(first + "}") == json.loads("{" + second)


@needs_browser
@pytest.mark.usefixtures("registered")
def test_the_script_amends_from_a_page(stack: Stack, tmp_path: Path) -> None:
    """Two changes at the same time both count."""
    functions, example, desk = blocks("js")
    script = f"""{functions.replace("http://127.0.0.1:8080", stack.url)}
    (async () => {{
      const token = {json.dumps(stack.token("agent"))};
      {example}
      const both = ["14", "22"].map((code) =>
        amend(token, json.registration_id, (now) => ({{ needs: [...now.needs.map(asSubmitted), {{ code }}] }})));
      await Promise.all(both);
      {desk}
      const missing = await send(token, "GET", "/v1/registrations/none").catch((problem) => problem);
      const after = await send(token, "GET", `/v1/registrations/${{json.registration_id}}`);
      document.body.textContent = JSON.stringify([after.json.needs.map((need) => need.code), missing.type]);
    }})().catch((error) => {{ document.body.textContent = `${{error}}`; }});"""
    dom = shown_at(LISTED, f"<!doctype html><body>waiting</body><script>{script}</script>", tmp_path)
    assert '[["02","08","14","22","29"],"/problems/not-found"]' in dom


def test_the_guide_names_problems_that_exist() -> None:
    codes = {problem.code for problem in Problem.__subclasses__() if hasattr(problem, "code")}
    named = set(re.findall(r"\| [0-9]{3} `([a-z-]+)` \|", GUIDE))
    assert named
    assert named <= codes
