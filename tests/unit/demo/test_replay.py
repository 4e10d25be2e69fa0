"""Every flight is sent once, every arrival once, in the order in which they happened."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from driftlog.contract.errors import DriftlogError
from driftlog.contract.window import Window
from driftlog.demo.data import LIVE_END, live_part
from driftlog.demo.replay import LAST_TRUTH, AppClient, Sent, hours_of, replay
from driftlog.demo.scenarios import FAULT_END, FAULT_START, SCENARIOS

WEEK = Window(datetime(2013, 4, 8, tzinfo=UTC), datetime(2013, 4, 15, tzinfo=UTC))


class RecordingApp:
    """A real HTTP server that remembers what it was sent."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []
        self.connections = 0
        self.flushed = True
        app = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                app.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                app.received.append((self.path, body))
                status = 500 if self.path == "/broken" else 200
                answer = json.dumps({"flushed": app.flushed, "shipping": {"pending": 3}}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def rows(self, path: str) -> list[dict[str, Any]]:
        return [row for received, body in self.received if received == path for row in body]


@pytest.fixture
def app() -> Iterator[RecordingApp]:
    recording = RecordingApp()
    yield recording
    recording.close()


def test_a_week_has_its_departures_and_the_arrivals_that_became_known_in_it(flights: pd.DataFrame) -> None:
    """Arrivals of late Sunday flights belong to the next week."""
    live = live_part(flights, 20_000)
    hours = list(hours_of(live, WEEK))
    departed = [row["id"] for hour in hours for row in hour.flights]
    arrived = [row["id"] for hour in hours for row in hour.arrivals]
    inside = live["departure"].between(WEEK.start, WEEK.end, inclusive="left")
    assert departed == live["id"][inside].tolist()
    assert sorted(arrived) == sorted(live["id"][live["known"].between(WEEK.start, WEEK.end, inclusive="left")])
    assert set(arrived) - set(departed) and set(departed) - set(arrived)


def test_hours_are_in_order_and_hold_what_happened_in_them(flights: pd.DataFrame) -> None:
    """No row outside its hour."""
    hours = list(hours_of(live_part(flights, 20_000), WEEK))
    assert all(a.start < b.start for a, b in pairwise(hours))
    for hour in hours:
        for row in (*hour.flights, *hour.arrivals):
            assert hour.start <= datetime.fromisoformat(row["at"]) < hour.start + timedelta(hours=1)


def test_missing_weather_is_null(flights: pd.DataFrame) -> None:
    """NaN is no JSON."""
    hours = list(hours_of(live_part(flights), WEEK))
    rows = [row for hour in hours for row in hour.flights]
    json.dumps(rows, allow_nan=False)
    assert any(row["features"]["wind_gust"] is None for row in rows)


def test_everything_is_sent_once_over_one_connection(flights: pd.DataFrame, app: RecordingApp) -> None:
    """1,000 flights; 39 whole weeks, and what is left of the year; the truth of all that arrived."""
    live = live_part(flights, 1000)
    ends: list[datetime] = []
    client = AppClient(app.url)
    sent = replay(live, [client], on_hour=lambda hour: None, on_week=lambda end, week: ends.append(end))
    client.close()
    assert sent == Sent(1000, int(live["late"].notna().sum()))
    assert [row["id"] for row in app.rows("/predict")] == live["id"].tolist()
    truth = {row["id"]: float(row["late"]) for row in app.rows("/feedback")}
    assert truth == live.dropna(subset="late").set_index("id")["late"].to_dict()
    assert (len(ends), ends[0], ends[-1]) == (40, datetime(2013, 4, 8, tzinfo=UTC), LIVE_END + LAST_TRUTH)
    assert app.connections == 1


def test_each_week_is_stored_before_it_is_reported(flights: pd.DataFrame, app: RecordingApp) -> None:
    """A flush stands between the last event of a week and `on_week`."""
    client = AppClient(app.url)
    last: list[str] = []
    replay(
        live_part(flights, 300),
        [client],
        on_hour=lambda hour: None,
        on_week=lambda end, week: last.append(app.received[-1][0]),
    )
    client.close()
    assert set(last) == {"/flush"}


def test_a_fault_reaches_the_first_app_only_and_in_its_weeks_only(flights: pd.DataFrame, app: RecordingApp) -> None:
    """The second app gets the same flights as they were."""
    without = RecordingApp()
    clients = [AppClient(app.url), AppClient(without.url)]
    scenario = SCENARIOS["sensor-stuck"]
    replay(
        live_part(flights, 600), clients, scenario=scenario, on_hour=lambda hour: None, on_week=lambda end, week: None
    )
    for client in clients:
        client.close()
    without.close()
    changed = [
        datetime.fromisoformat(a["at"])
        for a, b in zip(app.rows("/predict"), without.rows("/predict"), strict=True)
        if a != b
    ]
    assert len(changed) > 30
    assert min(changed) >= FAULT_START and max(changed) < FAULT_END
    assert app.rows("/feedback") == without.rows("/feedback")


def test_events_that_do_not_arrive_end_the_replay(flights: pd.DataFrame, app: RecordingApp) -> None:
    """Results over half the data would be wrong without saying so."""
    app.flushed = False
    client = AppClient(app.url)
    with pytest.raises(DriftlogError, match="not stored"):
        replay(live_part(flights, 50), [client], on_hour=lambda hour: None, on_week=lambda end, week: None)
    client.close()


def test_an_error_of_the_app_is_not_passed_over(app: RecordingApp) -> None:
    """Any status but 200, and no answer at all."""
    client = AppClient(app.url)
    with pytest.raises(DriftlogError, match="answered 500 to /broken"):
        client.post("/broken", [])
    client.close()
    gone = AppClient("http://127.0.0.1:9")
    with pytest.raises(DriftlogError, match="does not answer"):
        gone.post("/predict", [])
