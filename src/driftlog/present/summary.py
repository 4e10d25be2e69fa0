"""One line a window: volume, headline metrics, drifted features, alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import LEVELS, SEVERITY, Measurement
from driftlog.contract.window import Window

HEADLINES: Final[tuple[str, ...]] = ("roc_auc", "accuracy", "f1_macro", "mae", "rmse")
"""Performance metrics in order of preference; the first two that were measured head a report."""


@dataclass(frozen=True)
class WindowSummary:
    """What one window came to.

    Attributes
    ----------
    metrics
        Headline metrics with a value, by name.
    maturity
        Share of truths that have arrived; None without performance measurements.
    drifted
        Features in breach, worst first.
    verdict
        The worst of the window's verdicts: one of `LEVELS`.
    opened, resolved
        Titles of alerts that this window opened and resolved.
    """

    window: Window
    predictions: int
    metrics: dict[str, float]
    maturity: float | None
    error_rate: float | None
    drifted: tuple[str, ...]
    verdict: str
    opened: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()


def headlines(measurements: Iterable[Measurement]) -> list[str]:
    """The two headline metrics of a model."""
    measured = {m.metric for m in measurements if m.purpose == "performance"}
    return [metric for metric in HEADLINES if metric in measured][:2]


def whole(measurement: Measurement) -> bool:
    """Whether it is about the whole model: all versions, variants and segments."""
    return not measurement.segment and measurement.version == "*" and measurement.variant == "*"


def summarise_windows(measurements: Sequence[Measurement], alerts: Sequence[Alert]) -> list[WindowSummary]:
    """One summary a window, oldest first."""
    wanted = headlines(measurements)
    by_window: dict[Window, list[Measurement]] = {}
    for measurement in measurements:
        if whole(measurement):
            by_window.setdefault(measurement.window, []).append(measurement)
    return [_summarise(window, found, alerts, wanted) for window, found in sorted(by_window.items())]


def _summarise(
    window: Window, found: Sequence[Measurement], alerts: Sequence[Alert], wanted: Sequence[str]
) -> WindowSummary:
    by_metric = {m.metric: m for m in found if not m.field and m.purpose in ("performance", "operational")}
    breaches = [m for m in found if m.purpose == "data_drift" and SEVERITY[m.verdict] > 0]
    breaches.sort(key=lambda m: (-SEVERITY[m.verdict], -(m.value or 0.0)))
    worst = max((SEVERITY[m.verdict] for m in found), default=0)
    volume = by_metric.get("predictions")
    errors = by_metric.get("error_rate")
    performance = [m.maturity for m in found if m.purpose == "performance" and m.maturity is not None]
    return WindowSummary(
        window=window,
        predictions=int(volume.value or 0) if volume is not None else max((m.n_current for m in found), default=0),
        metrics={name: value for name in wanted if name in by_metric and (value := by_metric[name].value) is not None},
        maturity=max(performance, default=None),
        error_rate=errors.value if errors is not None else None,
        drifted=tuple(dict.fromkeys(m.field for m in breaches)),
        verdict=LEVELS[worst],
        opened=tuple(a.title for a in alerts if a.first_window == window),
        resolved=tuple(a.title for a in alerts if a.resolved == window.end),
    )
