"""Reviews: a week or a month of a model, gathered, written down, sent, and recorded; each once."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from driftlog.act.notify.direct import tell
from driftlog.act.notify.dispatch import Deliver, deliver_by_apprise
from driftlog.audit.find import find_records
from driftlog.contract.audit import AuditEntry, Recorder
from driftlog.contract.errors import StoreConflict, UsageError
from driftlog.contract.measurement import Measurement
from driftlog.contract.notifying import ChannelSettings
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.contract.window import Window
from driftlog.decide.objectives import Standing, standing
from driftlog.decide.tuning import RuleUse
from driftlog.present.report_data import assemble
from driftlog.present.review import render_review
from driftlog.present.review_data import Change, ObjectiveResult, ReviewData, RuleNote, is_open_at
from driftlog.present.review_mail import review_message
from driftlog.present.text import number, title_of
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.decisions import find_decisions, find_trials
from driftlog.store.decisions import find_runs as find_trainings
from driftlog.store.documents import document_id
from driftlog.store.results import find_measurements
from driftlog.store.runs import find_runs
from driftlog.worker.audit import head_line
from driftlog.worker.happenings import MOST as MOST_RECORDS
from driftlog.worker.happenings import VERSIONS, concerns, kind_of, markers, told, when
from driftlog.worker.review_findings import next_actions, open_risks
from driftlog.worker.review_periods import Every, before, label_of, last_complete
from driftlog.worker.rules import use_of_rules

log = logging.getLogger("driftlog.worker")

SHOWN: Final = {"week": 5, "month": 4}
"""Periods that the charts show, the reviewed one last."""
RULES_SPAN: Final = timedelta(days=90)
MOST: Final = 100_000
WORTHWHILE: Final = 0.05
"""Alerts a month, from which on a limit for a silent rule is suggested."""
SETTLE: Final = timedelta(hours=1)
"""A period is reviewed so long after its end, beside the model's own `wait`."""
STALE: Final = timedelta(minutes=30)
"""A review that was begun and not finished for so long is taken up again."""
CHANGES: Final = (
    "settings.changed",
    "thresholds.changed",
    "reference.set",
    "model.registered",
    "version.registered",
    *VERSIONS,
    "experiment.stopped",
    "note",
)
_QUIET: Final = frozenset({"no_data", "go_on", "cooling_down", "quiet_hours", "waiting_for_data", "watching"})
"""Outcomes of looks that are counted and not listed one by one."""


def load_review(
    store: Store,
    settings: ModelSettings,
    period: Window,
    every: Every,
    *,
    now: Callable[[], datetime],
    anchor: str = "",
) -> ReviewData:
    """All of the review of one period."""
    zone, name, place = settings.timezone, settings.name, settings.environment
    earlier = before(period, every, zone)
    first = earlier
    for _ in range(SHOWN[every] - 2):
        first = before(first, every, zone)
    measured = _measurements(store, settings, first.start, period.end)
    inside = [m for m in measured if m.window.start >= period.start]
    alerts = find_alerts(store, name, environment=place, since=first.start, until=period.end)
    alerts = [alert for alert in alerts if alert.opened < period.end]
    own = tuple(alert for alert in alerts if is_open_at(alert, period.start) or alert.opened >= period.start)
    still_open = [alert for alert in own if is_open_at(alert, period.end)]
    objectives = _objectives(store, settings, first, earlier, period)
    decisions = find_decisions(store, name, environment=place, since=period.start, until=period.end, size=MOST)
    rules = use_of_rules(store, settings, since=period.end - RULES_SPAN, until=period.end)
    runs = [run for run in find_runs(store, name, since=period.start, size=10_000) if run.started < period.end]
    risks = open_risks(settings, period, inside, still_open, runs)
    drawn = markers(store, name, place, since=first.start, until=period.end)
    return ReviewData(
        model=name,
        environment=place,
        owner=settings.owner,
        label=label_of(period, every, zone),
        kind=every,
        period=period,
        timezone=zone,
        generated=now(),
        report=assemble(
            name, place, measurements=measured, alerts=alerts, generated=now(), markers=drawn, anchor=anchor
        ),
        objectives=objectives,
        changes=_changes(store, settings, period),
        alerts=own,
        rules=tuple(_rule_note(rule) for rule in rules if rule.state in ("noisy", "silent")),
        looks=dict(Counter(decision.outcome for decision in decisions)),
        decisions=tuple(decision for decision in decisions if decision.outcome not in _QUIET),
        runs=tuple(run for run in find_trainings(store, name, environment=place) if run.started in period),
        trials=tuple(trial for trial in find_trials(store, name, environment=place) if trial.at in period),
        risks=risks,
        actions=next_actions(
            settings,
            objectives=objectives,
            still_open=still_open,
            alerts=own,
            rules=rules,
            decisions=decisions,
            risks=risks,
        ),
        markers=tuple(drawn),
    )


def _measurements(store: Store, settings: ModelSettings, since: datetime, until: datetime) -> list[Measurement]:
    found = find_measurements(
        store,
        settings.name,
        environment=settings.environment,
        since=since,
        until=until,
        size=MOST,
        newest_first=True,
    )
    return [m for m in found[::-1] if m.window.start >= since and m.window.end <= until]


def _objectives(
    store: Store, settings: ModelSettings, first: Window, earlier: Window, period: Window
) -> tuple[ObjectiveResult, ...]:
    metrics = sorted({one.metric for one in settings.objectives})
    if not metrics:
        return ()
    found = find_measurements(
        store,
        settings.name,
        environment=settings.environment,
        since=first.start,
        until=period.end,
        metric=metrics,
        segment=None,
        size=MOST,
    )
    inside = [m for m in found if m.window.start >= period.start and m.window.end <= period.end]
    previous = [m for m in found if m.window.start >= earlier.start and m.window.end <= earlier.end]
    pairs = zip(standing(settings.objectives, inside), standing(settings.objectives, previous), strict=True)
    return tuple(_objective(now, then, _series(now, found)) for now, then in pairs)


def _series(one: Standing, found: Sequence[Measurement]) -> tuple[Measurement, ...]:
    own = [
        m
        for m in found
        if m.metric == one.metric
        and m.field.removeprefix("features.") == one.field.removeprefix("features.")
        and m.segment.replace("features.", "") == one.segment.replace("features.", "")
        and (m.version, m.variant) == ("*", "*")
        and m.purpose not in ("estimation_error", "estimated_performance")
    ]
    return tuple(sorted(own, key=lambda m: m.window))


def _objective(now: Standing, then: Standing, series: tuple[Measurement, ...]) -> ObjectiveResult:
    return ObjectiveResult(
        name=now.name,
        metric=now.metric,
        target=now.target,
        direction=now.direction,
        priority=now.priority,
        state=now.state,
        owner=now.owner,
        why=now.why,
        field=now.field,
        segment=now.segment,
        value=now.value,
        lower=now.lower,
        upper=now.upper,
        certain=now.certain,
        windows=now.windows,
        met=now.met,
        before=(then.windows, then.met),
        note=now.note,
        series=series,
    )


def _changes(store: Store, settings: ModelSettings, period: Window) -> tuple[Change, ...]:
    records = find_records(store, actions=CHANGES, since=period.start, until=period.end, limit=MOST_RECORDS)
    found = [
        Change(when(record), told(record.entry), record.entry.actor, kind_of(record.entry))
        for record in records
        if concerns(record.entry, settings.name, settings.environment)
    ]
    return tuple(sorted(found, key=lambda change: change.at))


def _rule_note(rule: RuleUse) -> RuleNote:
    suggested = rule.suggestion
    text = ""
    if suggested is not None:
        limits = [f"{n} {number(v)}" for n in ("warning", "critical") if (v := getattr(suggested, n)) is not None]
        text = ", ".join(limits)
        if suggested.of_windows != (1, 1):
            text += f", {suggested.of_windows[0]} of {suggested.of_windows[1]} windows"
        if rule.expected_a_month is not None:
            text += f": {rule.expected_a_month:.1f} alerts a month"
    if rule.state == "silent" and (rule.expected_a_month or 0.0) < WORTHWHILE:
        text = ""  # a rule that would not speak under the suggested limit either
    name = title_of(rule.metric) + (f" in {rule.segment.replace('features.', '')}" if rule.segment else "")
    return RuleNote(name, rule.state, rule.reason, rule.alerts, rule.false_alarms, text)


# Once a period


class ReviewState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the review of one period is, kept in ``<prefix>-state``."""

    label: str
    status: str = "begun"
    began: datetime
    sent: tuple[str, ...] = ()
    """Channels that have it, or will never take it."""
    file: str = ""


def review_due(
    store: Store,
    settings: Settings,
    model: ModelSettings,
    *,
    now: Callable[[], datetime],
    recorder: Recorder,
    actor: str = "worker",
    deliver: Deliver = deliver_by_apprise,
) -> str | None:
    """Make the review of the last complete period if it is due and not made yet; its name, else None.

    Its document in the state index is created first, under a name of model and period: of several workers one makes it.
    One that was begun and left is taken up again after half an hour; channels that have it do not get it again.
    """
    every = model.review.every
    if every == "never":
        return None
    moment = now()
    period = last_complete(moment - SETTLE - model.wait, every, model.timezone)
    label = label_of(period, every, model.timezone)
    id = document_id(f"action|review|{model.name}|{model.environment}|{label}")
    hit = store.get(store.names.state, id)
    state = msgspec.convert(hit.source["value"], ReviewState) if hit is not None else None
    if state is not None and (state.status == "done" or moment - state.began < STALE):
        return None
    began = msgspec.structs.replace(state, began=moment) if state else ReviewState(label=label, began=moment)
    document = {"kind": "action", "name": "review", "updated": moment.isoformat(), "model": {"name": model.name}}

    def keep(value: ReviewState) -> None:
        store.put(store.names.state, id, document | {"value": msgspec.to_builtins(value)}, refresh=True)

    if hit is None:
        if not store.create(store.names.state, id, document | {"value": msgspec.to_builtins(began)}, refresh=True):
            return None
    else:
        try:
            value = document | {"value": msgspec.to_builtins(began)}
            store.put(store.names.state, id, value, if_seq_no=hit.seq_no, if_primary_term=hit.primary_term)
        except StoreConflict:
            return None
    data = load_review(store, model, period, every, now=now, anchor=head_line(store, settings.audit, now()))
    html = render_review(data)
    file = str(write_review(html, data, Path(model.review.folder))) if model.review.folder else ""
    done = began
    for name in model.review.channels:
        if name not in done.sent:
            send_review(data, html, _channel(settings, name), deliver=deliver)
            done = msgspec.structs.replace(done, sent=(*done.sent, name), file=file)
            keep(done)
    record_review(recorder, data, html, actor=actor, channels=done.sent, file=file)
    keep(msgspec.structs.replace(done, status="done", file=file))
    return label


def write_review(html: str, data: ReviewData, folder: Path) -> Path:
    """Write the page to ``<folder>/<model>-review-<period>.html``.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    path = folder / f"{data.model}-review-{data.label}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", remedy=f"correct models.{data.model}.review.folder"
        ) from error
    return path


def send_review(
    data: ReviewData, html: str, channel: ChannelSettings, *, deliver: Deliver = deliver_by_apprise
) -> list[str]:
    """Send the review to every address of a channel; why it failed, one an address that did not take it."""
    message = review_message(data, html)
    failures = []
    for sent in tell(channel, message, deliver=deliver):
        if not sent.ok:
            failures.append(sent.reason)
            log.warning("%s: the review %s did not reach %s: %s", data.model, data.label, channel.name, sent.reason)
    return failures


def record_review(
    recorder: Recorder, data: ReviewData, html: str, *, actor: str, channels: Sequence[str], file: str = ""
) -> None:
    """Record it in the audit trail, with the digest of the page."""
    digest = hashlib.sha256(html.encode()).hexdigest()
    recorder.record(
        AuditEntry(
            action="review",
            object=f"{data.model} {data.label}",
            actor=actor,
            model=data.model,
            environment=data.environment,
            at=data.generated,
            after=digest,
            summary=f"review of the {data.kind} {data.label}",
            details={
                "period": data.label,
                "start": data.period.start.isoformat(),
                "end": data.period.end.isoformat(),
                "channels": list(channels),
                "file": file,
                "objectives": {one.name: one.state for one in data.objectives},
                "alerts": len(data.alerts),
            },
            key=f"review|{data.model}|{data.environment}|{data.label}|{digest}",
        )
    )


def _channel(settings: Settings, name: str) -> ChannelSettings:
    for channel in settings.notifications.channels:
        if channel.name == name:
            return channel
    raise UsageError(
        f"there is no channel {name!r}", remedy="name one of notifications.channels in models.<name>.review.channels"
    )
