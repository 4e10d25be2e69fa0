"""Which models there are, for the commands; the same for the Python interface."""

from __future__ import annotations

from driftlog.api.models import choose_model, known_models

__all__ = ["choose_model", "known_models"]
