"""Integrity of the pipeline over one window, as numbers: what was lost, refused, repeated, late or silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftlog.contract.window import Window


@dataclass(frozen=True, slots=True)
class IntegritySummary:
    """What stored documents tell about the way of a model's predictions into a window.

    Imports (``driftlog.source: import``) bring their own clock and are left out of everything that compares clocks or
    counts by arrival; hours and the number of events include them.

    Attributes
    ----------
    stored
        Predictions whose event time lies in the window.
    arrived
        Predictions of any environment that were ingested during the window.
    quarantined
        Reason -> predictions refused during the window (of any environment: they do not say); feedback and resources
        are not among them.
    dropped
        Events that the serving processes lost during the window because their spools were full; None where none of
        them reported. `processes` reported, and their services stored `shipped` predictions, of all models.
    sampled
        Predictions of the window, drawn at random, whose event time was compared with their ingestion.
    lag_p50_s, lag_p95_s
        Seconds from event to ingestion, of those sampled that are neither ahead nor `backfilled`; None without any.
    ahead
        Sampled predictions that happened more than a second after they were ingested; `ahead_max_s` by how much.
    backfilled
        Sampled predictions that came more than a day after they happened: history, not lag.
    compared, repeated
        Sampled predictions that were compared with all others of the same time and model, and the expected number of
        surplus copies among them: the sum of ``1 - 1/c`` over those of which there are c. Rows that occur at several
        times (they do not tell events apart) are not compared. None where unknown.
    expected_hours, silent_hours
        Hours of the window in which the last four weeks always had events at this local hour of the week, and those of
        them without any now; None where there are not three weeks to compare with.
    types
        Dotted feature -> JSON type (``number``, ``text``, ``boolean``, ``list``) -> sampled values.
    """

    window: Window
    stored: int = 0
    arrived: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    dropped: int | None = None
    shipped: int = 0
    processes: int = 0
    sampled: int = 0
    lag_p50_s: float | None = None
    lag_p95_s: float | None = None
    ahead: int = 0
    ahead_max_s: float = 0.0
    backfilled: int = 0
    compared: int | None = None
    repeated: float = 0.0
    expected_hours: int | None = None
    silent_hours: int = 0
    types: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attendance:
    """Whether predictions and truths come at all.

    Attributes
    ----------
    silent_s
        Seconds from the newest prediction to the end of the window; None where there never was one.
    due
        Predictions made in a stretch as long as the window that ended `label_delay_above` before the window did: half
        of those that ever get a truth should have it by now. None where this is not watched.
    on_time
        Those of `due` whose truth came within that delay.
    watched, labelled
        Predictions of that stretch and of three delays before it, and those of them that have their truth by now,
        however late: how many get one at all.
    """

    silent_s: float | None = None
    due: int | None = None
    on_time: int = 0
    watched: int = 0
    labelled: int = 0
