"""Which features, predictions and truths have changed."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana.column import (
    average,
    count,
    largest,
    newest,
    over_time,
    percentile,
    ranges,
    smallest,
    terms,
)
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.common import JUDGED, WHOLE, head, limits, slices, worst
from driftlog.present.kibana.datatable import datatable
from driftlog.present.kibana.drilldown import TO_DOCUMENTS, to_dashboard
from driftlog.present.kibana.formats import column_number, column_share
from driftlog.present.kibana.heatmap import heatmap
from driftlog.present.kibana.palette import EFFECT, SEVERITY
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.xy import xy

FEATURES: Final = 30
"""Features in a heatmap, the most changed first."""
EFFECTS: Final = "metric : (kolmogorov_smirnov or total_variation or jensen_shannon or hellinger or cramers_v)"
"""Measures of how far two distributions are apart, all between 0 and 1."""

_TEXT = """**Choose one model above.** Effect sizes lie between 0 (as on the reference) and 1 (nothing in common); the
verdict says whether one is beyond what the reference itself varies by (an empty cell was not judged, or could not be).
A change of a feature matters when performance or its estimate changes with it: see Model. Click a feature or a cell to
filter everything by it."""

_FEATURES = Row(
    18,
    (
        Panel(
            "verdict-by-feature",
            heatmap(
                "Features and their verdicts",
                "The worst verdict of each feature over time, over the chosen parts of the model. Red: compare its "
                "distribution with the reference: `driftlog compare MODEL`.",
                "results",
                over_time(),
                terms("Feature", "field", size=FEATURES, by="Worst verdict"),
                worst(),
                palette=SEVERITY,
                where=f"purpose : data_drift and {EFFECTS} and {JUDGED}",
            ),
            (TO_DOCUMENTS, to_dashboard("model", "Model")),
        ),
        Panel(
            "effect-by-feature",
            heatmap(
                "Features and their effect sizes",
                "How far each feature of the whole model is from its reference. A row that darkens step by step: "
                "gradual drift; from one window to the next: a change upstream, look for a release.",
                "results",
                over_time(),
                terms("Feature", "field", size=FEATURES, by="Effect size"),
                largest("Effect size", "value", format=column_number(2)),
                palette=EFFECT,
                where=f"purpose : data_drift and {EFFECTS} and {WHOLE}",
            ),
            (TO_DOCUMENTS,),
        ),
    ),
)

_TOP = Row(
    14,
    (
        Panel(
            "top-features",
            xy(
                "Most changed features",
                "Features by their largest effect size in the time range. The first few are where to look.",
                "results",
                terms("Feature", "field", size=15, by="Effect size"),
                (largest("Effect size", "value"),),
                series="bar_horizontal",
                where=f"purpose : data_drift and {EFFECTS} and {WHOLE}",
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "feature-table",
            datatable(
                "Newest drift of each feature",
                "The newest effect size, its limit and the p-value adjusted for the number of features. The p-value is "
                "reported and never judged alone: with many rows it is small for changes that do not matter.",
                "results",
                (
                    terms("Feature", "field", size=100, by="Worst so far"),
                    terms("Measure", "metric", size=3),
                    newest("Effect size", "value"),
                    newest("Warning at", "limit.warning"),
                    newest("Adjusted p", "p_adjusted"),
                    newest("Rows", "n_current"),
                    newest("Verdict", "verdict", data_type="string"),
                    largest("Worst so far", "severity"),
                ),
                where=f"purpose : data_drift and {WHOLE}",
                coloured={"Worst so far": SEVERITY, "Effect size": EFFECT},
            ),
        ),
    ),
    (18, 30),
)


def _course(name: str, purpose: str, title: str, advice: str) -> Panel:
    lens = xy(
        title,
        advice,
        "results",
        over_time(),
        (average("effect size", "value"),),
        split=slices(),
        across=limits("total_variation", more=f"purpose : {purpose}")[1:],
        where=f"purpose : {purpose} and metric : total_variation",
    )
    return Panel(name, lens, (TO_DOCUMENTS,))


_COURSES = Row(
    12,
    (
        _course(
            "predictions-drift",
            "prediction_drift",
            "Drift of the predicted labels",
            "How far the mix of predicted labels is from the reference. Beyond the line while no feature is: look at "
            "the model itself, its version and its preprocessing.",
        ),
        _course(
            "target-drift",
            "target_drift",
            "Drift of the truths",
            "How far the mix of true labels is from the reference. Beyond the line: the base rate has changed; "
            "thresholds and calibration need another look.",
        ),
        Panel(
            "by-segment",
            heatmap(
                "Drift by segment",
                "The largest effect size of each segment over time, of any feature. One segment darker than the "
                "rest: filter by it and see which feature it is.",
                "results",
                over_time(),
                terms("Segment", "segment", size=25),
                largest("Effect size", "value", format=column_number(2)),
                palette=EFFECT,
                where=f"purpose : data_drift and {EFFECTS}",
            ),
        ),
    ),
)


def _quality(name: str, metric: str, title: str, advice: str) -> Panel:
    lens = heatmap(
        title,
        advice,
        "results",
        over_time(),
        terms("Feature", "field", size=FEATURES, by=title),
        largest(title, "value", format=column_share(0)),
        palette=EFFECT,
        where=f"purpose : quality and metric : {metric} and {WHOLE}",
    )
    return Panel(name, lens, (TO_DOCUMENTS,))


_QUALITY = Row(
    13,
    (
        _quality(
            "missing",
            "missing_share",
            "Missing values",
            "Share of predictions without the feature. A row that turns dark: a source is gone; tell its owner.",
        ),
        _quality(
            "out-of-range",
            "out_of_range_share",
            "Out of range",
            "Share of values outside what the reference had. Dark: a unit or a sensor has changed.",
        ),
        _quality(
            "unseen",
            "unseen_share",
            "Unseen categories",
            "Share of values the reference did not have. Dark: a new product, place or spelling.",
        ),
    ),
)

_DISTRIBUTIONS = Row(
    13,
    (
        Panel(
            "score-distribution",
            xy(
                "Distribution of the scores",
                "Scores of the time range in tenths, by version. A heap where none was: see which version or feature.",
                "predictions",
                ranges("Score", "prediction.score", [place / 10 for place in range(11)]),
                (count("Predictions"),),
                series="bar_stacked",
                split=terms("Version", "model.version", size=5, by="Predictions"),
                where="prediction.score : *",
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "score-course",
            xy(
                "Scores over time",
                "Percentiles of the scores. All of them move: the inputs moved or the model was exchanged; only the "
                "outer ones: a segment did.",
                "predictions",
                over_time(),
                tuple(
                    percentile(f"{rank}th percentile", "prediction.score", rank, format=column_number(2))
                    for rank in (5, 25, 50, 75, 95)
                ),
                where="prediction.score : *",
            ),
        ),
        Panel(
            "label-mix",
            xy(
                "Mix of the predicted labels",
                "Share of each predicted label over time. A step: see the drift of the predicted labels above.",
                "predictions",
                over_time(),
                (count("Predictions"),),
                series="bar_percentage_stacked",
                split=terms("Label", "prediction.label", size=10, by="Predictions"),
                where="prediction.label : *",
            ),
        ),
        Panel(
            "value-course",
            xy(
                "Predicted values over time",
                "Range, quartiles and median of a regression's predictions; empty for classifiers. Flat lines: the "
                "model answers the same to everything, look at its inputs.",
                "predictions",
                over_time(),
                (
                    smallest("smallest", "prediction.value"),
                    percentile("25th percentile", "prediction.value", 25),
                    percentile("50th percentile", "prediction.value", 50),
                    percentile("75th percentile", "prediction.value", 75),
                    largest("largest", "prediction.value"),
                ),
                where="prediction.value : *",
            ),
        ),
    ),
)

DRIFT: Final = Dashboard(
    "drift",
    "Drift",
    "Which features, predictions and truths differ from the reference, since when and by how much. Red: find the most "
    "changed feature, then its source.",
    (*head(_TEXT), _FEATURES, _TOP, _COURSES, _QUALITY, _DISTRIBUTIONS),
    since="now-90d",
)
