"""Titles and messages of alerts, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from driftlog.contract.alert import Decomposition
from driftlog.contract.measurement import MARK_REFERENCE_TOO_SHORT, MARK_SEASON_UNSEEN, Measurement
from driftlog.decide.series import SeriesState
from driftlog.decide.verdicts import nearest

SHOWN: Final = 5
EXPLAINED: Final = 2
LITTLE: Final = 0.05
_MARKS: Final = {
    MARK_SEASON_UNSEEN: "The reference covers less than a year: a season it has not seen may be the reason.",
    MARK_REFERENCE_TOO_SHORT: "The reference is too short to know how much this varies by itself: a warning at most.",
}
_QUALITY: Final = {
    "missing_share": "values missing",
    "unseen_share": "values the reference never had",
    "malformed_share": "malformed values",
    "nonfinite_share": "values that are not finite",
    "dominant_share": "nearly constant values",
}
_TITLES: Final = {
    "prediction_drift": "the predictions drifted",
    "target_drift": "the true outcomes drifted",
    "attribution_drift": "the attributions drifted",
    "performance": "performance is worse than the reference",
    "estimated_performance": "performance is estimated to be worse than the reference",
    "integrity": "the pipeline loses, repeats, delays or refuses events",
    "latency": "latency is too high",
    "errors": "too many predictions fail",
    "traffic": "no predictions arrive",
    "no_data": "no predictions arrive",
    "too_little_data": "too few predictions arrive to be judged",
    "label_delay": "the truth comes late",
    "unwatched": "models are not evaluated",
    "worker_silent": "a worker went silent",
}


def title(model: str, cause: str, members: Sequence[SeriesState], series: int) -> str:
    """One line: the model and what is wrong with it."""
    if cause == "data_drift":
        return f"{model}: {len(members)} of {series} features drifted"
    if cause in _TITLES:
        return f"{model}: {_TITLES[cause]}"
    if cause in _QUALITY:
        return f"{model}: {_QUALITY[cause]} in {_count(len(members), 'feature')}"
    return f"{model}: {cause.replace('_', ' ')} out of its limits"


def message(
    cause: str,
    members: Sequence[SeriesState],
    series: int,
    marks: Sequence[str],
    explained: Sequence[Decomposition] = (),
) -> str:
    """What was measured, worst first, with limits; then what segments say about it, and what to bear in mind.

    For example ``7 of 16 features drifted against the reference in 2013-04-01/2013-04-08; strongest: month 0.62
    (limit 0.11), dest 0.31 (limit 0.12), and 5 more.``
    """
    worst = members[0].measurement
    shown = ", ".join(_described(state.measurement, cause) for state in members[:SHOWN])
    more = f", and {len(members) - SHOWN} more" if len(members) > SHOWN else ""
    when = f"in {worst.window.label()}"
    if cause == "data_drift":
        text = f"{len(members)} of {series} features drifted against the reference {when}; strongest: {shown}{more}."
    elif cause in _QUALITY:
        text = f"{_QUALITY[cause].capitalize()} {when}: {shown}{more}."
    else:
        text = f"{shown}{more} {when}."
    behind = f" {worst.n_current} rows in the window"
    known = f", {worst.maturity:.0%} of the truths known" if worst.maturity is not None else ""
    notes = [state.measurement.note for state in members[:1] if state.measurement.note]
    hints = [_MARKS[mark] for mark in marks if mark in _MARKS]
    why = [explanation(one) for one in explained[:EXPLAINED]]
    return " ".join((f"{text}{behind}{known}.", *(f"{note[:1].upper()}{note[1:]}." for note in notes), *why, *hints))


def explanation(split: Decomposition) -> str:
    """One sentence: how much of a change is the mix of segments, and which segment adds most.

    >>> from driftlog.contract.alert import Contribution
    >>> most = (Contribution("features.origin=EWR", 0.141),)
    >>> split = Decomposition("features.distance", ("features.origin",), 0.183, 0.171, 0.0121, 0.92, 0.0104, most)
    >>> print(explanation(split).replace("; ", ";\\n"))
    distance: 92% of the change is the mix of origin (within the segments it changed by 0.0121, noise is 0.0104);
    most by origin=EWR (0.141 of 0.183).
    """
    name, by = _bare(split.name), " and ".join(_bare(field) for field in split.by) or "segments"
    largest = split.largest[0] if split.largest else None
    most = ""
    if largest is not None and largest.value:
        most = f"; most by {_bare(largest.segment)} ({number(largest.value)} of {number(split.total)})"
    noise = f", noise is {number(split.noise)}" if split.noise else ""
    inside = f"within the segments it changed by {number(split.within)}{noise}"
    if abs(split.mix_share) < LITTLE:
        return f"{name}: the mix of {by} explains nothing of the change; {inside}{most}."
    if split.mix_share < 0:
        return f"{name}: the mix of {by} changed the other way; {inside}{most}."
    if split.mix_share > 1:
        return f"{name}: the mix of {by} explains all of the change, and more; {inside}{most}."
    return f"{name}: {split.mix_share:.0%} of the change is the mix of {by} ({inside}){most}."


def _bare(name: str) -> str:
    return name.replace("features.", "")


def _described(measurement: Measurement, cause: str) -> str:
    name = measurement.field.removeprefix("features.") if measurement.field else measurement.metric
    if measurement.field and cause not in (
        "data_drift",
        "prediction_drift",
        "target_drift",
        "attribution_drift",
        *_QUALITY,
    ):
        name = f"{measurement.metric} of {name}"
    limits = measurement.limit
    limit = None if limits is None else nearest(limits.warning, limits.critical, limits.info)
    parts = []
    if measurement.reference_value is not None:
        parts.append(f"reference {number(measurement.reference_value)}")
    if limit is not None:
        parts.append(f"limit {number(limit)}")
    return f"{name} {number(measurement.value)}" + (f" ({', '.join(parts)})" if parts else "")


def number(value: float | None) -> str:
    """A number for people: two to three digits that say something.

    >>> number(0.6213), number(0.1), number(1234.5), number(0.00123), number(None)
    ('0.621', '0.1', '1234', '0.00123', 'unknown')
    """
    if value is None:
        return "unknown"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def resolution(windows: int, *, late: bool) -> str:
    """Why an alert was resolved."""
    if late:
        return "after late data the window is within its limits"
    return "within limits again" if windows == 1 else f"within limits for {windows} windows"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
