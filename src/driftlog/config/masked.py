"""Settings back as plain data, for `driftlog config show`: secrets are masked, durations written as people do."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from driftlog.config.durations import format_duration
from driftlog.contract.settings import ModelSettings, Secret, Settings

MASK: Final = "***"
_NAMES: Final = Settings.__struct_fields__


def masked(settings: Settings) -> dict[str, object]:
    """Everything in `settings` as strings, numbers, lists and dicts; models by name.

    >>> masked(Settings())["prefix"]
    'driftlog'
    """
    return {name: plain_models(settings) if name == "models" else plain(getattr(settings, name)) for name in _NAMES}


def plain(value: object) -> object:
    """One value as plain data."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def plain_models(settings: Settings) -> dict[str, object]:
    """Models by name, as in the file."""
    return {
        model.name: {name: plain(getattr(model, name)) for name in ModelSettings.__struct_fields__ if name != "name"}
        for model in settings.models
    }
