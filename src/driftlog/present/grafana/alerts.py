"""Alerts and the results behind them, from Elasticsearch."""

from __future__ import annotations

from typing import Any

from driftlog.present.grafana.parts import Placed, assemble, documents, lines, lucene, rows, terms_variable
from driftlog.present.grafana.sources import ALERTS, RESULTS


def alerts() -> Any:
    """Alerts and the results behind them, from Elasticsearch: any time span, every detail."""
    of = "model.name:$model"
    return assemble(
        "driftlog-alerts",
        "driftlog: Alerts",
        "Alerts with their evidence, and the measurements of any stretch of the past; from Elasticsearch.",
        [
            Placed(rows("Alerts, as last changed", documents(ALERTS, of)), 24, 11),
            Placed(lines("Alerts by severity, as last changed", lucene(ALERTS, of, by=["alert.severity"]), stack=True)),
            Placed(
                lines(
                    "Measurements beyond a limit", lucene(RESULTS, f"{of} AND severity:>=2", by=["metric"]), stack=True
                )
            ),
            "What was measured",
            Placed(
                lines(
                    "Performance",
                    lucene(RESULTS, f'{of} AND purpose:performance AND segment:""', by=["metric"], average="value"),
                ),
            ),
            Placed(
                lines(
                    "Drift by feature",
                    lucene(RESULTS, f'{of} AND purpose:data_drift AND segment:""', by=["field"], most="value"),
                )
            ),
            Placed(rows("Measurements beyond a limit", documents(RESULTS, f"{of} AND severity:>=2")), 24, 11),
        ],
        variables=[terms_variable("model", "Model", RESULTS, "model.name")],
        since="now-30d",
    )
