"""Groups of an event from what the caller gave: labels, subject, error."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Final

from driftlog.contract.events import ErrorGroup, PredictionGroup, SubjectGroup
from driftlog.shipping.masking import Masking
from driftlog.shipping.normalise import to_json

MAX_STACK_CHARS: Final = 16_384


def labels_of(labels: Mapping[str, Any] | None, masking: Masking) -> dict[str, str] | None:
    """Labels as strings, masked; None when there are none."""
    if not labels:
        return None
    texts = {str(name): _label_text(value) for name, value in labels.items()}
    return masking.apply_all("labels", texts) if masking.active["labels"] else texts


def subject_of(subject: object, masking: Masking) -> SubjectGroup | None:
    """Whom the event is about, hashed unless masking says otherwise."""
    if subject is None:
        return None
    masked = masking.text("subject.id", str(to_json(subject, "subject.id", [])))
    return None if masked is None else SubjectGroup(id=masked)


def error_of(error: BaseException | str, masking: Masking) -> ErrorGroup:
    """Type with its module, message, and the end of the stack trace; a text has no type of its own."""
    text = masking.text
    if isinstance(error, str):
        return ErrorGroup(type="Error", message=text("error.message", error))
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    stack = "".join(traceback.format_exception(error))[-MAX_STACK_CHARS:]
    return ErrorGroup(
        type=text("error.type", name),
        message=text("error.message", _shown(error)),
        stack_trace=text("error.stack_trace", stack),
    )


def mask_answer(answer: PredictionGroup, masking: Masking) -> PredictionGroup:
    """Label and attributions may tell who it is about."""
    answer.label = masking.text("prediction.label", answer.label)
    if answer.attributions is not None:
        answer.attributions = masking.apply_all("prediction.attributions", answer.attributions)
    return answer


def _label_text(value: Any) -> str:
    plain = to_json(value, "labels", [])
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _shown(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001
        return f"<{type(error).__name__}>"
