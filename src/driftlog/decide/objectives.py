"""Objectives: which of them an alert touches, and how each stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from driftlog.contract.alert import Alert
from driftlog.contract.alerting import ObjectiveSettings
from driftlog.contract.measurement import MARK_IMMATURE, MARK_INTEGRITY, Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window

APART: Final = frozenset({"estimation_error"})
"""Purposes whose values have the name of a metric and are none."""
ESTIMATES: Final = frozenset({"estimated_performance"})

State = Literal["met", "missed", "unknown"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An objective against its results.

    Attributes
    ----------
    state
        Of the newest window that says something; ``unknown`` where none does.
    value, lower, upper
        Of that window.
    certain
        Its whole 95 % interval lies on the same side of the target as the value; None where there is no interval.
    windows, met
        Windows with a value, and those of them that met the target.
    note
        What is missing, or what an estimate says where the truth is not known yet.
    """

    name: str
    metric: str
    field: str
    segment: str
    target: float
    direction: Literal["above", "below"]
    priority: str
    owner: str
    why: str
    state: State
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    certain: bool | None = None
    window: Window | None = None
    windows: int = 0
    met: int = 0
    note: str = ""


def touched(alert: Alert, settings: ModelSettings) -> tuple[str, ...]:
    """Names of the objectives that the alert is about, in the order of the settings.

    One is touched where its metric, field and segment are those of the alert's evidence or of one of its members,
    measured or estimated. Drift of the data touches none by itself: whether it costs anything is what the measurements
    of the objective say, unless the objective is about that drift.
    """
    if alert.purpose in APART:
        return ()
    series = {(alert.evidence.metric, alert.evidence.field), *((m.metric, m.field) for m in alert.members)}
    return tuple(
        one.name
        for one in settings.objectives
        if _same(one.segment, alert.segment)
        and any(metric == one.metric and _same(one.field, field) for metric, field in series)
    )


def standing(objectives: Sequence[ObjectiveSettings], measurements: Iterable[Measurement]) -> tuple[Standing, ...]:
    """How each objective stands, in the order given.

    Values are those of the whole model or the objective's segment, of all versions. Windows without a value, of which
    too few truths have arrived, or whose pipeline was at fault say nothing. Estimates are no results: where nothing
    else is known, the note has the newest.
    """
    known = sorted(
        (m for m in measurements if (m.version, m.variant) == ("*", "*") and m.purpose not in APART),
        key=lambda m: m.window,
    )
    return tuple(_standing(one, [m for m in known if _of(m, one)]) for one in objectives)


def _of(measurement: Measurement, objective: ObjectiveSettings) -> bool:
    return (
        measurement.metric == objective.metric
        and _same(objective.field, measurement.field)
        and _same(objective.segment, measurement.segment)
    )


def _same(asked: str, found: str) -> bool:
    """With or without ``features.``.

    >>> _same("plan=plus", "features.plan=plus"), _same("", "features.plan=plus")
    (True, False)
    """
    return asked == found or asked.replace("features.", "") == found.replace("features.", "")


def meets(value: float, objective: ObjectiveSettings) -> bool:
    """At least, or at most, the target."""
    return value >= objective.target if objective.direction == "above" else value <= objective.target


def _standing(objective: ObjectiveSettings, found: Sequence[Measurement]) -> Standing:
    about = Standing(
        name=objective.name,
        metric=objective.metric,
        field=objective.field,
        segment=objective.segment,
        target=objective.target,
        direction=objective.direction,
        priority=objective.priority,
        owner=objective.owner,
        why=objective.why,
        state="unknown",
    )
    results = [m for m in found if m.purpose not in ESTIMATES and _says_something(m)]
    if not results:
        return msgspec.structs.replace(about, note=_lack(found))
    latest = results[-1]
    value = latest.value or 0.0
    ends = [end for end in (latest.lower, latest.upper) if end is not None]
    return msgspec.structs.replace(
        about,
        state="met" if meets(value, objective) else "missed",
        value=value,
        lower=latest.lower,
        upper=latest.upper,
        certain=all(meets(end, objective) == meets(value, objective) for end in ends) if len(ends) == 2 else None,
        window=latest.window,
        windows=len(results),
        met=sum(meets(m.value or 0.0, objective) for m in results),
    )


def _says_something(measurement: Measurement) -> bool:
    return measurement.value is not None and not {MARK_IMMATURE, MARK_INTEGRITY}.intersection(measurement.marks)


def _lack(found: Sequence[Measurement]) -> str:
    """Why nothing is known."""
    if not found:
        return "nothing of this name was measured"
    estimates = [m for m in found if m.purpose in ESTIMATES and m.value is not None]
    if estimates:
        return f"no truth yet; estimated {estimates[-1].value:.4g} in {estimates[-1].window.label()}"
    latest = found[-1]
    if MARK_IMMATURE in latest.marks:
        return "too few truths have arrived"
    if MARK_INTEGRITY in latest.marks:
        return "the pipeline was at fault"
    return latest.note or "not enough data"
