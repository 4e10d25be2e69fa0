"""Likely causes for people: what else was out of order in the window of an alert, the most telling first.

All of it is coincidence in one window: the sentences say what moved together, and never why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from driftlog.contract.alert import Alert, Decomposition
from driftlog.contract.measurement import SEVERITY, Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.decide.objectives import touched
from driftlog.decide.verdicts import nearest
from driftlog.decide.wording import number

MOST: Final = 5
DRIFT: Final = frozenset({"data_drift", "prediction_drift", "target_drift", "attribution_drift"})
PERFORMANCE: Final = frozenset({"performance", "estimated_performance"})
ABOUT_DATA: Final = frozenset({*DRIFT, *PERFORMANCE, "concept_drift", "fairness", "estimation_error"})
LARGE_SHARE: Final = 0.2
"""A segment that adds less to a change is not named."""
APART: Final = 0.5
"""Versions are named where they lie apart by more than this share of the change."""
_QUALITY: Final = {
    "missing_share": "of the values of {} were missing",
    "unseen_share": "of the values of {} were never seen in the reference",
    "malformed_share": "of the values of {} were malformed",
    "nonfinite_share": "of the values of {} were not finite",
    "dominant_share": "of the values of {} were in one bin",
}


class _Case(NamedTuple):
    """An alert's measurements, all others of its window, and how changes split over segments."""

    members: Sequence[Measurement]
    others: Sequence[Measurement]
    explained: Mapping[str, Decomposition]

    @property
    def lead(self) -> Measurement:
        return self.members[0]


def suggested(
    members: Sequence[Measurement], judged: Sequence[Measurement], explained: Mapping[str, Decomposition] | None = None
) -> tuple[str, ...]:
    """At most five sentences on what moved together with the alert, the most telling first.

    Parameters
    ----------
    members
        The measurements in breach that make the alert, worst first; of one window.
    judged
        All measurements of that window: versions, segments, integrity, resources, attributions.
    explained
        Field or metric -> how its change splits over segments.

    The order: faults of the pipeline; broken values of features; versions and variants that differ; segments that add
    at least a fifth of the change; features that drifted, weighted by what they matter to the model where attributions
    are known; errors by type; resources.
    """
    if not members:
        return ()
    window = members[0].window
    own = {m.series for m in members}
    others = [m for m in judged if m.window == window and m.series not in own]
    case = _Case(members, others, explained or {})
    found: list[str] = []
    for rule in _RULES:
        found += [one for one in rule(case) if one not in found]
    return tuple(found[:MOST])


def _pipeline(case: _Case) -> list[str]:
    if case.lead.purpose == "integrity":
        return []
    faults = _worst([m for m in case.others if m.purpose == "integrity" and SEVERITY[m.verdict] >= SEVERITY["warning"]])
    return [
        f"The pipeline was at fault in the same window: {_with_limit(fault)}; look there first." for fault in faults[:1]
    ]


def _quality(case: _Case) -> list[str]:
    if case.lead.purpose == "quality" or case.lead.purpose not in ABOUT_DATA:
        return []
    broken = _worst([m for m in case.others if m.purpose == "quality" and m.metric in _QUALITY and SEVERITY[m.verdict]])
    return [f"In the same window {m.value or 0:.0%} {_QUALITY[m.metric].format(_bare(m.field))}." for m in broken[:2]]


def _versions(case: _Case) -> list[str]:
    """Versions (variants) whose values of the leading metric lie apart."""
    lead = case.lead
    found = []
    for kind in ("version", "variant"):
        parts = [m for m in case.others if _is_part(m, lead, kind) and m.value is not None]
        if len(parts) < 2:
            continue
        parts.sort(key=lambda m: m.value or 0.0)
        lowest, highest = parts[0], parts[-1]
        gap = (highest.value or 0.0) - (lowest.value or 0.0)
        if gap <= APART * _change(lead):
            continue
        worst, best = (lowest, highest) if _is_bad_below(lead) else (highest, lowest)
        found.append(
            f"{kind.capitalize()} {getattr(worst, kind)} has {lead.metric} {number(worst.value)} "
            f"({worst.n_current:,} rows), {kind} {getattr(best, kind)} has {number(best.value)} "
            f"({best.n_current:,} rows)."
        )
    return found


def _segments(case: _Case) -> list[str]:
    """Segments that add most to the change of a member."""
    found: list[tuple[float, str]] = []
    for member in case.members:
        split = case.explained.get(member.field or member.metric)
        if split is None or not split.total:
            continue
        for one in split.largest[:2]:
            share = one.value / split.total
            if share >= LARGE_SHARE:
                what = _bare(split.name)
                text = (
                    f"{_bare(one.segment)} adds {number(one.value)} of {number(split.total)} to the change of {what}."
                )
                found.append((share, f"Segment {text}"))
    found.sort(key=lambda pair: -pair[0])
    return [text for _, text in found[:2]]


def _features(case: _Case) -> list[str]:
    """Features that drifted: those of the alert itself, or for a model that does worse, those of the same window."""
    lead = case.lead
    weights = importances(case.others)
    drifted = [
        m for m in (*case.members, *case.others) if m.purpose == "data_drift" and SEVERITY[m.verdict] and not m.segment
    ]
    if lead.purpose not in (*PERFORMANCE, *DRIFT, "concept_drift") or not drifted:
        return []
    drifted.sort(key=lambda m: -(m.value or 0.0) * weights.get(m.field, 0.0 if weights else 1.0))
    together = "moved most" if lead.purpose == "data_drift" else "moved together with it"
    found = []
    for m in drifted[:2]:
        weight = f", and makes {weights[m.field]:.0%} of the attributions" if m.field in weights else ""
        found.append(f"{_bare(m.field)} {together}: {_with_limit(m)}{weight}.")
    return found


def importances(measurements: Sequence[Measurement]) -> dict[str, float]:
    """Feature -> its share of the attributions (root mean squares), where these are measured."""
    sizes = {
        f"features.{m.field.removeprefix('prediction.attributions.')}": m.details["root_mean_square"]
        for m in measurements
        if m.purpose == "attribution_drift" and "root_mean_square" in m.details
    }
    total = sum(sizes.values())
    return {name: size / total for name, size in sizes.items()} if total > 0 else {}


def _errors(case: _Case) -> list[str]:
    if case.lead.metric not in ("error_rate", "availability"):
        return []
    kinds = [
        m for m in case.others if m.metric == "error_rate_by_type" and m.version == case.lead.version and not m.segment
    ]
    kinds.sort(key=lambda m: -(m.value or 0.0))
    total = sum(m.value or 0.0 for m in kinds)
    return [f"{(m.value or 0.0) / total:.0%} of the errors are {m.field}." for m in kinds[:1] if total > 0]


def _resources(case: _Case) -> list[str]:
    if case.lead.purpose != "operational":
        return []
    used = _worst([m for m in case.others if m.purpose == "resource" and SEVERITY[m.verdict]])
    return [f"In the same window {_with_limit(m)}." for m in used[:1]]


_RULES: Final[tuple[Callable[[_Case], list[str]], ...]] = (
    _pipeline,
    _quality,
    _versions,
    _segments,
    _features,
    _errors,
    _resources,
)


def _is_part(measurement: Measurement, lead: Measurement, kind: str) -> bool:
    """Of one version (variant), and else of the same series."""
    other = "variant" if kind == "version" else "version"
    return (
        (measurement.metric, measurement.purpose, measurement.field) == (lead.metric, lead.purpose, lead.field)
        and measurement.segment == lead.segment
        and getattr(measurement, kind) != "*"
        and getattr(measurement, other) == "*"
    )


def _change(lead: Measurement) -> float:
    """From the reference, else from the limit."""
    base = lead.reference_value if lead.reference_value is not None else _bound(lead)
    return abs((lead.value or 0.0) - base) if base is not None else 0.0


def _bound(measurement: Measurement) -> float | None:
    limit = measurement.limit
    return None if limit is None else nearest(limit.warning, limit.critical, limit.info)


def _is_bad_below(lead: Measurement) -> bool:
    return lead.limit is not None and lead.limit.direction == "below"


def _worst(measurements: list[Measurement]) -> list[Measurement]:
    """By severity, then by how many times the limit."""

    def times(measurement: Measurement) -> float:
        bound = _bound(measurement)
        return abs(measurement.value or 0.0) / abs(bound) if bound else abs(measurement.value or 0.0)

    return sorted(measurements, key=lambda m: (-SEVERITY[m.verdict], -times(m), m.metric, m.field))


def _with_limit(measurement: Measurement) -> str:
    bound = _bound(measurement)
    about = f" of {_bare(measurement.field)}" if measurement.field and measurement.purpose not in DRIFT else ""
    limit = f" (limit {number(bound)})" if bound is not None else ""
    return f"{measurement.metric}{about} {number(measurement.value)}{limit}"


def _may_tell(measurement: Measurement) -> bool:
    """Whether any rule looks at it among the others: few of a wide model's measurements, found once for all alerts."""
    return (
        SEVERITY[measurement.verdict] > 0
        or measurement.version != "*"
        or measurement.variant != "*"
        or measurement.purpose == "attribution_drift"
        or measurement.metric == "error_rate_by_type"
    )


def _bare(name: str) -> str:
    return name.replace("features.", "")


def with_context(
    alerts: Sequence[Alert],
    judged: Sequence[Measurement],
    settings: ModelSettings,
    *,
    explained: Mapping[str, Decomposition] | None = None,
) -> list[Alert]:
    """The alerts with likely causes and objectives they touch; resolved ones, and those of other windows, as they are.

    Parameters
    ----------
    judged
        All judged measurements of the window that changed the alerts.
    """
    window = judged[0].window if judged else None
    telling = [m for m in judged if _may_tell(m)]
    by_series = {(m.metric, m.field, m.segment, m.version, m.variant, m.purpose): m for m in judged}
    found = []
    for alert in alerts:
        if alert.status != "resolved" and alert.last_window == window:
            about = alert.segment, alert.version, alert.variant, alert.purpose
            keys = [(member.metric, member.field, *about) for member in alert.members]
            members = [by_series[key] for key in keys if key in by_series]
            causes = suggested(members, telling, explained)
            alert = msgspec.structs.replace(alert, suggested=causes, objectives=touched(alert, settings))
        found.append(alert)
    return found
