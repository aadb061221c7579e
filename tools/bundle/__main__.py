"""`python -m tools.bundle`: build every function's bundle and the release file into `dist/`."""

from pathlib import Path

from tools.bundle.release import build, write
from tools.errors import run_command


def main() -> None:
    """Build into `dist/`."""
    root = Path.cwd()
    built = build(root)
    manifest = write(built, root / "dist")
    for name, function in built.release.functions.items():
        size = len(built.objects[function.object])
        print(f"{name:<24} {function.sha256} {size:>8,} bytes")
    name = built.release.name or f"not a clean commit, can only be tried out: {', '.join(built.uncommitted[:5])}"
    print(f"{manifest.relative_to(root)}: {name}")


if __name__ == "__main__":
    run_command(main)
