"""Everything a report shows, read from results, alerts and profiles; rendering reads nothing.

Distributions need profiles and the reference, which belong to another room; the caller hands them in::

    binning, reference = active(store, model, environment)
    load = partial(load_predictions, store, model, environment, binning.id)
    profiles = ProfileSource(binning, reference, lambda window: total(load(window)))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

import driftlog
from driftlog.contract.alert import Alert
from driftlog.contract.binning import Binning, CategoricalBins, FieldBins
from driftlog.contract.measurement import SEVERITY, Measurement
from driftlog.contract.profile import FieldCounts, PredictionProfile, Reference
from driftlog.contract.segment import SegmentRank
from driftlog.contract.window import Window
from driftlog.present.charts.distribution import rebin
from driftlog.present.charts.markers import Marker
from driftlog.present.charts.scales import LARGEST
from driftlog.present.summary import whole

if TYPE_CHECKING:
    from driftlog.store.client import Store

MAX_DISTRIBUTIONS: Final = 12
MAX_CATEGORIES: Final = 10
MAX_MEASUREMENTS: Final = 100_000
HISTOGRAM_BINS: Final = 32
DRIFT_PURPOSES: Final = ("data_drift", "prediction_drift", "target_drift", "attribution_drift")


@dataclass(frozen=True)
class ProfileSource:
    """Where distributions come from: the active reference, and the profile of a window (None: not there)."""

    binning: Binning
    reference: Reference
    current: Callable[[Window], PredictionProfile | None]


@dataclass(frozen=True)
class Distribution:
    """Reference and current shares of one field.

    Attributes
    ----------
    names
        Categories; empty for numbers, whose bins divide [low, high] evenly.
    """

    field: str
    window: Window
    reference: tuple[float, ...]
    current: tuple[float, ...]
    names: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    n_reference: int = 0
    n_current: int = 0
    measurement: Measurement | None = None


@dataclass(frozen=True)
class ReferenceFacts:
    """What the current windows are compared with."""

    id: str
    n: int = 0
    window: Window | None = None
    origin: str = ""
    chunks: int = 0


@dataclass(frozen=True)
class ReportData:
    """All of a report.

    Attributes
    ----------
    measurements
        Of the whole model, in order of the windows.
    segments
        Measurements of segments (error rate and the first headline metric).
    """

    model: str
    environment: str
    generated: datetime
    measurements: tuple[Measurement, ...] = ()
    segments: tuple[Measurement, ...] = ()
    alerts: tuple[Alert, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    reference: ReferenceFacts | None = None
    weakest: tuple[SegmentRank, ...] = ()
    """Segments of the latest window, the weakest first."""
    markers: tuple[Marker, ...] = ()
    """What happened beside the numbers, in order of time."""
    anchor: str = ""
    """The head of the audit trail: a page that is kept elsewhere shows when the trail's tail was cut off."""
    version: str = driftlog.__version__

    @property
    def windows(self) -> list[Window]:
        return sorted({m.window for m in self.measurements})

    @property
    def span(self) -> Window | None:
        windows = self.windows
        return Window(windows[0].start, max(w.end for w in windows)) if windows else None


def load_report_data(
    store: Store,
    model: str,
    *,
    environment: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    profiles: ProfileSource | None = None,
    rank: Callable[[Sequence[Measurement]], Sequence[SegmentRank]] | None = None,
    markers: Sequence[Marker] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    anchor: str = "",
) -> ReportData:
    """Data of the report about `model`, of all its windows or those inside [since, until].

    Parameters
    ----------
    environment
        None takes that of the newest result.
    profiles
        Without it the report has no distributions.
    rank
        Ranks the segments of one window from its measurements; without it the report has no weakest segments.
    markers
        Drawn on the time axes, and listed.
    """
    from driftlog.store.alerts import find_alerts
    from driftlog.store.results import find_measurements

    if environment is None:
        newest = find_measurements(store, model, until=until, size=1, newest_first=True)
        environment = newest[0].environment if newest else ""
    found = find_measurements(
        store, model, environment=environment, since=since, until=until, size=MAX_MEASUREMENTS, newest_first=True
    )
    every = find_measurements(
        store,
        model,
        environment=environment,
        since=since,
        until=until,
        metric=["error_rate", "roc_auc", "accuracy", "mae"],
        segment=None,
        size=MAX_MEASUREMENTS,
        newest_first=True,
    )
    alerts = find_alerts(store, model, since=since, until=until)
    return assemble(
        model,
        environment,
        measurements=found,
        segments=[m for m in every if m.segment],
        alerts=[alert for alert in alerts if alert.environment == environment],
        profiles=profiles,
        weakest=_weakest(store, found, rank) if rank is not None else (),
        markers=markers,
        anchor=anchor,
        generated=now(),
    )


def _weakest(
    store: Store, found: Sequence[Measurement], rank: Callable[[Sequence[Measurement]], Sequence[SegmentRank]]
) -> Sequence[SegmentRank]:
    """Of the latest window whose performance is known, else of the latest."""
    from driftlog.store.results import find_measurements

    known = [m for m in found if m.purpose == "performance" and m.value is not None and not m.marks] or list(found)
    if not known:
        return ()
    latest = max(m.window for m in known)
    every = find_measurements(
        store,
        known[0].model,
        environment=known[0].environment,
        since=latest.start,
        until=latest.end,
        segment=None,
        size=MAX_MEASUREMENTS,
    )
    return rank([m for m in every if m.window == latest and (m.version, m.variant) == ("*", "*")])


def assemble(
    model: str,
    environment: str,
    *,
    measurements: Sequence[Measurement],
    alerts: Sequence[Alert],
    generated: datetime,
    segments: Sequence[Measurement] = (),
    profiles: ProfileSource | None = None,
    weakest: Sequence[SegmentRank] = (),
    markers: Sequence[Marker] = (),
    anchor: str = "",
) -> ReportData:
    """`ReportData` from its parts; the distributions are drawn from `profiles`."""
    kept = tuple(
        sorted((finite(m) for m in measurements if whole(m)), key=lambda m: (m.window, m.purpose, m.metric, m.field))
    )
    return ReportData(
        model=model,
        environment=environment,
        generated=generated,
        measurements=kept,
        segments=tuple(sorted((finite(m) for m in segments), key=lambda m: (m.window, m.metric, m.segment))),
        alerts=tuple(sorted(alerts, key=lambda a: (a.status != "open", -SEVERITY[a.severity], -a.opened.timestamp()))),
        distributions=tuple(_distributions(kept, profiles)) if profiles is not None else (),
        reference=_reference_facts(kept, profiles),
        weakest=tuple(weakest),
        markers=tuple(markers),
        anchor=anchor,
    )


def finite(m: Measurement) -> Measurement:
    """`m` with None in place of NaN and infinity, which cannot be drawn."""
    names = ("value", "lower", "upper", "reference_value")
    broken = {n: None for n in names if (number := getattr(m, n)) is not None and not math.isfinite(number)}
    return replace(m, **broken) if broken else m


def _reference_facts(measurements: Sequence[Measurement], profiles: ProfileSource | None) -> ReferenceFacts | None:
    if profiles is not None:
        used = profiles.reference
        return ReferenceFacts(used.id, used.n, used.window, used.origin, len(used.chunks))
    named = next((m for m in reversed(measurements) if m.reference_id), None)
    return ReferenceFacts(named.reference_id, named.n_reference) if named is not None else None


def _distributions(measurements: Sequence[Measurement], profiles: ProfileSource) -> list[Distribution]:
    """Of the fields that drifted most, each in its worst window; the predictions always; else the nearest to it."""
    drift = [m for m in measurements if m.purpose in DRIFT_PURPOSES and m.value is not None and m.field]
    if not drift:
        return []
    worst: dict[str, Measurement] = {}
    for m in drift:
        if m.verdict != "not_judged" and (m.field not in worst or _rank(m) >= _rank(worst[m.field])):
            worst[m.field] = m
    chosen = sorted(worst.values(), key=_rank, reverse=True)
    chosen = [m for m in chosen if SEVERITY[m.verdict] > 0 or m.field.startswith("prediction.")] or chosen[:4]
    cache: dict[Window, PredictionProfile | None] = {}
    drawn = []
    for m in chosen[:MAX_DISTRIBUTIONS]:
        if m.window not in cache:
            cache[m.window] = profiles.current(m.window)
        distribution = draw(m, profiles, cache[m.window])
        if distribution is not None:
            drawn.append(distribution)
    return drawn


def _rank(m: Measurement) -> tuple[int, float]:
    return SEVERITY[m.verdict], strength(m) or 0.0


def strength(m: Measurement) -> float | None:
    """Value over its warning limit; over 0.5 without a limit. None without a value."""
    if m.value is None:
        return None
    limit = m.limit.warning if m.limit is not None and m.limit.warning is not None else None
    return abs(m.value) / limit if limit else abs(m.value) / 0.5


def draw(m: Measurement, profiles: ProfileSource, current: PredictionProfile | None) -> Distribution | None:
    """The distribution behind one drift measurement; None where either side has no values."""
    before = profiles.reference.predictions.fields.get(m.field)
    now = current.fields.get(m.field) if current is not None else None
    bins = profiles.binning.fields.get(m.field)
    if before is None or now is None or bins is None or not before.present or not now.present:
        return None
    if isinstance(bins, CategoricalBins):
        return _categories(m, bins, before, now)
    return _numbers(m, bins, before, now)


def _categories(m: Measurement, bins: CategoricalBins, before: FieldCounts, now: FieldCounts) -> Distribution:
    names = [*bins.values, "(other)", "(never seen before)"]
    a = [float(c) / before.present for c in [*before.counts.tolist(), before.unseen]]
    b = [float(c) / now.present for c in [*now.counts.tolist(), now.unseen]]
    ranked = sorted(zip(names, a, b, strict=True), key=lambda row: -max(row[1], row[2]))
    shown = [row for row in ranked[:MAX_CATEGORIES] if max(row[1], row[2]) > 0]
    rest = ranked[len(shown) :]
    if any(max(x, y) > 0 for _, x, y in rest):
        shown.append(("(all others)", sum(x for _, x, _ in rest), sum(y for _, _, y in rest)))
    return Distribution(
        field=m.field,
        window=m.window,
        names=tuple(name for name, _, _ in shown),
        reference=tuple(x for _, x, _ in shown),
        current=tuple(y for _, _, y in shown),
        n_reference=before.present,
        n_current=now.present,
        measurement=m,
    )


def _numbers(m: Measurement, bins: FieldBins, before: FieldCounts, now: FieldCounts) -> Distribution | None:
    if isinstance(bins, CategoricalBins) or not bins.edges:
        return None
    lows = [v for v in (bins.low, before.minimum, bins.edges[0]) if v is not None]
    highs = [v for v in (bins.high, before.maximum, bins.edges[-1]) if v is not None]
    low, high = max(lows[0], -LARGEST), min(highs[0], LARGEST)
    if now.minimum is not None and now.maximum is not None and high > low:  # show what lies outside, within reason
        reach = high - low
        low, high = max(min(low, now.minimum), low - reach), min(max(high, now.maximum), high + reach)
    if not high > low:
        return None
    return Distribution(
        field=m.field,
        window=m.window,
        reference=tuple(rebin(bins.edges, before.counts.tolist(), low, high, HISTOGRAM_BINS)),
        current=tuple(rebin(bins.edges, now.counts.tolist(), low, high, HISTOGRAM_BINS)),
        low=low,
        high=high,
        n_reference=before.present,
        n_current=now.present,
        measurement=m,
    )
