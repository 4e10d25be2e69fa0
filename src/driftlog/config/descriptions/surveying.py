"""Survey forms and sampling for labels."""

from __future__ import annotations

from typing import Final

_SURVEY: Final = "models.<name>.survey"
_QUESTION: Final = f"{_SURVEY}.questions[]"
_LABELLING: Final = "models.<name>.labelling"

SURVEYING: Final[dict[str, str]] = {
    "feedback.key": "Signs survey links; 32 characters or more (`driftlog survey key` makes one).",
    "feedback.old_keys": "Keys that signed links which are still honoured.",
    "feedback.url": "Where people reach the intake's survey page, such as https://feedback.example.com.",
    "feedback.requests_per_minute": "Of one address, at the survey page; above it the answer is 429.",
    f"{_SURVEY}.title": "Heading of the form.",
    f"{_SURVEY}.introduction": "Text above the questions.",
    f"{_SURVEY}.questions": "The questions, in order; none: no form.",
    f"{_QUESTION}.name": "Name of the answer in stored feedback and in measurements.",
    f"{_QUESTION}.text": "The question itself.",
    f"{_QUESTION}.kind": "rating, choice, label (the true answer) or text (a comment).",
    f"{_QUESTION}.scale": "rating: 1 to this.",
    f"{_QUESTION}.choices": "choice: the answers; label: the labels (none: free text).",
    f"{_QUESTION}.required": "Whether it has to be answered.",
    f"{_QUESTION}.low": "rating: what 1 means, written beside it.",
    f"{_QUESTION}.high": "rating: what the highest means.",
    f"{_SURVEY}.thanks": "Shown after sending.",
    f"{_SURVEY}.privacy": "Shown below the questions: who reads the answers, how long they are kept.",
    f"{_SURVEY}.language": "Language of these texts, as in HTML: en, de, fr-CA.",
    f"{_SURVEY}.expires": "How long a link is good for, from when it was made.",
    f"{_SURVEY}.satisfied_from": "Ratings of at least this count as satisfied.",
    f"{_SURVEY}.complaint_below": "Ratings of at most this are complaints.",
    f"{_LABELLING}.uncertain": "Share of a sample for labelling that the model is least certain of.",
    f"{_LABELLING}.drifted": "Share from where the data grew most against the reference.",
    f"{_LABELLING}.random": "Share drawn at random.",
}
