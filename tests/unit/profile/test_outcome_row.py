"""A prediction and its truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from driftlog.contract.settings import ModelSettings
from driftlog.profile.outcome_row import join_outcome

BINARY = ModelSettings(name="m", positive_label="yes", decision_threshold=0.4)
MULTI = ModelSettings(name="m", task="multiclass")
REGRESSION = ModelSettings(name="m", task="regression")


def test_binary_sums_are_those_of_scikit_learn() -> None:
    """Log loss and Brier score, certain scores included."""
    rng = np.random.default_rng(1)
    score = np.concatenate([rng.random(500), [0.0, 1.0, 0.3]])
    actual = (rng.random(503) < 0.4).astype(int)
    rows = [
        join_outcome({"score": float(s)}, {"actual": "yes" if y else "no"}, BINARY)
        for s, y in zip(score, actual, strict=True)
    ]
    losses, squares = ([getattr(row, name) for row in rows] for name in ("log_loss", "squared_error"))
    assert np.mean(losses) == pytest.approx(log_loss(actual, np.clip(score, 1e-15, 1 - 1e-15)))
    assert np.mean(squares) == pytest.approx(brier_score_loss(actual, score))
    assert [row.predicted == "yes" for row in rows] == (score >= 0.4).tolist()
    assert [row.correct for row in rows] == ((score >= 0.4) == actual).tolist()


@pytest.mark.parametrize(("actual", "label"), [("1", "1.0"), ("1.0", "1"), (1, "1"), (True, "true")])
def test_labels_are_compared_by_meaning(actual: object, label: str) -> None:
    """Numbers written in two ways are one label."""
    settings = ModelSettings(name="m", positive_label="true" if actual is True else "1")
    outcome = join_outcome({"label": label, "score": 0.9}, {"actual": actual}, settings)
    assert outcome.correct is True
    assert outcome.actual == outcome.predicted == settings.positive_label


def test_multiclass_needs_all_probabilities() -> None:
    """Without them there is no log loss; accuracy there is."""
    full = {"label": "b", "score": 0.5, "probabilities": {"a": 0.3, "b": 0.5, "c": 0.2}}
    outcome = join_outcome(full, {"actual": "a"}, MULTI)
    assert outcome.log_loss == pytest.approx(-math.log(0.3))
    assert outcome.squared_error == pytest.approx(0.7**2 + 0.5**2 + 0.2**2)
    assert outcome.correct is False
    bare = join_outcome({"label": "b", "score": 0.5}, {"actual": "b"}, MULTI)
    assert (bare.correct, bare.log_loss) == (True, None)


def test_regression_errors() -> None:
    """predicted - actual, its size and its square."""
    outcome = join_outcome({"value": 3.0}, {"actual_value": 5.0}, REGRESSION)
    assert (outcome.error, outcome.absolute_error, outcome.squared_error) == (-2.0, 2.0, 4.0)


@pytest.mark.parametrize("score", [None, "n/a", float("nan"), float("inf"), 1.5, -0.1, True])
def test_an_impossible_score_has_no_loss(score: object) -> None:
    """The label still counts."""
    outcome = join_outcome({"score": score, "label": "yes"}, {"actual": "yes"}, BINARY)
    assert (outcome.correct, outcome.log_loss, outcome.squared_error) == (True, None, None)


def test_a_failed_prediction_has_no_label() -> None:
    """Its truth is an outcome that was not predicted."""
    outcome = join_outcome({}, {"actual": "yes"}, BINARY)
    assert (outcome.actual, outcome.predicted, outcome.correct) == ("yes", None, None)
