"""Alert rules for Grafana, made of those for Prometheus: for teams whose alerts are Grafana's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from driftlog.present.grafana.sources import PROMETHEUS

FOLDER: Final = "driftlog"
_VALUE: Final = re.compile(r"\{\{\s*\$value\b")


def provisioned(groups: Mapping[str, Any]) -> dict[str, Any]:
    """``provisioning/alerting/driftlog.yml`` of the content of ``rules.yml``; recording rules stay with Prometheus."""
    made = [
        {"orgId": 1, "name": group["name"], "folder": FOLDER, "interval": "1m", "rules": rules}
        for group in groups["groups"]
        if (rules := list(_rules(group)))
    ]
    return {"apiVersion": 1, "groups": made}


def _rules(group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for rule in group["rules"]:
        if "alert" in rule:
            yield {
                "uid": uid_of(rule["alert"]),
                "title": rule["alert"],
                "condition": "C",
                "data": [
                    _query("A", f"({rule['expr'].strip()}) * 0 + 1"),
                    _query("B", rule["expr"].strip()),
                    _threshold("C", "A"),
                ],
                "for": rule.get("for", "0s"),
                "noDataState": "OK",
                "execErrState": "Error",
                "labels": rule["labels"],
                "annotations": {
                    name: _VALUE.sub("{{ $values.B.Value", text) for name, text in rule["annotations"].items()
                },
                "isPaused": False,
            }


def _text(text: str) -> str:
    return _VALUE.sub("{{ $values.B.Value", text)


def _query(ref: str, expr: str) -> dict[str, Any]:
    """An instant query. A rule's expression leaves only series in breach, whatever their value: A makes a 1 of it."""
    model = {"refId": ref, "expr": expr, "instant": True, "range": False, "intervalMs": 1000, "maxDataPoints": 43200}
    return {
        "refId": ref,
        "relativeTimeRange": {"from": 600, "to": 0},
        "datasourceUid": PROMETHEUS.uid,
        "model": model,
    }


def _threshold(ref: str, of: str) -> dict[str, Any]:
    condition = {"evaluator": {"type": "gt", "params": [0]}, "type": "query"}
    model: dict[str, Any] = {"refId": ref, "type": "threshold", "expression": of, "conditions": [condition]}
    model["datasource"] = {"type": "__expr__", "uid": "__expr__"}
    return {
        "refId": ref,
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": model,
    }


def uid_of(name: str) -> str:
    """A rule's uid: at most 40 characters.

    >>> uid_of("DriftlogExporterDown")
    'driftlog-exporter-down'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()[:40]
