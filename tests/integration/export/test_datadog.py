"""Datadog's HTTP API: a receiver that is strict about shapes, keys and sizes, over a real store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.export.pushing import config_file, push_from
from tests.integration.export.receivers import API_KEY, WAIT_S, DatadogBooks, HttpReceiver, http_receiver
from tests.integration.export.seed import NOW, seed, write_day
from tests.unit.present.export.pushed import MINUTE, alert, gauge

from driftlog.contract.strict import Secret
from driftlog.present.export.datadog import MOST_SERIES, DatadogApi
from driftlog.store.alerts import write_alerts
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def books() -> DatadogBooks:
    return DatadogBooks()


@pytest.fixture
def api(books: DatadogBooks) -> Iterator[HttpReceiver]:
    with http_receiver(books.judge) as made:
        yield made


def destination(api: HttpReceiver, key: str = API_KEY) -> DatadogApi:
    made = DatadogApi(api.url, Secret(key), tags=("team:risk",))
    made.poster.sleep = lambda seconds: None
    return made


def test_series_distributions_and_events(store: Store, api, books, tmp_path: Path):
    """Gauges of results, growth of predictions, latency as often as it was seen, an alert that opens."""
    seed(store, "churn")
    push = push_from(store, destination(api), tmp_path)
    assert push.once(NOW).error == ""
    write_day(store, "churn", 160, failures=5)
    write_alerts(store, [alert("opened")], term=1)
    done = push.once(NOW + MINUTE)
    assert (done.error, done.events, done.dropped) == ("", 1, 0)
    assert [request.status for request in api.requests] == [202] * len(api.requests)
    assert books.counted("driftlog.predictions") == 60
    assert books.counted("driftlog.prediction_failures") == 3
    assert books.last("driftlog.performance", "metric:roc_auc", "basis:realised", "team:risk") == 0.81
    assert books.last("driftlog.drift", "feature:features.größe") == 0.02
    (values,) = [values for (name, _), values in books.values.items() if name == "driftlog.latency_seconds"]
    assert len(values) == 60
    assert all(0.01 < value < 0.05 for value in values)
    (event,) = books.events
    assert event["alert_type"] == "error"
    assert "model:flights" in event["tags"]
    assert event["date_happened"] == int((NOW).timestamp())


@pytest.mark.parametrize("answers", [[(429, {"Retry-After": "0"})], [(503, {}), (500, {})], [(0, {}), (-1, {})]])
def test_it_is_tried_again(answers, store: Store, api, books, tmp_path: Path):
    """Limits, failures, broken connections: the count is right in the end, also where it was taken twice."""
    seed(store, "churn")
    push = push_from(store, destination(api), tmp_path)
    push.once(NOW)
    write_day(store, "churn", 160)
    api.next = list(answers)
    assert push.once(NOW + MINUTE).error == ""
    assert books.counted("driftlog.predictions") == 60


@pytest.mark.parametrize("broken", [0, -1, 500])
def test_a_receiver_that_stays_away_loses_nothing_and_counts_nothing_twice(
    broken, store: Store, api, books, tmp_path: Path
):
    """Whether it took the requests or not: they come again under their own time stamp, after a restart too."""
    seed(store, "churn")
    push_from(store, destination(api), tmp_path).once(NOW)
    write_day(store, "churn", 160)
    api.next = [(broken, {})] * 4
    done = push_from(store, destination(api), tmp_path).once(NOW + MINUTE)
    assert "answer" in done.error
    write_day(store, "churn", 175)
    assert push_from(store, destination(api), tmp_path).once(NOW + 2 * MINUTE).error == ""
    assert books.counted("driftlog.predictions") == 75


def test_refusals_are_explained_without_the_key(store: Store, api, tmp_path: Path):
    """A key that is not known: not tried again, and not repeated although the receiver does."""
    seed(store, "churn")
    done = push_from(store, destination(api, "wr0ng-5ecret-key"), tmp_path).once(NOW)
    assert len(api.requests) == 1
    assert "answered 403" in done.error
    assert "***" in done.error
    assert "5ecret" not in done.error + done.remedy + repr(destination(api, "wr0ng-5ecret-key").api_key)
    assert "export.datadog.api_key" in done.remedy


def test_what_a_receiver_complains_of_in_a_good_answer_is_an_error(store: Store, tmp_path: Path):
    """202 with errors in it."""
    seed(store, "churn")
    with http_receiver(lambda request: (202, b'{"errors":["Payload is too odd"]}')) as api:
        done = push_from(store, destination(api), tmp_path).once(NOW)
    assert "Payload is too odd" in done.error


def test_many_series_go_in_several_requests(api, books):
    """Each far below five megabytes; all of them arrive."""
    many = [gauge(number, feature=f"features.{number}") for number in range(2 * MOST_SERIES + 1)]
    sent = destination(api).send(many, [], at=NOW, again=False)
    assert (sent.error, sent.requests) == (None, 3)
    assert len(books.points) == len(many)


def test_events_are_sent_once_whatever_happens(store: Store, api, books, tmp_path: Path):
    """An answer that was lost is not asked for again; one that refused is."""
    seed(store, "churn")
    push_from(store, destination(api), tmp_path).once(NOW)
    write_alerts(store, [alert("opened", episode=1)], term=1)

    def broken(request) -> None:
        if request.path == "/api/v2/series":
            api.next = [(-1, {})]

    api.after = broken
    push_from(store, destination(api), tmp_path).once(NOW + MINUTE)
    api.after, api.next = lambda request: None, []
    write_alerts(store, [alert("opened", "resolved", episode=1)], term=1)
    for minute in (2, 3):
        assert push_from(store, destination(api), tmp_path).once(NOW + minute * MINUTE).error == ""
    assert [event["title"].partition(":")[0] for event in books.events] == ["opened", "resolved"]


def test_killed_while_it_sends_it_counts_everything_once(store: Store, elasticsearch_url, api, books, tmp_path: Path):
    """kill -9 of the command while the receiver takes the request, at each request in turn."""
    seed(store, "churn")
    config = config_file(tmp_path, elasticsearch_url, store.names.prefix, datadog={"url": api.url, "api_key": API_KEY})
    command = [sys.executable, "-m", "driftlog", "--config", str(config), "export", "datadog"]
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run([*command, "--once"], check=True, env=environ, timeout=120, stdout=subprocess.DEVNULL)
    for number, total in enumerate((160, 190)):
        write_day(store, "churn", total)
        running: list[subprocess.Popen[bytes]] = []
        seen = len(api.requests)
        wanted = seen + 1 + number

        def kill(request, wanted=wanted, running=running) -> None:
            if len(api.requests) == wanted:
                os.kill(running[0].pid, signal.SIGKILL)

        api.after = kill
        running.append(subprocess.Popen([*command, "--every", "1s"], env=environ, stdout=subprocess.DEVNULL))
        assert running[0].wait(120) == -signal.SIGKILL
        api.after = lambda request: None
        until(lambda wanted=wanted: len(api.requests) >= wanted and api.requests[wanted - 1].status)
    done = subprocess.run([*command, "--once", "--json"], check=True, env=environ, timeout=120, capture_output=True)
    assert json.loads(done.stdout)["error"] == ""
    assert books.counted("driftlog.predictions") == 90


def until(found) -> None:
    end = time.monotonic() + WAIT_S
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)
