"""The model is a real one: it learns, repeats itself exactly, and lives with gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from driftlog.demo.data import CATEGORICAL, FEATURES, live_part, reference_part, training_part
from driftlog.demo.model import FlightModel, label_of


def auc(flights: pd.DataFrame, model: FlightModel) -> float:
    """ROC AUC on the flights with known truth."""
    known = flights[flights["late"].notna()]
    return float(roc_auc_score(known["late"], model.scores(known)))


def test_it_ranks_winter_days_it_has_not_seen(flights: pd.DataFrame, model: FlightModel) -> None:
    """ROC AUC of about 0.70 on the reference."""
    assert auc(reference_part(flights), model) == pytest.approx(0.70, abs=0.02)


def test_it_decays_in_april_and_october_and_does_well_in_may(flights: pd.DataFrame, model: FlightModel) -> None:
    """What the demo is to show: 0.64, 0.72, 0.64."""
    live = live_part(flights)
    months = [live[live["departure"].dt.month == month] for month in (4, 5, 10)]
    assert [auc(month, model) for month in months] == pytest.approx([0.64, 0.72, 0.64], abs=0.02)


def test_training_twice_gives_the_same_model(flights: pd.DataFrame, model: FlightModel) -> None:
    """So that the serving process may train its own."""
    again = FlightModel().fit(training_part(flights))
    sample = flights.iloc[::5000]
    np.testing.assert_array_equal(again.scores(sample), model.scores(sample))


def test_a_request_and_a_table_get_the_same_score(flights: pd.DataFrame, model: FlightModel) -> None:
    """The reference is scored from a table, live flights from JSON."""
    sample = flights[flights["temp"].isna() | (flights.index % 40_000 == 0)].iloc[:50]
    features = sample[list(FEATURES)].astype(object)
    requests = features.where(features.notna(), None).to_dict("records")
    assert model.score(requests) == pytest.approx(model.scores(sample).tolist(), abs=0)


def test_gaps_and_new_categories_still_get_a_score(model: FlightModel) -> None:
    """Missing weather, an airline that did not exist, nothing at all."""
    nothing: dict[str, float | str | None] = dict.fromkeys(FEATURES)
    new = nothing | dict.fromkeys(CATEGORICAL, "✈")
    scores = model.score([nothing, new, {}])
    assert all(0 < score < 1 for score in scores) and len(set(scores)) == 1


def test_no_request_gets_no_score(model: FlightModel) -> None:
    """An empty list is no error."""
    assert model.score([]) == []


def test_text_in_a_number_is_refused(model: FlightModel) -> None:
    """The app answers with an error, and driftlog logs it, rather than a made-up score."""
    with pytest.raises(ValueError, match="windy"):
        model.score([{"wind_speed": "windy"}])


def test_the_label_follows_the_threshold() -> None:
    """Half and above is late."""
    assert [label_of(score) for score in (0.49, 0.5)] == ["on_time", "late"]
