"""All models at a glance."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana import views
from driftlog.present.kibana.column import count, distinct, newest, over_time, percentile, terms
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.common import JUDGED, head, models, worst
from driftlog.present.kibana.datatable import datatable
from driftlog.present.kibana.drilldown import TO_DOCUMENTS, to_dashboard
from driftlog.present.kibana.heatmap import heatmap
from driftlog.present.kibana.lens import RED, YELLOW
from driftlog.present.kibana.metric import metric
from driftlog.present.kibana.palette import NONE_IS_GOOD, SEVERITY
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.xy import xy

ACTIVE: Final = "alert.active : true"
_FAILED = "event.outcome : failure"
_MODEL = to_dashboard("model", "Model")

_TEXT = """**Start here.** Green: nothing to do. Yellow or red in *Health*: click the cell to open the model.
Open alerts stand whatever the time range is; everything else is of the time range chosen above."""

_NUMBERS = Row(
    6,
    (
        Panel(
            "open-alerts",
            metric(
                "Open alerts",
                "Alerts that are not resolved, whatever the time range. Red: click through to Alerts and take one.",
                "alerts-now",
                count("Open", where=ACTIVE),
                second=count("critical", where=f"{ACTIVE} and alert.severity : critical"),
                palette=NONE_IS_GOOD,
            ),
            (to_dashboard("alerts", "Alerts"),),
        ),
        Panel(
            "models",
            metric(
                "Models",
                "Models that were asked. Fewer than you serve: one is silent; see Volume.",
                "predictions",
                distinct("Models", views.MODEL),
            ),
        ),
        Panel(
            "predictions",
            metric(
                "Predictions",
                "Calls, and how many of them failed. Failures: open Operations.",
                "predictions",
                count("Predictions"),
                second=count("failed", where=_FAILED),
            ),
            (to_dashboard("operations", "Operations"),),
        ),
        Panel(
            "latency",
            metric(
                "Latency",
                "95th percentile of how long models took, and the median. Higher than usual: open Operations.",
                "predictions",
                percentile("95th percentile", "event.duration", 95),
                second=percentile("median", "event.duration", 50),
            ),
        ),
        Panel(
            "beyond",
            metric(
                "Measurements beyond a limit",
                "Measurements judged warning or critical. They open an alert only when they persist.",
                "results",
                count("Beyond", where="severity >= 2"),
                second=count("of", where="limit.kind : *"),
            ),
        ),
    ),
)

_HEALTH = Row(
    13,
    (
        Panel(
            "health",
            heatmap(
                "Health",
                "The worst verdict over time of the forty models that stand worst; empty: not judged. Red or yellow: "
                "click the cell to open the model, then see which measure it is.",
                "results",
                over_time(),
                models(size=40, by="Worst verdict"),
                worst(),
                palette=SEVERITY,
                where=JUDGED,
            ),
            (_MODEL, to_dashboard("drift", "Drift")),
        ),
        Panel(
            "alerts-by-model",
            datatable(
                "Open alerts by model",
                "What is open now, and since when. Take one: `driftlog alerts ack HANDLE`.",
                "alerts-now",
                (
                    terms("Model", views.MODEL, size=50, by="Alerts"),
                    terms("Severity", "alert.severity", size=3),
                    terms("About", "purpose", size=5, by="Alerts"),
                    count("Alerts"),
                    newest("Newest", "alert.title.keyword", time="alert.opened", data_type="string"),
                ),
                where=ACTIVE,
            ),
            (to_dashboard("alerts", "Alerts"),),
        ),
    ),
    (28, 20),
)

_TRAFFIC = Row(
    12,
    (
        Panel(
            "volume",
            xy(
                "Volume",
                "Predictions over time by model. A gap: the app is down or its events do not arrive; open Pipeline.",
                "predictions",
                over_time(),
                (count("Predictions"),),
                series="bar_stacked",
                split=models(size=10, by="Predictions"),
            ),
            (_MODEL, TO_DOCUMENTS),
        ),
        Panel(
            "latency-over-time",
            xy(
                "Latency by model",
                "95th percentile of the ten slowest models. A step up: compare the versions in Operations.",
                "predictions",
                over_time(),
                (percentile("95th percentile", "event.duration", 95),),
                split=models(size=10, by="95th percentile"),
            ),
        ),
        Panel(
            "errors",
            xy(
                "Success and failure",
                "Calls that went well and calls that failed. Red: open the failures in Discover and read the errors.",
                "predictions",
                over_time(),
                (count("failed", where=_FAILED), count("fine", where="event.outcome : success")),
                series="bar_stacked",
                colours={"failed": RED, "fine": "#54b399"},
            ),
            (TO_DOCUMENTS,),
        ),
    ),
)

_MODELS = Row(
    13,
    (
        Panel(
            "all-models",
            datatable(
                "Models",
                "One row a model. Click a name to open the model; a last prediction that lies back: it is silent.",
                "predictions",
                (
                    terms("Model", views.MODEL, size=200, by="Predictions"),
                    terms("Environment", views.ENVIRONMENT, size=5),
                    count("Predictions"),
                    count("Failed", where=_FAILED),
                    percentile("95th percentile", "event.duration", 95),
                    distinct("Versions", views.VERSION),
                    newest("Last prediction", "@timestamp", data_type="date"),
                ),
                coloured={"Failed": NONE_IS_GOOD},
            ),
            (_MODEL, to_dashboard("operations", "Operations")),
        ),
        Panel(
            "alerts-over-time",
            xy(
                "Alerts that opened",
                "By severity and time of opening. Many at once: look for one cause; `driftlog alerts show` names it.",
                "alerts",
                over_time("alert.opened"),
                (
                    count("critical", where="alert.severity : critical"),
                    count("warning", where="alert.severity : warning"),
                    count("info", where="alert.severity : info"),
                ),
                series="bar_stacked",
                colours={"critical": RED, "warning": YELLOW, "info": "#6092c0"},
            ),
            (to_dashboard("alerts", "Alerts"),),
        ),
    ),
    (30, 18),
)

OVERVIEW: Final = Dashboard(
    "overview",
    "Overview",
    "All models: health, volume, latency, errors and open alerts. Red: click it to get to the model or its alerts.",
    (*head(_TEXT), _NUMBERS, _HEALTH, _TRAFFIC, _MODELS),
    since="now-7d",
    refresh_s=60,
)
