"""Was the fault caught? By an alert that the same run without the fault does not have."""

from __future__ import annotations

from collections.abc import Sequence

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import SEVERITY
from driftlog.contract.window import Window
from driftlog.demo.scenarios import Scenario


def caught_by(faulty: Sequence[Alert], healthy: Sequence[Alert], scenario: Scenario) -> list[Alert]:
    """Alerts that a week with the fault opened, and that the run without the fault does not have; earliest first.

    It does not have an alert when none of the same cause was open there in the week that opened it here.

    Parameters
    ----------
    faulty, healthy
        All alerts of the model with the fault, and of the same model on the same flights without it.
    """
    weeks = Window(scenario.start, scenario.end)
    new = [
        alert
        for alert in faulty
        if alert.first_window.overlaps(weeks)
        and not any(_cause(other) == _cause(alert) and _was_open(other, alert.first_window) for other in healthy)
    ]
    return sorted(new, key=lambda alert: (alert.opened, -SEVERITY[alert.severity], alert.key))


def _cause(alert: Alert) -> tuple[str, str, str, str]:
    return alert.purpose, alert.metric, alert.field, alert.segment


def _was_open(alert: Alert, window: Window) -> bool:
    """Whether the alert was open at the end of `window`."""
    return alert.opened <= window.end and (alert.resolved is None or window.end < alert.resolved)
