"""Measurements, alerts and events as pandas frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import Measurement
from driftlog.profile.columns import dotted

MEASUREMENT_COLUMNS: Final = (
    "model",
    "environment",
    "version",
    "variant",
    "segment",
    "window_start",
    "window_end",
    "purpose",
    "metric",
    "field",
    "value",
    "lower",
    "upper",
    "reference_value",
    "p_value",
    "p_adjusted",
    "n_reference",
    "n_current",
    "maturity",
    "limit_warning",
    "limit_critical",
    "verdict",
    "marks",
    "unit",
    "method",
    "note",
    "reference_id",
    "revision",
    "computed",
)
"""Columns of a frame of measurements, in order; flattened details follow as ``details.NAME``."""
_TIMES: Final = ("window_start", "window_end", "computed", "opened", "updated", "resolved", "@timestamp")
_NUMBERS: Final = (
    "value",
    "lower",
    "upper",
    "reference_value",
    "p_value",
    "p_adjusted",
    "maturity",
    "limit_warning",
    "limit_critical",
)
ALERT_COLUMNS: Final = (
    "id",
    "model",
    "environment",
    "title",
    "severity",
    "status",
    "opened",
    "updated",
    "resolved",
    "purpose",
    "metric",
    "field",
    "episode",
    "windows",
    "members",
    "message",
)


def measurements_frame(measurements: Iterable[Measurement], *, details: bool = False) -> pd.DataFrame:
    """One row a measurement; times aware of UTC, absent numbers NaN, marks as one text.

    Parameters
    ----------
    details
        Add a column ``details.NAME`` for each further number.

    >>> measurements_frame([]).shape
    (0, 29)
    """
    rows = [_measurement_row(m, details) for m in measurements]
    names = list(MEASUREMENT_COLUMNS) + sorted({name for row in rows for name in row} - set(MEASUREMENT_COLUMNS))
    return typed(pd.DataFrame(rows, columns=names))


def _measurement_row(m: Measurement, details: bool) -> dict[str, Any]:
    row = {name: getattr(m, name, None) for name in MEASUREMENT_COLUMNS}
    row |= {
        "window_start": m.window.start,
        "window_end": m.window.end,
        "limit_warning": m.limit.warning if m.limit is not None else None,
        "limit_critical": m.limit.critical if m.limit is not None else None,
        "marks": ", ".join(m.marks),
    }
    return row | ({f"details.{name}": value for name, value in m.details.items()} if details else {})


def alerts_frame(alerts: Iterable[Alert]) -> pd.DataFrame:
    """One row an alert; `members` are the fields or metrics it is about."""
    return typed(pd.DataFrame([_alert_row(alert) for alert in alerts], columns=list(ALERT_COLUMNS)))


def _alert_row(alert: Alert) -> dict[str, Any]:
    row = {name: getattr(alert, name, None) for name in ALERT_COLUMNS}
    members = [member.field or member.metric for member in alert.members]
    return row | {"members": ", ".join(members), "field": alert.evidence.field}


def events_frame(events: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row an event, one column a dotted field; lists and objects as they are."""
    rows = [dotted(event) for event in events]
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys(["@timestamp", *(name for row in rows for name in row)])))
    return typed(frame)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with its times as aware timestamps and its numbers as float64."""
    for name in _TIMES:
        if name in frame:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    for name in _NUMBERS:
        if name in frame:
            frame[name] = frame[name].astype("float64")
    return frame
