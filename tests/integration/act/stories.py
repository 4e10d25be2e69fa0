"""Alerts with a history, made by hand, and the settings that tell of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from driftlog.contract.alert import Alert, AlertMember
from driftlog.contract.handling import Transition
from driftlog.contract.measurement import Limit, Measurement, Verdict
from driftlog.contract.notifying import ChannelSettings, NotificationSettings, RouteSettings
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.contract.strict import Secret
from driftlog.contract.window import Window

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def measurement(day: int, value: float | None, verdict: Verdict = "ok", **more: Any) -> Measurement:
    """Days before today's midnight."""
    end = NOW.replace(hour=0) - day * DAY
    fields: dict[str, Any] = {
        "model": "flights",
        "environment": "test",
        "metric": "roc_auc",
        "purpose": "performance",
        "window": Window(end - DAY, end),
        "value": value,
        "lower": None if value is None else value - 0.02,
        "upper": None if value is None else value + 0.02,
        "n_current": 1234,
        "reference_value": 0.742,
        "limit": Limit("relative", "below", warning=0.70, critical=0.66),
        "verdict": verdict,
        "unit": "share",
    }
    return msgspec.convert(fields | more, Measurement)


def series() -> list[Measurement]:
    values = [0.741, 0.738, 0.744, 0.73, 0.739, 0.735, 0.721, 0.728, 0.712, 0.694, 0.672, 0.643]
    verdicts: list[Verdict] = ["ok"] * 9 + ["warning", "warning", "critical"]
    days = range(len(values) - 1, -1, -1)
    return [measurement(day, value, verdict) for day, value, verdict in zip(days, values, verdicts, strict=True)]


def alert(
    *kinds: str, key: str = "flights|test|performance", at: datetime = NOW, severity: str = "critical", **more: Any
) -> Alert:
    """An alert with a transition of each kind, one a minute, the last at `at`."""
    kinds = kinds or ("opened",)
    first = at - timedelta(minutes=len(kinds) - 1)
    history = tuple(
        Transition(number=n, kind=kind, at=first + timedelta(minutes=n - 1), severity=severity)  # type: ignore[arg-type]
        for n, kind in enumerate(kinds, 1)
    )
    course = series()
    fields: dict[str, Any] = {
        "key": key,
        "episode": 1,
        "model": "flights",
        "environment": "test",
        "purpose": "performance",
        "metric": "roc_auc",
        "status": "resolved" if kinds[-1] == "resolved" else "open",
        "severity": severity,
        "title": "flights: performance is worse than the reference",
        "message": "roc_auc 0.643 (reference 0.742, limit 0.7) in 2026-03-02. 1234 rows in the window.",
        "opened": first,
        "updated": at,
        "evidence": course[-3],
        "latest": course[-1],
        "members": (
            AlertMember("roc_auc", "", 0.643, 0.70, "critical"),
            AlertMember("recall", "", 0.41, 0.55, "warning"),
        ),
        "windows": 3,
        "first_window": course[-3].window,
        "last_window": course[-1].window,
        "history": history,
        "suggested": ("Segment origin=EWR fell most: 0.58 after 0.73.", "Version 1.4.0 began on 2026-02-28."),
        "runbook": "https://wiki.example.org/flights/auc",
        "objectives": ("Delays are found",),
        "resolved": at if kinds[-1] == "resolved" else None,
    }
    return msgspec.convert(fields | more, Alert)


def settings(*channels: ChannelSettings, routes: tuple[RouteSettings, ...] | None = None, **more: Any) -> Settings:
    """Everything goes to the first channel unless `routes` say otherwise."""
    if routes is None:
        routes = (RouteSettings(channels=(channels[0].name,), severity="info"),)
    return Settings(
        notifications=NotificationSettings(channels=channels, routes=routes, **more),
        models=(ModelSettings(name="flights", environment="test", owner="team-air"),),
    )


def channel(name: str, *urls: str, **more: Any) -> ChannelSettings:
    return ChannelSettings(name=name, urls=tuple(Secret(url) for url in urls), **more)
