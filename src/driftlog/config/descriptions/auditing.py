"""Audit trail, retention and reviews."""

from __future__ import annotations

from typing import Final

AUDITING: Final[dict[str, str]] = {}
