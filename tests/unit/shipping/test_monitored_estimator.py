"""A wrapped estimator predicts as it did, and every row is an event; nothing of it can break a prediction."""

from __future__ import annotations

import pickle
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

from driftlog.shipping.sklearn import MonitoredEstimator


class Recorder:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def send(self, events: Any, use_logging: bool = False) -> None:
        self.events += [msgspec.json.decode(event) for event in events]


class Broken:
    """A transport that fails."""

    def send(self, events: Any, use_logging: bool = False) -> None:
        raise OSError("no room")


FRAME = pd.DataFrame({"age": [21, 35, 62, 44] * 5, "plan": ["basic", "plus", "basic", "plus"] * 5})
LEFT = np.array(["no", "yes"] * 10)


def churn() -> Any:
    encode = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    return make_pipeline(encode, StandardScaler(), LogisticRegression()).fit(FRAME, LEFT)


def monitored(estimator: Any, **more: Any) -> tuple[MonitoredEstimator, Recorder]:
    recorder = Recorder()
    options = {"shipping": recorder}
    return MonitoredEstimator(estimator, model="churn", version="7", options=options, **more), recorder


def test_probabilities_are_logged_row_by_row() -> None:
    """Features by column name, the second class's probability as score, the likeliest as label, ids to keep."""
    pipeline = churn()
    model, recorder = monitored(pipeline)
    shares = model.predict_proba(FRAME)
    np.testing.assert_array_equal(shares, pipeline.predict_proba(FRAME))
    assert len(recorder.events) == len(FRAME)
    first = recorder.events[0]
    assert first["features"] == {"age": 21, "plan": "basic"}
    assert first["prediction"]["score"] == first["prediction"]["probabilities"]["yes"] == shares[0, 1]
    assert first["prediction"]["label"] == str(pipeline.predict(FRAME)[0])
    assert first["prediction"]["task"] == "binary"
    assert first["event"]["duration"] > 0
    assert first["model"] == {"name": "churn", "version": "7"}
    assert [event["event"]["id"] for event in recorder.events] == model.last_prediction_ids_


def test_values_labels_and_decisions() -> None:
    """A regression has values; three classes have labels as words; a decision function scores two classes."""
    rows = np.arange(20.0).reshape(-1, 1)
    model, recorder = monitored(LinearRegression().fit(rows, 2 * rows[:, 0]))
    model.predict(rows[:3])
    assert [event["prediction"]["value"] for event in recorder.events] == pytest.approx([0, 2, 4], abs=1e-9)
    assert recorder.events[1]["features"] == {"x0": 1.0}
    iris = load_iris()
    model, recorder = monitored(LogisticRegression(max_iter=500).fit(iris.data, iris.target))
    model.predict(iris.data[:1])
    assert recorder.events[0]["prediction"] == {"task": "multiclass", "label": "0"}
    model, recorder = monitored(LinearSVC().fit(rows, rows[:, 0] > 9))
    decided = model.decision_function(rows[-1:])
    assert recorder.events[0]["prediction"] == {"task": "binary", "label": "true", "score": decided[0]}


def test_an_error_is_logged_and_raised() -> None:
    """As failed predictions, one a row."""
    model, recorder = monitored(churn())
    with pytest.raises(ValueError, match="columns are missing"):
        model.predict(FRAME[["age"]].head(2))
    assert [event["event"]["outcome"] for event in recorder.events] == ["failure", "failure"]
    assert recorder.events[0]["error"]["type"] == "ValueError"


def test_logging_never_makes_a_prediction_fail() -> None:
    """Neither a transport that fails nor settings that cannot be used."""
    pipeline = churn()
    for options in ({"shipping": Broken()}, {"transport": "pigeon"}):
        model = MonitoredEstimator(pipeline, model="churn", options=options)
        np.testing.assert_array_equal(model.predict(FRAME), pipeline.predict(FRAME))


def test_a_pickle_holds_no_logger() -> None:
    """It predicts the same in the next process, with a logger of its own."""
    model, recorder = monitored(churn())
    model.predict(FRAME)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.options == {}
    again = Recorder()
    loaded.set_params(options={"shipping": again})
    np.testing.assert_array_equal(loaded.predict(FRAME), model.estimator.predict(FRAME))
    assert (len(recorder.events), len(again.events)) == (20, 20)
    assert loaded.last_prediction_ids_ != model.last_prediction_ids_


def test_searches_are_no_traffic() -> None:
    """Clones are paused; the best one logs once it is told to."""
    model, recorder = monitored(LogisticRegression())
    grid = GridSearchCV(model, {"estimator__C": [0.1, 1.0]}, cv=2).fit(FRAME[["age"]], LEFT)
    assert recorder.events == []
    assert clone(model).get_params()["model"] == "churn"
    best = grid.best_estimator_
    best.predict(FRAME[["age"]])
    assert recorder.events == []
    best.resume().predict(FRAME[["age"]].head(3))
    assert len(recorder.events) == 3
    assert recorder.events[0]["features"] == {"age": 21}


def test_one_method_can_be_named() -> None:
    """An app that asks for label and probability of the same rows logs them once."""
    model, recorder = monitored(churn(), log_methods=("predict_proba",))
    model.predict(FRAME)
    assert (recorder.events, model.last_prediction_ids_) == ([], [])
    model.predict_proba(FRAME)
    assert len(recorder.events) == 20


@pytest.mark.parametrize("estimator", [LogisticRegression(), LinearRegression()], ids=["classes", "values"])
def test_it_is_an_estimator_like_any_other(estimator: BaseEstimator) -> None:
    """All of scikit-learn's own checks."""
    model, _ = monitored(estimator)
    found = check_estimator(model, on_fail=None, on_skip=None)
    assert [each["check_name"] for each in found if each["status"] == "failed"] == []
    assert sum(each["status"] == "passed" for each in found) > 40
