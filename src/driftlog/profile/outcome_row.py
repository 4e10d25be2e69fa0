"""One prediction and its truth: per-row errors whose sums are a window's performance."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from driftlog.contract.events import OutcomeGroup
from driftlog.contract.settings import ModelSettings

_WHOLE: Final = re.compile(r"-?\d+\.0+\Z", re.ASCII)
CLIP: Final = 1e-15
MAX_CLASSES: Final = 50
"""Classes whose probabilities an outcome keeps."""
UNIT_TOLERANCE: Final = 0.05
"""Probabilities that add up to 1 within this are those of all classes (fifty of them may be rounded to 3 digits)."""
_OPPOSITE: Final = {"1": "0", "true": "false", "yes": "no"}


def join_outcome(
    prediction: dict[str, Any],
    feedback: dict[str, Any],
    settings: ModelSettings,
    *,
    delay_s: float | None = None,
    classes: Sequence[str] = (),
) -> OutcomeGroup:
    """The outcome of a prediction (its ``prediction`` group) given its truth (a ``feedback`` group).

    - Labels are compared as text; ``1.0`` is ``1``. The truth is written as the prediction writes it.
    - Binary: the score is P(`positive_label`). Without a label the `decision_threshold` makes one.
      log loss ``-ln p``, squared error ``(score - y)^2`` (its mean is the Brier score).
    - Multiclass, with the probabilities of all classes (they add up to 1 within 0.05): log loss ``-ln p(actual)``,
      squared error ``sum_k (p_k - y_k)^2``. Without them neither: the score says nothing about the other classes.
      The probabilities are kept, of `classes` first, of 50 at most.
    - Regression: ``error = predicted - actual``, its size and its square, and ``|error / actual|``.

    >>> join_outcome({"score": 0.9, "label": "1"}, {"actual": "1"}, ModelSettings(name="m")).correct
    True
    """
    outcome = OutcomeGroup(delay_s=delay_s)
    score = _finite(prediction.get("score"))
    actual = feedback.get("actual")
    if actual is not None:
        outcome.score = score
        _compare_labels(outcome, prediction, as_label(actual), settings, classes)
    truth, value = _finite(feedback.get("actual_value")), _finite(prediction.get("value"))
    outcome.actual_value, outcome.predicted_value = truth, value
    if truth is not None and value is not None:
        outcome.error = value - truth + 0.0  # never minus zero, which Elasticsearch sorts below zero
        outcome.absolute_error = abs(outcome.error)
        outcome.squared_error = outcome.error * outcome.error
        if truth:
            outcome.relative_error = _finite(abs(outcome.error / truth))
    return outcome


def as_label(value: object) -> str:
    """A label as text: ``true`` and ``false`` for booleans."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def same_label(one: str, other: str) -> bool:
    """Whether two labels mean the same.

    >>> same_label("1", "1.0"), same_label("1", "10")
    (True, False)
    """
    return one == other or _plain(one) == _plain(other)


def _plain(label: str) -> str:
    return label.partition(".")[0] if _WHOLE.match(label) else label


def _compare_labels(
    outcome: OutcomeGroup, prediction: dict[str, Any], actual: str, settings: ModelSettings, classes: Sequence[str]
) -> None:
    binary = settings.task == "binary"
    positive = same_label(actual, settings.positive_label)
    given = prediction.get("label")
    predicted = as_label(given) if given is not None else None
    if predicted is None and binary and outcome.score is not None:
        above = outcome.score >= settings.decision_threshold
        predicted = settings.positive_label if above else _negative(actual, settings)
    outcome.actual, outcome.predicted = actual, predicted
    if predicted is not None:
        outcome.correct = same_label(actual, predicted)
        outcome.actual = predicted if outcome.correct else _plain(actual)
    if binary and positive:
        outcome.actual = settings.positive_label
        outcome.predicted = settings.positive_label if outcome.correct else predicted
    if binary and outcome.score is not None and 0.0 <= outcome.score <= 1.0:
        clipped = min(max(outcome.score, CLIP), 1.0 - CLIP)
        outcome.log_loss = -math.log(clipped) if positive else -math.log1p(-clipped)
        outcome.squared_error = (outcome.score - positive) ** 2
    elif settings.task == "multiclass":
        _multiclass(outcome, prediction.get("probabilities"), actual, classes)


def _negative(actual: str, settings: ModelSettings) -> str:
    """What the other label of a binary task is called: as the truth calls it, else the usual opposite."""
    if not same_label(actual, settings.positive_label):
        return actual
    return _OPPOSITE.get(settings.positive_label, f"not {settings.positive_label}")


def _multiclass(outcome: OutcomeGroup, probabilities: object, actual: str, classes: Sequence[str]) -> None:
    if not isinstance(probabilities, dict):
        return
    found = {str(name): _finite(p) for name, p in probabilities.items()}
    shares = {name: p for name, p in found.items() if p is not None}
    wanted = [name for name in classes if name in shares]
    kept = [*wanted, *(name for name in sorted(shares) if name not in set(wanted))][:MAX_CLASSES]
    outcome.probabilities = {name: shares[name] for name in kept} or None
    match = next((name for name in shares if same_label(name, actual)), None)
    if match is None:
        return
    if not outcome.correct:
        outcome.actual = match
    values = shares.values()
    if any(not 0.0 <= p <= 1.0 for p in values) or abs(sum(values) - 1.0) > UNIT_TOLERANCE:
        return
    own = shares[match]
    outcome.log_loss = -math.log(min(max(own, CLIP), 1.0))
    outcome.squared_error = sum(p * p for p in values) - own * own + (own - 1.0) ** 2


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
