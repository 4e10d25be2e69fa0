"""Scenarios on a real Elasticsearch, against the model itself and pandas on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.integration.api.traffic import BEFORE, ROWS, Traffic, days, score, traffic

from driftlog.contract.comparison import Side
from driftlog.contract.errors import UsageError
from driftlog.contract.measurement import Measurement
from driftlog.contract.scenario import Scenario
from driftlog.worker.changes import parse_changes
from driftlog.worker.scenario import run_scenario

pytestmark = pytest.mark.elasticsearch


@pytest.fixture(scope="module")
def there(elasticsearch_url: str) -> Iterator[Traffic]:
    with traffic(elasticsearch_url) as made:
        yield made


def run(there: Traffic, model: Any = score, *, window: Any = None, **more: Any) -> Scenario:
    kinds = {name: more.pop(name, ()) for name in ("shifts", "sets", "mixes")}
    return run_scenario(
        there.store,
        there.settings,
        Side(window or days(0, 5)),
        parse_changes(**kinds),
        model,
        function="traffic:score",
        now=lambda: datetime(2026, 4, 1, tzinfo=UTC),
        **more,
    )


def both(scenario: Scenario, metric: str, field: str = "", purpose: str = "") -> tuple[Any, Any]:
    """(actual, scenario) of one measurement."""
    (line,) = [
        line
        for line in scenario.lines
        if (line.either.metric, line.either.field) == (metric, field) and purpose in ("", line.either.purpose)
    ]
    return line.actual, line.scenario


def value(measurement: Measurement | None) -> float:
    assert measurement is not None and measurement.value is not None
    return measurement.value


def test_the_function_gives_what_was_stored(there: Traffic) -> None:
    """On every unchanged row, and the note says nothing about another version."""
    found = run(there, shifts=["amount=+0"])
    assert (found.reproduction.what, found.reproduction.differing) == ("score", 0)
    assert found.rows == found.population == 5 * ROWS
    assert all(m.value in (None, 0.0) for m in found.moved)


def test_another_version_of_the_model_is_noticed(there: Traffic) -> None:
    """Refused, unless forced; then it is said."""
    other = lambda features: score(features) * 0.9  # noqa: E731
    with pytest.raises(UsageError, match="is not the model that predicted here: on 1,000 of 1,000"):
        run(there, other, shifts=["amount=+5"])
    found = run(there, other, shifts=["amount=+5"], force=True)
    assert any("another version" in note for note in found.notes)


def test_a_new_mix_reweights_the_known_outcomes(there: Traffic) -> None:
    """The share is met, and accuracy is that of the two segments at their new shares."""
    found = run(there, mixes=["plan=plus:0.8"])
    bins, counted = found.binning.fields["features.plan"], found.scenario.fields["features.plan"]
    assert counted.counts[bins.values.index("plus")] / counted.present == pytest.approx(0.8, abs=0.002)
    frame = there.between(0, 5)
    right = (frame["label"] == frame["actual"]).groupby(frame["plan"]).mean()
    actual, scenario = both(found, "accuracy", purpose="performance")
    assert value(actual) == pytest.approx((frame["label"] == frame["actual"]).mean())
    assert value(scenario) == pytest.approx(0.8 * right["plus"] + 0.2 * right["basic"], abs=0.01)
    assert found.effective_rows < 5 * ROWS
    drift = both(found, "total_variation", "features.plan")
    assert drift[0].verdict == "ok" and drift[1].verdict in ("warning", "critical")


def test_a_shift_moves_the_predictions_as_the_model_says(there: Traffic) -> None:
    """The mean score is the model's on shifted rows; outcomes are unknown, so performance is estimated."""
    found = run(there, shifts=["amount=+20%"])
    frame = there.between(0, 5)
    expected = score(frame.assign(amount=frame["amount"] * 1.2)).mean()
    counted, bins = found.scenario.fields["prediction.score"], found.binning.fields["prediction.score"]
    assert bins.shift + counted.total / counted.present == pytest.approx(expected)
    assert both(found, "accuracy", purpose="performance")[1] is None
    estimated = both(found, "accuracy", purpose="estimated_performance")
    assert all(0.5 < value(side) <= 1.0 for side in estimated)
    moved = next(m for m in found.moved if m.field == "prediction.score")
    assert value(moved) > 0.2 and moved.p_value is None


def test_a_feature_that_goes_missing_crosses_its_threshold(there: Traffic) -> None:
    """All missing is critical; the model is called without it."""
    found = run(there, sets=["amount=missing"])
    actual, scenario = both(found, "missing_share", "features.amount")
    assert (value(scenario), scenario.verdict) == (1.0, "critical")
    assert actual is None or actual.verdict in ("ok", "insufficient_data")
    assert found.scenario.fields["features.amount"].missing == 5 * ROWS


def test_a_category_is_set_in_every_row(there: Traffic) -> None:
    """And one that the reference never had is unseen."""
    found = run(there, sets=["plan=gold", "country=FR"])
    assert found.scenario.fields["features.plan"].unseen == 5 * ROWS
    country = found.binning.fields["features.country"]
    assert found.scenario.fields["features.country"].counts[country.values.index("FR")] == 5 * ROWS


def test_a_sample_is_bounded_and_repeatable(there: Traffic) -> None:
    """The same seed draws the same rows; the note says how many of how many."""
    one, two = (run(there, shifts=["amount=+1"], rows=300, seed=3, window=days(0, BEFORE)) for _ in range(2))
    assert (one.rows, one.population) == (300, BEFORE * ROWS)
    assert one.scenario.fields["prediction.score"].total == two.scenario.fields["prediction.score"].total
    assert any("300 of 2,000" in note for note in one.notes)


@pytest.mark.parametrize(
    ("kinds", "message", "remedy"),
    [
        ({"shifts": ["amont=+1"]}, "no feature 'amont'", "amount"),
        ({"shifts": ["plan=+1"]}, "holds no numbers", "--set"),
        ({"sets": ["amount=high"]}, "holds numbers", "write"),
        ({"mixes": ["country=US:0.5"]}, "no row of the sample is in", "DE"),
        ({"mixes": ["country=DE:0.8", "country=FR:0.8"]}, "cannot all be had", "fewer"),
        ({}, "needs a change", "shift"),
    ],
)
def test_changes_that_cannot_be_made_are_refused(
    there: Traffic, kinds: dict[str, list[str]], message: str, remedy: str
) -> None:
    """With what can be done instead."""
    with pytest.raises(UsageError, match=message) as refused:
        run(there, **kinds)
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda features: 1 / 0, "the model failed on 1000 rows: ZeroDivisionError"),
        (lambda features: [0.5], "1 predictions for 1000 rows"),
        (lambda features: np.zeros((len(features), 5)), "array of shape"),
        (lambda features: pd.DataFrame({"answer": features["amount"]}), "columns answer"),
        (lambda features: pd.DataFrame({"score": features["plan"]}), "no number"),
    ],
)
def test_what_the_model_must_not_do(there: Traffic, model: Any, message: str) -> None:
    """Each with what it should return."""
    with pytest.raises(UsageError, match=message):
        run(there, model, shifts=["amount=+1"])


def test_probabilities_and_labels_are_understood(there: Traffic) -> None:
    """As scikit-learn's predict_proba gives them, or labels alone."""
    both_classes = run(there, lambda f: np.column_stack([1 - score(f), score(f)]), shifts=["amount=+1"])
    assert both_classes.reproduction.what == "score"
    labels = run(there, lambda f: np.where(score(f) >= 0.5, 1, 0).astype(str), shifts=["amount=+1"])
    assert (labels.reproduction.what, labels.reproduction.differing) == ("label", 0)


def test_an_empty_window_names_the_nearest(there: Traffic) -> None:
    """As comparisons do."""
    with pytest.raises(UsageError, match="no predictions") as refused:
        run(there, shifts=["amount=+1"], window=days(40, 41))
    assert "2026-03-15/2026-03-16" in refused.value.remedy
