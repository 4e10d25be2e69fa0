"""The model of the demo: will a flight arrive more than 15 minutes late?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from driftlog.demo.data import CATEGORICAL, LATE, NUMERIC, ON_TIME

VERSION: Final = "winter-2013"
THRESHOLD: Final = 0.5
PRIOR_FLIGHTS: Final = 20
Features = Mapping[str, float | str | None]


class FlightModel:
    """Gradient-boosted trees over `FEATURES`; missing values as they are, each category as the share of its training
    flights that were late, `PRIOR_FLIGHTS` average ones added.

    The same training flights give the same model, bit for bit: the serving process trains its own (less than a second)
    and nothing has to be unpickled.
    """

    def __init__(self) -> None:
        self._trees = HistGradientBoostingClassifier(
            max_iter=60,
            learning_rate=0.06,
            max_leaf_nodes=15,
            min_samples_leaf=100,
            early_stopping=False,
            random_state=0,
        )
        self._shares: dict[str, dict[str, float]] = {}

    def fit(self, flights: pd.DataFrame) -> Self:
        """Learn from flights as `driftlog.demo.data.load_flights` returns them; every one with its truth."""
        self._shares = {name: _late_shares(flights, name) for name in CATEGORICAL}
        with threadpool_limits(limits=1):  # more threads wait for each other on a busy machine
            self._trees.fit(self._encode_frame(flights), flights["late"] == 1.0)
        return self

    def scores(self, flights: pd.DataFrame) -> NDArray[np.float64]:
        """Probability of arriving late, one a row."""
        return self._late(self._encode_frame(flights))

    def score(self, requests: Sequence[Features]) -> list[float]:
        """Probability of arriving late, one a request; a category it never saw counts as missing.

        Raises
        ------
        ValueError
            A numeric feature is not a number.
        """
        rows = [self._encode(features) for features in requests]
        return [float(score) for score in self._late(np.array(rows))] if rows else []

    def _late(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        probabilities: NDArray[np.float64] = self._trees.predict_proba(rows)
        return probabilities[:, 1]

    def _encode(self, features: Features) -> list[float]:
        numbers = [float("nan") if (value := features.get(name)) is None else float(value) for name in NUMERIC]
        return numbers + [self._shares[name].get(str(features.get(name)), float("nan")) for name in CATEGORICAL]

    def _encode_frame(self, flights: pd.DataFrame) -> NDArray[np.float64]:
        shares = [flights[name].map(self._shares[name]).to_numpy(np.float64) for name in CATEGORICAL]
        return np.column_stack([flights[list(NUMERIC)].to_numpy(np.float64), *shares])


def _late_shares(flights: pd.DataFrame, name: str) -> dict[str, float]:
    """Category -> ``(late + PRIOR_FLIGHTS * average) / (flights + PRIOR_FLIGHTS)``."""
    by_category = flights.groupby(name)["late"].agg(["sum", "count"])
    shares = (by_category["sum"] + PRIOR_FLIGHTS * flights["late"].mean()) / (by_category["count"] + PRIOR_FLIGHTS)
    return {str(category): float(share) for category, share in shares.items()}


def label_of(score: float) -> str:
    """``late`` or ``on_time``.

    >>> label_of(0.7), label_of(0.2)
    ('late', 'on_time')
    """
    return LATE if score >= THRESHOLD else ON_TIME
