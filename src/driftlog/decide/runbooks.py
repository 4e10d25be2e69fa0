"""Which runbook says what to do about an alert."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from driftlog.contract.alert import Alert
from driftlog.contract.alerting import RunbookSettings


def runbook_of(alert: Alert, runbooks: Sequence[RunbookSettings]) -> str:
    """Address of the first runbook whose patterns fit: purpose, and the cause or the metric that opened the alert."""
    names = {alert.metric, alert.evidence.metric}
    for runbook in runbooks:
        if fnmatchcase(alert.purpose, runbook.purpose) and any(fnmatchcase(name, runbook.metric) for name in names):
            return runbook.url
    return ""
