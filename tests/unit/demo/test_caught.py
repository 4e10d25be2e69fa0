"""Caught means: an alert that the run without the fault does not have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from driftlog.contract.alert import Alert
from driftlog.contract.window import WEEK, Schedule
from driftlog.demo.caught import caught_by
from driftlog.demo.scenarios import FAULT_END, FAULT_START, SCENARIOS

SCENARIO = SCENARIOS["unit-change"]


AT_FAULT = FAULT_START + WEEK
AlertMaker = Callable[..., Alert]


def test_an_alert_of_the_fault_alone_catches_it(alert: AlertMaker) -> None:
    """The run without it is silent."""
    assert caught_by([alert(AT_FAULT)], [], SCENARIO) == [alert(AT_FAULT)]


def test_an_alert_that_is_there_anyway_does_not(alert: AlertMaker) -> None:
    """Same cause, open in the same week, whichever week opened it."""
    assert caught_by([alert(AT_FAULT)], [alert(AT_FAULT)], SCENARIO) == []
    assert caught_by([alert(AT_FAULT)], [alert(AT_FAULT - WEEK)], SCENARIO) == []


def test_an_alert_that_is_still_open_counts_as_open(alert: AlertMaker) -> None:
    """Nothing has resolved it."""
    still = alert(AT_FAULT - 9 * WEEK, resolved=None, status="open")
    assert caught_by([alert(AT_FAULT)], [still], SCENARIO) == []


def test_an_alert_of_another_cause_or_time_does_not_hide_it(alert: AlertMaker) -> None:
    """Prediction drift, or data drift that was over, or began later."""
    others = [alert(AT_FAULT, metric="prediction_drift"), alert(FAULT_START - 4 * WEEK), alert(FAULT_END + 3 * WEEK)]
    assert caught_by([alert(AT_FAULT)], others, SCENARIO) == [alert(AT_FAULT)]


def test_alerts_of_weeks_without_the_fault_do_not_count(alert: AlertMaker) -> None:
    """Before it, and after it."""
    assert caught_by([alert(FAULT_START), alert(FAULT_END + WEEK)], [], SCENARIO) == []


def test_the_earliest_comes_first_and_the_worst_before_others_of_its_week(alert: AlertMaker) -> None:
    """The first one is the answer to when."""
    late = alert(AT_FAULT + WEEK, severity="critical")
    mild, bad = alert(AT_FAULT), alert(AT_FAULT, metric="performance", severity="critical")
    assert caught_by([late, mild, bad], [], SCENARIO) == [bad, mild, late]


def test_the_weeks_of_the_fault_are_mondays_of_2013() -> None:
    """The helper above builds its windows in the same phase."""
    assert Schedule(WEEK).window_at(datetime(2013, 8, 7, tzinfo=UTC)).start == FAULT_START
    assert timedelta(0) < FAULT_END - FAULT_START
