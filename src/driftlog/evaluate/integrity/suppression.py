"""Which pipeline faults make a window unfit to be judged for drift, and the mark that says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from driftlog.contract.measurement import MARK_INTEGRITY, Measurement, Purpose

SHARE_LIMITS: Final[dict[str, float]] = {
    "shipping_loss_share": 0.05,
    "quarantine_rate": 0.05,
    "duplicate_share": 0.05,
}
"""Above these shares the window is unfit: as much as the default rule's floor, 5 % of the mass, may be the fault's.

The lower end of the interval has to lie above, so that two refused events of ten do not silence anything. Lag and clock
skew are not here: an event that comes late re-opens its window and is counted in it, and clocks more than five
minutes ahead are refused at the door.
"""
SILENT_SHARE: Final = 0.20
FEWEST_SILENT: Final = 2
"""Hours; and more than a fifth of those in which events were to be expected."""

SUPPRESSED: Final[tuple[Purpose, ...]] = (
    "data_drift",
    "prediction_drift",
    "target_drift",
    "attribution_drift",
    "concept_drift",
    "performance",
    "estimated_performance",
)


def faults(measurements: Iterable[Measurement]) -> list[Measurement]:
    """The integrity measurements that make their window unfit."""
    return [measurement for measurement in measurements if _beyond(measurement)]


def affected(measurements: Iterable[Measurement]) -> bool:
    """Whether drift and performance of the window of these integrity measurements must not be judged."""
    return bool(faults(measurements))


def _beyond(measurement: Measurement) -> bool:
    if measurement.purpose != "integrity" or measurement.value is None:
        return False
    if measurement.metric == "silent_hours":
        expected = measurement.details.get("expected_hours", 0.0)
        return measurement.value >= FEWEST_SILENT and measurement.value > SILENT_SHARE * expected
    limit = SHARE_LIMITS.get(measurement.metric)
    certain = measurement.value if measurement.lower is None else measurement.lower
    return limit is not None and certain > limit


def with_integrity_mark(measurements: Iterable[Measurement], integrity: Sequence[Measurement]) -> list[Measurement]:
    """`measurements` of a window; where its `integrity` is at fault, drift and performance are marked and say why.

    Quality, operation and integrity itself stay as they are: they are where the fault shows.
    """
    found = faults(integrity)
    if not found:
        return list(measurements)
    why = "pipeline at fault: " + ", ".join(_worded(fault) for fault in found)
    return [_marked(measurement, why) for measurement in measurements]


def _marked(measurement: Measurement, why: str) -> Measurement:
    if measurement.purpose not in SUPPRESSED or MARK_INTEGRITY in measurement.marks:
        return measurement
    note = f"{measurement.note}; {why}" if measurement.note else why
    return msgspec.structs.replace(measurement, marks=(*measurement.marks, MARK_INTEGRITY), note=note)


def _worded(fault: Measurement) -> str:
    value = fault.value or 0.0
    if fault.metric == "silent_hours":
        return f"{value:g} of {fault.details['expected_hours']:g} hours without events"
    return f"{fault.metric} {value:.0%}"
