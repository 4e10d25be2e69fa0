"""Nine months of flights, replayed in event time through the app's HTTP endpoint; truth follows when it is known.

One request for the flights scheduled in one hour, one for the arrivals that became known in it.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import pandas as pd

from driftlog.contract.errors import DriftlogError
from driftlog.contract.window import WEEK, Schedule, Window
from driftlog.demo.data import FEATURES, LIVE_END, LIVE_START
from driftlog.demo.scenarios import Scenario

HOUR: Final = timedelta(hours=1)
LAST_TRUTH: Final = timedelta(days=2)
"""So long after its end the replay still reports arrivals; by then all flights have arrived."""
REQUEST_TIMEOUT_S: Final = 90.0


@dataclass(frozen=True)
class Hour:
    """What happens in one simulated hour: flights to predict, arrivals to report."""

    start: datetime
    flights: Sequence[dict[str, Any]]
    arrivals: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Sent:
    """How much went through the app."""

    predictions: int = 0
    feedback: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.predictions + other.predictions, self.feedback + other.feedback)


class AppClient:
    """The serving app, over one connection as long as it keeps it open."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=REQUEST_TIMEOUT_S
        )

    def post(self, path: str, payload: Any) -> Any:
        """POST JSON, return the JSON answer.

        Raises
        ------
        DriftlogError
            The app is gone, or answers anything but 200.
        """
        try:
            self._connection.request("POST", path, json.dumps(payload), {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise DriftlogError(f"the demo's serving app does not answer: {error}", remedy="see app.log") from error
        if response.status != http.client.OK:
            raise DriftlogError(f"the demo's serving app answered {response.status} to {path}", remedy="see app.log")
        return json.loads(body)

    def close(self) -> None:
        self._connection.close()


def hours_of(flights: pd.DataFrame, window: Window) -> Iterator[Hour]:
    """The hours of `window` in which something happens, in order.

    Parameters
    ----------
    flights
        All flights of the replay, those of earlier windows included: their arrivals may fall into this one.
    """
    departing = flights[flights["departure"].between(window.start, window.end, inclusive="left")]
    arriving = flights[flights["known"].between(window.start, window.end, inclusive="left")]
    requests = _by_hour(departing, "departure", _requests(departing))
    reports = _by_hour(arriving, "known", _reports(arriving))
    for start in sorted(requests.keys() | reports.keys()):
        yield Hour(start, requests.get(start, []), reports.get(start, []))


def _requests(flights: pd.DataFrame) -> list[dict[str, Any]]:
    features = flights[list(FEATURES)].astype(object)
    rows = features.where(features.notna(), None).to_dict("records")
    return [
        {"id": flight_id, "at": departure.isoformat(), "features": row}
        for flight_id, departure, row in zip(flights["id"], flights["departure"], rows, strict=True)
    ]


def _reports(flights: pd.DataFrame) -> list[dict[str, Any]]:
    ordered = flights.sort_values(["known", "id"])
    return [
        {"id": flight_id, "at": known.isoformat(), "late": bool(late)}
        for flight_id, known, late in zip(ordered["id"], ordered["known"], ordered["late"], strict=True)
    ]


def _by_hour(flights: pd.DataFrame, column: str, rows: list[dict[str, Any]]) -> dict[datetime, list[dict[str, Any]]]:
    times = flights[column].sort_values() if column == "known" else flights[column]
    grouped: dict[datetime, list[dict[str, Any]]] = {}
    for when, row in zip(times.dt.floor("h"), rows, strict=True):
        grouped.setdefault(when.to_pydatetime(), []).append(row)
    return grouped


def replay(
    flights: pd.DataFrame,
    apps: Sequence[AppClient],
    *,
    scenario: Scenario | None = None,
    on_hour: Callable[[Hour], None],
    on_week: Callable[[datetime, Sent], None],
    until: datetime = LIVE_END,
) -> Sent:
    """Send everything; after each simulated week wait until it is stored, then call `on_week` with the week's end.

    Parameters
    ----------
    apps
        The app; in a scenario a second one without the fault, which gets the same flights.
    scenario
        Alters the features the first app receives while the fault is there.
    until
        End of the last departure.

    Returns
    -------
    Sent
        Predictions and feedback sent to each app.
    """
    total = Sent()
    last = until + LAST_TRUTH
    for window in Schedule(WEEK).windows(LIVE_START, last):
        week = Sent()
        for hour in hours_of(flights, window):
            for number, app in enumerate(apps):
                _send(app, _with_fault(hour, scenario) if scenario and number == 0 else hour)
            week += Sent(len(hour.flights), len(hour.arrivals))
            on_hour(hour)
        for app in apps:
            _flush(app)
        total += week
        on_week(min(window.end, last), week)
    return total


def _send(app: AppClient, hour: Hour) -> None:
    if hour.flights:
        app.post("/predict", hour.flights)
    if hour.arrivals:
        app.post("/feedback", hour.arrivals)


def _with_fault(hour: Hour, scenario: Scenario) -> Hour:
    if not scenario.active(hour.start):
        return hour
    return Hour(
        hour.start, [{**row, "features": scenario.alter(row["features"])} for row in hour.flights], hour.arrivals
    )


def _flush(app: AppClient) -> None:
    answer = app.post("/flush", {})
    if not answer["flushed"]:
        raise DriftlogError(
            f"the app's events are not stored after a minute: {answer['shipping']}",
            remedy="see intake.log, and whether Elasticsearch is healthy: driftlog doctor",
        )
