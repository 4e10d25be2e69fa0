"""The reference's performance: computed once for a reference, asked for by every window."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import Chunks
from driftlog.contract.profile import Reference, total
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.performance.days import by_day
from driftlog.evaluate.performance.intervals import Estimate, Interval, estimate
from driftlog.evaluate.performance.metric import PerformanceMetric
from driftlog.evaluate.performance.sums import ByDay, OutcomeSums, labels_of, sums_of


@dataclass(frozen=True, slots=True)
class Baseline:
    """One metric of the reference: its estimate, the rows behind it, and how it varies over the chunks."""

    estimate: Estimate
    rows: int = 0
    chunks: Chunks | None = None

    def times(self, rows: float) -> Baseline:
        """A total per row as a total of so many rows."""
        found, ends = self.estimate, self.estimate.interval
        lower, upper = (None if end is None else end * rows for end in (ends.lower, ends.upper))
        chunks = self.chunks
        return replace(
            self,
            estimate=replace(
                found,
                value=None if found.value is None else found.value * rows,
                interval=replace(ends, lower=lower, upper=upper),
                variance=None if found.variance is None else found.variance * rows * rows,
                left_out=None if found.left_out is None else found.left_out * rows,
            ),
            chunks=None if chunks is None else Chunks(k=chunks.k, mean=chunks.mean * rows, sd=chunks.sd * rows),
        )


NO_BASELINE = Baseline(Estimate(None, Interval(None, None, "")))


class ReferencePerformance:
    """The metrics of one reference, each computed when it is first asked for.

    Parameters
    ----------
    reference
        Its outcomes and those of its chunks are summed up when a metric is missing, and let go by `release`.
    """

    def __init__(self, reference: Reference, binning: Binning, settings: ModelSettings) -> None:
        self._reference, self._binning, self._settings = reference, binning, settings
        self._held: dict[tuple[str, str], Baseline] = {}
        self._sums: tuple[ByDay, OutcomeSums | None] | None = None
        self._parts: dict[str, tuple[ByDay, OutcomeSums | None]] = {}
        self._actual: dict[str, float] | None = None
        predictions = reference.predictions.n
        n = sum(profile.n for profile in reference.outcomes)
        self.known = n > 0
        self.maturity = min(1.0, n / predictions) if predictions > 0 else None

    @property
    def actual(self) -> dict[str, float]:
        """Outcomes of each actual label."""
        if self._actual is None:
            whole = self._built()[0].whole
            self._actual = dict(zip(whole.labels, whole.confusion.sum(axis=-1).tolist(), strict=True))
        return self._actual

    def baseline(self, metric: PerformanceMetric, rows: float, label: str | None = None) -> Baseline:
        """The metric (of one class against the rest); totals for `rows` rows."""
        if not self.known:
            return NO_BASELINE
        key = (metric.name, "" if label is None else f"class:{label}")
        if key not in self._held:
            self._held[key] = self._compute(metric, label)
        found = self._held[key]
        return found.times(rows) if metric.extensive else found

    def release(self) -> None:
        """Let the sums go; what was computed from them stays."""
        self._sums = None
        self._parts.clear()

    def _compute(self, metric: PerformanceMetric, label: str | None) -> Baseline:
        side, chunks = self._built() if label is None else self._of_class(label)
        rows_of = metric.support if label is not None and metric.support is not None else metric.rows
        return Baseline(estimate(metric, side, rows=1.0), int(rows_of(side.whole)), _chunks(metric, chunks))

    def _of_class(self, label: str) -> tuple[ByDay, OutcomeSums | None]:
        if label not in self._parts:
            side, chunks = self._built()
            self._parts[label] = (side.of_class(label), chunks.of_class(label) if chunks is not None else None)
        return self._parts[label]

    def _built(self) -> tuple[ByDay, OutcomeSums | None]:
        if self._sums is None:
            days = by_day(self._reference.outcomes, self._settings.timezone)
            wholes = [whole for chunk in self._reference.chunks if (whole := total(chunk.outcomes)) is not None]
            usable = [whole for whole in wholes if whole.n >= self._settings.min_rows]
            labels = sorted({*labels_of(days), *labels_of(usable)})
            rest = (self._binning, self._settings, labels)
            self._sums = ByDay.of(sums_of(days, *rest)), sums_of(usable, *rest) if usable else None
        return self._sums


class ReferenceCache:
    """The performance of references seen before, the least recently used dropped first.

    It changes how long an evaluation takes and never its result.
    """

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._held: OrderedDict[Hashable, ReferencePerformance] = OrderedDict()

    def performance_of(
        self, reference: Reference, segment: str, binning: Binning, settings: ModelSettings
    ) -> ReferencePerformance:
        """The reference's performance; `segment` tells the segments of one reference apart, which share its id."""
        key = (
            *(reference.id, segment, reference.n, binning.id, settings.name, settings.environment, settings.task),
            *(settings.positive_label, settings.business_value, settings.quantile),
            *(settings.timezone, settings.min_rows),
        )
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        self._held[key] = found = ReferencePerformance(reference, binning, settings)
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)
        return found


def _chunks(metric: PerformanceMetric, chunks: OutcomeSums | None) -> Chunks | None:
    if chunks is None:
        return None
    with np.errstate(all="ignore"):
        values = metric.scaled(chunks, 1.0)(chunks)
        values = values[np.isfinite(values)]
        if values.size < 2:
            return None
        mean, sd = float(values.mean()), float(values.std(ddof=1))
    return Chunks(k=int(values.size), mean=mean, sd=sd) if math.isfinite(mean) and math.isfinite(sd) else None
