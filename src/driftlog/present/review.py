"""A review as a page: objectives against results, what was done, what is open, what to do next.

One file without script or request to anywhere, light and dark, for a screen, a telephone or paper.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from driftlog.contract.alert import Alert
from driftlog.contract.maintenance import Decision
from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window
from driftlog.present.charts.heatmap import hatch_definition
from driftlog.present.charts.lines import Level, Line, line_chart
from driftlog.present.charts.markers import within
from driftlog.present.pages import template
from driftlog.present.review_data import ObjectiveResult, ReviewData, first_response, is_open_at, median
from driftlog.present.sections.alerts import alerts_section
from driftlog.present.sections.parts import Figure, Table, point, shades
from driftlog.present.sections.performance import metric_figures
from driftlog.present.status import Card
from driftlog.present.text import clean, field_name, number, plural, title_of, titled, value_text

MOST_ROWS: Final = 40
MOST_SILENT: Final = 6
STATE_LEVELS: Final = {"met": "ok", "missed": "critical", "unknown": "unknown"}
_OUTCOMES: Final = {
    "no_data": "no data",
    "go_on": "go on",
    "waiting_for_data": "waiting for data",
    "waiting_for_approval": "waiting for approval",
    "cooling_down": "cooling down",
    "budget_spent": "budget spent",
    "quiet_hours": "quiet hours",
    "advise": "retraining advised",
    "retrain": "retrain",
    "training": "training",
    "training_failed": "training failed",
    "refuse": "candidate refused",
    "promote": "promoted",
    "watching": "watching the new version",
    "keep": "new version kept",
    "rollback": "rolled back",
    "rejected": "rejected by a person",
}


@dataclass(frozen=True)
class Verdict:
    """The review in one sentence."""

    level: str
    sentence: str
    detail: str


@dataclass(frozen=True)
class ObjectiveView:
    """One objective as it is shown."""

    name: str
    state: str
    level: str
    value: str
    target: str
    interval: str
    share: str
    before: str
    about: str
    why: str
    note: str
    priority: str
    chart: Markup


def render_review(data: ReviewData) -> str:
    """The review as HTML; everything from outside is escaped and shortened."""
    said = verdict(data)
    return template("review.html.j2").render(
        title=clean(data.model, 80),
        kind=data.kind,
        label=data.label,
        environment=clean(data.environment, 60),
        owner=clean(data.owner, 80),
        period=period_text(data),
        timezone=clean(data.timezone, 60),
        anchor=clean(data.report.anchor, 600),
        status=said,
        cards=review_cards(data),
        objectives=[objective_view(one, data) for one in data.objectives],
        actions=data.actions,
        performance=_performance(data),
        alerts=_alert_rows(data),
        alert_lead=alert_lead(data),
        alert_figures=alerts_section(data.report).figures if data.alerts else [],
        handled=_handled(data),
        changes=_changes(data),
        retraining=retraining_lead(data),
        decisions=_decisions(data),
        trainings=_trainings(data),
        trials=_trials(data),
        rules=_rules(data),
        rules_note=_rules_note(data),
        risks=data.risks,
        markers=_markers(data),
        hatch=hatch_definition(),
        generated=f"{data.generated.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        version=data.report.version,
    )


def period_text(data: ReviewData) -> str:
    """First and last day in the model's time zone.

    >>> from datetime import datetime
    >>> from driftlog.present.report_data import ReportData
    >>> week = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC))
    >>> report = ReportData("m", "", week.end)
    >>> period_text(ReviewData("m", "", "", "2026-W10", "week", week, "UTC", week.end, report))
    '2 to 8 March 2026'
    """
    zone = ZoneInfo(data.timezone)
    first = data.period.start.astimezone(zone)
    last = (data.period.end - timedelta(microseconds=1)).astimezone(zone)
    if first.year != last.year:
        return f"{first.day} {first:%B %Y} to {last.day} {last:%B %Y}"
    if first.month != last.month:
        return f"{first.day} {first:%B} to {last.day} {last:%B %Y}"
    return f"{first.day} to {last.day} {last:%B %Y}"


def verdict(data: ReviewData) -> Verdict:
    """What to tell somebody who reads one sentence."""
    missed = [one for one in data.objectives if one.state == "missed"]
    judged = [one for one in data.objectives if one.state != "unknown"]
    critical = [alert for alert in data.still_open if alert.severity == "critical"]
    name = clean(data.model)
    detail = " ".join(part for part in (_objectives_said(data), _alerts_said(data)) if part)
    if not any(data.period.overlaps(m.window) for m in data.report.measurements):
        return Verdict("unknown", f"There are no results for {name} in this {data.kind}.", detail)
    if missed:
        worst = sorted(missed, key=lambda one: ("high", "medium", "low").index(one.priority))[0]
        if len(judged) == 1:
            text = f"{name} misses its objective {clean(worst.name)}."
        else:
            text = f"{name} misses {len(missed)} of {plural(len(judged), 'objective')}, among them {clean(worst.name)}."
        level = "critical" if worst.priority == "high" or critical else "warning"
        return Verdict(level, text, detail)
    if critical:
        return Verdict("critical", f"{name} needs attention: {_without_name(critical[0])}.", detail)
    if data.still_open:
        n = plural(len(data.still_open), "alert")
        are = "is" if len(data.still_open) == 1 else "are"
        return Verdict("warning", f"{name} did its work; {n} {are} still open.", detail)
    if judged:
        return Verdict("ok", f"{name} met {'its objective' if len(judged) == 1 else 'all its objectives'}.", detail)
    return Verdict("ok", f"{name} worked without an open alert.", detail)


def _without_name(alert: Alert) -> str:
    return clean(alert.title.removeprefix(f"{alert.model}: "), 140)


def _headline(alert: Alert) -> str:
    text = _without_name(alert)
    return text[:1].upper() + text[1:]


def _objectives_said(data: ReviewData) -> str:
    unknown = sum(one.state == "unknown" for one in data.objectives)
    if not data.objectives:
        return "No objective is set, so there is no target to hold it against."
    return f"Of {plural(unknown, 'objective')} nothing is known yet." if unknown else ""


def _alerts_said(data: ReviewData) -> str:
    if not data.alerts:
        return f"No alert in this {data.kind}."
    return f"{plural(len(data.opened), 'alert')} opened, {len(data.still_open)} still open at its end."


def review_cards(data: ReviewData) -> list[Card]:
    """Objectives, alerts, response, versions, volume."""
    judged = [one for one in data.objectives if one.state != "unknown"]
    cards = []
    if data.objectives:
        met = sum(one.state == "met" for one in judged)
        level = "ok" if met == len(judged) else "critical"
        cards.append(Card("Objectives met", f"{met} of {len(data.objectives)}", _unknown(data), level))
    level = max((alert.severity for alert in data.still_open), key=("info", "warning", "critical").index, default="ok")
    cards.append(Card("Alerts opened", str(len(data.opened)), f"{len(data.still_open)} open at the end", level))
    answered = [span for alert in data.opened if (span := first_response(alert)) is not None]
    middle = median(answered)
    if data.opened:
        note = f"median; {len(answered)} of {len(data.opened)} answered by a person"
        cards.append(Card("First response", span_text(middle) if middle is not None else "none", note))
    false = sum(alert.false_alarm is True for alert in data.alerts)
    if data.alerts:
        cards.append(Card("False alarms", str(false), "as people said", "warning" if false else "ok"))
    trained = len(data.runs)
    promoted = sum(decision.outcome == "promote" for decision in data.decisions)
    cards.append(Card("Trainings", str(trained), f"{plural(promoted, 'version')} promoted"))
    cards.append(Card("Changes", str(len(data.changes)), "settings, references, versions, notes"))
    volume = [m for m in _in_period(data) if m.metric == "predictions" and not m.field]
    if volume:
        cards.append(Card("Predictions", f"{sum(m.value or 0 for m in volume):,.0f}", f"in this {data.kind}"))
    return cards


def _unknown(data: ReviewData) -> str:
    unknown = sum(one.state == "unknown" for one in data.objectives)
    return f"{unknown} not known yet" if unknown else "all known"


def _in_period(data: ReviewData) -> list[Measurement]:
    period = data.period
    return [m for m in data.report.measurements if m.window.start >= period.start and m.window.end <= period.end]


def span_text(span: timedelta) -> str:
    """A length of time for people.

    >>> span_text(timedelta(minutes=90)), span_text(timedelta(days=2, hours=3)), span_text(timedelta(seconds=20))
    ('1 h 30 min', '2 d 3 h', 'under a minute')
    """
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "under a minute"
    days, rest = divmod(minutes, 1440)
    hours, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {left} min" if left else f"{hours} h"
    return f"{left} min"


def objective_view(one: ObjectiveResult, data: ReviewData) -> ObjectiveView:
    """An objective with its course against the target."""
    newest = one.series[-1] if one.series else None

    def form(value: float | None) -> str:
        return value_text(newest, value) if newest is not None else number(value)

    sign = "at least" if one.direction == "above" else "at most"
    about = titled(newest) if newest is not None else title_of(one.metric)
    about += f" of {field_name(one.field)}" if one.field else ""
    about += f" in {clean(one.segment.replace('features.', ''))}" if one.segment else ""
    interval = f"95 % {form(one.lower)} to {form(one.upper)}" if one.lower is not None and one.upper is not None else ""
    if interval and one.certain is False:
        interval += ", which holds the target: not certain"
    met_before, n_before = one.before[1], one.before[0]
    return ObjectiveView(
        name=clean(one.name, 100),
        state=one.state if one.state != "unknown" else "not known yet",
        level=STATE_LEVELS[one.state],
        value=form(one.value) if one.value is not None else "–",
        target=f"{sign} {form(one.target)}",
        interval=interval,
        share=f"{one.met} of {plural(one.windows, 'window')} met it" if one.windows else "no window says anything",
        before=f"{met_before} of {n_before} in the {data.kind} before" if n_before else "",
        about=about + (f", owner {clean(one.owner, 60)}" if one.owner else ""),
        why=clean(one.why[:1].upper() + one.why[1:], 300),
        note=clean(one.note, 200),
        priority=one.priority,
        chart=_objective_chart(one, data),
    )


def _objective_chart(one: ObjectiveResult, data: ReviewData) -> Markup:
    if not one.series:
        return Markup("")
    span = _span(data)
    unit = one.series[-1].unit
    return line_chart(
        [Line(title_of(one.metric), tuple(point(m) for m in one.series))],
        span,
        label=f"{title_of(one.metric)} over time against its target",
        form=number,
        levels=[Level("target", one.target, "warning")],
        shades=shades(data.report.alerts, one.metric, span),
        markers=data.markers,
        top=1.0 if unit == "share" and max(m.value or 0.0 for m in one.series) > 0.8 else None,
    )


def _span(data: ReviewData) -> Window:
    shown = data.report.span
    return Window(min(shown.start, data.period.start), data.period.end) if shown is not None else data.period


def _performance(data: ReviewData) -> list[Figure]:
    """Headline metrics that no objective shows already."""
    shown = {title_of(one.metric) for one in data.objectives if one.series}
    return [figure for figure in metric_figures(data.report, large=0) if figure.title not in shown][:6]


def alert_lead(data: ReviewData) -> str:
    """The handling of alerts in a sentence or two."""
    if not data.alerts:
        return ""
    causes = Counter(clean(alert.cause, 80) for alert in data.alerts if alert.cause)
    text = _alerts_said(data)
    unanswered = [alert for alert in data.still_open if first_response(alert) is None]
    if unanswered:
        text += f" Nobody has answered {plural(len(unanswered), 'open alert')}."
    if causes:
        text += " Causes named: " + ", ".join(f"{name} ({n})" if n > 1 else name for name, n in causes.most_common(5))
        text += "."
    return text


def _alert_rows(data: ReviewData) -> Table | None:
    if not data.alerts:
        return None
    rows = tuple(_alert_row(alert, data) for alert in sorted(data.alerts, key=_worst_first)[:MOST_ROWS])
    head = ("Alert", "Severity", "Opened", "At the end", "First response", "Took", "Cause")
    return Table(head, rows)


def _worst_first(alert: Alert) -> tuple[int, float]:
    return -("info", "warning", "critical").index(alert.severity), alert.opened.timestamp()


def _alert_row(alert: Alert, data: ReviewData) -> tuple[str, ...]:
    response = first_response(alert)
    by = next((one.by for one in alert.history if one.by != "driftlog"), "")
    is_open = is_open_at(alert, data.period.end)
    end = alert.resolved if alert.resolved is not None and not is_open else data.period.end
    state = "resolved" if not is_open else "open" if alert.status == "resolved" else str(alert.status)
    if alert.false_alarm:
        state += ", false alarm"
    if alert.muted_by:
        state += f", muted by {clean(alert.muted_by, 60)}"
    return (
        _headline(alert),
        alert.severity + (f", escalated {alert.escalations}×" if alert.escalations else ""),
        f"{alert.opened.astimezone(ZoneInfo(data.timezone)):%d %b %H:%M}",
        state,
        f"{span_text(response)}, {clean(by, 40)}" if response is not None else "–",
        ("so far " if is_open else "") + span_text(max(end - alert.opened, timedelta(0))),
        clean(alert.cause, 160),
    )


def _handled(data: ReviewData) -> list[tuple[str, str]]:
    """Lessons of resolved alerts: (alert, lesson)."""
    return [(_headline(alert), clean(alert.lesson, 400)) for alert in data.alerts if alert.lesson][:MOST_ROWS]


def _changes(data: ReviewData) -> Table | None:
    if not data.changes:
        return None
    zone = ZoneInfo(data.timezone)
    rows = tuple(
        (f"{change.at.astimezone(zone):%d %b %H:%M}", change.kind, clean(change.what, 300), clean(change.by, 60))
        for change in data.changes[-MOST_ROWS:]
    )
    return Table(("When", "Kind", "What", "By"), rows)


def retraining_lead(data: ReviewData) -> str:
    """What the maintenance loop did, in a sentence."""
    looks = data.looks or {}
    if not looks:
        return ""
    named = ", ".join(f"{_OUTCOMES.get(name, name)} {n:,}" for name, n in sorted(looks.items(), key=lambda x: -x[1]))
    return f"The maintenance loop looked {sum(looks.values()):,} times: {named}."


def _decisions(data: ReviewData) -> Table | None:
    if not data.decisions:
        return None
    zone = ZoneInfo(data.timezone)
    rows = tuple(_decision_row(decision, zone) for decision in data.decisions[:MOST_ROWS])
    return Table(("When", "Decision", "Why", "Version", "By"), rows)


def _decision_row(decision: Decision, zone: ZoneInfo) -> tuple[str, ...]:
    return (
        f"{decision.at.astimezone(zone):%d %b %H:%M}",
        _OUTCOMES.get(decision.outcome, decision.outcome),
        clean(decision.reason, 300),
        clean(decision.version, 60),
        clean(decision.by, 60),
    )


def _trainings(data: ReviewData) -> Table | None:
    if not data.runs:
        return None
    zone = ZoneInfo(data.timezone)
    rows = tuple(
        (
            f"{run.started.astimezone(zone):%d %b %H:%M}",
            run.status.replace("_", " "),
            span_text(run.finished - run.started) if run.finished else "–",
            f"{run.data_rows:,}",
            clean(run.version, 60),
            clean(run.error, 200),
        )
        for run in data.runs[:MOST_ROWS]
    )
    return Table(("Started", "Status", "Took", "Rows", "Version", "Error"), rows, numeric=(3,))


def _trials(data: ReviewData) -> Table | None:
    if not data.trials:
        return None
    rows = tuple(
        (
            clean(trial.candidate, 60),
            clean(trial.champion, 60),
            title_of(trial.main.metric),
            number(trial.main.candidate),
            number(trial.main.champion),
            f"{trial.rows:,}",
            "passed" if trial.passed else "refused",
            clean(trial.reason, 240),
        )
        for trial in data.trials[:MOST_ROWS]
    )
    head = ("Candidate", "Champion", "Metric", "Candidate's", "Champion's", "Rows", "Verdict", "Why")
    return Table(head, rows, numeric=(3, 4, 5))


def _rules(data: ReviewData) -> Table | None:
    """Noisy ones, then the silent ones that have a better limit."""
    noisy = [rule for rule in data.rules if rule.state == "noisy"]
    silent = [rule for rule in data.rules if rule.state == "silent" and rule.suggestion]
    shown = [*noisy[:MOST_ROWS], *silent[:MOST_SILENT]]
    if not shown:
        return None
    rows = tuple(
        (
            clean(r.name, 100),
            r.state,
            str(r.alerts),
            str(r.false_alarms),
            clean(r.reason, 240),
            clean(r.suggestion, 120),
        )
        for r in shown
    )
    return Table(("Rule", "State", "Alerts", "False", "Why", "Would do better"), rows, numeric=(2, 3))


def _rules_note(data: ReviewData) -> str:
    table = _rules(data)
    more = len(data.rules) - (len(table.rows) if table is not None else 0)
    return f"{plural(more, 'further silent rule')}: driftlog thresholds suggest {clean(data.model)}" if more else ""


def _markers(data: ReviewData) -> Table | None:
    found = within(data.markers, _span(data))
    if not found:
        return None
    zone = ZoneInfo(data.timezone)
    rows = tuple(
        (str(one.number), f"{one.at.astimezone(zone):%d %b %H:%M}", clean(one.text, 300), clean(one.by, 60))
        for one in found[-MOST_ROWS:]
    )
    return Table(("No.", "When", "What", "By"), rows, numeric=(0,))
