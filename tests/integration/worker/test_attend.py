"""Alerts between cycles on a real Elasticsearch: requests, silences, reminders, and two workers that both look."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from driftlog.audit.find import find_records
from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.alerting import AlertSettings
from driftlog.contract.errors import StoreConflict
from driftlog.contract.handling import AlertRequest, Silence
from driftlog.contract.measurement import Limit, Measurement, Verdict
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, Settings
from driftlog.contract.window import Window
from driftlog.decide.alert_steps import after_window
from driftlog.store.alert_requests import create_request, load_requests
from driftlog.store.alerts import find_alerts, last_episodes, load_open, write_alerts
from driftlog.store.client import Store
from driftlog.store.silences import create_silence, end_silence, load_silences
from driftlog.store.templates import install
from driftlog.worker.attend import attend
from driftlog.worker.duties import Duties
from driftlog.worker.memory import Memory
from driftlog.worker.pending import choose_alert, find_handled

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SETTINGS = ModelSettings(
    name="churn", environment="test", alerts=AlertSettings(escalate_after=HOUR, escalate_from="warning", cooldown=DAY)
)


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        yield store


def judged(number: int, verdict: Verdict, metric: str = "roc_auc") -> Measurement:
    return Measurement(
        model="churn",
        environment="test",
        purpose="performance" if metric == "roc_auc" else "operational",
        metric=metric,
        window=Window(START + number * DAY, START + (number + 1) * DAY),
        value=0.5,
        n_current=100,
        verdict=verdict,
        limit=Limit("constant", "below", warning=0.7),
    )


def play(store: Store, number: int, *found: Measurement, term: int, now: datetime) -> list[Alert]:
    """What a cycle does once the windows are judged."""
    known = {alert.key: alert for alert in find_alerts(store, "churn", status="resolved")}
    known |= {alert.key: alert for alert in load_open(store, "churn", "test")}
    episodes = last_episodes(store, "churn", "test")
    changed = after_window(known, episodes, found, {}, SETTINGS, load_silences(store, now=now), now)
    write_alerts(store, changed, term=term)
    return changed


def request(alert: Alert, kind: str, at: datetime, **fields: object) -> AlertRequest:
    return AlertRequest(
        id=str(fields.pop("id", f"{kind}-{at.timestamp()}")),
        alert_id=alert.id,
        model="churn",
        environment="test",
        kind=kind,  # type: ignore[arg-type]
        by="ann",
        at=at,
        **fields,  # type: ignore[arg-type]
    )


def test_a_request_is_seen_at_once_and_written_by_the_worker_once(store: Store) -> None:
    """The reader folds it in; the worker takes it into the history, and the request away; again changes nothing."""
    now = START + DAY
    (alert,) = play(store, 0, judged(0, "warning"), term=1, now=now)
    asked = request(alert, "acknowledge", now + HOUR / 2, text="on it")
    assert create_request(store, asked)
    assert not create_request(store, asked)

    assert find_alerts(store, "churn", status="acknowledged") == []
    (seen,) = find_handled(store, "churn", status="acknowledged")
    assert choose_alert(store, alert.handle[:5]) == seen
    assert find_handled(store, "churn", status="unacknowledged") == []

    (written,) = attend(store, SETTINGS, term=1, now=now + HOUR / 2)
    assert (written, find_alerts(store, "churn")) == (seen, [seen])
    assert load_requests(store) == []
    assert attend(store, SETTINGS, term=1, now=now + HOUR / 2) == []
    create_request(store, asked)  # as after a crash before it was taken away
    assert attend(store, SETTINGS, term=1, now=now + 2 * HOUR) == []
    assert load_requests(store) == []


def test_what_is_over_is_reached_by_requests_too(store: Store) -> None:
    """A cause is added, a reopening is done; an alert that is not there is dropped."""
    now = START + DAY
    (alert,) = play(store, 0, judged(0, "warning"), term=1, now=now)
    play(store, 1, judged(1, "ok"), term=1, now=now + DAY)
    create_request(store, request(alert, "resolve", now + DAY + HOUR, cause="a join", false_alarm=True))
    create_request(store, request(alert, "reopen", now + DAY + 2 * HOUR))
    unknown = AlertRequest(
        id="x", alert_id="gone#1", model="churn", environment="test", kind="comment", by="ann", at=now
    )
    create_request(store, unknown)

    (after,) = attend(store, SETTINGS, term=1, now=now + DAY + 2 * HOUR)

    assert [one.kind for one in after.history] == ["opened", "resolved", "commented", "reopened"]
    assert after.status == "open"
    assert load_requests(store) == []


def test_reminders_snoozes_and_silences_need_no_new_data(store: Store) -> None:
    """Only the clock moves."""
    now = START + DAY
    (alert,) = play(store, 0, judged(0, "critical"), term=1, now=now)
    assert attend(store, SETTINGS, term=1, now=now + HOUR / 2) == []
    (reminded,) = attend(store, SETTINGS, term=1, now=now + HOUR)
    assert reminded.escalations == 1

    create_request(store, request(alert, "snooze", now + HOUR, until=now + 4 * HOUR))
    attend(store, SETTINGS, term=1, now=now + HOUR)
    assert attend(store, SETTINGS, term=1, now=now + 3 * HOUR) == []
    (awake,) = attend(store, SETTINGS, term=1, now=now + 4 * HOUR)
    assert awake.history[-1].kind == "unsnoozed"

    silence = Silence(id="s1", by="bob", why="load test", start=now, until=now + 2 * DAY, metric="perf*")
    assert create_silence(store, silence)
    (silenced,) = attend(store, SETTINGS, term=1, now=now + 4 * HOUR)
    assert silenced.silenced_by == "s1"
    ended = end_silence(store, "s1", now + 5 * HOUR)
    assert ended is not None and ended.ended == now + 5 * HOUR
    assert end_silence(store, "s1", now + 6 * HOUR) == ended
    assert end_silence(store, "s9", now) is None
    (heard,) = attend(store, SETTINGS, term=1, now=now + 5 * HOUR)
    assert heard.silenced_by == ""
    assert load_silences(store, now=now + 5 * HOUR) == []
    assert load_silences(store) == [ended]


def test_the_worker_that_lost_the_model_cannot_write(store: Store) -> None:
    """It was paused, wakes up and attends: the alert is its successor's, and the request is not taken away."""
    now = START + DAY
    (alert,) = play(store, 0, judged(0, "critical"), term=1, now=now)
    attend(store, SETTINGS, term=2, now=now + HOUR)
    create_request(store, request(alert, "acknowledge", now + HOUR))

    with pytest.raises(StoreConflict):
        attend(store, SETTINGS, term=1, now=now + 2 * HOUR)

    assert len(load_requests(store)) == 1
    (after,) = attend(store, SETTINGS, term=2, now=now + 2 * HOUR)
    assert [one.kind for one in after.history] == ["opened", "escalated", "acknowledged"]


@pytest.mark.parametrize("seed", [1, 2])
def test_two_workers_and_people_leave_one_history(store: Store, seed: int) -> None:
    """Terms move on while windows are judged (again), people ask twice, and the older worker still tries to write."""
    rng = random.Random(seed)
    terms, now, asked, before = [1, 2], START + DAY, [], {}
    for _ in range(40):
        term = rng.choice(terms)
        now += rng.choice([HOUR / 4, HOUR, -HOUR / 2])
        alerts = find_alerts(store, "churn")
        try:
            action = rng.choice(["judge", "judge", "attend", "ask", "again", "takeover"])
            if action == "judge":
                number = rng.randrange(4)
                found = [
                    judged(number, rng.choice(["ok", "warning", "critical"]), m) for m in ("roc_auc", "error_rate")
                ]
                play(store, number, *found, term=term, now=now)
            elif action == "ask" and alerts:
                kind = rng.choice(["acknowledge", "comment", "resolve", "reopen", "assign"])
                asked.append(request(rng.choice(alerts), kind, now, id=f"r{len(asked)}"))
                create_request(store, asked[-1])
            elif action == "again" and asked:
                create_request(store, rng.choice(asked))
            elif action == "takeover":
                terms = [terms[1], terms[1] + 1]
            else:
                attend(store, SETTINGS, term=term, now=now)
        except StoreConflict:
            assert term == terms[0], "only the worker that lost the model is refused"
        before = check(find_alerts(store, "churn"), before)
    attend(store, SETTINGS, term=terms[1], now=now)
    assert load_requests(store) == []
    done = [one.request for alert in find_alerts(store, "churn") for one in alert.history if one.request]
    assert sorted(done) == sorted({one.id for one in asked})


def check(alerts: list[Alert], before: dict[str, Alert]) -> dict[str, Alert]:
    """Histories only grow, without gaps; one active episode a key."""
    active = [alert.key for alert in alerts if alert.status in ACTIVE]
    assert len(active) == len(set(active))
    for alert in alerts:
        assert [one.number for one in alert.history] == list(range(1, len(alert.history) + 1))
        if alert.id in before:
            assert alert.history[: len(before[alert.id].history)] == before[alert.id].history
    return {alert.id: alert for alert in alerts}


def test_what_a_worker_wrote_and_died_before_recording_is_recorded_by_the_next(store: Store) -> None:
    """A worker that takes over tells the audit trail of transitions it did not write itself; once."""
    (alert,) = play(store, 0, judged(0, "critical"), term=1, now=START + DAY)

    def take_over(term: int) -> None:
        settings = Settings(models={"churn": SETTINGS})
        duties = Duties(store, settings, worker_id="next", memory=lambda _: Memory(), now=lambda: START + DAY)
        (alerts,) = [duty for duty in duties.of_models if duty.name == "alerts"]
        duties.carry_out(alerts, SETTINGS, term)
        duties.carry_out(alerts, SETTINGS, term)

    take_over(2)
    take_over(3)
    store.refresh(store.names.everything)
    told = [record.entry.action for record in find_records(store, model="churn") if record.entry.object == alert.id]
    assert told == [f"alert.{transition.kind}" for transition in alert.history]
