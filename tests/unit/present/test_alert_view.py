"""One alert in full, how it is handled, and silences: for the terminal and in the report."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from rich.console import Console, RenderableType

from driftlog.contract.alert import Alert, AlertMember, Contribution, Decomposition
from driftlog.contract.handling import Delivery, Silence, Transition
from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.window import Window
from driftlog.present.alert_view import alert_view, handled_line, history_view, silences_table
from driftlog.present.report_data import assemble
from driftlog.present.sections.alerts import alerts_section
from driftlog.present.status import model_status
from driftlog.present.tables import alerts_table

DAY = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
HOSTILE = "[red]x[/red]\x1b[2J\n" + "y" * 5_000
EVIDENCE = Measurement(
    model="churn",
    environment="test",
    purpose="performance",
    metric="roc_auc",
    window=DAY,
    value=0.61,
    lower=0.58,
    upper=0.64,
    reference_value=0.74,
    p_adjusted=0.0004,
    n_current=1200,
    n_reference=90_000,
    maturity=0.93,
    verdict="critical",
    limit=Limit(
        "relative", "below", warning=0.7, critical=0.65, clear=0.72, of_windows=(2, 3), reason="reference 0.74"
    ),
)


def alert(**changes: object) -> Alert:
    base = Alert(
        key="churn|test||performance",
        episode=1,
        model="churn",
        environment="test",
        purpose="performance",
        metric="performance",
        status="open",
        severity="critical",
        title="churn: performance is worse than the reference",
        message="roc_auc 0.61.",
        opened=DAY.end,
        updated=DAY.end,
        evidence=EVIDENCE,
        latest=EVIDENCE,
        first_window=DAY,
        last_window=DAY,
    )
    return msgspec.structs.replace(base, **changes)


def printed(renderable: RenderableType, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def full(text: str) -> Alert:
    """Everything an alert can hold, with `text` wherever text comes from outside."""
    return alert(
        title=text,
        message=text,
        segment=text,
        version=text,
        members=(AlertMember(metric=text, field=text, value=0.3, limit=None, severity="warning"),) * 40,
        decompositions=(Decomposition(text, (text,), 0.3, 0.2, 0.1, 0.6, 0.0, (Contribution(text, 0.2),)),),
        history=(
            Transition(number=1, kind="opened", at=DAY.end, by=text, text=text, until=DAY.end, severity="critical"),
        ),
        deliveries=(Delivery(transition=1, channel=text, status="failed", at=DAY.end, reason=text),),
        suggested=(text,),
        objectives=(text,),
        runbook=text,
        assignee=text,
        muted_by=text,
        silenced_by=text,
        snoozed_until=DAY.end,
        escalations=2,
        escalated=DAY.end,
    )


@pytest.mark.parametrize("width", [40, 80, 200])
def test_text_from_outside_is_neither_markup_nor_control(width: int) -> None:
    """However narrow the terminal is."""
    for renderable in (
        alert_view(full(HOSTILE)),
        history_view([full(HOSTILE)]),
        handled_line(full(HOSTILE)),
        alerts_table([full(HOSTILE)]),
        silences_table(
            [Silence(id="s", by=HOSTILE, why=HOSTILE, start=DAY.start, until=DAY.end, model=HOSTILE)], DAY.end
        ),
    ):
        text = printed(renderable, width)
        assert "\x1b" not in text
        assert "[red]x" in text or width < 200, "a narrow column folds it"
        assert text.count("y") < 12_000


def test_evidence_shows_value_interval_limits_and_rows() -> None:
    """What opened it; the newest beside it only where it is another."""
    text = printed(alert_view(alert()))
    for words in ("0.610", "0.580 … 0.640", "warning < 0.700, critical < 0.650 (relative)", "2 of 3 windows", "0.720",
                  "1,200 against 90,000", "93 %", "0.0004", "2026-03-02"):  # fmt: skip
        assert words in text
    assert "latest" not in text
    later = msgspec.structs.replace(EVIDENCE, window=Window(DAY.end, DAY.end + timedelta(days=1)), value=0.6)
    assert "latest" in printed(alert_view(alert(latest=later)))


def test_members_beyond_the_screen_are_counted() -> None:
    """Forty of them."""
    assert "and 10 more" in printed(alert_view(full("x")))


def test_how_an_alert_is_handled_is_seen_everywhere() -> None:
    """Acknowledged is not over: in the table, the view, the report's status and its section."""
    seen = alert(status="acknowledged", acknowledged=DAY.end, acknowledged_by="ann", assignee="bob", silenced_by="s1")
    for text in (printed(alerts_table([seen])), printed(alert_view(seen)), printed(handled_line(seen))):
        assert "acknowledged by ann, assigned to bob, silenced" in text
        assert seen.handle in text
    data = assemble("churn", "test", measurements=[EVIDENCE], alerts=[seen], generated=DAY.end)
    assert model_status(data).level == "critical"
    section = alerts_section(data)
    assert section.lead.startswith("1 alert open, 0 resolved")
    assert ("Acknowledged by", "ann") in section.extra["entries"][0].facts


def test_an_end_is_told_with_what_was_learned() -> None:
    """By whom, cause, lesson, and whether it was a false alarm; quiet facets are no news any more."""
    over = alert(
        status="resolved",
        resolved=DAY.end,
        resolved_by="ann",
        resolution="a join",
        cause="a join",
        lesson="count rows",
        false_alarm=False,
        muted_by="x",
    )
    text = printed(alert_view(over))
    assert "resolved on 2026-03-03 by ann" in text
    assert "count rows" in text
    assert "because" not in text, "the cause says it already"
    assert "muted" not in printed(alerts_table([over]))
    data = assemble("churn", "test", measurements=[EVIDENCE], alerts=[over], generated=DAY.end)
    facts = dict(alerts_section(data).extra["entries"][0].facts)
    assert (facts["Cause"], facts["Lesson"], facts["False alarm"]) == ("a join", "count rows", "no")


def test_silences_tell_their_state() -> None:
    """On, to come, over; everything is a pattern too."""
    at = DAY.start + timedelta(hours=12)
    on = Silence(id="a", by="ann", why="test", start=DAY.start, until=DAY.end)
    to_come = msgspec.structs.replace(on, id="b", start=at + timedelta(hours=1), metric="latency_*")
    over = msgspec.structs.replace(on, id="c", ended=at, alert_id="x#1")
    lines = [line.split() for line in printed(silences_table([on, to_come, over], at)).splitlines() if " ann " in line]
    assert [line[:2] for line in lines] == [["a", "on"], ["b", "to"], ["c", "over"]]
    assert "everything" in lines[0] and "latency_*" in lines[1] and "x#1" in lines[2]
    assert printed(silences_table([], at)).strip() == "No silences."
