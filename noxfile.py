"""Every automated job of the project. `make`, developers and the build pipeline call them.

The sessions run in the environment that nox itself runs in (`.venv`, made by `make` from `requirements/dev.txt`).
"""

import os
import shutil
import sys
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "none"

#: The Python of the environment that nox runs in, regardless of the PATH.
PYTHON = sys.executable
REQUIREMENTS = Path("requirements")
#: Tests run on every core; those of one file stay together, since they share what a file makes once. The order
#: of the files is that of tests/conftest.py.
PARALLEL = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
#: Lock files that are resolved on their own.
STANDALONE = ("checkov", "clients", "dev", "java", "security", "uv")
#: Lock files that take their versions from dev.txt: the tested versions are the deployed ones.
CONSTRAINED = ("functions", "comparison")
#: Those that have an environment of their own, in .local/tools.
TOOLS = ("checkov", "clients", "java", "comparison", "security")
#: Packages of npm for the tests in tests/clients.
NPM = Path(".local", "tools", "npm").absolute()


@nox.session
def lint(session: nox.Session) -> None:
    """Check style (ruff: rules and format) and which modules may import which (import-linter: pyproject.toml)."""
    session.run(PYTHON, "-m", "ruff", "check", ".")
    session.run(PYTHON, "-m", "ruff", "format", "--check", ".")
    session.run(PYTHON, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, with mypy in strict mode."""
    session.run(PYTHON, "-m", "mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, on the real emulators. Arguments after `--` go to pytest."""
    clients(session)
    session.run(PYTHON, "-m", "pytest", "-m", "not soak and not terraform", *PARALLEL, *session.posargs)


@nox.session
def clients(session: nox.Session) -> None:
    """Install the generators of clients and the linters of the contract, for the tests in tests/clients.

    Without npm it warns, and the tests that need it are skipped.
    """
    _tool(session, "clients")
    if shutil.which("npm") is None:
        session.warn("the tests of TypeScript clients and the linters of the contract are skipped: there is no npm")
        return
    NPM.mkdir(parents=True, exist_ok=True)
    installed = NPM / "node_modules" / ".package-lock.json"
    lock = Path("tests/clients/package-lock.json")
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(lock.with_name(name), NPM)
        with session.chdir(NPM):
            session.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", external=True)


@nox.session
def quick(session: nox.Session) -> None:
    """Every test that needs no emulators. Arguments after `--` go to pytest."""
    marks = "not emulators and not soak and not terraform"
    session.run(PYTHON, "-m", "pytest", "-q", "-m", marks, *PARALLEL, *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run the tests that take longer than the everyday run allows."""
    session.run(PYTHON, "-m", "pytest", "-m", "soak", *session.posargs)


@nox.session
def mutate(session: nox.Session) -> None:
    """Change shared/domain one operator at a time; a test of tests/domain has to fail (tests/domain/mutation.py)."""
    session.run(PYTHON, "tests/domain/mutation.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Compare the service's speed with raw client calls and with a conventional implementation."""
    session.run(PYTHON, "-m", "benchmarks", str(_tool(session, "comparison")))
    session.run(PYTHON, "-m", "benchmarks.simulation")


@nox.session
def bundle(session: nox.Session) -> None:
    """Build every function's bundle and the release file, into dist/."""
    session.run(PYTHON, "-m", "tools.bundle")


@nox.session
def terraform(session: nox.Session) -> None:
    """Check format, validity, assertions, plans and static analysis of terraform/, without a cloud.

    `TERRAFORM` names the program. Without the program or a registry, the session warns and skips those checks.
    """
    program = os.environ.get("TERRAFORM", "terraform")
    session.run(PYTHON, "-m", "tools.bundle")
    folders = ["terraform", "terraform/bootstrap"]
    if shutil.which(program) is None:
        session.warn(f"fmt, validate, test and plan were skipped: there is no program {program}")
    else:
        session.run(program, "fmt", "-check", "-diff", "-recursive", "terraform", external=True)
        if all(_terraform_is_ready(session, program, folder) for folder in folders):
            for folder in folders:
                session.run(program, f"-chdir={folder}", "validate", external=True)
            session.run(program, "-chdir=terraform", "test", external=True)
            session.run(PYTHON, "-m", "pytest", "-m", "terraform", "tests/deploy", *session.posargs)
        else:
            session.warn("validate, test and plan were skipped: the providers could not be installed, see above")
    checkov = _tool(session, "checkov").with_name("checkov")
    session.run(
        str(checkov), "--skip-download", "--framework", "terraform", "--directory", "terraform", "--quiet", "--compact"
    )


def _terraform_is_ready(session: nox.Session, program: str, folder: str) -> bool:
    """Whether the providers that a folder needs could be installed. It does not use the real backend."""
    try:
        session.run(
            program, f"-chdir={folder}", "init", "-backend=false", "-input=false", "-lockfile=readonly", external=True
        )
    except nox.command.CommandFailed:
        return False
    return True


@nox.session
def security(session: nox.Session) -> None:
    """Check the supply chain: requirements, licences, inventories, secrets, known vulnerabilities (SECURITY.md).

    Fails if vulnerabilities cannot be looked up. With `-- --allow-unaudited`, or `ALLOW_UNAUDITED` set, it warns.
    """
    allowed = ["--allow-unaudited"] if os.environ.get("ALLOW_UNAUDITED") else []
    session.run(PYTHON, "-m", "ruff", "check", "--select", "S,PGH004", ".")
    for name in TOOLS:
        _tool(session, name)
    session.run(PYTHON, "-m", "tools.supply_chain", *session.posargs, *allowed)


@nox.session
def licences(session: nox.Session) -> None:
    """Rewrite docs/licences.md from the installed packages."""
    for name in TOOLS:
        _tool(session, name)
    session.run(PYTHON, "-m", "tools.supply_chain", "--write-licences")


def _tool(session: nox.Session, name: str) -> Path:
    """The Python of an environment with exactly a lock file's packages, created or updated."""
    folder = Path(".local", "tools", name).absolute()
    uv = (PYTHON, "-m", "uv")
    session.run(*uv, "venv", "--quiet", "--allow-existing", "--python", PYTHON, str(folder))
    python = folder / "bin" / "python"
    sync = ("pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", f"requirements/{name}.txt")
    session.run(*uv, *sync, "--python", str(python))
    return python


def _psr(session: nox.Session, *arguments: str) -> None:
    """Run the operators' command line, with the Python of this environment."""
    session.run(PYTHON, "-m", "ops", *arguments)


@nox.session
def resources(session: nox.Session) -> None:
    """Rewrite docs/resources.md from the plans of the environments."""
    session.run(PYTHON, "-m", "tools.bundle")
    _psr(session, "release", "resources")


@nox.session
def providers(session: nox.Session) -> None:
    """Rewrite Terraform's lock files: the newest allowed providers, with their checksums for Linux and macOS."""
    program = os.environ.get("TERRAFORM", "terraform")
    platforms = [
        f"-platform={system}_{processor}" for system in ("linux", "darwin") for processor in ("amd64", "arm64")
    ]
    for folder in ("terraform", "terraform/bootstrap"):
        Path(folder, ".terraform.lock.hcl").unlink(missing_ok=True)
        session.run(program, f"-chdir={folder}", "providers", "lock", *platforms, external=True)


@nox.session
def bootstrap(session: nox.Session) -> None:
    """Make what releases need, once: `nox -s bootstrap -- ENVIRONMENT`."""
    _psr(session, "release", "bootstrap", *session.posargs)


@nox.session
def upload(session: nox.Session) -> None:
    """Bundle this commit and upload it: `nox -s upload -- ENVIRONMENT [--sign RUN]`."""
    _psr(session, "release", "upload", *session.posargs)


@nox.session
def plan(session: nox.Session) -> None:
    """Plan a release and save the plan: `nox -s plan -- ENVIRONMENT [--release NAME]`."""
    _psr(session, "release", "plan", *session.posargs)


@nox.session
def promote(session: nox.Session) -> None:
    """Take over a release of another environment: `nox -s promote -- FROM ENVIRONMENT NAME`."""
    _psr(session, "release", "promote", *session.posargs)


@nox.session
def save(session: nox.Session) -> None:
    """Save the plan for the approved trigger to apply: `nox -s save -- ENVIRONMENT NAME [--sign RUN]`."""
    _psr(session, "release", "save", *session.posargs)


@nox.session
def apply(session: nox.Session) -> None:
    """Apply the saved plan: `nox -s apply -- ENVIRONMENT`."""
    _psr(session, "release", "apply", *session.posargs)


@nox.session
def smoke(session: nox.Session) -> None:
    """Check a deployment from outside: `nox -s smoke -- ENVIRONMENT`."""
    _psr(session, "release", "smoke", *session.posargs)


@nox.session
def deploy(session: nox.Session) -> None:
    """Release this commit, or go back to an earlier release: `nox -s deploy -- ENVIRONMENT [--release NAME]`."""
    _psr(session, "release", "deploy", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the pages of docs/ that are made from the code."""
    session.run(PYTHON, "-m", "tools.pages")


@nox.session
def pictures(session: nox.Session) -> None:
    """Take the pictures of the pages in docs/pictures, in Chromium."""
    session.run(PYTHON, "-m", "tools.pictures")


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve requirements/*.in into hashed lock files for Python 3.11 and later; then run `nox -s licences`."""
    for name in (*STANDALONE, *CONSTRAINED):
        constraint = [] if name in STANDALONE else ["--constraint", "dev.txt"]
        # Bundles take their parts of functions.txt by these notes (tools/locks.py).
        notes = ["--annotation-style", "line"] if name == "functions" else ["--no-annotate"]
        with session.chdir(REQUIREMENTS):
            session.run(
                *(PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
                *("--generate-hashes", "--no-header", *notes, *constraint, *session.posargs),
                *(f"{name}.in", "--output-file", f"{name}.txt"),
            )
