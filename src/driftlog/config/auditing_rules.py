"""Rules of retention and of the janitor."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from driftlog.config.decode import SettingRefused
from driftlog.config.durations import format_duration
from driftlog.config.origins import SettingPath
from driftlog.contract.auditing import JanitorSettings
from driftlog.contract.settings import Settings

SHORTEST: Final = timedelta(days=1)
"""A period is at least a day: what is kept for less could go while it is written."""


def check_retention(settings: Settings) -> None:
    """Raise `SettingRefused` for the first setting that would drop what is still needed, or cannot be used."""
    path: SettingPath = ("retention",)
    retention = settings.retention
    for name in retention.__struct_fields__:
        kept = getattr(retention, name)
        if isinstance(kept, timedelta):
            _check_length(kept, (*path, name))
    named = [each.name for each in retention.models]
    for index, each in enumerate(retention.models):
        _check_length(each.predictions, (*path, "models", index, "predictions"))
        if named.count(each.name) > 1:
            raise SettingRefused(
                "stands there twice", (*path, "models", index, "name"), value=each.name, remedy="keep one"
            )
    _check_look_back(settings)
    if retention.seals is not None and (retention.predictions is None or retention.seals < retention.predictions):
        raise SettingRefused(
            "is shorter than that of the predictions they seal",
            (*path, "seals"),
            value=format_duration(retention.seals),
            remedy="keep seals at least as long as retention.predictions",
        )
    _check_janitor(settings.janitor)
    _check_reviews(settings)


def _check_length(kept: timedelta, path: SettingPath) -> None:
    if kept < SHORTEST:
        raise SettingRefused(
            "is shorter than a day", path, value=format_duration(kept), remedy="write 90d; none keeps for ever"
        )


def _check_look_back(settings: Settings) -> None:
    """Windows that late events may re-open are counted anew, from raw events that must still be there."""
    own = {each.name: each.predictions for each in settings.retention.models}
    for model in settings.models:
        kept = own.get(model.name, settings.retention.predictions)
        where = "retention.models" if model.name in own else "retention.predictions"
        for name, age in ((where, kept), ("retention.outcomes", settings.retention.outcomes)):
            if age is not None and age < model.look_back:
                raise SettingRefused(
                    f"is longer than {name} keeps the events ({format_duration(age)})",
                    ("models", model.name, "look_back"),
                    value=format_duration(model.look_back),
                    remedy=f"write look_back: {format_duration(age)} or less, or keep them for longer",
                )


def _check_reviews(settings: Settings) -> None:
    known = [channel.name for channel in settings.notifications.channels]
    for model in settings.models:
        for index, name in enumerate(model.review.channels):
            if name not in known:
                raise SettingRefused(
                    "is no channel",
                    ("models", model.name, "review", "channels", index),
                    value=name,
                    remedy=f"name one of notifications.channels: {', '.join(known) or 'none is set'}",
                )


def _check_janitor(janitor: JanitorSettings) -> None:
    path: SettingPath = ("janitor",)
    if janitor.api_key and (janitor.username or janitor.password):
        raise SettingRefused("cannot stand beside username and password", (*path, "api_key"), remedy="keep one")
    if bool(janitor.username) != bool(janitor.password):
        missing = "password" if janitor.username else "username"
        raise SettingRefused("is missing", (*path, missing), remedy="give username and password, or neither")
    if janitor.share_credentials and (janitor.api_key or janitor.username):
        raise SettingRefused(
            "cannot stand beside credentials of its own", (*path, "share_credentials"), remedy="remove one of the two"
        )
    if janitor.every <= timedelta(0):
        raise SettingRefused("must be longer than nothing", (*path, "every"), remedy="write 1h, say")
