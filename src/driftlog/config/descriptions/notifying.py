"""Channels and routes of notifications."""

from __future__ import annotations

from typing import Final

NOTIFYING: Final[dict[str, str]] = {}
