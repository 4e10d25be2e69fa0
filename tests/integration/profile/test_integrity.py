"""Integrity of a window from a real Elasticsearch: what healthy streams, faults, imports and back-fills look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftlog.contract.integrity import IntegritySummary
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, WEEK, Window
from driftlog.profile import integrity
from driftlog.profile.binning import build_binning
from driftlog.profile.distinct import distinct_values
from driftlog.profile.integrity import summarise_integrity
from driftlog.profile.silence import silent_hours
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

DAY0 = datetime(2026, 3, 3, tzinfo=UTC)
WINDOW = Window(DAY0, DAY0 + DAY)
SETTINGS = ModelSettings(name="churn")
Write = Callable[[Iterable[dict[str, Any]]], None]
elasticsearch = pytest.mark.elasticsearch


def prediction(
    number: int,
    at: datetime,
    *,
    lag_s: float = 2.0,
    source: str = "http",
    amount: object = None,
    id: str = "",
    service: str = "scoring",
) -> dict[str, Any]:
    return {
        "@timestamp": at.isoformat(),
        "event": {"id": id or f"p{number}", "ingested": (at + timedelta(seconds=lag_s)).isoformat()},
        "service": {"environment": "production", "name": service},
        "model": {"name": "churn", "version": "1"},
        "driftlog": {"source": source},
        "features": {"amount": number if amount is None else amount, "plan": "basic"},
        "prediction": {"score": 0.5},
    }


def spread(n: int, window: Window = WINDOW, **rest: Any) -> list[dict[str, Any]]:
    return [prediction(i, window.start + i * window.length / n, **rest) for i in range(n)]


def sample(at: datetime, dropped: int, *, pid: int = 1, service: str = "scoring") -> dict[str, Any]:
    return {
        "@timestamp": at.isoformat(),
        "event": {"id": f"r{pid}-{service}-{at.isoformat()}", "dataset": "driftlog.resource"},
        "service": {"environment": "production", "name": service},
        "host": {"name": "h"},
        "process": {"pid": pid},
        "resource": {"events_dropped": dropped},
    }


def refuse(store: Store, n: int, *, reason: str = "rejected", at: datetime = DAY0, **rest: Any) -> None:
    def action(i: int) -> BulkAction:
        document = {
            "@timestamp": at.isoformat(),
            "model": {"name": rest.get("model", "churn")},
            "quarantine": {
                "reason": reason,
                "source": rest.get("source", "http"),
                "index": f"{store.names.prefix}-{rest.get('kind', 'predictions')}.x",
            },
        }
        return BulkAction("index", store.names.monthly("quarantine", at), f"{reason}{rest}{at}{i}", document)

    assert not store.bulk([action(i) for i in range(n)], refresh=True).failures


def summary(store: Store, window: Window = WINDOW, settings: ModelSettings = SETTINGS) -> IntegritySummary:
    return summarise_integrity(store, settings, window)


@elasticsearch
def test_a_healthy_stream(store: Store, write: Write) -> None:
    """All of it seen, nothing wrong, no history to be silent against."""
    write(spread(500))
    found = summary(store)
    assert (found.stored, found.sampled, found.arrived) == (500, 500, 500)
    assert found.lag_p50_s == found.lag_p95_s == 2.0
    assert (found.ahead, found.backfilled, found.repeated, found.compared) == (0, 0, 0, 100)
    assert (found.quarantined, found.dropped, found.expected_hours) == ({}, None, None)
    assert found.types == {"features.amount": {"number": 100}, "features.plan": {"text": 100}}


@elasticsearch
def test_an_empty_installation_and_an_empty_window(store: Store, write: Write) -> None:
    """Nothing to say."""
    assert summary(store) == IntegritySummary(window=WINDOW)
    write(spread(50))
    later = Window(DAY0 + 3 * DAY, DAY0 + 4 * DAY)
    assert summary(store, later) == IntegritySummary(window=later)


@elasticsearch
def test_lag_and_skew_are_those_of_the_rows(store: Store, write: Write) -> None:
    """Against NumPy on the same events: percentiles of those that came late, the share that came from the future."""
    lags = np.random.default_rng(1).exponential(100.0, 400).round(3)
    lags[:40] = -3.0
    lags[40:60] = -0.5
    lags[60:80] = 2 * 86400.0
    write([prediction(i, DAY0 + timedelta(minutes=i), lag_s=lag) for i, lag in enumerate(lags.tolist())])
    found = summary(store)
    live = np.maximum(lags[(lags > -1) & (lags < 86400)], 0)
    assert found.lag_p95_s == pytest.approx(float(np.quantile(live, 0.95)), abs=0.002)
    assert found.lag_p50_s == pytest.approx(float(np.quantile(live, 0.5)), abs=0.002)
    assert (found.ahead, found.backfilled, found.ahead_max_s) == (40, 20, 3.0)


@elasticsearch
def test_a_back_fill_is_no_lag(store: Store, write: Write) -> None:
    """Last month's events, sent today by the app itself: no percentile, however far back windows may be judged."""
    write(spread(200, lag_s=30 * 86400.0))
    found = summary(store, settings=ModelSettings(name="churn", look_back=timedelta(days=20_000)))
    assert (found.sampled, found.backfilled, found.lag_p95_s) == (200, 200, None)


@elasticsearch
def test_a_large_window_is_sampled_the_same_way_every_time(
    store: Store, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of it is representative; twice the same."""
    monkeypatch.setattr(integrity, "ROWS", 300)
    write([prediction(i, DAY0 + timedelta(seconds=20 * i), lag_s=float(i % 100)) for i in range(3000)])
    found = summary(store)
    assert (found.stored, found.sampled) == (3000, 300)
    assert found.lag_p95_s == pytest.approx(95, abs=7)
    assert summary(store) == found


@elasticsearch
def test_imports_are_left_out_of_clocks_and_arrivals(store: Store, write: Write) -> None:
    """Last year's data, imported today: neither lag nor a rate."""
    write(spread(200, lag_s=400 * 86400.0, source="import"))
    refuse(store, 50, source="import")
    found = summary(store)
    assert (found.stored, found.sampled, found.arrived, found.quarantined) == (200, 0, 0, {})
    assert (found.lag_p95_s, found.compared) == (None, None)


@elasticsearch
def test_quarantine_counts_predictions_of_the_model_by_reason(store: Store, write: Write) -> None:
    """Not other models', other days', feedback's or resources'."""
    write(spread(50))
    refuse(store, 7, reason="rejected")
    refuse(store, 3, reason="too_old")
    refuse(store, 5, model="other")
    refuse(store, 5, at=DAY0 + DAY)
    refuse(store, 5, kind="feedback")
    refuse(store, 5, kind="resources")
    refuse(store, 5, reason="missing_prediction_id", kind="")
    assert summary(store).quarantined == {"rejected": 7, "too_old": 3}


@elasticsearch
def test_copies_under_other_ids_are_found(store: Store, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fifth event came twice; events that merely share a time are no copies."""
    events = spread(200)
    copies = [event | {"event": event["event"] | {"id": f"again{i}"}} for i, event in enumerate(events[::5])]
    others = [prediction(1000 + i, datetime.fromisoformat(e["@timestamp"])) for i, e in enumerate(events[::4])]
    write([*events, *copies, *others])
    monkeypatch.setattr(integrity, "TWINS", (300, 30))
    found = summary(store)
    assert found.compared == 290
    assert found.repeated == pytest.approx(40)
    monkeypatch.setattr(integrity, "MOST_TWINS", 80)
    fewer = summary(store)
    assert fewer.compared == 30
    assert 0 < fewer.repeated < 12


@elasticsearch
def test_equal_rows_of_a_batch_are_no_copies(store: Store, write: Write) -> None:
    """Batches of ten of a handful of rows, again and again; and a single batch, of which nobody can tell."""
    write([prediction(i, DAY0 + timedelta(minutes=i // 10), amount=i % 7 % 3) for i in range(600)])
    found = summary(store)
    assert (found.compared, found.repeated) == (0, 0)
    night = Window(DAY0 + DAY, DAY0 + 2 * DAY)
    write([prediction(i, night.start, amount=i % 3, id=f"n{i}") for i in range(100)])
    assert summary(store, night).compared is None
    assert sum(summary(store, night).types["features.amount"].values()) == 100


@elasticsearch
def test_too_many_at_one_time_are_not_compared(store: Store, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nightly batch with one time stamp: duplicates are unknown, types are not."""
    monkeypatch.setattr(integrity, "MOST_TWINS", 400)
    write([prediction(i, DAY0, amount="12.5" if i % 2 else 12.5) for i in range(600)])
    found = summary(store)
    assert found.compared is None
    assert sum(found.types["features.amount"].values()) == 100
    assert found.types["features.amount"]["text"] == pytest.approx(50, abs=20)


@elasticsearch
def test_dropped_events_are_the_growth_of_each_process_counter(store: Store, write: Write) -> None:
    """One that lost before the window, one that started in it, one whose number was used before, another service."""
    write(
        [
            *spread(100),
            sample(DAY0 - timedelta(hours=1), 100, pid=1),
            sample(DAY0 + timedelta(hours=1), 100, pid=1),
            sample(DAY0 + timedelta(hours=2), 130, pid=1),
            sample(DAY0 + timedelta(hours=5), 0, pid=2),
            sample(DAY0 + timedelta(hours=6), 7, pid=2),
            sample(DAY0 - timedelta(hours=9), 50, pid=3),
            sample(DAY0 + timedelta(hours=1), 2, pid=3),
            sample(DAY0 + timedelta(hours=2), 5, pid=3),
            sample(DAY0 + timedelta(hours=2), 900, pid=4, service="other"),
            sample(DAY0 - timedelta(hours=2), 900, pid=5),
        ]
    )
    found = summary(store)
    assert (found.dropped, found.processes) == (30 + 7 + 3, 3)
    assert found.shipped == found.stored
    assert summary(store, settings=ModelSettings(name="churn", service="other")).dropped == 900


def hourly(window: Window, weeks: int, *, n: int = 12, asleep: range = range(6)) -> list[dict[str, Any]]:
    """Events of the weeks before: `n` an hour, none at night."""
    events = []
    for week in range(1, weeks + 1):
        for hour in range(24):
            if hour not in asleep:
                start = window.start - week * WEEK + timedelta(hours=hour)
                events += [prediction(0, start + timedelta(minutes=5 * i), id=f"{week}-{hour}-{i}") for i in range(n)]
    return events


@elasticsearch
def test_hours_fall_silent_only_where_weeks_had_events(store: Store, write: Write) -> None:
    """Three weeks of days from 6 to 24 o'clock; now two hours of them are empty, the night is not silent."""
    now = [e for e in hourly(Window(DAY0 + WEEK, DAY0 + WEEK + DAY), 1) if "T12:" not in e["@timestamp"]]
    write([*hourly(WINDOW, 3), *[e | {"event": e["event"] | {"id": f"n{i}"}} for i, e in enumerate(now)]])
    found = summary(store)
    assert (found.expected_hours, found.silent_hours) == (18, 1)


@elasticsearch
@pytest.mark.parametrize(("weeks", "n", "expected"), [(2, 12, None), (3, 2, 0), (4, 12, 18)])
def test_young_and_thin_streams_are_not_silent(
    store: Store, write: Write, weeks: int, n: int, expected: int | None
) -> None:
    """Two weeks are too few to say; two events an hour may fail to come by chance; else the empty day is."""
    write([*hourly(WINDOW, weeks, n=n)])
    found = summary(store)
    assert (found.expected_hours, found.silent_hours) == (expected, expected or 0)


def test_hours_are_local_when_the_clock_changes() -> None:
    """Shops open 9 to 17 in New York; on the Sunday after the change the same local hours are expected."""
    settings = ModelSettings(name="churn", timezone="America/New_York")
    sunday = datetime(2026, 3, 8, 5, tzinfo=UTC)
    window = Window(sunday, datetime(2026, 3, 9, 4, tzinfo=UTC))
    winter = [
        datetime(2026, 3, 8, 14, tzinfo=UTC) + timedelta(hours=h) - w * WEEK for w in range(1, 5) for h in range(8)
    ]
    summer = [datetime(2026, 3, 8, 13, tzinfo=UTC) + timedelta(hours=h) for h in range(8)]

    def answer(hours: list[datetime]) -> dict[str, Any]:
        buckets = [{"key": hour.timestamp() * 1000, "doc_count": 20} for hour in hours]
        return {"aggregations": {"hours": {"buckets": buckets}}}

    first = [window.start - 4 * WEEK - timedelta(hours=1)]
    assert silent_hours(answer([*first, *winter, *summer]), settings, window) == (8, 0)
    assert silent_hours(answer([*first, *winter, *summer[2:]]), settings, window) == (8, 2)
    assert silent_hours(answer([]), settings, window) == (None, 0)


def test_windows_shorter_than_an_hour_have_no_whole_hour() -> None:
    """Nothing is expected of a quarter of an hour."""
    buckets = [{"key": (DAY0 - 4 * WEEK).timestamp() * 1000, "doc_count": 20}]
    quarter = Window(DAY0 + timedelta(minutes=15), DAY0 + timedelta(minutes=30))
    assert silent_hours({"aggregations": {"hours": {"buckets": buckets}}}, SETTINGS, quarter) == (None, 0)


@elasticsearch
def test_distinct_values_are_those_of_pandas(store: Store, write: Write) -> None:
    """Of the categories in the window, new ones included; a number declared a category, too; else nothing."""
    plans = pd.Series(np.random.default_rng(8).integers(0, 150, 400)).map("plan {}".format)
    events = spread(400)
    for event, plan in zip(events, plans, strict=True):
        event["features"] = {"plan": plan, "amount": len(plan), "zone": int(plan[-1])}
    write([*events, prediction(999, DAY0 + 2 * DAY)])
    frame = pd.DataFrame({"features.plan": ["plan 1", "plan 2"], "features.amount": [1.5, 2], "features.zone": [1, 2]})
    settings = ModelSettings(name="churn", categorical=("zone",))
    binning = build_binning(frame, settings, created=DAY0)
    found = distinct_values(store, settings, binning, WINDOW)
    assert found == {"features.plan": plans.nunique(), "features.zone": plans.str[-1].nunique()}
    assert distinct_values(store, settings, binning, Window(DAY0 + 5 * DAY, DAY0 + 6 * DAY)) == {}
