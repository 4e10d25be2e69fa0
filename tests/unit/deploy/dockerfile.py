"""The Dockerfile as its builder reads it: instructions, stages, and the environment of the image."""

from __future__ import annotations

import re
import shlex

from tests.unit.deploy.compose import ROOT

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its text, continued lines joined, comments left out."""
    lines = [line for line in TEXT.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]
    return [(name, rest) for name, rest in found]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, rest))
    return found


def image_environment() -> dict[str, str]:
    """Variables that the last stage sets."""
    words = [word for name, rest in stages()[-1] if name == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words)
