"""Objectives and what becomes of alerts."""

from __future__ import annotations

from typing import Final

ALERTING: Final[dict[str, str]] = {}
