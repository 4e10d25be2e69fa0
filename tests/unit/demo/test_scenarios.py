"""Each fault changes what it says, in its weeks only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftlog.demo.model import Features
from driftlog.demo.scenarios import FAULT_END, FAULT_START, SCENARIOS, SLOW_S, FaultyModel

BEFORE, DURING = FAULT_START - timedelta(seconds=1), FAULT_START


class Always:
    """Gives every request the score 0.2."""

    def score(self, requests: Sequence[Features]) -> list[float]:
        return [0.2 for _ in requests]


def request(when: datetime, flight_id: str = "0805-UA1-EWR") -> list[dict[str, Any]]:
    return [{"id": flight_id, "at": when.isoformat(), "features": {}}]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_fault_begins_on_a_monday_and_ends(name: str) -> None:
    """So that whole weeks are with or without it."""
    scenario = SCENARIOS[name]
    assert (scenario.start.weekday(), scenario.end.weekday()) == (0, 0)
    active = [scenario.active(when) for when in (BEFORE, DURING, FAULT_END - timedelta(seconds=1), FAULT_END)]
    assert active == [False, True, True, False]


def test_a_stuck_sensor_shows_one_value() -> None:
    """Whatever the humidity was, and also where it was missing; nothing else changes."""
    alter = SCENARIOS["sensor-stuck"].alter
    altered = [alter({"humid": humid, "temp": 70.0}) for humid in (20.0, 99.0, None)]
    assert altered == [{"humid": 43.0, "temp": 70.0}] * 3


def test_a_change_of_units_multiplies() -> None:
    """1,000 miles arrive as 1,609.344."""
    assert SCENARIOS["unit-change"].alter({"distance": 1000.0}) == {"distance": pytest.approx(1609.344)}
    assert SCENARIOS["unit-change"].alter({"distance": None}) == {"distance": None}


def test_swapped_classes_turn_the_score_round_while_the_fault_is_there() -> None:
    """0.2 becomes 0.8, and is 0.2 again afterwards."""
    model = FaultyModel(Always(), SCENARIOS["silent-model-error"])
    scores = []
    for when in (BEFORE, DURING, FAULT_END):
        model.set_clock(request(when))
        scores += model.score([{}])
    assert scores == [0.2, pytest.approx(0.8), 0.2]


def test_slow_requests_are_a_fiftieth_and_always_the_same() -> None:
    """The pause goes by the flight's id: about 100 of 5,000."""
    pauses: list[float] = []
    model = FaultyModel(Always(), SCENARIOS["latency-spikes"], sleep=pauses.append)
    for number in range(5000):
        model.set_clock(request(DURING, f"0805-UA{number}-EWR"))
        assert model.score([{}]) == [0.2]
    assert set(pauses) == {SLOW_S}
    assert 70 < len(pauses) < 130


def test_requests_without_flights_leave_the_clock_alone() -> None:
    """Health checks and flushes carry no list of flights."""
    model = FaultyModel(Always(), SCENARIOS["silent-model-error"])
    for body in (None, {}, []):
        model.set_clock(body)
        assert model.score([{}]) == [0.2]


def test_times_of_the_fault_are_utc() -> None:
    """As all simulated times."""
    assert datetime(2013, 8, 5, tzinfo=UTC) == FAULT_START
