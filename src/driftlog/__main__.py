"""The console script: says which extra to install where the command line is not installed, else runs it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

NEEDED: Final = ("click", "rich", "yaml", "elasticsearch")
"""What every command needs beyond the bare install; all come with the extra ``worker``."""

EXIT_USAGE: Final = 2


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"driftlog: the command line is not installed here ({', '.join(missing)} missing).\n"
            '  -> pip install "driftlog[worker]"\n'
        )
        return EXIT_USAGE
    from driftlog.cli.app import run

    return run(argv)


if __name__ == "__main__":
    sys.exit(main())
