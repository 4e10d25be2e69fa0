"""Settings of notifications: channels, and which alert goes to which of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from driftlog.contract.strict import Secret, Strict


class ChannelSettings(Strict, frozen=True):
    """A way to reach people.

    Attributes
    ----------
    urls
        As the `apprise` library writes them: ``mailtos://user:password@host?to=...``, ``slack://...``, ``json://host``.
    digest
        Collect for this long and send one message; None: each at once.
    rate_per_hour
        More messages are collected into one digest at the end of the hour.
    fallback
        Channel that gets what this one could not deliver.
    """

    name: str
    urls: tuple[Secret, ...]
    digest: timedelta | None = None
    rate_per_hour: int = 60
    attempts: int = 5
    timeout_s: float = 10.0
    fallback: str = ""
    format: Literal["text", "html"] = "text"


class RouteSettings(Strict, frozen=True):
    """Alerts that meet every condition go to `channels`.

    Attributes
    ----------
    models, owners
        Shell patterns of the model's name and owner.
    severity
        The least.
    on
        Kinds of transitions that are told.
    hours, days
        ``08:00-18:00`` and ``mon-fri`` in `timezone`; empty: always. What falls outside waits for the next opening
        where `outside` is wait, or is not told.
    """

    channels: tuple[str, ...]
    models: tuple[str, ...] = ("*",)
    owners: tuple[str, ...] = ("*",)
    severity: Literal["info", "warning", "critical"] = "warning"
    on: tuple[str, ...] = ("opened", "worsened", "escalated", "resolved")
    hours: str = ""
    days: str = ""
    timezone: str = "UTC"
    outside: Literal["wait", "drop"] = "wait"


class NotificationSettings(Strict, frozen=True):
    """Who is told."""

    channels: tuple[ChannelSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    link: str = ""
    """Address of Kibana or of anything that shows an alert; ``{model}`` and ``{alert}`` are filled in."""
