"""Survey forms and sampling for labels."""

from __future__ import annotations

from typing import Final

SURVEYING: Final[dict[str, str]] = {}
