"""What the maintenance loop looks at; gathered by the worker, judged by `driftlog.decide.retrain`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from driftlog.contract.maintenance import MaintainRequest, TrainingRun, Trial
from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window


class OpenAlert(msgspec.Struct, frozen=True):
    """An alert that is open or acknowledged."""

    id: str
    purpose: str
    severity: str
    title: str


class DriftWindow(msgspec.Struct, frozen=True):
    """One judged window: its worst drift measurement; `fields` in breach."""

    end: datetime
    fields: int
    worst: str = ""
    object: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One watched metric of a new version beside what it replaced.

    Attributes
    ----------
    worse
        The side on which a model is worse.
    value, error, freedom, n
        Of the new version since it went live (at most `promotion.watch_window` back): its value, the standard error
        clustered by day with its degrees of freedom, and rows; None where it cannot be had.
    replaced, replaced_error, replaced_freedom
        The same of the version before.
    beside
        Whether the version before was measured in the same time (on its share), else at the trial.
    gap, gap_error, gap_freedom
        Where the version before answered the same rows again: new - replaced, turned so that more is better, with its
        own standard error. It is judged instead of the two values.
    """

    metric: str
    worse: str
    value: float | None = None
    error: float | None = None
    freedom: float = 1.0
    n: int = 0
    replaced: float | None = None
    replaced_error: float | None = None
    replaced_freedom: float = 1e6
    beside: bool = False
    gap: float | None = None
    gap_error: float | None = None
    gap_freedom: float = 1e6
    note: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one decision may rest on; what a stage does not need stays empty.

    Attributes
    ----------
    predictions
        In the newest judged window; `newest` is the time of the newest prediction at all.
    performance
        The newest measurement of the main metric with a value, of all rows.
    immature
        A newer window without a value yet, and why.
    drifted
        Of the last windows, the newest first.
    labels, labels_window
        Labelled predictions that a training would get now.
    new_labels
        Since the data of the newest training ended (`new_since`).
    loss
        Business value lost since the champion was promoted (`loss_since`), with the windows counted.
    answer
        Of a person, to the decision that waits.
    trial, trial_rows, trial_window
        Of the candidate; the rows that its trial would have now.
    """

    champion: str = ""
    newest: datetime | None = None
    predictions: int = 0
    metric: str = ""
    performance: Measurement | None = None
    immature: Measurement | None = None
    next_window: datetime | None = None
    alerts: tuple[OpenAlert, ...] = ()
    drifted: tuple[DriftWindow, ...] = ()
    labels: int = 0
    labels_window: Window | None = None
    new_labels: int | None = None
    new_since: datetime | None = None
    loss: float | None = None
    loss_windows: int = 0
    loss_since: datetime | None = None
    requests: tuple[MaintainRequest, ...] = ()
    answer: MaintainRequest | None = None
    run: TrainingRun | None = None
    trial: Trial | None = None
    trial_rows: int = 0
    trial_window: Window | None = None
    previous: str = ""
    """The version that a rollback would bring back; empty: there is none."""
    standings: tuple[Standing, ...] = ()
    note: str = ""
    """Why a fact could not be had."""
