"""What a review concludes: open risks, and what to do next, each with the command that does it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from driftlog.contract.alert import Alert
from driftlog.contract.maintenance import Decision
from driftlog.contract.measurement import (
    MARK_IMMATURE,
    MARK_INTEGRITY,
    MARK_NO_REFERENCE,
    MARK_REFERENCE_TOO_SHORT,
    MARK_SEASON_UNSEEN,
    Measurement,
)
from driftlog.contract.records import RunRecord
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.tuning import RuleUse
from driftlog.present.review import span_text
from driftlog.present.review_data import Level, NextAction, ObjectiveResult, Risk, first_response
from driftlog.present.text import plural, title_of

MOST_NAMED: Final = 5
_LEVELS: Final = ("critical", "warning", "info")


def open_risks(
    settings: ModelSettings,
    period: Window,
    measurements: Sequence[Measurement],
    still_open: Sequence[Alert],
    runs: Sequence[RunRecord],
) -> tuple[Risk, ...]:
    """What is going on, and what nobody would notice: the gravest first.

    Parameters
    ----------
    measurements
        Of the period, of the whole model.
    still_open
        Alerts that are not over at its end.
    """
    found = [
        *_of_alerts(still_open, period),
        *_of_results(measurements),
        *_of_windows(settings, period, measurements),
        *_of_runs(runs),
    ]
    return tuple(sorted(found, key=lambda risk: _LEVELS.index(risk.level) if risk.level in _LEVELS else 3))


def _of_alerts(still_open: Sequence[Alert], period: Window) -> list[Risk]:
    return [
        Risk(
            alert.severity,
            _title(alert),
            f"Open for {span_text(max(period.end - alert.opened, timedelta(0)))}"
            + (f", acknowledged by {alert.acknowledged_by}." if alert.acknowledged_by else ", not acknowledged."),
        )
        for alert in still_open
    ]


def _of_results(measurements: Sequence[Measurement]) -> list[Risk]:
    risks: list[Risk] = []
    blind = sorted({_name(m) for m in measurements if m.verdict == "cannot_alarm"})
    if blind:
        text = (
            f"Their limits lie where no change could reach them, mostly because the reference is short: {_some(blind)}."
        )
        risks.append(Risk("warning", f"{plural(len(blind), 'measure')} cannot alarm", text))
    marks: tuple[tuple[str, Level, str, str], ...] = (
        (
            MARK_NO_REFERENCE,
            "warning",
            "There is no reference",
            "Drift is not measured, and performance is not compared with anything.",
        ),
        (
            MARK_REFERENCE_TOO_SHORT,
            "info",
            "The reference is short",
            "It has too few windows of its own to tell how much they differ without any change.",
        ),
        (
            MARK_SEASON_UNSEEN,
            "info",
            "This season is not in the reference",
            "The reference has no rows of this time of the year: what drifts may be the season.",
        ),
        (
            MARK_INTEGRITY,
            "warning",
            "The pipeline was at fault",
            "In such windows drift and performance are reported and not judged: a fault of the model is not seen.",
        ),
    )
    for mark, level, title, text in marks:
        windows = {m.window for m in measurements if mark in m.marks}
        if windows:
            risks.append(Risk(level, title, f"{text} It concerns {plural(len(windows), 'window')}."))
    immature = {m.window for m in measurements if MARK_IMMATURE in m.marks}
    if immature:
        known = [m.maturity for m in measurements if m.window in immature and m.maturity is not None]
        least = f", {min(known):.0%} in the least known" if known else ""
        text = f"In {plural(len(immature), 'window')} too few truths have arrived to judge performance{least}."
        risks.append(Risk("warning", "Performance is not known yet", text))
    return risks


def _name(m: Measurement) -> str:
    return f"{m.metric} of {m.field.removeprefix('features.')}" if m.field else m.metric


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _of_windows(settings: ModelSettings, period: Window, measurements: Sequence[Measurement]) -> list[Risk]:
    judged = {m.window for m in measurements}
    expected = max(1, round(period.length / settings.window)) if settings.window <= period.length else 0
    if not judged:
        return [
            Risk("critical", "Nothing was measured", "No window of this period has results: no predictions arrived.")
        ]
    absent = expected - len(judged)
    if absent > 0:
        text = f"{plural(absent, 'window')} of {expected} have no results: no predictions, or no worker."
        return [Risk("warning", "Some windows are missing", text)]
    performance = [m for m in measurements if m.purpose == "performance" and m.value is not None]
    if not performance:
        text = "No truth has arrived, so nobody knows how well the model predicts."
        return [Risk("warning", "Its performance is not measured", text)]
    return []


def _of_runs(runs: Sequence[RunRecord]) -> list[Risk]:
    failed = [run for run in runs if run.status == "failed"]
    if not failed:
        return []
    newest = max(failed, key=lambda run: run.started)
    said = newest.error.partition("\n")[0][:200]
    text = f"The newest at {newest.started:%Y-%m-%d %H:%M} UTC: {said}"
    return [Risk("warning", f"{plural(len(failed), 'cycle')} of the worker failed", text)]


def next_actions(
    settings: ModelSettings,
    *,
    objectives: Sequence[ObjectiveResult],
    still_open: Sequence[Alert],
    alerts: Sequence[Alert],
    rules: Sequence[RuleUse],
    decisions: Sequence[Decision],
    risks: Sequence[Risk],
) -> tuple[NextAction, ...]:
    """What follows from the period, the most urgent first.

    Parameters
    ----------
    still_open, alerts
        Alerts that are not over at its end; all of it.
    decisions
        Newest first.
    """
    name = settings.name
    found = [
        *(_about_alert(alert) for alert in still_open if not alert.muted_by),
        *(_about_objective(one, name) for one in objectives if one.state == "missed"),
        *_about_decisions(decisions, name),
        *_about_rules(rules, name),
        *_about_lessons(alerts),
        *_about_risks({risk.title for risk in risks}, name),
    ]
    if not objectives:
        text = "Without objectives nothing can be held against it; they stand below models.<name>.objectives."
        found.append(NextAction("Say what the model is there for", text, f"driftlog objectives {name}"))
    return tuple(sorted(found, key=lambda action: _LEVELS.index(action.level) if action.level in _LEVELS else 3))


def _title(alert: Alert) -> str:
    text = alert.title.removeprefix(f"{alert.model}: ")
    return text[:1].upper() + text[1:]


def _about_alert(alert: Alert) -> NextAction:
    title = _title(alert)
    if first_response(alert) is None:
        why = "Nobody has answered this alert" + (f"; runbook {alert.runbook}" if alert.runbook else "") + "."
        return NextAction(f"Look after: {title}", why, f"driftlog alerts ack {alert.handle}", alert.severity)
    why = "It is answered and not over; when it is, say what it was."
    return NextAction(f"Finish: {title}", why, f"driftlog alerts show {alert.handle}")


def _about_objective(one: ObjectiveResult, name: str) -> NextAction:
    why = f"{one.met} of {one.windows} windows met it" + (f"; {one.why}" if one.why else "") + "."
    command = f'driftlog retrain request {name} --why "{one.name} is missed"'
    return NextAction(
        f"Decide about the missed objective {one.name}",
        why,
        command,
        "critical" if one.priority == "high" else "warning",
    )


def _about_decisions(decisions: Sequence[Decision], name: str) -> list[NextAction]:
    if not decisions or decisions[0].outcome != "waiting_for_approval":
        return []
    why = f"The maintenance loop waits for a person: {decisions[0].reason[:200]}"
    return [NextAction("Approve or reject a training", why, f"driftlog maintain explain {name}", "warning")]


def _about_rules(rules: Sequence[RuleUse], name: str) -> list[NextAction]:
    noisy = [rule for rule in rules if rule.state == "noisy"]
    if not noisy:
        return []
    text = f"Set better limits for {_some([title_of(rule.metric) for rule in noisy])}"
    return [NextAction(text, f"{noisy[0].reason}.", f"driftlog thresholds suggest {name}", "warning")]


def _about_lessons(alerts: Sequence[Alert]) -> list[NextAction]:
    silent = [alert for alert in alerts if alert.status == "resolved" and alert.resolved_by and not alert.lesson]
    if not silent:
        return []
    text = f"Write down what was learned from {plural(len(silent), 'resolved alert')}"
    return [
        NextAction(text, "Resolved by hand, without a lesson.", f'driftlog alerts comment {silent[0].handle} "..."')
    ]


def _about_risks(titles: set[str], name: str) -> list[NextAction]:
    found = []
    if titles & {"There is no reference", "The reference is short"} or any("cannot alarm" in one for one in titles):
        why = "Some measures have nothing, or too little, to be compared with."
        found.append(NextAction("Set a longer reference", why, f"driftlog reference set {name} --help"))
    if any(title.endswith("of the worker failed") for title in titles):
        found.append(NextAction("Find out why cycles failed", "See the open risks.", "driftlog doctor", "warning"))
    if "Nothing was measured" in titles:
        found.append(NextAction("Find out why there are no results", "", "driftlog watchdog", "critical"))
    return found
