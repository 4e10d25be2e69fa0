"""The dashboards: from all models down to one prediction.

Overview, Model, Drift and Operations read Prometheus; Alerts and Predictions read Elasticsearch.
"""

from __future__ import annotations

from typing import Final

from driftlog.present.grafana import alerts, drift, model, operations, overview, predictions

ALL: Final = {
    "overview": overview.overview,
    "model": model.model,
    "drift": drift.drift,
    "operations": operations.operations,
    "alerts": alerts.alerts,
    "predictions": predictions.predictions,
}
"""File name -> dashboard."""
