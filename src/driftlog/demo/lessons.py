"""What the weeks teach, in sentences that hold for what was measured."""

from __future__ import annotations

from driftlog.contract.measurement import MARK_SEASON_UNSEEN
from driftlog.demo.weeks import Story, Week


def lessons(story: Story) -> list[str]:
    """One sentence or two each; those that do not apply are left out."""
    return [line for line in (_performance(story), _labels(story), _season(story), _cannot(story)) if line]


def _performance(story: Story) -> str:
    known = [week for week in story.weeks if (m := week.by_metric.get("roc_auc")) and m.value is not None]
    if not known:
        return ""
    best, worst = max(known, key=_auc), min(known, key=_auc)
    return (
        f"The model of the winter ranks flights best in the week of {best.window.start:%b %d} "
        f"(ROC AUC {_auc(best):.2f}) and worst in that of {worst.window.start:%b %d} ({_auc(worst):.2f})."
    )


def _auc(week: Week) -> float:
    return week.by_metric["roc_auc"].value or 0.0


def _labels(story: Story) -> str:
    known = [(week.late, week.predicted_late, week) for week in story.weeks if week.late is not None]
    if not known:
        return ""
    (low, low_expected, low_week) = min(known, key=lambda each: each[0])
    (high, high_expected, high_week) = max(known, key=lambda each: each[0])
    return (
        f"{low:.0%} of the flights were late in the week of {low_week.window.start:%b %d} and {high:.0%} in that of "
        f"{high_week.window.start:%b %d}, where the model expected {low_expected or 0:.0%} and "
        f"{high_expected or 0:.0%}: inputs and scores alone cannot tell, labels can."
    )


def _season(story: Story) -> str:
    drifted = sorted({_short(m.field) for week in story.weeks for m in week.drifted if MARK_SEASON_UNSEEN in m.marks})
    if not drifted:
        return ""
    return (
        f"Drift of {', '.join(drifted)} is marked season_unseen: the reference is a winter, so the season and its "
        "schedule are the first explanation."
    )


def _cannot(story: Story) -> str:
    silent = sorted({_short(m.field) for week in story.weeks for m in week.cannot_alarm})
    if not silent:
        return ""
    return (
        f"No drift of {', '.join(silent)} can raise an alert (cannot_alarm): the weeks of the winter differ from each "
        "other so much that nothing would be unusual. Naive tests flag them every week; a longer reference would tell."
    )


def _short(field: str) -> str:
    return field.removeprefix("features.")
