"""Scheduled validation: the served model answers a stated labelled set; the result is a measurement like any other."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from driftlog.contract.errors import ActionFailed, DriftlogError, StoreError
from driftlog.contract.maintenance import MARK_VALIDATION, ModelVersion, Scorer
from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Schedule, Window
from driftlog.decide.judge import judge
from driftlog.decide.retrain_hours import last_time
from driftlog.evaluate.performance.arrays import label_sums, value_sums
from driftlog.evaluate.performance.metric import PerformanceMetric
from driftlog.evaluate.performance.registry import metrics_for
from driftlog.evaluate.performance.sums import OutcomeSums
from driftlog.evaluate.trial.rows import Answers
from driftlog.evaluate.trial.sums import with_labels
from driftlog.evaluate.trial.trial import main_metric
from driftlog.store.client import Store
from driftlog.store.cursors import read_cursor, write_cursor
from driftlog.store.results import write_measurements
from driftlog.worker.maintain_trial import number, plain_label, read_answers

log = logging.getLogger("driftlog.worker")

PREFIX: Final = "validation_"
ACTUAL: Final = "actual"
_CURSOR: Final = "validation"


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A labelled set: ids and truth; the features are in the file `rows`, without the truth."""

    ids: tuple[str, ...]
    actual: tuple[str, ...]
    rows: Path


def validate_if_due(
    store: Store,
    settings: ModelSettings,
    *,
    champion: ModelVersion | None,
    score: Scorer | None,
    folder: Path,
    term: int,
    now: datetime,
) -> list[Measurement]:
    """Validate when `validation.schedule` has come since the last time; the measurements, empty where it was not due.

    They are stored with purpose ``performance``, metric ``validation_<name>`` and the mark ``validation``, in the last
    whole window before the scheduled time, judged by the settings' thresholds that name them. A validation that cannot
    be done is stored, too: without a value, with the reason.

    Raises
    ------
    StoreError
        Nothing was stored; the next call tries again.
    """
    validation = settings.maintain.validation
    due = last_time(validation.schedule, settings.timezone, now) if validation.schedule else None
    if due is None:
        return []
    stored = read_cursor(store, settings.name, settings.environment, _CURSOR)
    if stored and datetime.fromisoformat(stored["at"]) >= due:
        return []
    window = _window(settings, due)
    try:
        found = validate(settings, champion, score, folder / "validation" / settings.name, window, now)
    except StoreError:
        raise
    except (DriftlogError, OSError) as error:
        log.error("%s: the validation failed: %s", settings.name, error)
        found = [_measurement(settings, main_metric(settings), window, None, note=str(error)[:500], computed=now)]
    judged = [judge(each, settings) for each in found]
    write_measurements(store, judged, term=term)
    write_cursor(store, settings.name, settings.environment, _CURSOR, {"at": due.isoformat()}, term)
    return judged


def validate(
    settings: ModelSettings,
    champion: ModelVersion | None,
    score: Scorer | None,
    folder: Path,
    window: Window,
    now: datetime,
) -> list[Measurement]:
    """Score the labelled set by `champion` and measure every metric of the model's task.

    Raises
    ------
    ActionFailed
        There is nothing to score with, the file cannot be read, or the answers do not fit.
    """
    path = settings.maintain.validation.labelled_set
    if champion is None or score is None:
        what = "the registry knows no champion" if champion is None else "executor.score is empty"
        raise ActionFailed(f"the served model cannot be validated: {what}", remedy="see docs/maintenance.md")
    folder.mkdir(parents=True, exist_ok=True)
    labelled = read_labelled(Path(path).expanduser(), folder / "rows.csv")
    answered = folder / "answers.csv"
    answered.unlink(missing_ok=True)
    score(champion, str(labelled.rows), str(answered))
    sums = _sums(settings, labelled, *read_answers(answered))
    note = f"version {champion.version} on {Path(path).name}, {len(labelled.ids):,} rows"
    return [
        _measurement(settings, metric.name, window, sums, metric=metric, note=note, computed=now)
        for metric in metrics_for(settings)
        if math.isfinite(float(_compute(metric, sums)))
    ]


def read_labelled(path: Path, rows: Path) -> LabelledSet:
    """Read a CSV or Parquet file with the column ``actual``; write what a model may see of it to `rows`.

    Rows are named by the column ``id`` where there is one, else by their number.

    Raises
    ------
    ActionFailed
        It is not there, no such file, or has no truth.
    """
    import pandas as pd  # half a second and 80 MB that a worker without a labelled set is spared

    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise ActionFailed(
            f"the labelled set {path} cannot be read: {error}", remedy="see validation.labelled_set"
        ) from error
    if ACTUAL not in frame.columns or not len(frame):
        raise ActionFailed(f"the labelled set {path} has no column {ACTUAL}, or no rows", remedy="add the truth")
    ids = [str(value) for value in frame["id"]] if "id" in frame.columns else [str(n) for n in range(len(frame))]
    if len(set(ids)) < len(ids):
        raise ActionFailed(f"the labelled set {path} has an id twice", remedy="make ids unique, or drop the column")
    names = [name for name in frame.columns if name not in (ACTUAL, "id")]
    with rows.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *names])
        columns = [frame[name].tolist() for name in names]
        writer.writerows(zip(ids, *([_cell(value) for value in column] for column in columns), strict=True))
    return LabelledSet(tuple(ids), tuple(_text(value) for value in frame[ACTUAL].tolist()), rows)


def _cell(value: object) -> object:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return _text(value) if isinstance(value, bool | np.bool_) else value


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return plain_label(str(value))


def _sums(settings: ModelSettings, labelled: LabelledSet, ids: list[str], answers: Answers) -> OutcomeSums:
    """The answers beside the truth, in the set's order."""
    place = {id: index for index, id in enumerate(ids)}
    if len(place) < len(ids) or set(place) != set(labelled.ids):
        raise ActionFailed("the answers are not one to each row of the labelled set", remedy="see docs/maintenance.md")
    order = np.asarray([place[id] for id in labelled.ids], dtype=np.int64)
    ordered = Answers(answers.label[order], answers.score[order], answers.value[order])
    if settings.task == "regression":
        actual = np.asarray([number(each) for each in labelled.actual], dtype=np.float64)
        known = np.isfinite(actual) & np.isfinite(ordered.value)
        return value_sums(actual[known], ordered.value[known], quantile=settings.quantile)
    truth = np.asarray(labelled.actual, dtype=np.str_)
    ordered = with_labels(ordered, truth, settings)
    scored = settings.task == "binary" and bool(np.isfinite(ordered.score).any())
    return label_sums(
        truth,
        ordered.label,
        ordered.score if scored else None,
        positive=settings.positive_label if settings.task == "binary" else None,
        business_value=settings.business_value,
    )


def _compute(metric: PerformanceMetric, sums: OutcomeSums) -> Any:
    with np.errstate(all="ignore"):
        return metric.compute(sums)


def _window(settings: ModelSettings, due: datetime) -> Window:
    schedule = Schedule(settings.window, settings.timezone)
    return schedule.window_at(schedule.window_at(due).start - timedelta(microseconds=1))


def _measurement(
    settings: ModelSettings,
    name: str,
    window: Window,
    sums: OutcomeSums | None,
    *,
    note: str,
    computed: datetime,
    metric: PerformanceMetric | None = None,
) -> Measurement:
    found: Mapping[str, Any] = {"value": None}
    if metric is not None and sums is not None:
        with np.errstate(all="ignore"):
            interval = metric.independent(sums, 0.95) if metric.independent is not None else None
            n = int(metric.rows(sums))
        found = {"value": float(_compute(metric, sums)), "n_current": n, "unit": metric.unit}
        if interval is not None:
            found |= {"lower": interval.lower, "upper": interval.upper, "method": interval.method}
    return Measurement(
        model=settings.name,
        environment=settings.environment,
        metric=f"{PREFIX}{name}",
        purpose="performance",
        window=window,
        marks=(MARK_VALIDATION,),
        note=note,
        computed=computed,
        **found,
    )
