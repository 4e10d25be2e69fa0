"""What a model answered, in the terms of a prediction event and of feedback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from driftlog.contract.events import FeedbackGroup, PredictionGroup, Task
from driftlog.shipping.normalise import clean_text, to_json, to_label, unwrap


def predicted(
    nonfinite: list[str],
    *,
    task: Task | None,
    positive_label: str,
    prediction: Any = None,
    label: Any = None,
    value: Any = None,
    score: Any = None,
    probabilities: Any = None,
    attributions: Mapping[str, Any] | None = None,
) -> PredictionGroup:
    """The prediction group of an event.

    `prediction` is a label or a value by its type: a float is a value, anything else a label; a known `task` decides
    otherwise. `probabilities` are a mapping or a row in the order of the classes (named ``0``, ``1``, ...). A missing
    `score` is taken from them: of `positive_label` when there are two (else of the second), else of the label.
    """
    if prediction is not None:
        prediction = unwrap(prediction)
        if _is_value(prediction, task):
            value = prediction if value is None else value
        elif label is None:
            label = prediction
    group = PredictionGroup(task=task)
    if label is not None:
        group.label = to_label(label)
    if value is not None:
        group.value = real(value, "prediction.value", nonfinite)
    if probabilities is not None:
        group.probabilities = shares = _shares(probabilities, nonfinite)
        if score is None:
            score = _score(shares, group.label, positive_label)
    if score is not None:
        group.score = real(score, "prediction.score", nonfinite)
    if attributions is not None:
        group.attributions = {
            str(k): real(v, f"prediction.attributions.{k}", nonfinite) for k, v in attributions.items()
        }
    if task is None:
        group.task = _task(group)
    return group


def _is_value(prediction: Any, task: Task | None) -> bool:
    if task is not None:
        return task == "regression"
    return isinstance(prediction, float) or type(prediction).__name__ == "Decimal"


def _task(group: PredictionGroup) -> Task | None:
    if group.label is None:
        return "regression" if group.value is not None else None
    if group.probabilities is not None:
        return "multiclass" if len(group.probabilities) > 2 else "binary"
    return "binary" if group.label in ("true", "false", "0", "1") else None


def _shares(probabilities: Any, nonfinite: list[str]) -> dict[str, float | None]:
    if isinstance(probabilities, Mapping):
        pairs = [(to_label(name), share) for name, share in probabilities.items()]
    else:
        row = probabilities.tolist() if hasattr(probabilities, "tolist") else list(probabilities)
        if len(row) == 1 and isinstance(row[0], (list, tuple)):
            row = row[0]
        pairs = [(str(number), share) for number, share in enumerate(row)]
    return {name: real(share, f"prediction.probabilities.{name}", nonfinite) for name, share in pairs}


def _score(shares: dict[str, float | None], label: str | None, positive_label: str) -> float | None:
    if len(shares) == 2:
        return shares[positive_label] if positive_label in shares else list(shares.values())[1]
    return shares.get(label) if label is not None else None


def real(value: Any, name: str, nonfinite: list[str]) -> float | None:
    """A finite number, else None, with its name among `nonfinite`; raises TypeError for what is no number."""
    if type(value) is float and value - value == 0.0:
        return value
    number = to_json(unwrap(value), name, nonfinite)
    if number is None:
        return None
    if not isinstance(number, (int, float)):
        raise TypeError(f"{name}: {type(value).__name__} is not a number")
    return float(number)


def known(nonfinite: list[str], *, task: Task | None, actual: Any, rating: Any) -> FeedbackGroup:
    """The truth as feedback: `actual` for labels, `actual_value` for numbers, both for an integer of unknown task."""
    group = FeedbackGroup()
    if rating is not None:
        group.rating = real(rating, "feedback.rating", nonfinite)
    if actual is None:
        return group
    actual = unwrap(actual)
    plain = to_json(actual, "feedback.actual_value", nonfinite)
    number = isinstance(plain, (int, float)) and not isinstance(plain, bool)
    if number and task in (None, "regression"):
        group.actual_value = float(plain)
    if plain is not None and task != "regression" and not (task is None and isinstance(plain, float)):
        group.actual = clean_text(to_label(plain))
    return group
