"""Faults the demo can inject on top of the real data, to show that they are caught.

Each is put where it would arise: a feature before the request (its source is broken), a score or a pause inside the
model's process. Between `start` and `end` only; before and after, everything is as without the fault.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from driftlog.demo.model import Features

KM_PER_MILE: Final = 1.609344
STUCK_HUMIDITY: Final = 43.0
SLOW_SHARE: Final = 0.02
SLOW_S: Final = 0.4

FAULT_START: Final = datetime(2013, 8, 5, tzinfo=UTC)
"""A Monday."""
FAULT_END: Final = datetime(2013, 9, 2, tzinfo=UTC)
"""Four weeks later."""


def _same(features: Features) -> Features:
    return features


def _same_score(score: float) -> float:
    return score


def _no_pause(_id: str) -> float:
    return 0.0


@dataclass(frozen=True)
class Scenario:
    """A fault, and when it is there.

    Attributes
    ----------
    title
        What is wrong, for people.
    alter
        Features as they should be -> as the app receives them.
    alter_score
        Score of the model -> score the app answers.
    pause_s
        Id of a flight -> seconds its request is held up.
    """

    name: str
    title: str
    alter: Callable[[Features], Features] = _same
    alter_score: Callable[[float], float] = _same_score
    pause_s: Callable[[str], float] = _no_pause
    start: datetime = FAULT_START
    end: datetime = FAULT_END

    def active(self, when: datetime) -> bool:
        """Whether the fault is there at `when`."""
        return self.start <= when < self.end


def _slow(flight_id: str) -> float:
    """The same flights in every run."""
    return SLOW_S if zlib.crc32(flight_id.encode()) % 1000 < SLOW_SHARE * 1000 else 0.0


def _kilometres(features: Features) -> Features:
    distance = features["distance"]
    return {**features, "distance": float(distance) * KM_PER_MILE} if distance is not None else features


SCENARIOS: Final[Mapping[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "sensor-stuck",
            f"a broken sensor: humidity stands still at {STUCK_HUMIDITY:g} %",
            alter=lambda features: {**features, "humid": STUCK_HUMIDITY},
        ),
        Scenario("unit-change", "a change of units: distance arrives in kilometres, not miles", alter=_kilometres),
        Scenario(
            "silent-model-error",
            "a silent model error: a release takes the wrong column of the probabilities, so the classes are swapped",
            alter_score=lambda score: 1.0 - score,
        ),
        Scenario(
            "latency-spikes",
            f"latency spikes: {SLOW_SHARE:.0%} of the flights hold their request up for {SLOW_S * 1000:g} ms",
            pause_s=_slow,
        ),
    )
}
"""By the name given to ``--scenario``."""


class _Scorer(Protocol):
    def score(self, requests: Sequence[Features]) -> list[float]: ...


class FaultyModel:
    """A model with a fault inside: swapped classes, or a pause.

    It goes by the simulated clock, which `set_clock` reads from each request before it is answered.
    """

    def __init__(self, model: _Scorer, scenario: Scenario, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._model = model
        self._scenario = scenario
        self._sleep = sleep
        self._active = False
        self._pause_s = 0.0

    def set_clock(self, flights: Any) -> None:
        """Note when the request to come is made, and whether one of its flights holds it up."""
        timed = isinstance(flights, list) and bool(flights)
        self._active = timed and self._scenario.active(datetime.fromisoformat(flights[0]["at"]))
        self._pause_s = max((self._scenario.pause_s(flight["id"]) for flight in flights), default=0.0) if timed else 0.0

    def score(self, requests: Sequence[Features]) -> list[float]:
        """Scores as the faulty model gives them."""
        scores = self._model.score(requests)
        if not self._active:
            return scores
        if self._pause_s:
            self._sleep(self._pause_s)
        return [self._scenario.alter_score(score) for score in scores]
