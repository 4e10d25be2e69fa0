"""The maintenance loop."""

from __future__ import annotations

from typing import Final

MAINTAINING: Final[dict[str, str]] = {}
