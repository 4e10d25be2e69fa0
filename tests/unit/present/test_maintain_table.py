"""The loop's last decision is shown with its triggers, the flow and what it waits for; trials become a page."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from html.parser import HTMLParser

import msgspec
import pytest
from rich.console import Console, RenderableType

from driftlog.contract.maintenance import Comparison, Decision, Evidence, LoopState, Trial
from driftlog.contract.window import Window
from driftlog.present.maintain_table import decisions_table, explained, flow_line, trial_table
from driftlog.present.trial_page import render_trial

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
WINDOW = Window(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
DECISION = Decision(
    id="churn|production|3", model="churn", environment="production", at=AT, outcome="cooling_down",
    reason="retraining is wanted (drifted), the last one was too short ago", triggers=("drifted",), number=3,
    evidence=(
        Evidence(kind="measurement", name="drifted", value="3 of 4 windows", needed="3 of 4", met=True),
        Evidence(kind="count", name="new_labels", value=812, needed=5000, met=False),
        Evidence(kind="time", name="cooldown", value="until 2026-03-05 09:30", met=False),
    ),
    next_look=AT,
)  # fmt: skip


def text_of(shown: RenderableType) -> str:
    console = Console(width=160, file=io.StringIO())
    console.print(shown)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_each_trigger_is_shown_with_value_needed_and_met() -> None:
    """Then what else was seen, the flow, and when it looks again."""
    text = text_of(explained(DECISION, LoopState()))

    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "cooling_down retraining is wanted (drifted), the last one was too short ago" in lines
    assert "drifted 3 of 4 windows 3 of 4 yes" in lines
    assert "new_labels 812 5,000 no" in lines
    assert "data? → performance? → acceptable? → [retrain] → candidate → deploy → watch → data?" in lines
    assert "Next look 2026-03-02 09:30 UTC" in lines


@pytest.mark.parametrize(
    ("stage", "outcome", "triggers", "box"),
    [
        ("idle", "no_data", (), "data?"),
        ("idle", "waiting_for_data", (), "performance?"),
        ("idle", "waiting_for_data", ("drifted",), "retrain"),
        ("idle", "go_on", (), "acceptable?"),
        ("training", "training", (), "retrain"),
        ("trial", "waiting_for_data", (), "candidate"),
        ("trial", "refuse", (), "candidate"),
        ("trial", "waiting_for_approval", (), "deploy"),
        ("watch", "rollback", (), "watch"),
    ],
)
def test_the_flow_is_marked_where_the_decision_was_made(
    stage: str, outcome: str, triggers: tuple[str, ...], box: str
) -> None:
    """One box in brackets."""
    made = msgspec.structs.replace(DECISION, stage=stage, outcome=outcome, triggers=triggers)

    assert f"[{box}]" in flow_line(made).plain


def test_no_decisions_say_where_they_come_from() -> None:
    """An empty list is no answer."""
    assert "maintain.mode" in text_of(decisions_table([]))


def trial(passed: bool = True, name: str = "2") -> Trial:
    main = Comparison(
        metric="roc_auc", champion=0.7, candidate=0.75, difference=0.05, lower=0.01, upper=0.09, p_value=0.003, n=900,
        passed=passed, method="95 % clustered by day",
    )  # fmt: skip
    segment = msgspec.structs.replace(main, segment="plan=<b>basic</b>", difference=-0.2, lower=-0.3, upper=-0.1)
    guard = Comparison(metric="log_loss", champion=None, candidate=None, difference=None, reason="cannot be told")
    return Trial(
        id="t", model="churn", environment="production", champion="1", candidate=name, window=WINDOW, rows=900, at=AT,
        passed=passed, reason="roc_auc 0.75 v 0.7", main=main, guards=(guard,), notes=("10 rows are left out",),
        segments=(msgspec.structs.replace(segment, passed=False),),
    )  # fmt: skip


def test_a_trial_is_a_table() -> None:
    """A row for the main metric, each guard and each segment."""
    text = text_of(trial_table(trial()))

    assert "Trial of 2 against 1: passed" in text
    assert "+0.05" in text
    assert "roc_auc in plan=" in text
    assert "10 rows are left out" in text


@pytest.mark.parametrize("passed", [True, False])
def test_the_report_of_a_trial_is_a_page_that_loads_nothing(passed: bool) -> None:
    """Verdict, charts, tables; names from outside are escaped."""
    page = render_trial(trial(passed, name="<script>alert(1)</script>"), generated=AT, version="1.0")

    HTMLParser().feed(page)
    assert ("The candidate passed" if passed else "The candidate is refused") in page
    assert page.count("<svg") == 2
    assert "<script" not in page
    assert "<b>basic" not in page
    assert "src=" not in page
