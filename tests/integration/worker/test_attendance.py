"""No data, too little data, late truth: through real cycles, each ends in the right alert or in none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from driftlog.contract.alerting import AlertSettings
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.results import find_measurements
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.cycle import run_cycle

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        yield store


def model(**alerts) -> ModelSettings:
    return ModelSettings(name="credit", environment="test", min_rows=30, alerts=AlertSettings(**alerts))


def send(store: Store, day: int, n: int, *, at: timedelta = timedelta(0), every: timedelta = HOUR / 10) -> None:
    """`n` predictions of a day, from `at` on."""

    def action(i: int) -> BulkAction:
        when = START + day * DAY + at + i * every
        document = {
            "@timestamp": when.isoformat(),
            "event": {"id": f"p{day}-{i}", "dataset": "driftlog.prediction", "outcome": "success"},
            "service": {"environment": "test"},
            "model": {"name": "credit", "version": "1"},
            "features": {"amount": float(i)},
            "prediction": {"task": "binary", "score": 0.5, "label": "1"},
        }
        document["event"]["ingested"] = datetime.now(UTC).isoformat()
        return BulkAction("create", store.names.predictions("credit", when), f"p{day}-{i}", document, None)

    assert not store.bulk([action(i) for i in range(n)], refresh=True).failures


def label(store: Store, day: int, n: int, *, after: timedelta, every: timedelta = HOUR / 10) -> None:
    """Truth of the first `n` predictions of a day, that long after each."""

    def action(i: int) -> BulkAction:
        when = START + day * DAY + i * every + after
        document = {
            "@timestamp": when.isoformat(),
            "event": {"id": f"f{day}-{i}", "dataset": "driftlog.feedback", "ingested": datetime.now(UTC).isoformat()},
            "model": {"name": "credit"},
            "feedback": {"prediction_id": f"p{day}-{i}", "actual": "1"},
        }
        return BulkAction("create", store.names.monthly("feedback", when), f"f{day}-{i}", document, None)

    assert not store.bulk([action(i) for i in range(n)], refresh=True).failures


def cycle(store: Store, settings: ModelSettings, day: float) -> None:
    record = run_cycle(
        store,
        settings,
        as_of=START + day * DAY,
        worker_id="w",
        term=1,
        now=lambda: datetime.now(UTC),
    )
    assert record.status == "ok", record.error


def found(store: Store) -> list[tuple[str, str, str]]:
    """(cause, severity, status) of every alert."""
    return [(alert.metric, alert.severity, alert.status) for alert in find_alerts(store, "credit")]


def verdicts(store: Store, metric: str) -> list[tuple[float | None, str]]:
    return [(m.value, m.verdict) for m in find_measurements(store, "credit", metric=metric)]


def test_an_empty_window_is_a_warning_until_something_arrives(store: Store) -> None:
    """No setting is needed: the default says that predictions are to be expected."""
    send(store, 0, 60)
    cycle(store, model(), 1)
    assert found(store) == []
    cycle(store, model(), 2)
    assert found(store) == [("traffic", "warning", "open")]
    send(store, 2, 60)
    cycle(store, model(), 3)
    assert found(store) == [("traffic", "warning", "resolved")]


def test_a_model_that_stopped_is_told_by_its_own_patience(store: Store) -> None:
    """``no_data_after``: quiet until then, a warning after it, critical at four times; empty windows add nothing."""
    own = model(no_data_after=DAY * 1.5)
    send(store, 0, 60)
    cycle(store, own, 1)
    cycle(store, own, 2)
    assert found(store) == [("no_data", "warning", "open")]
    values = verdicts(store, "no_data_s")
    assert [verdict for _, verdict in values] == ["ok", "warning"]
    assert values[0][0] == pytest.approx(DAY.total_seconds() - 59 * 360)
    assert verdicts(store, "predictions") == [(60.0, "not_judged"), (0.0, "not_judged")]
    cycle(store, own, 7)
    assert found(store) == [("no_data", "critical", "open")]
    send(store, 7, 60, at=HOUR * 12)
    cycle(store, own, 8)
    assert found(store) == [("no_data", "critical", "resolved")]


def test_five_rows_are_worth_knowing_after_three_windows(store: Store) -> None:
    """One thin window is nobody's business; three in a row cannot be judged; nothing else is said about them."""
    for day in range(2):
        send(store, day, 5)
        cycle(store, model(), day + 1)
    assert found(store) == []
    send(store, 2, 5)
    cycle(store, model(), 3)
    assert found(store) == [("too_little_data", "info", "open")]
    (alert,) = find_alerts(store, "credit")
    assert alert.title == "credit: too few predictions arrive to be judged"
    assert "5 predictions, 30 are needed" in alert.message
    for day in range(3, 6):
        send(store, day, 60)
    cycle(store, model(), 6)
    assert found(store) == [("too_little_data", "info", "resolved")]


def test_late_truth_is_a_warning_where_half_of_it_is_late(store: Store) -> None:
    """Of the truths to be expected; on time again, it is over."""
    own = model(label_delay_above=DAY)
    for day in range(4):
        send(store, day, 60)
    for day, after in ((0, HOUR), (1, HOUR), (2, DAY * 1.2)):
        label(store, day, 40, after=after)  # two of three predictions get a truth at all
    cycle(store, own, 2)
    assert verdicts(store, "label_late_share")[-1] == (0.0, "ok")
    cycle(store, own, 4)
    assert verdicts(store, "label_late_share")[-1] == (1.0, "warning")
    assert found(store) == [("label_delay", "warning", "open")]
    label(store, 3, 40, after=HOUR)
    send(store, 4, 60)
    cycle(store, own, 5)
    assert found(store) == [("label_delay", "warning", "resolved")]


def test_nothing_is_asked_of_a_model_that_asks_nothing(store: Store) -> None:
    """Without the settings there are neither searches nor measurements."""
    send(store, 0, 60)
    cycle(store, model(), 1)
    assert verdicts(store, "no_data_s") == verdicts(store, "label_late_share") == []
    assert verdicts(store, "rows_lacking_share") == [(0.0, "ok")]
