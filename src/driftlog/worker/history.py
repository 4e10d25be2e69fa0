"""Verdicts of earlier windows, which "N of the last M" looks back on."""

from __future__ import annotations

from collections.abc import Sequence

from driftlog.contract.measurement import Measurement, Verdict
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.results import find_measurements
from driftlog.worker.windows import history_span

HISTORY_WINDOWS = 6
"""Windows of history a threshold may look back on."""


class History:
    """Verdicts of earlier windows by series, oldest first: read once, then kept up to date in memory."""

    def __init__(self, store: Store, settings: ModelSettings, first: Window) -> None:
        self._by_series: dict[str, dict[Window, Verdict]] = {}
        span = history_span(settings, first, HISTORY_WINDOWS)
        for measurement in find_measurements(
            store, settings.name, environment=settings.environment, since=span.start, until=span.end
        ):
            self._note(measurement)

    def _note(self, measurement: Measurement) -> None:
        self._by_series.setdefault(measurement.series, {})[measurement.window] = measurement.verdict

    def add(self, window: Window, judged: Sequence[Measurement]) -> None:
        for measurement in judged:
            if measurement.window == window:
                self._note(measurement)

    def before(self, window: Window) -> dict[str, list[Verdict]]:
        """The last verdicts of each series in windows that ended before `window` began."""
        return {
            series: [verdicts[w] for w in sorted(verdicts) if w.end <= window.start][-HISTORY_WINDOWS:]
            for series, verdicts in self._by_series.items()
        }
