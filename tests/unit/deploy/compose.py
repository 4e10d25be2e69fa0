"""docker-compose.yml as Compose reads it: its variables, strictly, and which services a profile starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yml"
ENV_EXAMPLE = ROOT / ".env.example"

_REFERENCE = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<kind>:-|-|:\?|\?)(?P<rest>[^{}]*))?\}|(?P<bad>.?))",
    re.DOTALL,
)
OF_COMPOSE = {"COMPOSE_PROFILES"}
"""Read by Compose itself, and not in the file."""


class Refused(Exception):
    """What Compose says when a variable that has to be set is not."""


def references(text: str) -> dict[str, set[tuple[str, str]]]:
    """Variable -> the ways in which it is used: (``:-``, default), (``:?``, message)."""
    found: dict[str, set[tuple[str, str]]] = {}
    for match in _REFERENCE.finditer(text):
        if match["name"]:
            found.setdefault(match["name"], set()).add((match["kind"] or "", match["rest"] or ""))
    return found


def interpolate(value: Any, environ: Mapping[str, str]) -> Any:
    """Values with their variables replaced; a lone ``$`` or an unknown form is an error."""
    if isinstance(value, dict):
        return {key: interpolate(item, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, environ) for item in value]
    return _REFERENCE.sub(lambda match: _replaced(match, environ), value) if isinstance(value, str) else value


def _replaced(match: re.Match[str], environ: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    name, kind, rest = match["name"], match["kind"], match["rest"] or ""
    if name is None:
        raise Refused(f"not a reference: ${match['bad']}")
    value = environ.get(name)
    missing = not value if kind in (":-", ":?") else value is None
    if kind in (":-", "-"):
        return rest if missing else str(value)
    if missing and kind in (":?", "?"):
        raise Refused(f"required variable {name} is missing a value: {rest}")
    if missing:
        raise Refused(f"{name} is not set")
    return str(value)


def env_file(path: Path = ENV_EXAMPLE) -> dict[str, str]:
    """Variables of an env file; a line that is neither one nor a comment is an error."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals and re.fullmatch(r"[A-Z][A-Z0-9_]*", name), line
            assert name not in found, f"{name} twice"
            assert " #" not in value, f"{name}: Compose would cut the comment off, other tools would not"
            found[name] = value
    return found


def filled() -> dict[str, str]:
    """.env.example with the passwords filled in."""
    return {
        name: value or ("x" * 32 if "PASSWORD" in name or "KEY" in name else "") for name, value in env_file().items()
    }


def raw() -> dict[str, Any]:
    loaded = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def composed(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file with the variables of `environ`; by default those of .env.example."""
    found = interpolate(raw(), filled() if environ is None else environ)
    assert isinstance(found, dict)
    return found


def started_by(services: Mapping[str, Any], profile: str) -> set[str]:
    return {name for name, service in services.items() if profile in service.get("profiles", [profile])}


def words(value: Any) -> list[str]:
    """A command as a list; a string is one that a shell would read."""
    return list(value) if isinstance(value, list) else str(value or "").split()
