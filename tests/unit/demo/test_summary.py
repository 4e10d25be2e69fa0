"""The summary says what was measured, in few words."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from rich.console import Console

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.window import WEEK, Schedule, Window
from driftlog.demo.data import LIVE_START
from driftlog.demo.lessons import lessons
from driftlog.demo.scenarios import FAULT_START, SCENARIOS, Scenario
from driftlog.demo.summary import evidence, print_caught, weeks_table
from driftlog.demo.weeks import Story, Week

AT_FAULT = FAULT_START + WEEK
AlertMaker = Callable[..., Alert]


def measured(metric: str, value: float | None, **more: Any) -> Measurement:
    week = Schedule(WEEK).window_at(LIVE_START)
    return Measurement(
        model="flights", environment="demo", metric=metric, purpose="performance", window=week, value=value, **more
    )


def week_of(number: int, **more: Any) -> Week:
    start = LIVE_START + number * WEEK
    return Week(Window(start, start + WEEK), predictions=510, **more)


def rendered(story: Story, scenario: Scenario | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=160)
    console.print(weeks_table(story, scenario))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_row_shows_interval_shares_and_drift() -> None:
    """What a reader compares from week to week."""
    auc = measured("roc_auc", 0.6514, lower=0.58, upper=0.71, verdict="warning")
    drifted = [measured("m", 0.4, field=f"features.{name}") for name in ("temp", "dewp", "dest", "carrier")]
    week = week_of(0, predicted_late=0.172, late=0.311, by_metric={"roc_auc": auc}, drifted=drifted)
    (row,) = [line for line in rendered(Story("flights", [week], [])) if line.startswith("Apr 01")]
    for text in ("510", "0.65  0.58-0.71", "17%", "31%", "temp, dewp, dest +1"):
        assert text in row


def test_a_narrow_terminal_gets_whole_rows() -> None:
    """Eighty columns, one line a week."""
    auc = measured("roc_auc", 0.6514, lower=0.58, upper=0.71)
    week = week_of(0, predicted_late=0.17, late=0.3, by_metric={"roc_auc": auc, "accuracy": auc}, opened=[])
    console = Console(file=io.StringIO(), width=80)
    console.print(weeks_table(Story("flights", [week] * 3, []), SCENARIOS["unit-change"], wide=False))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 2 + 3 and "0.58" not in lines[-1]


def test_a_week_without_truth_shows_dashes() -> None:
    """Not a zero."""
    lines = rendered(Story("flights", [week_of(0)], []))
    assert lines[-1].split() == ["Apr", "01", "510", "-", "-", "-", "-"]


def test_weeks_with_the_fault_are_marked_and_no_others() -> None:
    """Four of nine."""
    first = (FAULT_START - LIVE_START) // WEEK - 2
    weeks = [week_of(first + number) for number in range(9)]
    lines = rendered(Story("flights", weeks, []), SCENARIOS["unit-change"])
    assert [("fault" in line) for line in lines[-9:]] == [False] * 2 + [True] * 4 + [False] * 3


def test_alerts_stand_in_the_week_that_opened_them(alert: AlertMaker) -> None:
    """And in the one that resolved them."""
    weeks = [week_of(0, opened=[alert(AT_FAULT)]), week_of(1, resolved=[alert(AT_FAULT)])]
    lines = rendered(Story("flights", weeks, [alert(AT_FAULT)]))
    assert "▲ data drift" in lines[-2] and "▽ data drift" in lines[-1]


@pytest.mark.parametrize(("healthy", "words"), [([], "Caught on August 12, 7 days after"), ([AT_FAULT], "Not caught")])
def test_caught_says_when_and_by_which_alert(alert: AlertMaker, healthy: list[Any], words: str) -> None:
    """An alert that is there anyway does not count."""
    console = Console(file=io.StringIO(), width=200)
    faulty = Story("flights", [], [alert(AT_FAULT)])
    without = Story("flights-without-fault", [], [alert(when) for when in healthy])
    assert print_caught(faulty, without, SCENARIOS["unit-change"], console) == (not healthy)
    assert isinstance(console.file, io.StringIO)
    assert words in console.file.getvalue()


def test_lessons_name_the_best_and_worst_week_and_the_extremes_of_lateness() -> None:
    """From the weeks themselves, not from memory."""
    weeks = [
        week_of(number, by_metric={"roc_auc": measured("roc_auc", auc)}, late=late, predicted_late=0.2)
        for number, (auc, late) in enumerate([(0.7, 0.2), (0.55, 0.44), (0.75, 0.1)])
    ]
    ranking, labels = lessons(Story("flights", weeks, []))
    assert "best in the week of Apr 15 (ROC AUC 0.75)" in ranking and "worst in that of Apr 08 (0.55)" in ranking
    assert "10% of the flights were late in the week of Apr 15 and 44% in that of Apr 08" in labels


def test_lessons_of_nothing_are_none() -> None:
    """A run too small to judge anything invents nothing."""
    assert lessons(Story("flights", [week_of(0)], [])) == []


def test_evidence_is_what_opened_the_alert(alert: AlertMaker) -> None:
    """Field, value and week of the first measurement, whatever came later."""
    made = alert(AT_FAULT)
    assert evidence(made) == "m 0.4 in the week of Aug 05"
    limit = Limit("default_drift", "above", warning=0.112)
    first = measured("kolmogorov_smirnov", 0.2624, field="features.distance", limit=limit, marks=("season_unseen",))
    assert evidence(msgspec.structs.replace(made, evidence=first)) == (
        "distance 0.262 (kolmogorov_smirnov, limit 0.112) in the week of Apr 01; the reference has not seen this season"
    )
