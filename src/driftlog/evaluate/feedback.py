"""What people say of a window's predictions, as measurements."""

from __future__ import annotations

from collections.abc import Iterator

from driftlog.contract.feedback import ClusterSums, FeedbackSummary, RatingSums
from driftlog.contract.measurement import Measurement, Purpose
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.clusters import mean_interval, share_interval
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.proportions import wilson_interval

_CLUSTERED = "clustered by subject"


def feedback_measurements(
    summary: FeedbackSummary, settings: ModelSettings, context: SeriesContext, *, predictions: int
) -> list[Measurement]:
    """Satisfaction, complaints, responses, disagreement (``feedback``), and unmatched feedback (``integrity``).

    =================== =============================================================================================
    satisfaction        mean rating
    satisfied_share     ratings of at least `survey.satisfied_from` / ratings
    complaint_rate      ratings of at most `survey.complaint_below` / ratings
    response_rate       predictions that somebody rated, commented or labelled in a form / predictions
    label_disagreement  users' labels that differ from the truth / users' labels whose truth another source knows
    label_difference    the same of a regression: mean of ``|user's value - truth|``
    unmatched_feedback  feedback documents of this time whose prediction is not there / feedback documents of this time
    =================== =============================================================================================

    The window is that of the predictions, except for unmatched feedback, which has none. `field` is the question of a
    form, empty for ``feedback.rating``. Ratings of one subject are a cluster (`driftlog.evaluate.clusters`).
    Fewer than `min_rows` values give value None. Where nobody says anything there are no measurements.

    Parameters
    ----------
    predictions
        Of the window.
    """
    found = [measurement for sums in summary.ratings for measurement in _rated(sums, settings, context)]
    if summary.responses and predictions:
        found.append(_responses(summary.responses, predictions, settings, context))
    if summary.labels.n:
        found.append(_labels(summary.labels, settings, context))
    if summary.feedback:
        found.append(_unmatched(summary, settings, context))
    return found


def _rated(sums: RatingSums, settings: ModelSettings, context: SeriesContext) -> Iterator[Measurement]:
    survey = settings.survey
    low, high = mean_interval(sums.ratings)
    yield _measured("satisfaction", sums.ratings, settings, context, sums.question, (low, high), "mean rating", "")
    shares = (
        ("satisfied_share", sums.satisfied, f"ratings of {survey.satisfied_from:g} or more"),
        ("complaint_rate", sums.complaints, f"ratings of {survey.complaint_below:g} or less"),
    )
    for metric, share, what in shares:
        interval = share_interval(share)
        yield _measured(metric, share, settings, context, sums.question, interval, f"{what} / ratings", "share")


def _measured(
    metric: str,
    sums: ClusterSums,
    settings: ModelSettings,
    context: SeriesContext,
    question: str,
    interval: tuple[float | None, float | None],
    what: str,
    unit: str,
) -> Measurement:
    enough = sums.n >= settings.min_rows
    how = "Wilson 95 %" if unit == "share" else "t 95 %"
    return context.measurement(
        metric,
        "feedback",
        sums.total / sums.n if enough else None,
        field=question,
        lower=interval[0] if enough else None,
        upper=interval[1] if enough else None,
        n_current=sums.n,
        unit=unit,
        method=f"{what}; {how}, {_CLUSTERED}",
        details={"subjects": float(sums.clusters)},
        note="" if enough else f"fewer than {settings.min_rows} answers",
    )


def _responses(responses: int, predictions: int, settings: ModelSettings, context: SeriesContext) -> Measurement:
    what = "predictions with a rating, comment or form / predictions; Wilson 95 %"
    counted = ("responses", min(responses, predictions), predictions, "predictions")
    return _share("response_rate", "feedback", counted, what, settings, context)


def _labels(sums: ClusterSums, settings: ModelSettings, context: SeriesContext) -> Measurement:
    if settings.task == "regression":
        what = "mean difference of users' values and truth"
        return _measured("label_difference", sums, settings, context, "", mean_interval(sums), what, "")
    what = "users' labels that differ from the truth / both known"
    return _measured("label_disagreement", sums, settings, context, "", share_interval(sums), what, "share")


def _unmatched(summary: FeedbackSummary, settings: ModelSettings, context: SeriesContext) -> Measurement:
    what = "feedback whose prediction is not there / feedback, by its own time; Wilson 95 %"
    n = summary.feedback
    counted = ("unmatched", min(summary.unmatched, n), n, "feedback documents")
    return _share("unmatched_feedback", "integrity", counted, what, settings, context)


def _share(
    metric: str,
    purpose: Purpose,
    counted: tuple[str, int, int, str],
    method: str,
    settings: ModelSettings,
    context: SeriesContext,
) -> Measurement:
    """The share of `counted` (what is counted, how many, of how many, of what), with its Wilson interval."""
    name, k, n, of = counted
    enough = n >= settings.min_rows
    low, high = wilson_interval(k, n)
    return context.measurement(
        metric,
        purpose,
        k / n if enough else None,
        lower=low if enough else None,
        upper=high if enough else None,
        n_current=n,
        unit="share",
        method=method,
        details={name: float(k)},
        note="" if enough else f"fewer than {settings.min_rows} {of}",
    )
