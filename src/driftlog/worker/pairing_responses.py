"""Answers of a model as fields of predictions: V1 and V2 inference protocol, and Seldon's own messages.

V1: ``{"predictions": [...]}``. V2: ``{"outputs": [{"name", "shape", "datatype", "data"}]}``. Seldon:
``{"data": {"names", "ndarray" or "tensor"}}``, ``jsonData``, ``strData``; ``{"status": {"status": "FAILURE"}}`` and
``{"error": ...}`` are failed calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from driftlog.contract.settings import ModelSettings
from driftlog.worker.pairing_tensors import as_rows, refuse, shaped, tensor_rows

Prediction = dict[str, Any]
PREDICT_PROBA: Final = "predict_proba"
_LABELS: Final = ("label", "class", "prediction")
_KEYS: Final = (*_LABELS, "score", "probability", "probabilities", "value")

_NEGATIVE: Final = {"1": "0", "true": "false", "True": "False"}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a response says: a prediction an instance, or an error for all of them."""

    predictions: list[Prediction] = field(default_factory=list)
    version: str = ""
    error_type: str = ""
    error_message: str = ""


def answers_of(body: dict[str, Any], model: ModelSettings) -> Answers:
    """The answers in a response, in order.

    >>> model = ModelSettings(name="churn")
    >>> answers_of({"predictions": [[0.25, 0.75]]}, model).predictions
    [{'probabilities': {'0': 0.25, '1': 0.75}, 'score': 0.75, 'label': '1'}]
    >>> answers_of({"error": "no such model"}, model).error_message
    'no such model'

    Raises
    ------
    EventRefused
        ``illegal_payload`` with what is wrong.
    """
    failed = _failure(body)
    if failed is not None:
        return failed
    rows: list[Any]
    beside: list[Any] | None
    names: Sequence[str]
    limit = model.payloads.max_instances
    if "predictions" in body:
        rows, beside, names = as_rows(body["predictions"], "predictions", limit), None, ()
    elif "outputs" in body:
        rows, beside, names = _of_outputs(body["outputs"], model)
    elif "data" in body:
        rows, beside, names = _of_seldon(body["data"], limit)
    elif "jsonData" in body:
        data = body["jsonData"]
        rows, beside, names = as_rows(data if isinstance(data, list) else [data], "jsonData", limit), None, ()
    elif "strData" in body:
        rows, beside, names = [body["strData"]], None, ()
    else:
        raise refuse(f"no answer is in it, but {', '.join(sorted(body))[:80] or 'nothing'}", "")
    predictions = [_prediction(row, model, names) for row in rows]
    if beside is not None:
        if len(beside) != len(rows):
            raise refuse(f"{len(rows)} answers, and probabilities of {len(beside)}", "outputs")
        predictions = [
            _of_probabilities(_numbers(row), model, names) | {k: v for k, v in prediction.items() if k == "label"}
            for prediction, row in zip(predictions, beside, strict=True)
        ]
    return Answers(predictions, str(body.get("model_version") or ""))


def _failure(body: dict[str, Any]) -> Answers | None:
    status = body.get("status")
    if isinstance(status, dict) and (status.get("status") in ("FAILURE", 1) or _is_error_code(status.get("code"))):
        reason, info = str(status.get("reason") or "failure"), str(status.get("info") or status.get("code") or "")
        return Answers(error_type=reason[:200], error_message=info[:2000])
    if "error" in body and not {"predictions", "outputs", "data"} & body.keys():
        return Answers(error_type="model_error", error_message=str(body["error"])[:2000])
    return None


def _is_error_code(code: Any) -> bool:
    return isinstance(code, int) and code >= 400


def _of_outputs(outputs: Any, model: ModelSettings) -> tuple[list[Any], list[Any] | None, Sequence[str]]:
    if not isinstance(outputs, list) or not outputs or not all(isinstance(each, dict) for each in outputs):
        raise refuse("outputs is no list of tensors", "outputs")
    settings = model.payloads
    by_name = {str(tensor.get("name", "")): number for number, tensor in enumerate(outputs)}
    proba = settings.probabilities or PREDICT_PROBA
    if settings.probabilities and settings.probabilities not in by_name:
        raise refuse(f"there is no output {settings.probabilities!r}, but {', '.join(by_name)[:80]}", "outputs")
    if settings.output and settings.output not in by_name:
        raise refuse(f"there is no output {settings.output!r}, but {', '.join(by_name)[:80]}", "outputs")
    others = [number for name, number in by_name.items() if name != proba]
    chosen = by_name[settings.output] if settings.output else (others or [by_name[proba]])[0]
    rows = [_single(row) for row in tensor_rows(outputs[chosen], f"outputs.{chosen}", settings.max_instances)]
    if proba not in by_name or by_name[proba] == chosen:
        return rows, None, ()
    at = by_name[proba]
    return rows, tensor_rows(outputs[at], f"outputs.{at}", settings.max_instances), ()


def _of_seldon(data: Any, limit: int) -> tuple[list[Any], None, Sequence[str]]:
    if not isinstance(data, dict):
        raise refuse("data is no object", "data")
    given = data.get("names")
    names = [str(name) for name in given] if isinstance(given, list) else []
    if "ndarray" in data:
        return [_single(row) for row in as_rows(data["ndarray"], "data.ndarray", limit)], None, names
    tensor = data.get("tensor")
    if isinstance(tensor, dict):
        rows = shaped(tensor.get("values"), tensor.get("shape"), "data.tensor", limit)
        return [_single(row) for row in rows], None, names
    raise refuse("data has neither ndarray nor tensor (tftensor and binData cannot be read)", "data")


def _single(row: Any) -> Any:
    """A row of one value as that value."""
    return row[0] if isinstance(row, list) and len(row) == 1 else row


def _prediction(row: Any, model: ModelSettings, names: Sequence[str]) -> Prediction:
    settings = model.payloads
    if isinstance(row, dict):
        return _of_object(row, model)
    row = _single(row)
    kind = _kind_of(row, model) if settings.answer == "auto" else settings.answer
    if kind == "value":
        return {"value": _number(row)}
    if kind == "probabilities":
        return _of_probabilities(_numbers(row), model, names)
    if isinstance(row, list):
        raise refuse(f"an answer is a list of {len(row)}, and one {kind} is wanted", "")
    return _of_score(_number(row), model) if kind == "score" else {"label": label_text(row)}


def _kind_of(row: Any, model: ModelSettings) -> str:
    if model.task == "regression":
        return "value"
    if isinstance(row, list):
        return "probabilities"
    is_fraction = isinstance(row, float) and not row.is_integer()
    return "score" if is_fraction and model.task == "binary" else "label"


def _of_object(row: dict[str, Any], model: ModelSettings) -> Prediction:
    """An answer that names its parts, such as ``{"label": "yes", "probabilities": {"no": 0.1, "yes": 0.9}}``."""
    settings = model.payloads
    if settings.output:
        if settings.output not in row:
            raise refuse(f"an answer has no {settings.output!r}, but {', '.join(map(str, row))[:80]}", "")
        found = _prediction(row[settings.output], model, ())
        beside = row.get(settings.probabilities or PREDICT_PROBA)
        return found if beside is None else _with_probabilities(beside, model) | found
    if not any(key in row for key in _KEYS):
        raise refuse(
            f"an answer has none of {', '.join(_KEYS)}, but {', '.join(map(str, row))[:80]}; name the one that counts "
            "in models.<name>.payloads.output",
            "",
        )
    if model.task == "regression":
        return {"value": _number(next(row[key] for key in ("value", "prediction", *_KEYS) if key in row))}
    found = _with_probabilities(row["probabilities"], model) if row.get("probabilities") is not None else {}
    score = row.get("score", row.get("probability"))
    if score is not None:
        found = found | (_of_score(_number(score), model) if model.task == "binary" else {"score": _number(score)})
    label = next((row[key] for key in _LABELS if row.get(key) is not None), None)
    return found if label is None else found | {"label": label_text(label)}


def _with_probabilities(found: Any, model: ModelSettings) -> Prediction:
    if isinstance(found, dict):
        return _of_probabilities([_number(each) for each in found.values()], model, list(map(str, found)))
    return _of_probabilities(_numbers(found), model, ())


def _of_probabilities(values: list[float], model: ModelSettings, names: Sequence[str]) -> Prediction:
    if not values:
        raise refuse("an answer without probabilities", "")
    if len(values) == 1 and model.task == "binary":
        return _of_score(values[0], model)
    classes = model.payloads.classes or (names if len(names) == len(values) else ())
    if not classes:
        classes = [str(number) for number in range(len(values))]
    if len(classes) != len(values):
        raise refuse(f"{len(values)} probabilities, and {len(classes)} classes", "")
    found: Prediction = {"probabilities": dict(zip(classes, values, strict=True))}
    if model.task == "binary" and len(values) == 2:
        at = classes.index(model.positive_label) if model.positive_label in classes else 1
        positive = values[at] >= model.decision_threshold
        return found | {"score": values[at], "label": classes[at] if positive else classes[1 - at]}
    best = max(range(len(values)), key=values.__getitem__)
    return found | {"score": values[best], "label": classes[best]}


def _of_score(score: float, model: ModelSettings) -> Prediction:
    """With a label, where both labels are known."""
    others = [name for name in model.payloads.classes if name != model.positive_label]
    negative = others[0] if others else _NEGATIVE.get(model.positive_label)
    if negative is None:
        return {"score": score}
    return {"score": score, "label": model.positive_label if score >= model.decision_threshold else negative}


def label_text(value: Any) -> str:
    """A label as text, the same for 1, 1.0 and "1".

    >>> label_text(1.0), label_text(True), label_text("yes")
    ('1', 'true', 'yes')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    raise refuse(f"{value!r:.60} is no label", "")


def _numbers(row: Any) -> list[float]:
    return [_number(each) for each in (row if isinstance(row, list) else [row])]


def _number(value: Any) -> float:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise refuse(f"{value!r:.60} is no number", "") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(f"{value!r:.60} is no number", "")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise refuse("a number is beyond what can be stored", "")
    return number
