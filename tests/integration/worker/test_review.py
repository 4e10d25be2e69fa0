"""A review on a real Elasticsearch: what it says of a week, and that it is made and sent once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from driftlog.audit.chain import Chain
from driftlog.audit.records import record_of
from driftlog.contract.alert import Alert
from driftlog.contract.alerting import ObjectiveSettings
from driftlog.contract.audit import AuditEntry
from driftlog.contract.auditing import ReviewSettings
from driftlog.contract.handling import Transition
from driftlog.contract.maintenance import Decision
from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.notification import Message, Sent
from driftlog.contract.notifying import ChannelSettings, NotificationSettings
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, Settings
from driftlog.contract.strict import Secret
from driftlog.contract.window import Window
from driftlog.present.review import render_review, verdict
from driftlog.store.alerts import write_alerts
from driftlog.store.client import Store
from driftlog.store.decisions import create_decision
from driftlog.store.results import write_measurements
from driftlog.store.templates import install, uninstall
from driftlog.worker.review import load_review, review_due
from driftlog.worker.review_periods import week

pytestmark = pytest.mark.elasticsearch

DAY = timedelta(days=1)
WEEK = week("2026-W10", "UTC")
MODEL = ModelSettings(
    name="churn",
    objectives=(
        ObjectiveSettings(name="Rank well", metric="roc_auc", target=0.75, owner="Ada", priority="high"),
        ObjectiveSettings(name="Answer soon", metric="latency_p99_ms", target=300, direction="below"),
        ObjectiveSettings(name="Please people", metric="complaint_rate", target=0.1, direction="below"),
    ),
    review=ReviewSettings(every="week", channels=("ops", "boss")),
)
CHANNELS = tuple(ChannelSettings(name=name, urls=(Secret(f"json://{name}"),)) for name in ("ops", "boss"))
SETTINGS = Settings(models=(MODEL,), notifications=NotificationSettings(channels=CHANNELS))
MONDAY = WEEK.end + timedelta(hours=2)


class Killed(Exception):
    """The process dies here."""


class Post:
    """Keeps what is sent; dies or refuses where it is told to."""

    def __init__(self, *, dies_at: str = "", refuses: str = "") -> None:
        self.dies_at, self.refuses = dies_at, refuses
        self.sent: list[tuple[str, Message]] = []

    def __call__(self, url: Secret, message: Message, channel: ChannelSettings) -> Sent:
        if channel.name == self.dies_at:
            raise Killed
        if channel.name == self.refuses:
            return Sent(ok=False, reason="refused")
        self.sent.append((channel.name, message))
        return Sent(ok=True)


def measurement(day: int, metric: str, value: float, purpose: Any = "performance", **more: Any) -> Measurement:
    start = WEEK.start + day * DAY
    return Measurement(
        model="churn",
        environment="production",
        metric=metric,
        purpose=purpose,
        window=Window(start, start + DAY),
        value=value,
        n_current=500,
        **more,
    )


def alert(key: str, opened: int, *, resolved: int | None = None, **more: Any) -> Alert:
    m = measurement(opened, "roc_auc", 0.6, verdict="critical", limit=Limit("relative", "below", 0.7, 0.65))
    at = m.window.end
    history = [Transition(number=1, kind="opened", at=at)]
    if resolved is not None:
        history.append(Transition(number=2, kind="acknowledged", at=at + timedelta(hours=3), by="ada@ops"))
    return Alert(
        key=f"churn|production||{key}",
        episode=1,
        model="churn",
        environment="production",
        purpose="performance",
        metric="roc_auc",
        status="open" if resolved is None else "resolved",
        severity="critical",
        title=f"churn: {key} <script>",
        message="m",
        opened=at,
        updated=at,
        evidence=m,
        latest=m,
        first_window=m.window,
        last_window=m.window,
        resolved=None if resolved is None else WEEK.start + resolved * DAY,
        history=tuple(history),
        **more,
    )


@pytest.fixture(scope="module")
def store(elasticsearch_url: str) -> Iterator[Store]:
    names = IndexNames(f"test-{secrets.token_hex(4)}")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), names) as store:
        install(store)
        fill(store)
        yield store
        for info in store.list_indices():
            store.drop_index(info.name)
        uninstall(store)


def fill(store: Store) -> None:
    """Two weeks: ranking falls below its target in the second one; a note, a promotion, alerts, decisions."""
    days = range(-7, 7)
    found = [measurement(day, "roc_auc", 0.8 if day < 2 else 0.7, lower=0.6, upper=0.84) for day in days]
    found += [measurement(day, "latency_p99_ms", 200.0, "operational", unit="ms") for day in days]
    found += [measurement(0, "kolmogorov_smirnov", 0.1, "data_drift", field="features.x", verdict="cannot_alarm")]
    write_measurements(store, found, term=1)
    write_alerts(
        store,
        [
            alert("answered", 1, resolved=4, cause="a feed", lesson="watch the feed", resolved_by="ada@ops"),
            alert("ignored", 3),
            alert("false", -5, resolved=1, false_alarm=True, resolved_by="ben"),
            alert("long-over", -6, resolved=-2),
        ],
        term=1,
    )
    chain = Chain(store)
    for entry in (
        AuditEntry(
            action="note", object="churn", actor="ada", model="churn", at=WEEK.start + DAY, summary="new scaler"
        ),
        AuditEntry(action="note", object="x", actor="ada", model="other", at=WEEK.start + DAY, summary="not ours"),
        AuditEntry(action="version.promoted", object="2", actor="w", model="churn", at=WEEK.start + 2 * DAY),
        AuditEntry(action="note", object="churn", actor="ada", model="churn", at=WEEK.end, summary="a week later"),
    ):
        chain.record(entry)
    for n, outcome in enumerate(("go_on", "go_on", "promote")):
        at = WEEK.start + timedelta(hours=n)
        decision = Decision(
            id=f"d{n}", model="churn", environment="production", at=at, outcome=outcome, reason="better", version="2"
        )  # fmt: skip
        create_decision(store, decision, term=1)
    store.refresh(store.names.everything)


def test_the_week_is_told_as_it_was(store: Store) -> None:
    """Objectives now and before, alerts by how they were handled, changes of this model, decisions, risks, actions."""
    data = load_review(store, MODEL, WEEK, "week", now=lambda: MONDAY)

    ranked, soon, people = data.objectives
    assert (ranked.state, ranked.met, ranked.windows, ranked.before) == ("missed", 2, 7, (7, 7))
    assert ranked.certain is False
    assert (soon.state, soon.met, people.state) == ("met", 7, "unknown")
    assert [one.title for one in data.alerts] == [
        f"churn: {name} <script>" for name in ("false", "answered", "ignored")
    ]
    assert [one.title for one in data.still_open] == ["churn: ignored <script>"]
    assert [change.what for change in data.changes] == ["new scaler", "promoted: 2"]
    assert (data.looks, [d.outcome for d in data.decisions]) == ({"go_on": 2, "promote": 1}, ["promote"])
    assert [marker.kind for marker in data.markers] == ["note", "version"]
    titles = [risk.title for risk in data.risks]
    assert titles[0] == "Ignored <script>"
    assert "1 measure cannot alarm" in titles
    commands = [action.command for action in data.actions]
    assert commands[0] == f"driftlog alerts ack {data.still_open[0].handle}"
    assert any(command.startswith("driftlog retrain request churn") for command in commands)
    assert verdict(data).sentence == "churn misses 1 of 2 objectives, among them Rank well."


def test_the_page_holds_it_all_and_escapes_it(store: Store) -> None:
    """Texts of people are texts; marks stand on the time axes with their list."""
    page = render_review(load_review(store, MODEL, WEEK, "week", now=lambda: MONDAY))

    assert "<script" not in page
    for said in (
        "2 to 8 March 2026",
        "Rank well",
        "watch the feed",
        "new scaler",
        "3 h, ada@ops",
        "false alarm",
        "promoted",
    ):
        assert said in page, said
    assert 'class="marker version"' in page
    assert "not ours" not in page
    assert "a week later" not in page


def test_a_week_without_anything_is_a_review_too(store: Store) -> None:
    """It says that there is nothing, and what to do about it."""
    data = load_review(store, MODEL, week("2024-W10", "UTC"), "week", now=lambda: MONDAY)

    assert verdict(data).level == "unknown"
    assert [risk.title for risk in data.risks] == ["Nothing was measured"]
    assert "There are no results" in render_review(data)


def reviews(store: Store) -> list[AuditEntry]:
    store.refresh(store.names.audit)
    hits = store.scan(store.names.audit, {"term": {"action": "review"}}, sort=["sequence"])
    return [record_of(hit["_source"]["record"]).entry for hit in hits]


def due(store: Store, post: Post, at: datetime, model: ModelSettings = MODEL) -> str | None:
    return review_due(store, SETTINGS, model, now=lambda: at, recorder=Chain(store), deliver=post)


def test_it_is_made_once_a_week_and_recorded(store: Store, tmp_path: Path) -> None:
    """Not before the week is over and settled, not twice, and not by a second worker."""
    model = msgspec.structs.replace(MODEL, review=ReviewSettings(every="week", channels=("ops",), folder=str(tmp_path)))
    post = Post()
    assert due(store, post, WEEK.end + timedelta(minutes=5), msgspec.structs.replace(model, name="early")) == "2026-W09"

    assert due(store, post, MONDAY, model) == "2026-W10"
    assert due(store, post, MONDAY + timedelta(hours=3), model) is None

    (_, message), *_ = [sent for sent in post.sent if "churn" in sent[1].title]
    assert "churn misses 1 of 2 objectives" in message.text
    assert "Rank well" in message.html
    assert "2 to 8 March 2026" in (tmp_path / "churn-review-2026-W10.html").read_text()
    recorded = [entry for entry in reviews(store) if entry.model == "churn"]
    assert [entry.details["period"] for entry in recorded] == ["2026-W10"]
    assert recorded[0].details["objectives"]["Rank well"] == "missed"


def test_a_worker_that_dies_while_sending_is_followed_by_one_that_goes_on(store: Store) -> None:
    """The channel that has it does not get it again; for half an hour nobody takes it up."""
    model = msgspec.structs.replace(MODEL, name="dying")
    first = Post(dies_at="boss")
    with pytest.raises(Killed):
        due(store, first, MONDAY, model)

    second = Post()
    assert due(store, second, MONDAY + timedelta(minutes=10), model) is None
    assert due(store, second, MONDAY + timedelta(hours=1), model) == "2026-W10"

    assert [name for name, _ in first.sent] == ["ops"]
    assert [name for name, _ in second.sent] == ["boss"]
    assert len([entry for entry in reviews(store) if entry.model == "dying"]) == 1


def test_a_channel_that_refuses_does_not_hold_it_up(store: Store) -> None:
    """It is logged; the others get the review, and it is done."""
    model = msgspec.structs.replace(MODEL, name="refused")
    post = Post(refuses="ops")

    assert due(store, post, MONDAY, model) == "2026-W10"
    assert [name for name, _ in post.sent] == ["boss"]
    assert due(store, post, MONDAY + DAY, model) is None
