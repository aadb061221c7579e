"""Every automated job of the project. `make` calls these; so do people and the build pipeline.

The sessions run in the environment that nox itself runs in (`.venv`, made by `make` from `requirements/dev.txt`).
"""

import sys
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "none"

#: Of the environment that nox runs in, whatever the PATH says.
PYTHON = sys.executable
REQUIREMENTS = Path("requirements")
#: Lock files that stand alone. Every other takes its versions from dev.txt: what is tested is what is deployed.
STANDALONE = ("dev", "uv", "java")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, with ruff: rules and format."""
    session.run(PYTHON, "-m", "ruff", "check", ".")
    session.run(PYTHON, "-m", "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types, with mypy in strict mode."""
    session.run(PYTHON, "-m", "mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, on the real emulators. Arguments after `--` go to pytest."""
    session.run(PYTHON, "-m", "pytest", "-m", "not soak", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """The tests that take longer than the everyday run allows."""
    session.run(PYTHON, "-m", "pytest", "-m", "soak", *session.posargs)


@nox.session
def bundle(session: nox.Session) -> None:
    """Every function's bundle and the release manifest, into dist/."""
    session.run(PYTHON, "-m", "ops.bundle")


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve requirements/*.in into hashed lock files for Python 3.11 and later."""
    functions = sorted(p.stem for p in REQUIREMENTS.glob("*.in") if p.stem not in STANDALONE)
    for name in (*STANDALONE, *functions):
        constraint = [] if name in STANDALONE else ["--constraint", "dev.txt"]
        with session.chdir(REQUIREMENTS):
            session.run(
                *(PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
                *("--generate-hashes", "--no-header", "--no-annotate", *constraint, *session.posargs),
                *(f"{name}.in", "--output-file", f"{name}.txt"),
            )
