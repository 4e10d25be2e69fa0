"""One model: how well it does, against its reference and its limits, as known and as estimated."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana.column import average, fixed, newest, over_time, terms
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.common import JUDGED, WHOLE, head, limits, slices, worst
from driftlog.present.kibana.datatable import datatable
from driftlog.present.kibana.drilldown import TO_DOCUMENTS, to_dashboard
from driftlog.present.kibana.embedded import Embedded
from driftlog.present.kibana.formats import column_share
from driftlog.present.kibana.heatmap import heatmap
from driftlog.present.kibana.lens import BLUE, GREEN
from driftlog.present.kibana.palette import OFF_BY, SEVERITY
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.searches import BY_NAME
from driftlog.present.kibana.xy import Across, xy

ENOUGH_TRUTHS: Final = 0.8
"""Maturity from which performance is judged, as the settings have it by default."""

_TEXT = """**Choose one model above**, else the lines are means over models. Each line is one part of the model: the
whole model, a segment, a version or a variant. Lines across: the value on the reference (dotted), the limits of the
whole model as they are now (dashed yellow and red). Performance is judged once enough truths have arrived."""


def _performance(name: str, metric: str, title: str, which: str) -> Panel:
    lens = xy(
        title,
        f"{which} by window, from predictions whose truth has arrived. Beyond the dashed line: see in Drift which "
        "features changed, and compare segments below; then retrain or roll back.",
        "results",
        over_time(),
        (average(title, "value"),),
        split=slices(),
        across=limits(metric, more="purpose : performance"),
        where=f'purpose : performance and metric : "{metric}"',
    )
    return Panel(name, lens, (to_dashboard("drift", "Drift"), TO_DOCUMENTS))


def _estimated(name: str, metric: str, title: str) -> Panel:
    lens = xy(
        f"{title}: estimated and realised",
        "The estimate needs no truth and is there at once; the realised value follows. The realised value outside the "
        "estimate's interval: the relation between features and truth has changed (concept drift).",
        "results",
        over_time(),
        (
            average("realised", "value", where="purpose : performance"),
            average("estimated", "value", where="purpose : estimated_performance"),
            average("estimate, lower", "lower", where="purpose : estimated_performance"),
            average("estimate, upper", "upper", where="purpose : estimated_performance"),
        ),
        where=f'metric : "{metric}" and {WHOLE}',
        colours={"realised": GREEN, "estimated": BLUE, "estimate, lower": "#b9d3e8", "estimate, upper": "#b9d3e8"},
    )
    return Panel(name, lens)


_VERDICTS = Row(
    14,
    (
        Panel(
            "verdicts",
            heatmap(
                "Performance and its verdicts",
                "The worst verdict of each measure over time, over the chosen parts of the model. Red: look at that"
                " measure below, and at the alert it opened.",
                "results",
                over_time(),
                terms("Measure", "metric", size=20),
                worst(),
                palette=SEVERITY,
                where=f"purpose : performance and {JUDGED}",
            ),
            (to_dashboard("alerts", "Alerts"), TO_DOCUMENTS),
        ),
        Panel(
            "purposes",
            heatmap(
                "Everything that is judged",
                "The worst verdict of each kind of measure over time: is it the data, the service, the pipeline or the "
                "model itself? Red: open Drift for data and quality, Operations for service and integrity.",
                "results",
                over_time(),
                terms("About", "purpose", size=20),
                worst(),
                palette=SEVERITY,
                where=JUDGED,
            ),
            (to_dashboard("drift", "Drift"), to_dashboard("operations", "Operations")),
        ),
    ),
)

_MATURITY = Panel(
    "maturity",
    xy(
        "Label maturity",
        "Share of each window's predictions whose truth has arrived. Below the line performance is not judged; if it "
        "stays there, labels come late: see label_late_share in Operations.",
        "results",
        over_time(),
        (average("truths known", "maturity", format=column_share(0)),),
        series="area",
        across=(Across(fixed("enough to judge", ENOUGH_TRUTHS), GREEN),),
        where=f"purpose : performance and maturity : * and {WHOLE}",
    ),
)
_ESTIMATION_ERROR = Panel(
    "estimation-error",
    heatmap(
        "Error of the estimates",
        "Estimated minus realised, by measure. Values that stay far from zero: trust the estimates less, and set a new "
        "reference.",
        "results",
        over_time(),
        terms("Measure", "metric", size=15),
        average("Estimated minus realised", "value"),
        palette=OFF_BY,
        where=f"purpose : estimation_error and {WHOLE}",
    ),
)

_CONCEPT = Panel(
    "concept",
    xy(
        "Concept drift",
        "Drift points found by the detectors in each window's errors. More than none in several windows: the model has "
        "to learn anew.",
        "results",
        over_time(),
        (average("drift points", "value"),),
        series="bar",
        split=terms("Detector", "metric", size=8),
        where=f'purpose : concept_drift and unit : "drift points" and {WHOLE}',
    ),
)

_LATEST = Panel(
    "latest",
    datatable(
        "Newest measurements",
        "The newest value of each measure of each part, with what it is compared with. The verdict is that of "
        "the newest window; `driftlog results MODEL` shows how it came about.",
        "results",
        (
            terms("Measure", "metric", size=40),
            slices(10),
            newest("Value", "value"),
            newest("Reference", "reference.value"),
            newest("Warning at", "limit.warning"),
            newest("Rows", "n_current"),
            newest("Truths known", "maturity"),
            newest("Verdict", "verdict", data_type="string"),
            newest("Window's end", "@timestamp", data_type="date"),
        ),
        where="purpose : (performance or estimated_performance)",
    ),
)

MODEL: Final = Dashboard(
    "model",
    "Model",
    "Performance of one model over time with its reference and limits, estimated against realised, and how many "
    "truths have arrived. Beyond a limit: open Drift for the cause.",
    (
        *head(_TEXT),
        _VERDICTS,
        Row(
            13,
            (
                _performance("roc-auc", "roc_auc", "ROC AUC", "Ranking of a binary or multiclass model"),
                _performance("accuracy", "accuracy", "Accuracy", "Share of right labels of a classifier"),
            ),
        ),
        Row(
            13,
            (
                _performance(
                    "log-loss", "log_loss", "Log loss", "Quality of a classifier's probabilities (low is good)"
                ),
                _performance("rmse", "rmse", "RMSE", "Error of a regression (low is good; empty for classifiers)"),
            ),
        ),
        Row(
            12,
            (
                _estimated("estimated-roc-auc", "roc_auc", "ROC AUC"),
                _estimated("estimated-accuracy", "accuracy", "Accuracy"),
            ),
        ),
        Row(11, (_MATURITY, _ESTIMATION_ERROR, _CONCEPT)),
        Row(14, (_LATEST,)),
        Row(12, (Panel("beyond-limits", Embedded(BY_NAME["beyond-limits"])),)),
    ),
    since="now-90d",
)
