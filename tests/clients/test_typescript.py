"""The bodies and scripts of docs/frontend.md compile against the types that openapi-typescript makes."""

import json
import re
from pathlib import Path

import pytest

from tests.clients.programs import NPM, needs_npm, run
from tools.pages.api import OPENAPI
from tools.places import ROOT

pytestmark = needs_npm

GUIDE = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")
_HEAD = """\
import type { paths } from "./psr-api";
type Body<P extends keyof paths, M extends keyof paths[P]> =
  paths[P][M] extends { requestBody: { content: infer C } } ? C[keyof C] : never;
"""


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the types, and a project that checks what is added."""
    folder = tmp_path_factory.mktemp("typescript")
    run(NPM / "openapi-typescript", OPENAPI, "--output", folder / "psr-api.d.ts")
    options = {
        "allowJs": True,
        "checkJs": True,
        "strict": True,
        "skipLibCheck": True,
        "noImplicitAny": False,  # the guide's scripts are JavaScript, with types where they matter
        "useUnknownInCatchVariables": False,
        "noEmit": True,
        "target": "ES2022",
        "module": "ES2022",
        "moduleResolution": "bundler",
        "lib": ["ES2022", "DOM"],
        "types": [],
    }
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options}), encoding="utf-8")
    return folder


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def bodies() -> list[tuple[str, str, str]]:
    """Method, path and body of each request of the guide that has its body in place."""
    shell = re.findall(r'\$PSR_URL(/v1/[\w:/]+)"(?:(?!curl).)*?-d \'(.*?)\'', "\n".join(blocks("sh")), re.DOTALL)
    script = re.findall(r'send\(token, "(\w+)", "([^"]+)", \{ body: (\{.*?\}) \}\)', "\n".join(blocks("js")))
    return [*(("POST", path, body) for path, body in shell), *script]


def compiled(types: Path, *requests: tuple[str, str, str]) -> None:
    lines = [
        f"export const body{number} = {body} satisfies Body<{json.dumps(path)}, {json.dumps(method.lower())}>;\n"
        for number, (method, path, body) in enumerate(requests)
    ]
    (types / "bodies.ts").write_text(_HEAD + "".join(lines), encoding="utf-8")
    run(NPM / "tsc", "--project", ".", folder=types)


def test_every_body_of_the_guide_compiles(types: Path) -> None:
    found = bodies()
    assert [path for _, path, _ in found] == [
        "/v1/registrations",
        *["/v1/registrations:lookup"] * 2,
        "/v1/registrations:dueWork",
    ]
    compiled(types, *found)


def test_bodies_that_the_api_refuses_do_not_compile(types: Path) -> None:
    right = bodies()[0][2].strip().removesuffix("}")
    wrong = ('{ "account_id": "A-1" }', f'{right}, "status": "ended" }}', f'{right}, "colour": "blue" }}')
    with pytest.raises(AssertionError) as refused:
        compiled(types, *(("POST", "/v1/registrations", body) for body in wrong))
    assert len(re.findall("error TS", str(refused.value))) == len(wrong)
    assert all(fault in str(refused.value) for fault in ("supply_points", '"ended"', "colour"))


def test_the_scripts_of_the_guide_compile(types: Path) -> None:
    functions, *examples = blocks("js")
    example = "\n".join(examples)
    (types / "bodies.ts").unlink(missing_ok=True)
    script = f"{functions}\nexport async function example(/** @type {{string}} */ token) {{\n{example}\n}}\n"
    (types / "guide.js").write_text(script, encoding="utf-8")
    try:
        run(NPM / "tsc", "--project", ".", folder=types)
        (types / "guide.js").write_text(script.replace('{ code: "08" }', '{ code: "10" }'), encoding="utf-8")
        with pytest.raises(AssertionError, match="error TS"):
            run(NPM / "tsc", "--project", ".", folder=types)
    finally:
        (types / "guide.js").unlink()
