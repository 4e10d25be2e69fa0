"""What a form sent in says, checked against its questions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from driftlog.contract.settings import ModelSettings
from driftlog.contract.surveying import SURVEY, QuestionSettings

MAX_TEXT_CHARS: Final = 4000
MAX_LABEL_CHARS: Final = 200
MAX_FIELDS: Final = 100
NOTHING: Final = "Please answer at least one question."
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Submission:
    """A form that was sent in.

    Attributes
    ----------
    feedback
        The ``feedback`` group to store, but for the prediction's id.
    values
        Question -> what was filled in, to show the form again.
    errors
        Question -> what is wrong with it; ``""`` for the form as a whole. Empty: `feedback` may be stored.
    """

    feedback: dict[str, Any] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def read_fields(body: bytes) -> dict[str, list[str]]:
    """The fields of a form in ``application/x-www-form-urlencoded``; raises ValueError where there are too many."""
    return parse_qs(body.decode("ascii", "replace"), encoding="utf-8", errors="replace", max_num_fields=MAX_FIELDS)


def check(fields: Mapping[str, Sequence[str]], settings: ModelSettings) -> Submission:
    """The fields of a form as feedback, or what is wrong with them.

    The first question of kind rating becomes ``feedback.rating``, the label ``feedback.actual`` (of a regression
    ``actual_value``), the first text ``feedback.comment``; everything else ``feedback.answers.<name>``. Fields that are
    no question are passed over.
    """
    found = Submission()
    survey = settings.survey
    own = {survey.question(kind) for kind in ("rating", "text")}
    answers: dict[str, str] = {}
    for question in survey.questions:
        given = [text for value in fields.get(question.name, ()) if (text := _cleaned(value))]
        if not given:
            if question.required:
                found.errors[question.name] = "Please answer this question."
            continue
        found.values[question.name] = given[0]
        problem = "Please choose one answer." if len(given) > 1 else _problem(question, given[0], settings)
        if problem:
            found.errors[question.name] = problem
        elif question.kind == "label":
            regression = settings.task == "regression"
            found.feedback["actual_value" if regression else "actual"] = float(given[0]) if regression else given[0]
        elif question not in own:
            answers[question.name] = given[0]
        elif question.kind == "rating":
            found.feedback["rating"] = int(given[0])
        else:
            found.feedback["comment"] = given[0]
    if answers:
        found.feedback["answers"] = answers
    if not found.feedback and not found.errors:
        found.errors[""] = NOTHING
    found.feedback["source"] = SURVEY
    return found


def _cleaned(text: str) -> str:
    """Without control characters and surrounding space; line ends as one character.

    >>> _cleaned(" a\\r\\nb\\x00 ")
    'a\\nb'
    """
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _problem(question: QuestionSettings, text: str, settings: ModelSettings) -> str:
    if question.kind == "rating":
        fine = text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= question.scale and len(text) <= 2
        return "" if fine else f"Please choose a number from 1 to {question.scale}."
    if question.choices:
        return "" if text in question.choices else "Please choose one of the answers."
    if question.kind == "label":
        if settings.task == "regression" and not _is_number(text):
            return "Please enter a number, such as 12.5."
        return "" if len(text) <= MAX_LABEL_CHARS else f"Please use at most {MAX_LABEL_CHARS} characters."
    return "" if len(text) <= MAX_TEXT_CHARS else f"Please use at most {MAX_TEXT_CHARS} characters."


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
