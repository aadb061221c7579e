"""Every automated job of the project. `make` calls these; so do people and the build pipeline.

The sessions run in the environment that nox itself runs in (`.venv`, made by `make` from `requirements/dev.txt`).
"""

from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "none"

REQUIREMENTS = Path("requirements")
#: Lock files that stand alone. Every other takes its versions from dev.txt: what is tested is what is deployed.
STANDALONE = ("dev", "uv", "java")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, with ruff: rules and format."""
    session.run("python", "-m", "ruff", "check", ".")
    session.run("python", "-m", "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types, with mypy in strict mode."""
    session.run("python", "-m", "mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, on the real emulators. Arguments after `--` go to pytest."""
    session.run("python", "-m", "pytest", "-m", "not soak", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """The tests that take longer than the everyday run allows."""
    session.run("python", "-m", "pytest", "-m", "soak", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve requirements/*.in into hashed lock files for Python 3.11 and later."""
    functions = sorted(p.stem for p in REQUIREMENTS.glob("*.in") if p.stem not in (*STANDALONE, "function"))
    for name in (*STANDALONE, *functions):
        constraint = [] if name in STANDALONE else ["--constraint", "dev.txt"]
        with session.chdir(REQUIREMENTS):
            session.run(
                *("python", "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
                *("--generate-hashes", "--no-header", "--no-annotate", *constraint, *session.posargs),
                *(f"{name}.in", "--output-file", f"{name}.txt"),
            )
