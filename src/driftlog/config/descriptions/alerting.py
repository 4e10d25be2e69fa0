"""Objectives and what becomes of alerts."""

from __future__ import annotations

from typing import Final

ALERTING: Final[dict[str, str]] = {
    "models.<name>.objectives": "What the model is there for, as numbers that somebody answers for.",
    "models.<name>.objectives[].name": "Name of the objective, as alerts and reviews use it.",
    "models.<name>.objectives[].metric": "Metric it is read from: roc_auc, latency_p95_ms.",
    "models.<name>.objectives[].target": "Value that should be reached.",
    "models.<name>.objectives[].direction": "above: at least the target; below: at most.",
    "models.<name>.objectives[].field": "Field of the measurement, where it has one.",
    "models.<name>.objectives[].segment": "Segment it is about; empty: the whole model.",
    "models.<name>.objectives[].why": "Why it matters.",
    "models.<name>.objectives[].owner": "Who answers for it.",
    "models.<name>.objectives[].priority": "low, medium or high.",
    "models.<name>.alerts.escalate_after": "Remind people of an alert nobody has acknowledged for so long, and again.",
    "models.<name>.alerts.escalate_from": "Severity from which on they are reminded: info, warning or critical.",
    "models.<name>.alerts.cooldown": "A cause that is back within this time continues its alert.",
    "models.<name>.alerts.no_data_after": "Alert when no prediction has come for so long; none: not watched.",
    "models.<name>.alerts.label_delay_above": "Alert when half of the truths take longer than this; none: not watched.",
    "models.<name>.alerts.maintenance": "Planned times in which alerts are kept and nobody is told.",
    "models.<name>.alerts.maintenance[].name": "Name of the planned maintenance, as muted alerts show it.",
    "models.<name>.alerts.maintenance[].cron": "When it begins: minute, hour, day, month, weekday (0 2 * * SUN).",
    "models.<name>.alerts.maintenance[].duration": "How long it takes; alerts that open in it are told of afterwards.",
    "models.<name>.alerts.maintenance[].timezone": "Time zone of cron; empty: the model's.",
    "models.<name>.alerts.maintenance[].why": "What is done.",
    "models.<name>.alerts.runbooks": "Pages that say what to do; the first that fits an alert is linked from it.",
    "models.<name>.alerts.runbooks[].url": "Address of the page that says what to do, linked from alerts that fit.",
    "models.<name>.alerts.runbooks[].metric": "Cause or metric, as a shell pattern: data_drift, latency_*.",
    "models.<name>.alerts.runbooks[].purpose": "Purpose, as a shell pattern: performance, *_drift.",
}
