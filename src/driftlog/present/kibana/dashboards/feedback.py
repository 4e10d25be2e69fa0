"""What people say, and how versions and variants compare."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana import views
from driftlog.present.kibana.column import Column, average, count, over_time, percentile, ranges, terms
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.common import head
from driftlog.present.kibana.datatable import datatable
from driftlog.present.kibana.drilldown import TO_DOCUMENTS
from driftlog.present.kibana.embedded import Embedded
from driftlog.present.kibana.formats import column_number
from driftlog.present.kibana.lens import GREEN, RED
from driftlog.present.kibana.metric import metric
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.searches import BY_NAME
from driftlog.present.kibana.xy import xy

_RATED = "opinion.aspect : rating"
_TRUE = "feedback.actual : * or feedback.actual_value : *"

_TEXT = """**Feedback:** truths, ratings and comments as they come, and opinions by the time of the prediction they are
about. **A/B:** outcomes, latency and ratings by variant
(*missing value*: outside an experiment) and version. These panels show the numbers; whether a difference is more
than chance, with the sample ratio and the stopping rule, is said by `driftlog experiment status MODEL` and its page."""

_NUMBERS = Row(
    6,
    (
        Panel(
            "truths",
            metric(
                "Truths",
                "Feedback that says what was true. None for long: labels have stopped; performance stays unknown.",
                "feedback",
                count("Truths", where=_TRUE),
                second=count("feedback in all"),
            ),
        ),
        Panel(
            "responses",
            metric(
                "Predictions people responded to",
                "With a rating, a comment or a label in a form.",
                "opinions",
                count("Responses", where="opinion.aspect : response"),
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "rating",
            metric(
                "Mean rating",
                "Of the ratings about predictions of the time range. Lower than it was: read the comments below.",
                "opinions",
                average("Mean rating", "opinion.rating", where=_RATED, format=column_number(2)),
                second=count("ratings", where=_RATED),
            ),
        ),
        Panel(
            "right",
            metric(
                "Right predictions",
                "Of the predictions with a truth; `of` says how many those are.",
                "outcomes",
                count("Right", where="outcome.correct : true"),
                second=count("of", where="outcome.correct : *"),
            ),
        ),
        Panel(
            "delay",
            metric(
                "Until the truth is known",
                "Median time from a prediction to its truth, and the 95th percentile. Longer: performance comes later.",
                "outcomes",
                percentile("Median", "outcome.delay_s", 50),
                second=percentile("95th percentile", "outcome.delay_s", 95),
            ),
        ),
    ),
)

_OPINIONS = Row(
    12,
    (
        Panel(
            "feedback-by-source",
            xy(
                "Feedback by source",
                "Documents over time by who says so. A source that stops: ask it why.",
                "feedback",
                over_time(),
                (count("Feedback"),),
                series="bar_stacked",
                split=terms("Source", "feedback.source", size=8, by="Feedback", missing=True),
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "rating-course",
            xy(
                "Ratings over time",
                "Mean rating by question. It falls after a new version: compare variants below.",
                "opinions",
                over_time(),
                (average("Mean rating", "opinion.rating", format=column_number(2)),),
                split=terms("Question", "opinion.question", size=6),
                where=_RATED,
            ),
        ),
        Panel(
            "rating-distribution",
            xy(
                "Distribution of the ratings",
                "How many of each. Two heaps: two groups of people; look for a segment.",
                "opinions",
                ranges("Rating", "opinion.rating", [0, 1, 2, 3, 4, 5, 6, 8, 10, 101]),
                (count("Ratings"),),
                series="bar",
                where=_RATED,
            ),
        ),
    ),
)


def _variants(by: str = "") -> Column:
    """Predictions outside an experiment have none."""
    return terms("Variant", views.VARIANT, size=8, by=by, missing=True)


def _versions() -> Column:
    return terms("Version", views.VERSION, size=8)


_VARIANTS = Row(
    13,
    (
        Panel(
            "served",
            xy(
                "Who is served what",
                "Share of predictions by variant. Not as planned: the assignment is broken, and the "
                "experiment says nothing.",
                "predictions",
                over_time(),
                (count("Predictions"),),
                series="bar_percentage_stacked",
                split=_variants("Predictions"),
            ),
        ),
        Panel(
            "right-by-variant",
            xy(
                "Right and wrong by variant",
                "Share of right labels among those with a truth. Compare variants only over the same time.",
                "outcomes",
                _variants("right"),
                (count("right", where="outcome.correct : true"), count("wrong", where="outcome.correct : false")),
                series="bar_percentage_stacked",
                where="outcome.correct : *",
                colours={"right": GREEN, "wrong": RED},
            ),
        ),
        Panel(
            "error-by-variant",
            xy(
                "Squared error by variant",
                "Mean squared error of the value (regression) or the score (Brier) over time. Low is good.",
                "outcomes",
                over_time(),
                (average("squared error", "outcome.squared_error"),),
                split=_variants(),
            ),
        ),
    ),
)

_TABLES = Row(
    12,
    (
        Panel(
            "outcome-table",
            datatable(
                "Outcomes by variant",
                "The measures an experiment usually compares.",
                "outcomes",
                (
                    terms("Model", views.MODEL, size=50),
                    _versions(),
                    _variants("With a truth"),
                    count("With a truth"),
                    count("Right", where="outcome.correct : true"),
                    average("Squared error", "outcome.squared_error"),
                    average("Log loss", "outcome.log_loss"),
                    average("Absolute error", "outcome.absolute_error"),
                ),
            ),
        ),
        Panel(
            "service-table",
            datatable(
                "Service by variant",
                "A variant that is better but slower or fails more often is not better.",
                "predictions",
                (
                    terms("Model", views.MODEL, size=50),
                    _versions(),
                    _variants("Predictions"),
                    count("Predictions"),
                    count("Failed", where="event.outcome : failure"),
                    percentile("Median latency", "event.duration", 50),
                    percentile("95th percentile", "event.duration", 95),
                ),
            ),
        ),
        Panel(
            "opinion-table",
            datatable(
                "Opinions by variant",
                "What people think of each.",
                "opinions",
                (
                    _versions(),
                    _variants("Ratings"),
                    count("Ratings", where=_RATED),
                    average("Mean rating", "opinion.rating", format=column_number(2)),
                    count("Comments", where="opinion.aspect : comment"),
                ),
            ),
        ),
    ),
)

FEEDBACK: Final = Dashboard(
    "feedback",
    "Feedback and A/B",
    "Truths, ratings and comments, and how versions and variants compare. A rating falls: read the comments; a variant "
    "is worse: stop it.",
    (
        *head(_TEXT),
        _NUMBERS,
        _OPINIONS,
        _VARIANTS,
        _TABLES,
        Row(
            13,
            (Panel("comments", Embedded(BY_NAME["comments"])), Panel("wrong", Embedded(BY_NAME["truths"]))),
        ),
    ),
    since="now-30d",
)
