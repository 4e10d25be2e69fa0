"""Settings of feedback by people: survey forms, and what is sent out to be labelled."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

from driftlog.contract.strict import Secret, Strict

SURVEY: Final = "survey"
"""``feedback.source`` of what people say in a form; their labels give way to those of every other source."""
LABELLED: Final = "label"
"""``feedback.source`` of labels that were asked for (`driftlog label import`)."""


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
    low: str = ""
    high: str = ""
    """What the ends of the scale mean, written beside them."""


class SurveySettings(Strict, frozen=True):
    """The form of one model; empty `questions`: no form."""

    title: str = ""
    introduction: str = ""
    questions: tuple[QuestionSettings, ...] = ()
    thanks: str = "Thank you."
    privacy: str = "Your answers are kept together with the prediction they are about."
    """Stands below the questions; say who reads the answers and how long they are kept."""
    language: str = "en"
    """Of the texts above, for browsers and screen readers."""
    expires: timedelta = timedelta(days=30)
    """Of a link, from the time it was made."""
    satisfied_from: float = 4
    """Ratings of at least this are satisfied."""
    complaint_below: float = 2
    """Ratings of at most this are complaints."""

    def question(self, kind: str) -> QuestionSettings | None:
        """The first question of a kind: ratings, labels and texts of it are the feedback's own."""
        return next((one for one in self.questions if one.kind == kind), None)


class LabellingSettings(Strict, frozen=True):
    """Which predictions are worth a label: shares of the sample."""

    uncertain: float = 0.4
    drifted: float = 0.3
    random: float = 0.3


class FeedbackSettings(Strict, frozen=True):
    """Survey links of the installation: the key that signs them, and where the form is reached."""

    key: Secret | None = None
    old_keys: tuple[Secret, ...] = ()
    """Keys whose links are still honoured, after a change of the key."""
    url: str = ""
    requests_per_minute: int = 120
    """Of one address, at the form."""
