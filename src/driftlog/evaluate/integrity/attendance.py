"""No data, too little data, late truth: what keeps a model from being watched at all."""

from __future__ import annotations

from typing import Final

from driftlog.contract.integrity import Attendance
from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext

FEWEST_TRUTHS: Final = 10
"""Truths to be expected before their absence says something."""


def attendance_measurements(
    attendance: Attendance | None, n: int, settings: ModelSettings, context: SeriesContext
) -> list[Measurement]:
    """What is said of a window with `n` predictions.

    - ``rows_lacking_share``: which share of `min_rows` it lacks, ``max(0, 1 - n / min_rows)``; of windows with any.
    - ``no_data_s``: seconds from the newest prediction to the window's end (where ``alerts.no_data_after`` is set).
    - ``label_late_share``: of the truths to be expected by now, the share that did not come within
      ``alerts.label_delay_above`` (where that is set); see `late_share`.
    """
    found = [_rows_lacking(n, settings, context)] if n else []
    if attendance is None:
        return found
    if settings.alerts.no_data_after is not None:
        found.append(_no_data(attendance, n, context))
    if attendance.due is not None:
        found.append(_late(attendance, settings, context))
    return found


def late_share(attendance: Attendance) -> float | None:
    """``1 - on_time / (due * labelled / watched)``, between 0 and 1; None where fewer than 10 are to be expected.

    Not every prediction gets a truth: how many do is what the predictions of the same stretch and of three delays
    before it show. Where none of them has one, all were to be expected.

    >>> late_share(Attendance(due=100, on_time=10, watched=400, labelled=80)), late_share(Attendance(due=5, watched=5))
    (0.5, None)
    >>> late_share(Attendance(due=100, on_time=0, watched=400, labelled=0))
    1.0
    """
    due = attendance.due or 0
    usual = attendance.labelled / attendance.watched if attendance.labelled and attendance.watched else 1.0
    expected = due * usual
    if expected < FEWEST_TRUTHS:
        return None
    return min(1.0, max(0.0, 1.0 - attendance.on_time / expected))


def _rows_lacking(n: int, settings: ModelSettings, context: SeriesContext) -> Measurement:
    lacking = max(0.0, 1 - n / settings.min_rows) if settings.min_rows > 0 else 0.0
    return context.measurement(
        "rows_lacking_share",
        "integrity",
        lacking,
        n_current=n,
        unit="share",
        method="1 - predictions / min_rows",
        note=f"{n} predictions, {settings.min_rows} are needed to judge a window" if lacking else "",
    )


def _no_data(attendance: Attendance, n: int, context: SeriesContext) -> Measurement:
    return context.measurement(
        "no_data_s",
        "integrity",
        attendance.silent_s,
        n_current=n,
        unit="s",
        method="from the newest prediction to the end of the window",
        note="" if attendance.silent_s is not None else "there never was a prediction",
    )


def _late(attendance: Attendance, settings: ModelSettings, context: SeriesContext) -> Measurement:
    value = late_share(attendance)
    details = {"on_time": attendance.on_time, "labelled": attendance.labelled, "watched": attendance.watched}
    return context.measurement(
        "label_late_share",
        "integrity",
        value,
        n_current=attendance.due or 0,
        unit="share",
        method=f"truths that did not come within {settings.alerts.label_delay_above}, of those to be expected",
        details={name: float(count) for name, count in details.items()},
        note="" if value is not None else f"fewer than {FEWEST_TRUTHS} truths were due",
    )
