"""Detectors of concept drift: points on unchanged outcomes, and how soon they notice a change."""

from __future__ import annotations

import math

import numpy as np
from docs.figures.drawing import say
from numpy.typing import NDArray

from driftlog.evaluate.concept.registry import DETECTORS
from driftlog.evaluate.concept.replay import Replay

UNCHANGED = {"hddm_a": 50_000, "hddm_w": 50_000, "kswin": 3000}
USUAL, CHANGES, STABLE, AFTER, DAY = 200_000, 9, 10_000, 8000, 1000
Floats = NDArray[np.float64]


def draw() -> None:
    """Error rate 10 %, i.i.d. and with days of 1,000 outcomes whose rate differs (sd 3 points); then a rise to 20 %."""
    for name in DETECTORS:
        length = UNCHANGED.get(name, USUAL)
        same = points(name, (np.random.default_rng(1).random(length) < 0.1).astype(float)) / length * 1e5
        days = points(name, unequal_days(np.random.default_rng(2), length)) / length * 1e5
        delays = [delay(name, np.random.default_rng([3, i])) for i in range(CHANGES if name != "kswin" else 3)]
        seen = [one for one in delays if one < math.inf]
        noticed = f"after {np.median(seen):,.0f} outcomes (median)" if seen else "-"
        say(
            f"detectors: {name}: points in 100,000 unchanged outcomes {same:.1f}, where days differ {days:.1f}; "
            f"a rise from 10 to 20 % noticed in {len(seen)} of {len(delays)}, {noticed}"
        )


def unequal_days(generator: np.random.Generator, length: int) -> Floats:
    """Days whose error rates are beta distributed with mean 0.1 and standard deviation 0.03: dependence, no drift."""
    rates = generator.beta(9.9, 89.1, math.ceil(length / DAY))
    return (generator.random(length) < np.repeat(rates, DAY)[:length]).astype(float)


def points(name: str, errors: Floats) -> int:
    return len(Replay(DETECTORS[name]).feed(errors).drifts)


def delay(name: str, generator: np.random.Generator) -> float:
    """Outcomes from the change to the first point after it; infinite where there is none."""
    replay = Replay(DETECTORS[name])
    replay.feed((generator.random(STABLE) < 0.1).astype(float))
    drifts = replay.feed((generator.random(AFTER) < 0.2).astype(float)).drifts
    return drifts[0] + 1 if drifts else math.inf
