"""Saved searches for looking closer."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana.search import Search

_WHO: Final = ("model.name", "model.version", "service.environment")

SEARCHES: Final = (
    Search(
        "errors",
        "failed predictions",
        "Calls of a model that failed, newest first. Open one to see its stack trace and its features.",
        "predictions",
        "event.outcome : failure",
        (*_WHO, "error.type", "error.message", "trace.id"),
    ),
    Search(
        "slow",
        "slowest predictions",
        "Predictions by how long the model took, slowest first. Compare their features with those of quick ones.",
        "predictions",
        "event.duration > 0",
        (*_WHO, "event.duration", "event.outcome", "host.name"),
        newest_by="event.duration",
    ),
    Search(
        "low-confidence",
        "predictions of low confidence",
        "Binary scores between 0.4 and 0.6, multiclass scores below 0.5: candidates for labelling by hand.",
        "predictions",
        '(prediction.task : "binary" and prediction.score >= 0.4 and prediction.score <= 0.6)'
        ' or (prediction.task : "multiclass" and prediction.score < 0.5)',
        (*_WHO, "prediction.label", "prediction.score"),
    ),
    Search(
        "by-id",
        "one prediction by its id",
        "Put the id of a prediction into the query. Its truth is in the outcomes, under outcome.prediction_id.",
        "predictions",
        'event.id : "put-the-id-here"',
        (*_WHO, "prediction.label", "prediction.value", "prediction.score", "event.outcome", "event.duration"),
    ),
    Search(
        "quarantine",
        "quarantined events",
        "Events that were refused, with the reason and what came. Repair the sender, then send them again.",
        "quarantine",
        "quarantine.reason : *",
        ("quarantine.reason", "quarantine.message", "quarantine.field", "model.name", "quarantine.source"),
    ),
    Search(
        "comments",
        "feedback with comments",
        "What people wrote about predictions, newest first.",
        "feedback",
        "feedback.comment : *",
        ("model.name", "feedback.comment", "feedback.rating", "feedback.actual", "feedback.source"),
    ),
    Search(
        "truths",
        "wrong predictions",
        "Predictions whose truth is known and differs, newest prediction first.",
        "outcomes",
        "outcome.correct : false",
        (*_WHO, "outcome.predicted", "outcome.actual", "outcome.score", "outcome.segments"),
    ),
    Search(
        "alerts",
        "alerts",
        "Every alert with its cause, newest first. Its history and evidence: `driftlog alerts show HANDLE`.",
        "alerts",
        "alert.id : *",
        (
            "alert.severity",
            "alert.status",
            "model.name",
            "alert.title",
            "alert.message",
            "alert.assignee",
            "alert.handle",
        ),
        newest_by="alert.opened",
    ),
    Search(
        "beyond-limits",
        "measurements beyond a limit",
        "Single measurements that were judged info, warning or critical, newest window first.",
        "results",
        "severity > 0",
        (
            "model.name",
            "purpose",
            "metric",
            "field",
            "segment",
            "value",
            "reference.value",
            "limit.warning",
            "verdict",
        ),
    ),
    Search(
        "audit",
        "audit trail",
        "Who did what, newest first. `driftlog audit verify` proves that nothing was changed or left out.",
        "audit",
        "sequence : *",
        ("sequence", "actor", "action", "model.name", "subject", "summary"),
        newest_by="recorded",
    ),
    Search(
        "cycles",
        "failed cycles of workers",
        "Cycles that did not end well, with the error.",
        "runs",
        "not status : ok",
        ("model.name", "worker", "status", "error", "duration_s"),
    ),
)
BY_NAME: Final = {search.name: search for search in SEARCHES}
