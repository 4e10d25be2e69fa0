"""A comparison as lines: what differs, by how much, what is usual; the largest differences of each family first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from driftlog.contract.binning import Binning, CategoricalBins, FieldBins, NumericBins
from driftlog.contract.comparison import Comparison
from driftlog.contract.measurement import MARK_IMMATURE, SEVERITY, Measurement
from driftlog.contract.profile import FieldCounts, PredictionProfile
from driftlog.present.text import clean, field_name, number, share, title_of, value_text

FAMILIES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("Performance", ("performance", "estimated_performance", "estimation_error", "fairness")),
    ("Predictions and truth", ("prediction_drift", "target_drift")),
    ("Features", ("data_drift", "attribution_drift")),
    ("Quality", ("quality", "integrity")),
    ("Operation", ("operational", "resource", "cost", "custom", "concept_drift")),
    ("What people say", ("feedback",)),
)
NOTHING: Final = 1e-9
"""Differences below this share of the value are rounding."""
DRIFT: Final = ("data_drift", "prediction_drift", "target_drift", "attribution_drift")


@dataclass(frozen=True)
class Line:
    """One measurement of a comparison.

    Attributes
    ----------
    title
        The field for drift and quality, else the metric.
    reference, current
        Values of the two sides; for drift what changed in words is in `change` instead.
    difference, interval
        Current minus reference and its 95 % interval; for drift the effect and its bound.
    usual
        Up to where such differences are usual: the limit it was judged by.
    effect
        What lines are ordered by, see `effect`.
    """

    family: str
    title: str
    measure: str
    reference: str
    current: str
    difference: str
    interval: str
    change: str
    p_value: str
    usual: str
    verdict: str
    effect: float
    measurement: Measurement


def comparison_lines(comparison: Comparison) -> list[Line]:
    """Lines by family in the order of `FAMILIES`, the worst verdict and the largest effect first."""
    words = change_words(comparison.binning, comparison.before, comparison.now)
    lines = [_line(family, m, words) for m in comparison.measurements if (family := family_of(m))]
    order = [name for name, _ in FAMILIES]
    return sorted(lines, key=lambda line: (order.index(line.family), -line.effect, line.title, line.measure))


def family_of(m: Measurement) -> str:
    """The family a measurement is shown in."""
    return next((name for name, purposes in FAMILIES if m.purpose in purposes), "")


def effect(m: Measurement) -> float:
    """Size of a difference: for drift the measure's value; else the difference, of shares and scores as it is, of other
    numbers as a share of the reference's; -1 without a value."""
    if m.value is None or not math.isfinite(m.value):
        return -1.0
    if m.purpose in DRIFT:
        return abs(m.value)
    difference = m.details.get("difference")
    if difference is None:
        return 0.0
    if m.unit == "share" or (m.purpose == "performance" and not m.unit):
        return abs(difference)
    return abs(difference) / abs(m.reference_value) if m.reference_value else abs(difference)


def _line(family: str, m: Measurement, words: Callable[[str], str]) -> Line:
    drift = m.purpose in DRIFT
    difference = m.details.get("difference")
    low, high = m.details.get("difference_lower"), m.details.get("difference_upper")
    clustered = m.details.get("difference_p_value")
    title = field_name(m.field) if m.field else title_of(m.metric)
    return Line(
        family=family,
        title=title,
        measure=title_of(m.metric) if m.field else "",
        reference="" if drift else shown(m, m.reference_value),
        current="" if drift else shown(m, m.value),
        difference=shown(m, m.value) if drift else signed(m, difference),
        interval="" if drift or low is None or high is None else f"{signed(m, low)} to {signed(m, high)}",
        change=_unknown(m) or (words(m.field) if drift else ""),
        p_value=p_text(m.p_value) if clustered is None else f"{p_text(clustered)} (by day)",
        usual=_usual(m),
        verdict=m.verdict,
        effect=effect(m),
        measurement=m,
    )


def shown(m: Measurement, value: float | None) -> str:
    """A value with its unit, the reference's deviations as ``sd``."""
    return value_text(m, value).replace("reference sd", "sd")


def signed(m: Measurement, value: float | None) -> str:
    """A difference with its sign, shares in points of percent.

    >>> from driftlog.contract.window import Window
    >>> from datetime import UTC, datetime
    >>> day = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    >>> m = Measurement(model="m", environment="e", metric="error_rate", purpose="operational", window=day, value=0.1)
    >>> signed(m, -0.25), signed(m, None)
    ('−0.250', '')
    """
    if value is None or not math.isfinite(value):
        return ""
    if abs(value) < NOTHING * max(1.0, abs(m.value or 0.0)):
        value = 0.0
    text = shown(m, abs(value))
    return text if not value else f"{'+' if value > 0 else '−'}{text}"


SHORT: Final = {
    "kolmogorov_smirnov": "KS",
    "total_variation": "TV",
    "population_stability_index": "PSI",
    "jensen_shannon": "JS",
    "cramer_von_mises": "CvM",
    "cramers_v": "V",
    "chi_square": "χ²",
}
"""Measures as the field abbreviates them, where room is scarce."""


def short_name(metric: str) -> str:
    """A drift measure's name where room is scarce.

    >>> short_name("kolmogorov_smirnov"), short_name("wasserstein")
    ('KS', 'Wasserstein')
    """
    return SHORT.get(metric) or title_of(metric)


def p_text(p: float | None) -> str:
    """An i.i.d. p-value.

    >>> p_text(0.0312), p_text(1e-9), p_text(None)
    ('0.031', '< 0.0001', '')
    """
    if p is None:
        return ""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def _unknown(m: Measurement) -> str:
    """Why there is no verdict, where there was not enough data."""
    if m.verdict != "insufficient_data":
        return ""
    return clean(m.note or ("too few truths have arrived" if MARK_IMMATURE in m.marks else "not enough data"), 80)


def _usual(m: Measurement) -> str:
    limit = m.limit.warning if m.limit is not None else None
    if limit is None or m.limit is None:
        return ""
    return f"{'≤' if m.limit.direction == 'above' else '≥'} {value_text(m, limit)}"


def change_words(binning: Binning, before: PredictionProfile, now: PredictionProfile) -> Callable[[str], str]:
    """What changed in a field, in words."""

    def words(field: str) -> str:
        bins, old, new = binning.fields.get(field), before.fields.get(field), now.fields.get(field)
        if bins is None or old is None or new is None or not old.present or not new.present:
            return ""
        return describe_change(bins, old, new)

    return words


def describe_change(bins: FieldBins, old: FieldCounts, new: FieldCounts) -> str:
    """Mean and its move in the reference's deviations, or the categories that moved most; missing where it moved."""
    parts = [_mean_change(bins, old, new)] if isinstance(bins, NumericBins) else _movers(bins, old, new)
    a, b = old.missing / (old.present + old.missing), new.missing / (new.present + new.missing)
    if abs(b - a) >= 0.01:
        parts.append(f"missing {share(a)} → {share(b)}")
    return ", ".join(part for part in parts if part)


def _mean_change(bins: NumericBins, old: FieldCounts, new: FieldCounts) -> str:
    counted = int(old.counts.sum()), int(new.counts.sum())
    if not all(counted):
        return ""
    a, b = bins.shift + old.total / counted[0], bins.shift + new.total / counted[1]
    if not (math.isfinite(a) and math.isfinite(b)):
        return ""
    moved = f" ({(b - a) / bins.scale:+.2f} sd)".replace("-", "−") if bins.scale > 0 else ""
    return f"mean {number(a)} → {number(b)}{moved}"


def _movers(bins: CategoricalBins, old: FieldCounts, new: FieldCounts) -> list[str]:
    names = [*bins.values, "(other)", "(never seen before)"]
    a = [count / old.present for count in [*old.counts.tolist(), old.unseen]]
    b = [count / new.present for count in [*new.counts.tolist(), new.unseen]]
    ranked = sorted(zip(names, a, b, strict=True), key=lambda row: -abs(row[2] - row[1]))
    return [f"{clean(name, 20)} {share(x)} → {share(y)}" for name, x, y in ranked[:2] if abs(y - x) >= 0.0005]


def beyond(lines: Sequence[Line], family: str) -> list[Line]:
    """Lines of a family that are warnings or worse."""
    return [line for line in lines if line.family == family and SEVERITY[line.verdict] > 0]


def summary(lines: Sequence[Line]) -> str:
    """The comparison in one or two sentences."""
    drift = [line for line in lines if line.family == "Features"]
    fields = {line.title for line in drift}
    moved = {line.title for line in beyond(drift, "Features")}
    said = []
    if moved:
        names = ", ".join(list(dict.fromkeys(line.title for line in beyond(drift, "Features")))[:3])
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
        said.append(f"{len(moved)} of {len(fields)} features differ more than usual: {names}{more}.")
    elif fields:
        said.append(f"None of the {len(fields)} features differs more than usual.")
    if beyond(lines, "Predictions and truth"):
        said.append("The predictions or the truth differ, too.")
    worse = beyond(lines, "Performance")
    if worse:
        line = worse[0]
        said.append(f"{line.title} is worse: {line.reference} → {line.current}.")
    elif any(line.family == "Performance" and line.verdict == "ok" for line in lines):
        said.append("Performance is within its limits.")
    return " ".join(said) or "There is nothing to compare."
