"""What a model may return, and how it is compared with what was stored."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ModelSettings
from driftlog.worker.replay import Predicted, call_model, features_of, reproduction

BINARY = ModelSettings(name="m", positive_label="yes", decision_threshold=0.3)
REGRESSION = ModelSettings(name="m", task="regression")
MULTICLASS = ModelSettings(name="m", task="multiclass")
ROWS = pd.DataFrame(
    {
        "@timestamp": pd.date_range("2026-03-02", periods=4, tz="UTC"),
        "features.b": [1.0, 2.0, np.nan, 4.0],
        "features.a": ["x", None, "y", "x"],
        "prediction.score": [0.1, 0.3, 0.5, 0.9],
        "prediction.label": ["no", "yes", "yes", "yes"],
    }
)


def given(answer: object, settings: ModelSettings) -> pd.DataFrame:
    return call_model(lambda features: answer, ROWS, settings).frame


def test_a_model_sees_features_only() -> None:
    """Named as they were logged, in the order of their names."""
    assert features_of(ROWS).columns.tolist() == ["a", "b"]


def test_a_score_gets_its_label_by_the_threshold() -> None:
    """The other label is called what the stored predictions call it; a missing score has none."""
    frame = given([0.1, 0.3, float("nan"), 0.9], BINARY)
    assert frame["prediction.label"].tolist() == ["no", "yes", None, "yes"]


@pytest.mark.parametrize(
    "answer",
    [
        np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32),
        [0.1, 0.2, 0.3, 0.4],
        pd.Series([0.1, 0.2, 0.3, 0.4], index=[9, 8, 7, 6]),
        np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]),
        np.array([[0.1], [0.2], [0.3], [0.4]]),
        pd.DataFrame({"score": [0.1, 0.2, 0.3, 0.4]}),
    ],
)
def test_scores_in_any_form(answer: object) -> None:
    """Arrays, lists, series, probabilities of both classes, a frame."""
    assert given(answer, BINARY)["prediction.score"].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_values_and_labels() -> None:
    """A regressor gives values, a classifier of several classes labels, numbers among them as categories."""
    assert given([1, 2, 3, 4], REGRESSION).columns.tolist() == ["prediction.value"]
    assert given(np.array([1, 2, 2, 3]), MULTICLASS)["prediction.label"].tolist() == ["1", "2", "2", "3"]
    assert given(["a", "b", None, "a"], MULTICLASS)["prediction.label"].tolist() == ["a", "b", None, "a"]
    with pytest.raises(UsageError, match="shape"):
        given(np.zeros((4, 3)), MULTICLASS)


def test_the_check_finds_rows_that_differ() -> None:
    """Beyond rounding; a prediction that is not there differs, a stored one that is not there is not compared."""
    scores = pd.DataFrame({"prediction.score": [0.1 + 1e-9, 0.3, np.nan, 0.8]})
    found = reproduction(ROWS, Predicted(scores))
    assert (found.what, found.compared, found.differing) == ("score", 4, 2)
    assert found.largest == pytest.approx(0.1)
    labels = pd.DataFrame({"prediction.label": ["no", "no", "yes", "yes"]})
    assert reproduction(ROWS.drop(columns="prediction.score"), Predicted(labels)).differing == 1
    nothing = reproduction(ROWS[["@timestamp", "features.a"]], Predicted(labels))
    assert (nothing.compared, nothing.share) == (0, 0.0)
