"""The day after clocks change: limits of the same hour of the week, in the model's time zone and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from docs.figures.drawing import Panel, say, write
from markupsafe import Markup

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.contract.window import Window
from driftlog.decide.judge import judge
from driftlog.decide.past import past_values

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
DAY = datetime(2026, 3, 30, tzinfo=BERLIN)
"""The Monday after the clocks went forward."""
WEEKS = 12


def draw() -> None:
    """Traffic with its peak at nine local time, twelve weeks of it, then a Monday like any other."""
    generator = np.random.default_rng(9)
    start = (DAY - timedelta(weeks=WEEKS)).astimezone(UTC)
    end = DAY.astimezone(UTC)
    earlier = [_measured(start + i * HOUR, generator) for i in range(int((end - start) / HOUR))]
    today = [_measured(end + i * HOUR, generator) for i in range(24)]
    parts = []
    for zone, left, words in (
        ("Europe/Berlin", 70, "local hours of the week"),
        ("UTC", 580, "UTC hours of the week"),
    ):
        parts += _panel(Panel((left, 50, left + 430, 290), (0, 23), (0, 30)), zone, words, earlier, today)
    label = (
        "Limits that follow local hours are right on the day after clocks change; limits by UTC hours are an hour off"
    )
    write("seasonal", parts, width=1040, height=340, label=label)


def _measured(start: datetime, generator: np.random.Generator) -> Measurement:
    local = start.astimezone(BERLIN)
    peak = 2.0 + 18.0 * np.exp(-(((local.hour - 9) / 1.5) ** 2)) * (1.0 if local.weekday() < 5 else 0.3)
    return Measurement(
        model="m",
        environment="production",
        metric="throughput_per_s",
        purpose="operational",
        window=Window(start, start + HOUR),
        value=float(peak * generator.normal(1.0, 0.05)),
        n_current=round(3600 * peak),
    )


def _panel(panel: Panel, zone: str, words: str, earlier: list[Measurement], today: list[Measurement]) -> list[Markup]:
    threshold = ThresholdSettings(metric="throughput_per_s", kind="seasonal", warning=3.0)
    settings = ModelSettings(name="m", window=HOUR, timezone=zone, thresholds=(threshold,))
    past = past_values(earlier)
    judged = [judge(one, settings, past) for one in today]
    limits = [(i, one.limit.warning) for i, one in enumerate(judged) if one.limit and one.limit.warning is not None]
    breaches = [i for i, one in enumerate(judged) if one.verdict in ("warning", "critical")]
    say(f"seasonal: slots in {zone}: {len(breaches)} of 24 hours of an ordinary Monday in breach {breaches}")
    parts = panel.axes(
        f"Limits by {words}", "local hour", x_ticks=[0, 3, 6, 9, 12, 15, 18, 21], y_ticks=[0, 10, 20, 30]
    )
    parts.append(panel.line([(i, float(v or 0.0)) for i, v in limits], "ink"))
    for bad, style in ((False, "blue"), (True, "red")):
        points = [(i, one.value or 0.0) for i, one in enumerate(today) if (i in breaches) is bad]
        parts += panel.dots(points, style, radius=4.5)
    parts.append(panel.name("limit, 3 sd", 10.6, 22, "ink"))
    parts.append(panel.name("events a second", 12.4, 5, "blue"))
    return parts
