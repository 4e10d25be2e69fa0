"""The data sources that dashboards and rules refer to, as Grafana provisions them.

Addresses and secrets come from the environment of the Grafana server; see docs/grafana.md.
"""

from __future__ import annotations

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import DataSourceRef

PREFIX: Final = "driftlog"
PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="driftlog-prometheus")
RESULTS: Final = DataSourceRef(type_val="elasticsearch", uid="driftlog-results")
ALERTS: Final = DataSourceRef(type_val="elasticsearch", uid="driftlog-alerts")
PREDICTIONS: Final = DataSourceRef(type_val="elasticsearch", uid="driftlog-predictions")
INDICES: Final = {"driftlog-results": "results.*", "driftlog-alerts": "alerts", "driftlog-predictions": "predictions.*"}
"""What each Elasticsearch source reads, below the prefix."""
_KEYS: Final = {"driftlog-predictions": "DRIFTLOG_GRAFANA_PREDICTIONS_API_KEY"}
"""Predictions are for whoever may see them: a key of their own, which may be left out."""
_NAMES: Final = {
    "driftlog-results": "driftlog results",
    "driftlog-alerts": "driftlog alerts",
    "driftlog-predictions": "driftlog predictions",
}


def index_of(uid: str, prefix: str = PREFIX) -> str:
    """Index pattern of an Elasticsearch source.

    >>> index_of("driftlog-results", "team")
    'team-results.*'
    """
    return f"{prefix}-{INDICES[uid]}"


def provisioned(prefix: str = PREFIX) -> dict[str, Any]:
    """``provisioning/datasources/driftlog.yml``."""
    prometheus = {
        "name": "driftlog metrics",
        "uid": PROMETHEUS.uid,
        "type": "prometheus",
        "access": "proxy",
        "url": "$DRIFTLOG_GRAFANA_PROMETHEUS_URL",
        "editable": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": "30s", "manageAlerts": False},
    }
    return {"apiVersion": 1, "datasources": [prometheus, *(_elasticsearch(uid, prefix) for uid in INDICES)]}


def _elasticsearch(uid: str, prefix: str) -> dict[str, Any]:
    key = _KEYS.get(uid, "DRIFTLOG_GRAFANA_ELASTICSEARCH_API_KEY")
    details: dict[str, Any] = {
        "index": index_of(uid, prefix),
        "timeField": "@timestamp",
        "maxConcurrentShardRequests": 5,
        "tlsAuthWithCACert": True,
        "httpHeaderName1": "Authorization",
    }
    if uid == "driftlog-predictions":
        details |= {"logMessageField": "message", "logLevelField": "event.outcome"}
    return {
        "name": _NAMES[uid],
        "uid": uid,
        "type": "elasticsearch",
        "access": "proxy",
        "url": "$DRIFTLOG_GRAFANA_ELASTICSEARCH_URL",
        "editable": False,
        "jsonData": details,
        "secureJsonData": {"httpHeaderValue1": f"ApiKey ${key}", "tlsCACert": "$DRIFTLOG_GRAFANA_CA"},
    }
