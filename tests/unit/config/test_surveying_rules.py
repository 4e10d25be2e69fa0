"""Forms that could not be filled in, links that could not be signed, and samples that do not add up are refused."""

from __future__ import annotations

from typing import Any

import pytest

from driftlog.config.load import build_settings
from driftlog.config.yaml_file import parse_yaml
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import Settings

QUESTION = {"name": "helpful", "text": "How helpful was it?"}


def settings(survey: dict[str, Any] | None = None, *, model: dict[str, Any] | None = None, **top: Any) -> Settings:
    import json

    content = {"models": {"churn": {"survey": survey or {}} | (model or {})}} | top
    parsed, origins = parse_yaml(json.dumps(content), name="driftlog.yml")
    return build_settings(parsed, {}, origins)


def test_a_form_with_every_kind_of_question() -> None:
    """Is taken as it is."""
    questions = [
        QUESTION | {"scale": 10, "low": "not", "high": "very"},
        {"name": "why", "text": "?", "kind": "choice", "choices": ["price", "tone"]},
        {"name": "truth", "text": "?", "kind": "label"},
        {"name": "more", "text": "?", "kind": "text"},
    ]
    [model] = settings({"questions": questions, "expires": "7d"}).models
    assert [question.kind for question in model.survey.questions] == ["rating", "choice", "label", "text"]


@pytest.mark.parametrize(
    ("survey", "words"),
    [
        ({"questions": [QUESTION, QUESTION]}, "questions[0].name: is the name of two"),
        ({"questions": [QUESTION | {"name": "Hel pful"}]}, "questions[0].name: is no name"),
        ({"questions": [QUESTION | {"text": " "}]}, "questions[0].text: is empty"),
        ({"questions": [QUESTION | {"scale": 1}]}, "questions[0].scale: must lie between 2 and 11"),
        ({"questions": [QUESTION | {"kind": "choice"}]}, "questions[0].choices: has fewer than two"),
        ({"questions": [QUESTION | {"choices": ["a", "b"]}]}, "questions[0].choices: do not belong"),
        ({"questions": [QUESTION | {"kind": "choice", "choices": ["a", "a"]}]}, "a repeated choice"),
        (
            {"questions": [QUESTION | {"kind": "label"}, QUESTION | {"name": "b", "kind": "label"}]},
            "questions: ask for the label twice",
        ),
        ({"expires": "10s"}, "survey.expires: must lie between"),
        ({"complaint_below": 4}, "complaint_below: is not below"),
        ({"language": "<b>"}, "survey.language: is no language"),
        ({"questions": [QUESTION | {"name": f"q{n}"} for n in range(31)]}, "more than 30"),
    ],
)
def test_what_cannot_be_asked(survey: dict[str, Any], words: str) -> None:
    """With the path of the setting."""
    with pytest.raises(ConfigError) as caught:
        settings(survey)
    assert words in str(caught.value)


def test_a_regression_is_asked_for_a_number_only() -> None:
    """Choices are labels of classes."""
    survey = {"questions": [QUESTION | {"kind": "label", "choices": ["1", "2"]}]}
    with pytest.raises(ConfigError, match="of a regression is a number"):
        settings(survey, model={"task": "regression"})


@pytest.mark.parametrize(
    ("feedback", "words"),
    [
        ({"key": "short"}, "feedback.key: is shorter than 32"),
        ({"key": "k" * 32, "old_keys": ["x"]}, "feedback.old_keys: is shorter"),
        ({"url": "feedback.example.com"}, "feedback.url: is no http"),
        ({"url": "https://a:b@example.com"}, "feedback.url: is no http"),
        ({"requests_per_minute": 0}, "must be positive"),
    ],
)
def test_links_that_could_not_be_made(feedback: dict[str, Any], words: str) -> None:
    """And no key in the message."""
    with pytest.raises(ConfigError) as caught:
        settings(feedback=feedback)
    assert words in str(caught.value)
    assert "short'" not in str(caught.value)


def test_shares_of_a_sample_add_up() -> None:
    """To one."""
    with pytest.raises(ConfigError, match=r"sum to 1\.1"):
        settings(model={"labelling": {"uncertain": 0.5}})
    with pytest.raises(ConfigError, match=r"labelling\.random: must lie between"):
        settings(model={"labelling": {"uncertain": 0.5, "drifted": 0.7, "random": -0.2}})
