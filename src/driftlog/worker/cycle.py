"""One pass over one model: the only code that knows the order of the work.

Every step can be repeated: profiles, results and alerts have deterministic ids and are written with the worker's term,
and the cursor moves last. A cycle that dies anywhere is healed by the next one.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec

from driftlog.contract.alert import Alert
from driftlog.contract.binning import Binning, NumericBins
from driftlog.contract.errors import DriftlogError
from driftlog.contract.profile import ProfileKey
from driftlog.contract.records import RunRecord
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.alert_steps import after_window
from driftlog.decide.lifecycle import is_active
from driftlog.profile.binning import bare_binning
from driftlog.profile.buckets import recompute
from driftlog.profile.dirty import dirty_buckets, verify_counts
from driftlog.profile.feedback_join import join_opinions
from driftlog.profile.outcomes import join_feedback
from driftlog.profile.segmentation import missing_segmentations
from driftlog.store.alerts import find_alerts, last_episodes, load_open, write_alerts
from driftlog.store.client import Store
from driftlog.store.cursors import read_cursor, write_cursor
from driftlog.store.models import ensure_indices
from driftlog.store.results import write_measurements
from driftlog.store.runs import write_run
from driftlog.store.silences import load_silences
from driftlog.worker.attend import attend
from driftlog.worker.erasure import erased_buckets, forget_marks
from driftlog.worker.evaluation import Evaluator
from driftlog.worker.history import History, ValueHistory
from driftlog.worker.memory import Memory
from driftlog.worker.windows import judged_through, windows_of_span, windows_to_judge

log = logging.getLogger("driftlog.worker")

MAX_ERROR_CHARS = 1000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Where the last complete cycle stopped.

    `ingested` is the newest ``event.ingested`` that was seen, `binning_id` the bins everything was counted in,
    `judged_until` the end of the newest judged window.
    """

    ingested: datetime = BEGINNING
    binning_id: str = ""
    judged_until: datetime | None = None


class _Stages:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.durations_ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - started) * 1000
            self.durations_ms[name] = round(self.durations_ms.get(name, 0.0) + spent, 1)


def run_cycle(
    store: Store,
    settings: ModelSettings,
    *,
    as_of: datetime,
    worker_id: str,
    term: int,
    now: Callable[[], datetime],
    overlap: timedelta = timedelta(minutes=2),
    span: Window | None = None,
    verify: bool = False,
    memory: Memory | None = None,
) -> RunRecord:
    """Join truth, recount what changed, evaluate and judge the windows it touches, move alerts, leave a run record.

    Parameters
    ----------
    as_of
        The present: windows that end later are left alone.
    term
        Of the lease under which this runs; an older term cannot overwrite a newer one's documents.
    overlap
        How far before its cursor the cycle looks again, for events that became searchable late.
    span
        A back-fill: recount and judge everything in this stretch of time, whatever the cursor says.
    verify
        Compare all counts with the raw events and recount the buckets that differ; make the coming indices.
    memory
        Kept by the caller between cycles of this model; changes how long a cycle takes, never its result.

    Returns
    -------
    RunRecord
        Also for a cycle that failed, in a foreseen way or not (the other models of this worker go on); then with
        ``status`` failed and the error's text.
    """
    started = now()
    stages = _Stages()
    record = RunRecord(
        id=uuid.uuid4().hex,
        worker=worker_id,
        model=settings.name,
        environment=settings.environment,
        started=started,
        finished=started,
        as_of=as_of,
        status="ok",
        term=term,
    )
    try:
        record = _work(
            store,
            settings,
            record,
            stages,
            now=now,
            overlap=overlap,
            span=span,
            verify=verify,
            memory=memory or Memory(),
        )
    except DriftlogError as error:
        log.error("%s: the cycle failed: %s", settings.name, error)
        record = msgspec.structs.replace(record, status="failed", error=str(error))
    except Exception as error:
        log.exception("%s: the cycle failed in an unforeseen way", settings.name)
        text = f"unforeseen: {type(error).__name__}: {error}"
        record = msgspec.structs.replace(record, status="failed", error=text[:MAX_ERROR_CHARS])
    record = msgspec.structs.replace(record, finished=now(), durations_ms=stages.durations_ms)
    try:
        write_run(store, record)
    except DriftlogError as error:
        log.error("%s: the run record could not be written: %s", settings.name, error)
    return record


def _work(
    store: Store,
    settings: ModelSettings,
    record: RunRecord,
    stages: _Stages,
    *,
    now: Callable[[], datetime],
    overlap: timedelta,
    span: Window | None,
    verify: bool,
    memory: Memory,
) -> RunRecord:
    cursor = _read_cursor(store, settings)
    if span is not None:  # a back-fill reaches frozen windows, too
        settings = msgspec.structs.replace(settings, look_back=record.as_of - BEGINNING)
    found = memory.reference.pair(store, settings)
    binning, reference = found or (bare_binning(settings), None)
    if found is not None and verify:
        _warn_of_segments(binning, settings)
    if verify:
        prepare_indices(store, settings, binning, now())
    recount = binning.id != cursor.binning_id or span is not None
    since = BEGINNING if recount else max(BEGINNING, cursor.ingested - overlap)

    with stages("join"):
        joined = join_feedback(store, settings, since=since, as_of=record.as_of, binning=binning)
        opinions = join_opinions(store, settings, since=since, as_of=record.as_of)
    with stages("discover"):
        dirty = dirty_buckets(store, settings, binning, since=since, as_of=record.as_of)
        keys = [*dirty.prediction_keys, *dirty.outcome_keys]
        prediction_keys = _within(dirty.prediction_keys, span)
        outcome_keys = _within(dirty.outcome_keys, span)
        erased, marks = erased_buckets(store, settings, binning)
        prediction_keys = sorted({*prediction_keys, *erased})
        outcome_keys = sorted({*outcome_keys, *erased})
        if verify:
            prediction_keys = sorted({*prediction_keys, *verify_counts(store, settings, binning, as_of=record.as_of)})
    with stages("profile"):
        recompute(store, settings, binning, prediction_keys, outcome_keys, term=record.term)
        forget_marks(store, marks)

    buckets = [key.bucket for key in (*prediction_keys, *outcome_keys)]
    if span is None:
        touched = [*buckets, *opinions.buckets]
        windows = windows_to_judge(settings, touched, judged_until=cursor.judged_until, as_of=record.as_of)
    else:
        windows = windows_of_span(settings, span, as_of=record.as_of)
    with stages("decide"):
        attend(store, settings, term=record.term, now=now())
    evaluator = Evaluator(store, settings, binning, reference, record.id, memory)
    following = evaluator.concept.following(windows, cursor.judged_until)
    counts = _judge_windows(evaluator, windows, following, record.term, stages, now)

    if span is None:
        seen = (dirty.newest_ingested, joined.newest_ingested, opinions.newest_ingested)
        newest = max([cursor.ingested, *(time for time in seen if time)])
        judged_until = judged_through(settings, windows, buckets, cursor.judged_until, as_of=record.as_of)
        moved = Cursor(ingested=newest, binning_id=binning.id, judged_until=judged_until)
        _write_cursor(store, settings, moved, record.term)
    fresh = dirty.newest_ingested is not None and dirty.newest_ingested > cursor.ingested and bool(windows)
    return msgspec.structs.replace(
        record,
        buckets=len(keys) if span is None else len(buckets),
        outcomes=joined.joined,
        windows=len(windows),
        windows_evaluated=tuple(windows[-50:]),
        event_to_result_s=(now() - dirty.newest_ingested).total_seconds() if fresh and dirty.newest_ingested else None,
        **counts,
    )


def _warn_of_segments(binning: Binning, settings: ModelSettings) -> None:
    for fields in missing_segmentations(binning, settings):
        name = ", ".join(fields)
        log.warning("%s: segments by %s are not counted yet: set the reference again", settings.name, name)


def prepare_indices(store: Store, settings: ModelSettings, binning: Binning, around: datetime) -> None:
    """Make the indices of this period and the next ready, features typed as the reference knows them."""
    prefix = "features."
    features = {name.removeprefix(prefix): bins for name, bins in binning.fields.items() if name.startswith(prefix)}
    numeric = [name for name, bins in features.items() if isinstance(bins, NumericBins)]
    words = [name for name in features if name not in numeric and name not in settings.categorical]
    ensure_indices(store, settings.name, around, numeric=numeric, categorical=words)


def _within(keys: Sequence[ProfileKey], span: Window | None) -> list[ProfileKey]:
    return [key for key in keys if span is None or key.bucket.overlaps(span)]


def _judge_windows(
    evaluator: Evaluator,
    windows: Sequence[Window],
    following: Sequence[Window],
    term: int,
    stages: _Stages,
    now: Callable[[], datetime],
) -> dict[str, int]:
    """Evaluate and judge `windows` in order; write results, then alerts.

    Of the `following` ones, whose content is as it was, only what the detectors carry into them is measured again.
    """
    counts = {"measurements": 0, "alerts_opened": 0, "alerts_updated": 0, "alerts_resolved": 0}
    if not windows:
        return counts
    store, settings = evaluator.store, evaluator.settings
    alerts = _alerts_since(store, settings, windows[0])
    silences = load_silences(store, now=now())
    episodes = dict(last_episodes(store, settings.name, settings.environment))
    later = set(following)
    history, values = History(store, settings, windows[0]), ValueHistory(store, settings, windows[0])
    for window in sorted((*windows, *following)):
        if window in later:
            with stages("concept"):
                carried = evaluator.after_late_truth(window, computed=now())
            with stages("write"):
                counts["measurements"] += write_measurements(store, carried, term=term)
            continue
        with stages("evaluate"):
            found = evaluator.window(window, computed=now(), past=values.values())
            judged = found.judged
        with stages("decide"):
            verdicts = history.before(window)
            changed = after_window(
                alerts, episodes, judged, verdicts, settings, silences, now(), explain=found.explained
            )
        with stages("write"):
            write_measurements(store, judged, term=term)
            write_alerts(store, changed, term=term)
        history.add(window, judged)
        values.add(window, judged)
        counts["measurements"] += len(judged)
        _apply(changed, alerts, episodes, counts)
    return counts


def _alerts_since(store: Store, settings: ModelSettings, first: Window) -> dict[str, Alert]:
    """Alerts that are not over, and of others the last that windows judged again, or a cool-down, may reach, by key."""
    since = first.start - settings.alerts.cooldown
    resolved = find_alerts(store, settings.name, environment=settings.environment, status="resolved", since=since)
    known = {alert.key: alert for alert in sorted(resolved, key=lambda alert: alert.episode)}
    return known | {alert.key: alert for alert in load_open(store, settings.name, settings.environment)}


def _apply(
    changed: Sequence[Alert], alerts: dict[str, Alert], episodes: dict[str, int], counts: dict[str, int]
) -> None:
    for alert in changed:
        before = alerts.get(alert.key)
        was_open = before is not None and is_active(before) and before.episode == alert.episode
        if alert.status == "resolved":
            counts["alerts_resolved"] += was_open
        else:
            counts["alerts_updated" if was_open else "alerts_opened"] += 1
        alerts[alert.key] = alert
        episodes[alert.key] = max(alert.episode, episodes.get(alert.key, 0))


def _read_cursor(store: Store, settings: ModelSettings) -> Cursor:
    stored = read_cursor(store, settings.name, settings.environment, "cycle")
    return msgspec.convert(stored, Cursor) if stored else Cursor()


def _write_cursor(store: Store, settings: ModelSettings, cursor: Cursor, term: int) -> None:
    value = msgspec.to_builtins(cursor)
    write_cursor(store, settings.name, settings.environment, "cycle", value, term=term)
