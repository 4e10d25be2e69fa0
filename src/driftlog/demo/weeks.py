"""The replayed weeks as the summary shows them: read back from what driftlog stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from driftlog.contract.alert import Alert
from driftlog.contract.binning import NumericBins
from driftlog.contract.errors import ReferenceUnusable
from driftlog.contract.measurement import SEVERITY, Measurement
from driftlog.contract.profile import OutcomeProfile, PredictionProfile, total
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.demo.data import LATE
from driftlog.present.summary import whole
from driftlog.profile.buckets import load_outcomes, load_predictions
from driftlog.profile.reference import active
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.results import find_measurements

SCORE = "prediction.score"


@dataclass
class Week:
    """One judged week.

    Attributes
    ----------
    predicted_late
        Mean score: the share of late flights the model expected.
    late
        Share of late flights among those that arrived.
    drifted
        Measurements in breach of their drift threshold: features first, then predictions and target.
    cannot_alarm
        Drift measurements whose limit no possible value exceeds.
    opened, resolved
        Alerts that this week opened and resolved.
    """

    window: Window
    predictions: int = 0
    predicted_late: float | None = None
    late: float | None = None
    by_metric: dict[str, Measurement] = field(default_factory=dict)
    drifted: list[Measurement] = field(default_factory=list)
    cannot_alarm: list[Measurement] = field(default_factory=list)
    opened: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)


@dataclass(frozen=True)
class Story:
    """All weeks of one model, and all its alerts in order of their opening."""

    model: str
    weeks: Sequence[Week]
    alerts: Sequence[Alert]


def read_story(store: Store, settings: ModelSettings) -> Story:
    """Read the judged weeks of a model, with their alerts."""
    measurements = find_measurements(store, settings.name, environment=settings.environment, size=100_000)
    alerts = sorted(find_alerts(store, settings.name), key=lambda alert: (alert.opened, alert.key))
    weeks = {window: Week(window) for window in sorted({m.window for m in measurements})}
    for measurement in measurements:
        _note(weeks[measurement.window], measurement)
    for alert in alerts:
        if alert.first_window in weeks:
            weeks[alert.first_window].opened.append(alert)
        for week in weeks.values():
            if alert.resolved == week.window.end:
                week.resolved.append(alert)
    _add_shares(store, settings, weeks.values())
    return Story(settings.name, list(weeks.values()), alerts)


def _note(week: Week, measurement: Measurement) -> None:
    if measurement.purpose in ("performance", "operational") and whole(measurement) and not measurement.field:
        week.by_metric[measurement.metric] = measurement
    if measurement.purpose.endswith("_drift") and SEVERITY[measurement.verdict] > 0:
        week.drifted.append(measurement)
        week.drifted.sort(key=lambda m: (m.purpose != "data_drift", -(m.value or 0.0)))
    if measurement.purpose.endswith("_drift") and measurement.verdict == "cannot_alarm":
        week.cannot_alarm.append(measurement)


def _add_shares(store: Store, settings: ModelSettings, weeks: Iterable[Week]) -> None:
    found = active(store, settings.name, settings.environment)
    if found is None:
        raise ReferenceUnusable(f"{settings.name} has no reference", remedy="run driftlog demo again")
    binning, _ = found
    bins = binning.fields[SCORE]
    shift = bins.shift if isinstance(bins, NumericBins) else 0.0
    for week in weeks:
        key = (store, settings.name, settings.environment, binning.id, week.window)
        predictions = total(load_predictions(*key))
        outcomes = total(load_outcomes(*key))
        week.predictions = predictions.n if predictions else 0
        week.predicted_late = _mean_score(predictions, shift)
        week.late = _late_share(outcomes)


def _mean_score(predictions: PredictionProfile | None, shift: float) -> float | None:
    """The sum of the scores is kept shifted by the reference's mean."""
    counts = predictions.fields.get(SCORE) if predictions else None
    return shift + counts.total / counts.present if counts and counts.present else None


def _late_share(outcomes: OutcomeProfile | None) -> float | None:
    if outcomes is None or not outcomes.n:
        return None
    return sum(count for (actual, _), count in outcomes.confusion.items() if actual == LATE) / outcomes.n
