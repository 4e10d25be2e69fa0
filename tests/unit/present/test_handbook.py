"""The handbook says what is set, in Markdown and HTML, and no secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from driftlog.contract.alerting import AlertSettings, ObjectiveSettings, RunbookSettings
from driftlog.contract.auditing import RetentionSettings, ReviewSettings
from driftlog.contract.maintaining import MaintainSettings, TriggerSettings
from driftlog.contract.notifying import ChannelSettings, NotificationSettings, RouteSettings
from driftlog.contract.settings import ModelSettings, Settings, ThresholdSettings
from driftlog.contract.strict import Secret
from driftlog.present.handbook import Handbook, RuleRow, handbook, html, markdown

NOW = datetime(2026, 3, 9, 8, tzinfo=UTC)


def book(model: ModelSettings, **groups: object) -> Handbook:
    settings = Settings(models=(model,), **groups)  # type: ignore[arg-type]
    rules = [RuleRow(f"thresholds[{i}]", "", one) for i, one in enumerate(model.thresholds)]
    return handbook(settings, model, rules, generated=NOW, version="9.9")


FULL = ModelSettings(
    name="churn",
    owner="team-crm",
    objectives=(ObjectiveSettings(name="Rank well", metric="roc_auc", target=0.75, why="a <b>call</b> | costs 9 EUR"),),
    thresholds=(ThresholdSettings(metric="latency_p99_ms", warning=250.0, of_windows=(2, 3)),),
    alerts=AlertSettings(runbooks=(RunbookSettings(url="https://wiki/run"),), no_data_after=timedelta(hours=6)),
    maintain=MaintainSettings(mode="act", triggers=TriggerSettings(degraded="warning", drifted=(3, 5))),
    review=ReviewSettings(every="week", channels=("ops",)),
)
NOTIFICATIONS = NotificationSettings(
    channels=(ChannelSettings(name="ops", urls=(Secret("mailtos://user:hunter2@mail.example.org?to=a@example.org"),)),),
    routes=(RouteSettings(channels=("ops",), owners=("team-*",)), RouteSettings(channels=("x",), owners=("other",))),
)


def test_everything_that_is_set_is_in_it() -> None:
    """Objectives, thresholds, runbooks, routes, triggers, reviews, retention."""
    text = markdown(
        book(FULL, notifications=NOTIFICATIONS, retention=RetentionSettings(predictions=timedelta(days=400)))
    )

    for said in (
        "Rank well",
        "at least 0.750",
        "| latency_p99_ms | everywhere | constant, above, 2 of 3 windows | 250 | – | thresholds[0] |",
        "https://wiki/run",
        "| ops | warning | opened, worsened",
        "performance alert of warning or worse",
        "3 of the last 5 windows",
        "each week, sent to ops",
        "| predictions | 400 days |",
        "Without any prediction for 6 hours",
        "Channel ops: mailtos.",
    ):
        assert said in text, said
    assert "| x |" not in text


def test_no_secret_and_no_markup_gets_in() -> None:
    """Addresses of channels hold passwords; texts of people may hold anything."""
    made = book(FULL, notifications=NOTIFICATIONS)
    both = markdown(made) + html(made)

    assert "hunter2" not in both
    assert "<b>call" not in both
    assert "costs 9 EUR" in both
    assert "call</b> \\|" not in html(made)


def test_what_is_not_set_is_said() -> None:
    """A reader must not take a gap for an answer."""
    text = markdown(book(ModelSettings(name="bare")))

    for said in ("No objective is set", "Nobody is told", "No review is scheduled", "is not signed", "The loop is off"):
        assert said in text, said


def test_the_page_loads_nothing() -> None:
    """One file: no address in any attribute, and a policy that forbids the rest."""
    page = html(book(FULL, notifications=NOTIFICATIONS))

    assert "default-src 'none'" in page
    assert 'src="' not in page
    assert 'href="http' not in page
