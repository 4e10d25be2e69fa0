"""Prometheus' own tools, where they are installed."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """Path of ``promtool`` or ``prometheus``; the test is skipped without, and fails in CI."""
    found = shutil.which(name)
    if found is None:
        reason = f"no {name}: run scripts/system-packages, or apt-get install prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def promtool() -> str:
    return program("promtool")
