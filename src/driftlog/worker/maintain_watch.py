"""The watch of a new champion: the version before answers the same rows again, so that a hard month is no reproach."""

from __future__ import annotations

import logging
import zlib
from dataclasses import replace
from datetime import datetime

import msgspec

from driftlog.contract.errors import DriftlogError, StoreError
from driftlog.contract.maintenance import LoopState
from driftlog.contract.window import DAY, Schedule, Window
from driftlog.decide.retrain_facts import Standing
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS
from driftlog.evaluate.trial.paired import both_sides, compare
from driftlog.evaluate.trial.rows import Answers, TrialRows, match
from driftlog.evaluate.trial.sums import with_labels
from driftlog.evaluate.trial.trial import main_metric, needed_of
from driftlog.store.cursors import read_cursor, write_cursor
from driftlog.worker.maintain_facts import count_labels_of
from driftlog.worker.maintain_parts import Loop
from driftlog.worker.maintain_trial import ANSWERS_FILE, ROWS_FILE, labelled_rows, read_answers, write_features

log = logging.getLogger("driftlog.worker")

_CURSOR = "watch"


class _Kept(msgspec.Struct, frozen=True):
    """The standings at the end of one day; computed once a day."""

    key: str
    standings: tuple[Standing, ...] = ()


def paired_standings(loop: Loop, state: LoopState, previous: str, since: datetime) -> tuple[Standing, ...] | None:
    """New champion and version before on the rows served since `since` (`watch_window` at most), once a day.

    None where the version before cannot answer: nothing scores, its files are gone, or it fails.
    """
    before = loop.registry.get(loop.model, previous)
    if loop.score is None or before is None:
        return None
    settings, promotion = loop.settings, loop.settings.maintain.promotion
    until = Schedule(DAY, settings.timezone).window_at(loop.now - settings.wait).start
    names = promotion.rollback_on or (main_metric(settings),)
    if until <= since:
        return tuple(Standing(metric=name, worse="below", note="no day has ended yet") for name in names)
    key = f"{state.run_id}|{state.version}|{until.isoformat()}"
    kept = read_cursor(loop.store, loop.model, loop.environment, _CURSOR)
    if kept and kept.get("key") == key:
        return msgspec.convert(kept, _Kept).standings
    window = Window(max(since, until - promotion.watch_window), until)
    needed = settings.maintain.validation.min_rows
    n = count_labels_of(loop.store, settings, window, state.version)
    if n < needed:
        note = f"{n:,} of {needed:,} labelled rows since {window.start:%Y-%m-%d}"
        return tuple(Standing(metric=name, worse="below", n=n, note=note) for name in names)
    rows = labelled_rows(loop.store, settings, window, champion=state.version, seed=zlib.crc32(key.encode()))
    folder = loop.folder / "trials" / f"{state.run_id}-watch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        given, answered = folder / ROWS_FILE, folder / ANSWERS_FILE
        answered.unlink(missing_ok=True)
        rows = write_features(loop.store, settings, rows, given)
        loop.score(before, str(given), str(answered))
        ids, answers = read_answers(answered)
    except StoreError:
        raise
    except (DriftlogError, OSError) as error:
        log.warning("%s: version %s cannot answer the rows of the watch: %s", loop.model, previous, error)
        return None
    rows = _labelled(rows, loop)
    found = tuple(_standing(loop, name, rows, ids, with_labels(answers, rows.actual, settings)) for name in names)
    value = msgspec.to_builtins(_Kept(key, found))
    write_cursor(loop.store, loop.model, loop.environment, _CURSOR, value, loop.term)
    return found


def _labelled(rows: TrialRows, loop: Loop) -> TrialRows:
    return replace(rows, champion=with_labels(rows.champion, rows.actual, loop.settings))


def _standing(loop: Loop, name: str, rows: TrialRows, ids: list[str], answers: Answers) -> Standing:
    """In the trial's terms the new version is the champion here, and the one before the candidate."""
    settings = loop.settings
    metric = PERFORMANCE_METRICS.get(name)
    if metric is None or not metric.worse:
        return Standing(metric=name, worse="below", note=f"{name} is no performance metric with a worse side")
    matched = match(rows, ids, answers, needs=needed_of(name, settings))
    if matched.refused:
        return Standing(metric=name, worse=metric.worse, n=rows.n, note=f"the version before: {matched.refused}")
    rows = matched.rows
    sides = both_sides(rows, settings)
    paired = compare(metric, rows, settings, alpha=settings.maintain.validation.alpha, sides=sides)
    if paired.difference is None:
        return Standing(metric=name, worse=metric.worse, n=rows.n, note=metric.undefined)
    return Standing(
        metric=name,
        worse=metric.worse,
        value=paired.champion,
        error=paired.champion_error,
        freedom=sides[0].count - 1.0,
        n=rows.n,
        replaced=paired.candidate,
        beside=True,
        gap=-paired.difference + 0.0,
        gap_error=paired.error if paired.error is not None else 0.0,
        gap_freedom=paired.freedom,
    )
