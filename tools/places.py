"""Where the parts of this repository are."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "functions"
#: Holds `psr`, the command line.
COMMANDS = ROOT / "bin"
