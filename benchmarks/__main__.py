"""Run every benchmark of this folder, one after the other, and write docs/benchmarks.md from what they print.

    make bench                        # all but the long ones, full size: about 20 minutes on 2 cores
    python -m benchmarks intake       # those whose name contains "intake"; prints only
    python -m benchmarks peers --write  # one of the long ones; its section of the page is replaced
    python -m benchmarks --quick      # all, small, to see that they work; prints only

Each benchmark is a script that prints its figures with their targets; it is run as a process of its own.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
INTRODUCTION = HERE / "introduction.md"


LONG = frozenset(
    {
        "anomaly_rule",
        "audit",
        "calibration",
        "cost_curve",
        "default_rule",
        "estimation",
        "estimation_peer",
        "peers",
        "segments",
        "storage",
    }
)
"""Those that take long, need other environments, or write a page of their own: run them by name."""


def names() -> list[str]:
    """The benchmarks, by name: every script here that is not private."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def run(name: str, arguments: list[str]) -> tuple[int, str]:
    """Run one benchmark, echo its output, and return (exit code, output)."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    print(f"\n=== python -m benchmarks.{name} {' '.join(arguments)}", flush=True)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
    lines = []
    for line in process.stdout or ():
        print(line, end="", flush=True)
        lines.append(line)
    return process.wait(), "".join(lines).strip()


def machine() -> str:
    """Cores, memory and versions, without names or addresses."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def section_of(name: str, output: str) -> str:
    """The part of the page about one benchmark."""
    return f"## {name}\n\n`python -m benchmarks.{name}`, {datetime.now(UTC):%Y-%m-%d}\n\n```text\n{output}\n```\n"


def written_before() -> dict[str, str]:
    """Sections that the page holds, by benchmark."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    parts = {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in text.split("\n## ")[1:]}
    return {name: part for name, part in parts.items() if (HERE / f"{name}.py").exists()}


def write_page(sections: dict[str, str]) -> None:
    """The page, with `sections` in place of those it had."""
    kept = written_before() | sections
    head = INTRODUCTION.read_text(encoding="utf-8").rstrip()
    stamp = f"Measured on: {machine()}. Sections were measured one at a time; each says when."
    PAGE.write_text("\n\n".join([head, stamp, *(kept[name] for name in sorted(kept))]), encoding="utf-8")
    print(f"\nwritten: {PAGE.relative_to(HERE.parent)}")


def main() -> int:
    arguments = sys.argv[1:]
    quick = ["--quick"] if "--quick" in arguments else []
    wanted = [a for a in arguments if not a.startswith("-")]
    chosen = [n for n in names() if (n not in LONG if not wanted else any(w in n for w in wanted))]
    sections: dict[str, str] = {}
    failed = []
    for name in chosen:
        code, output = run(name, quick)
        if code:
            failed.append(name)
        else:
            sections[name] = section_of(name, output)
    if not quick and sections and (not wanted or "--write" in arguments):
        write_page(sections)
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
