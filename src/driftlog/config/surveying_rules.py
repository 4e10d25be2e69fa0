"""Rules of survey forms, their links, and the sampling for labels."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Final

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.contract.survey_link import LONGEST, SHORTEST_KEY
from driftlog.contract.surveying import FeedbackSettings, QuestionSettings, SurveySettings

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")
MOST_QUESTIONS: Final = 30
MOST_CHOICES: Final = 100
LARGEST_SCALE: Final = 11


def check_feedback(settings: Settings) -> None:
    """Raise `SettingRefused` for a key, an address or a limit that cannot be used."""
    _check_links(settings.feedback, ("feedback",))


def check_surveying(model: ModelSettings, path: SettingPath) -> None:
    """Raise `SettingRefused` for the first question or share that cannot be used."""
    _check_survey(model, model.survey, (*path, "survey"))
    shares = model.labelling
    at = (*path, "labelling")
    for name in ("uncertain", "drifted", "random"):
        if not 0 <= getattr(shares, name) <= 1:
            raise SettingRefused(
                "must lie between 0 and 1", (*at, name), value=getattr(shares, name), remedy="write 0.3 for 30 %"
            )
    total = shares.uncertain + shares.drifted + shares.random
    if abs(total - 1) > 1e-6:
        raise SettingRefused(
            f"sum to {total:.6g}, not to 1", at, remedy="write uncertain: 0.4, drifted: 0.3, random: 0.3, say"
        )


def _check_links(settings: FeedbackSettings, path: SettingPath) -> None:
    keys = [("key", settings.key)] + [("old_keys", key) for key in settings.old_keys]
    for name, key in keys:
        if key is not None and len(key.reveal()) < SHORTEST_KEY:
            raise SettingRefused(
                f"is shorter than {SHORTEST_KEY} characters",
                (*path, name),
                remedy="`driftlog survey key` makes one that cannot be guessed",
            )
    if settings.url and not re.match(r"https?://[^/\s?#@]+(/[^\s?#]*)?\Z", settings.url):
        raise SettingRefused(
            "is no http or https address without query",
            (*path, "url"),
            remedy="write https://feedback.example.com: people reach the intake there",
        )
    if settings.requests_per_minute < 1:
        raise SettingRefused(
            "must be positive",
            (*path, "requests_per_minute"),
            value=settings.requests_per_minute,
            remedy="write 120, say",
        )


def _check_survey(model: ModelSettings, survey: SurveySettings, path: SettingPath) -> None:
    if not timedelta(minutes=1) <= survey.expires <= LONGEST:
        raise SettingRefused(
            f"must lie between a minute and {LONGEST.days} days", (*path, "expires"), remedy="write 30d, say"
        )
    if survey.complaint_below >= survey.satisfied_from:
        raise SettingRefused(
            "is not below satisfied_from",
            (*path, "complaint_below"),
            value=survey.complaint_below,
            remedy="a rating cannot be a complaint and satisfied: write 2 and 4, say",
        )
    if not _LANGUAGE.match(survey.language):
        raise SettingRefused("is no language", (*path, "language"), value=survey.language, remedy="write en or de")
    if len(survey.questions) > MOST_QUESTIONS:
        raise SettingRefused(f"are more than {MOST_QUESTIONS}", (*path, "questions"), remedy="ask fewer")
    names = Counter(question.name for question in survey.questions)
    for index, question in enumerate(survey.questions):
        at = (*path, "questions", index)
        if not _NAME.match(question.name):
            raise SettingRefused(
                "is no name of a question",
                (*at, "name"),
                value=question.name,
                remedy="use 1 to 32 characters a-z, 0-9 or '_', starting with a letter",
            )
        if names[question.name] > 1:
            raise SettingRefused("is the name of two questions", (*at, "name"), value=question.name, remedy="rename it")
        _check_question(question, at)
    labels = sum(question.kind == "label" for question in survey.questions)
    if labels > 1:
        raise SettingRefused(
            "ask for the label twice",
            (*path, "questions"),
            remedy="keep one of kind label",
        )
    label = survey.question("label")
    if label is not None and label.choices and model.task == "regression":
        raise SettingRefused(
            "of a regression is a number", (*path, "questions"), remedy=f"remove the choices of {label.name}"
        )


def _check_question(question: QuestionSettings, at: SettingPath) -> None:
    if not question.text.strip():
        raise SettingRefused("is empty", (*at, "text"), remedy="write the question")
    if question.kind == "rating" and not 2 <= question.scale <= LARGEST_SCALE:
        raise SettingRefused(
            f"must lie between 2 and {LARGEST_SCALE}", (*at, "scale"), value=question.scale, remedy="write 5, say"
        )
    if question.kind == "choice" and len(question.choices) < 2:
        raise SettingRefused("has fewer than two", (*at, "choices"), remedy="write [yes, no], say, in quotes")
    if question.kind in ("rating", "text") and question.choices:
        raise SettingRefused(
            f"do not belong to a question of kind {question.kind}", (*at, "choices"), remedy="write kind: choice"
        )
    choices = question.choices
    if any(not choice.strip() for choice in choices) or len(set(choices)) < len(choices):
        raise SettingRefused("holds an empty or a repeated choice", (*at, "choices"), remedy="name each once")
    if len(choices) > MOST_CHOICES:
        raise SettingRefused(f"are more than {MOST_CHOICES}", (*at, "choices"), remedy="write fewer")
