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
    attempts
        So often is one message tried; `backoff`, twice as long each time, lies between.
    timeout_s
        An attempt that takes longer has failed.
    fallback
        Channel that gets what this one could not deliver.
    text
        auto: emails get HTML, text and chart, telephones the short text, all others the text. short: always short.
    attach_chart
        Also attach the chart where the service takes files; emails always show it.
    """

    name: str
    urls: tuple[Secret, ...]
    digest: timedelta | None = None
    rate_per_hour: int = 60
    attempts: int = 5
    backoff: timedelta = timedelta(seconds=30)
    timeout_s: float = 20.0
    fallback: str = ""
    text: Literal["auto", "short"] = "auto"
    attach_chart: bool = False


class RouteSettings(Strict, frozen=True):
    """Alerts that meet every condition go to `channels`.

    Attributes
    ----------
    models, owners
        Shell patterns of the model's name and owner.
    severity
        The least.
    kinds
        Kinds of transitions that are told.
    hours, days
        ``08:00-18:00`` and ``mon-fri`` in `timezone`; empty: always. Hours that end before they begin run over
        midnight and belong to the day on which they begin. What falls outside waits for the next opening where
        `outside` is wait, or is not told.
    """

    channels: tuple[str, ...]
    models: tuple[str, ...] = ("*",)
    owners: tuple[str, ...] = ("*",)
    severity: Literal["info", "warning", "critical"] = "warning"
    kinds: tuple[str, ...] = ("opened", "worsened", "escalated", "resolved", "reopened")
    hours: str = ""
    days: str = ""
    timezone: str = "UTC"
    outside: Literal["wait", "drop"] = "wait"


class NotificationSettings(Strict, frozen=True):
    """Who is told."""

    channels: tuple[ChannelSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    max_age: timedelta = timedelta(days=3)
    """What happened longer ago and was not told yet (notifications are new, or were off) is not told any more."""
    link: str = ""
    """Address of Kibana or of anything that shows an alert; ``{model}`` and ``{alert}`` are filled in."""
