"""The rows of a trial: what the champion answered in production, the truth, and the candidate's answers to the same."""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from driftlog.contract.errors import ActionFailed
from driftlog.contract.maintenance import ModelVersion, Scorer, Trial
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.trial.rows import Answers, TrialRows
from driftlog.evaluate.trial.trial import examine
from driftlog.profile.columns import dotted
from driftlog.profile.documents import parse_instant
from driftlog.profile.outcome_row import as_label
from driftlog.store.client import Store
from driftlog.worker.maintain_facts import outcome_query

MOST_ROWS: Final = 20_000
"""Rows of a trial; of more, so many are drawn at random."""
ROWS_FILE: Final = "rows.csv"
ANSWERS_FILE: Final = "answers.csv"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Examination:
    """What a trial is about: its id, who stands against whom, where files go."""

    id: str
    champion: str
    candidate: ModelVersion
    window: Window
    folder: Path


def hold_trial(
    store: Store,
    settings: ModelSettings,
    exam: Examination,
    score: Scorer,
    *,
    at: datetime,
    margin: float | None = None,
) -> Trial:
    """Write the rows, have the candidate score them, compare.

    Raises
    ------
    ActionFailed
        The candidate could not score the rows, or its answers cannot be read.
    """
    rows = labelled_rows(store, settings, exam.window, champion=exam.champion, seed=zlib.crc32(exam.id.encode()))
    exam.folder.mkdir(parents=True, exist_ok=True)
    given, answered = exam.folder / ROWS_FILE, exam.folder / ANSWERS_FILE
    answered.unlink(missing_ok=True)
    rows = write_features(store, settings, rows, given)
    if rows.n:
        score(exam.candidate, str(given), str(answered))
        ids, answers = read_answers(answered)
    else:
        ids, answers = [], Answers.of(0)
    return examine(
        settings,
        rows,
        ids,
        answers,
        id=exam.id,
        champion=exam.champion,
        candidate=exam.candidate.version,
        window=exam.window,
        at=at,
        margin=margin,
    )


def labelled_rows(
    store: Store, settings: ModelSettings, window: Window, *, champion: str, seed: int, most: int = MOST_ROWS
) -> TrialRows:
    """Outcomes of the champion's predictions in `window`, in order of time; at most `most`, drawn at random.

    ::

        {"function_score": {"query": {...}, "random_score": {"seed": 1, "field": "_seq_no"},
                            "boost_mode": "replace", "min_score": 0.6}}
    """
    pattern = store.names.every("outcomes")
    query = outcome_query(settings, window, version=champion)
    population = store.count(pattern, query)
    if population > most:
        share = 1.1 * most / population
        chance = {"random_score": {"seed": seed + 1, "field": "_seq_no"}, "boost_mode": "replace"}
        query = {"function_score": {"query": query, **chance, "min_score": max(0.0, 1.0 - share)}}
    found = [
        _outcome(hit["_source"]) for hit in store.scan(pattern, query, source=["@timestamp", "outcome"], size=5000)
    ]
    usable = [each for each in found if each is not None]
    usable.sort(key=lambda each: (each["at"], each["id"]))
    return _trial_rows(usable[:most] if len(usable) <= most else _drawn(usable, most, seed), settings)


def _drawn(rows: Sequence[Document], most: int, seed: int) -> list[Document]:
    kept = np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))
    return [rows[index] for index in kept.tolist()]


def _outcome(source: Document) -> Document | None:
    outcome = source.get("outcome") or {}
    if not outcome.get("prediction_id") or (outcome.get("actual") is None and outcome.get("actual_value") is None):
        return None
    return {**outcome, "id": str(outcome["prediction_id"]), "at": parse_instant(source["@timestamp"])}


def _trial_rows(found: Sequence[Document], settings: ModelSettings) -> TrialRows:
    zone = ZoneInfo(settings.timezone)
    names = sorted({name for each in found for name in each.get("segments") or ()})
    inside = [set(each.get("segments") or ()) for each in found]
    n = len(found)
    return TrialRows(
        ids=tuple(each["id"] for each in found),
        day=np.asarray([each["at"].astimezone(zone).date().toordinal() for each in found], dtype=np.int64),
        actual=np.asarray([each.get("actual") or "" for each in found], dtype=np.str_),
        actual_value=_floats(each.get("actual_value") for each in found),
        champion=Answers(
            np.asarray([each.get("predicted") or "" for each in found], dtype=np.str_),
            _floats(each.get("score") for each in found),
            _floats(each.get("predicted_value") for each in found),
        ),
        candidate=Answers.of(n),
        segments={name: np.asarray([name in each for each in inside], dtype=np.bool_) for name in names},
    )


def _floats(values: Iterable[object]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray([number(value) for value in values], dtype=np.float64)


def number(value: object) -> float:
    """A number; NaN for everything that is none."""
    if value is None or isinstance(value, bool):
        return math.nan
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
    return found if math.isfinite(found) else math.nan


def write_features(store: Store, settings: ModelSettings, rows: TrialRows, path: Path) -> TrialRows:
    """Write ``id`` and the features of `rows` as CSV; the rows whose prediction is still stored.

    The truth is not in the file: a candidate cannot copy it.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for hit in store.find_by_ids(store.names.all_predictions(settings.name), rows.ids):
        found[hit.id] = dotted(hit.source.get("features") or {})
    names = sorted({name for features in found.values() for name in features})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *names])
        for id in rows.ids:
            if id in found:
                writer.writerow([id, *(_cell(found[id].get(name)) for name in names)])
    known = np.asarray([id in found for id in rows.ids], dtype=np.bool_)
    return rows if known.all() else rows.at(known)


def _cell(value: object) -> object:
    """A cell: empty for what is missing, ``true`` and ``false`` for booleans."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return as_label(value) if isinstance(value, bool) else value


def read_answers(path: Path) -> tuple[list[str], Answers]:
    """Ids and answers of a CSV file with the column ``id`` and some of ``score``, ``label``, ``value``.

    Raises
    ------
    ActionFailed
        There is no such file, or it lacks those columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = set(reader.fieldnames or ())
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ActionFailed(
            f"the candidate's answers cannot be read: {error}", remedy="executor.score has to write {output} as CSV"
        ) from error
    if "id" not in columns or not columns & {"score", "label", "value"}:
        raise ActionFailed(
            f"the candidate's answers have the columns {', '.join(sorted(columns)) or 'none'}",
            remedy="write id, and score, label or value",
        )
    answers = Answers(
        np.asarray([plain_label(line.get("label")) for line in lines], dtype=np.str_),
        _floats(line.get("score") for line in lines),
        _floats(line.get("value") for line in lines),
    )
    return [line["id"] or "" for line in lines], answers


def plain_label(text: str | None) -> str:
    """A label as outcomes write it: ``1.0`` is ``1``.

    >>> plain_label("1.0"), plain_label(None), plain_label("late")
    ('1', '', 'late')
    """
    if not text:
        return ""
    whole, dot, rest = text.partition(".")
    return whole if dot and rest and not rest.strip("0") and whole.lstrip("-").isdigit() else text
