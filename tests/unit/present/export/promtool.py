"""Prometheus' own tools, where they are installed."""

from __future__ import annotations

import shutil

import pytest


def program(name: str) -> str:
    """Path of ``promtool`` or ``prometheus``; skipped without, as scripts/system-packages says."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: run scripts/system-packages, or apt-get install prometheus")
    return found


def promtool() -> str:
    return program("promtool")
