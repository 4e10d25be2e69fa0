"""Settings of feedback by people: survey forms, and what is sent out to be labelled."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from driftlog.contract.strict import Secret, Strict


class QuestionSettings(Strict, frozen=True):
    """One question of a survey.

    rating: 1 to `scale`. choice: one of `choices`. label: the true answer, one of `choices` or free, which counts as
    ground truth from a user. text: a comment.
    """

    name: str
    text: str
    kind: Literal["rating", "choice", "label", "text"] = "rating"
    scale: int = 5
    choices: tuple[str, ...] = ()
    required: bool = False


class SurveySettings(Strict, frozen=True):
    """The form of one model; empty `questions`: no form."""

    title: str = ""
    introduction: str = ""
    questions: tuple[QuestionSettings, ...] = ()
    thanks: str = "Thank you."
    expires: timedelta = timedelta(days=30)
    """Of a link, from the time it was made."""
    complaint_below: int = 2
    """Ratings of at most this are complaints."""


class LabellingSettings(Strict, frozen=True):
    """Which predictions are worth a label: shares of the sample."""

    uncertain: float = 0.4
    drifted: float = 0.3
    random: float = 0.3


class FeedbackSettings(Strict, frozen=True):
    """Survey links of the installation: the key that signs them, and where the form is reached."""

    key: Secret | None = None
    url: str = ""
