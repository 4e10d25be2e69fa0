"""What a form says becomes feedback, or is told to be wrong."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.settings import ModelSettings
from driftlog.contract.surveying import QuestionSettings, SurveySettings
from driftlog.intake.survey_form import NOTHING, check, read_fields
from driftlog.intake.survey_page import form_page, page_headers, thanks_page

SETTINGS = ModelSettings(
    name="churn",
    survey=SurveySettings(
        title="T",
        questions=(
            QuestionSettings(name="helpful", text="Helpful?", scale=5),
            QuestionSettings(name="tone", text="Tone?", scale=11),
            QuestionSettings(name="why", text="Why?", kind="choice", choices=("a", "b & c")),
            QuestionSettings(name="truth", text="Left?", kind="label", choices=("yes", "no")),
            QuestionSettings(name="more", text="More?", kind="text"),
            QuestionSettings(name="name", text="Name?", kind="text"),
        ),
    ),
)
REGRESSION = ModelSettings(
    name="price",
    task="regression",
    survey=SurveySettings(questions=(QuestionSettings(name="t", text="?", kind="label"),)),
)


def said(model: ModelSettings = SETTINGS, **answers: str) -> dict[str, Any]:
    found = check(read_fields(urlencode(answers).encode()), model)
    assert found.errors == {}
    return found.feedback


def test_the_first_of_each_kind_has_a_field_of_its_own() -> None:
    """The others are answers by name."""
    assert said(helpful="3", tone="11", why="b & c", truth="no", more="Zürich\r\n2", name="x") == {
        "rating": 3,
        "actual": "no",
        "comment": "Zürich\n2",
        "answers": {"tone": "11", "why": "b & c", "name": "x"},
        "source": "survey",
    }


def test_a_regression_is_asked_for_a_number() -> None:
    """And takes no word."""
    assert said(REGRESSION, t=" 12.5 ") == {"actual_value": 12.5, "source": "survey"}
    for wrong in ("twelve", "nan", "inf", "1e999"):
        assert "t" in check({"t": [wrong]}, REGRESSION).errors


@pytest.mark.parametrize("answer", ["0", "6", "-1", "1.0", "", "1 2", "５", "99999999999999999999", "0x1"])
def test_a_rating_is_a_step_of_its_scale(answer: str) -> None:
    """Nothing else, whatever a browser lets through."""
    found = check({"helpful": [answer]}, SETTINGS)
    assert found.errors
    assert "rating" not in found.feedback


def test_an_empty_form_and_two_answers_are_told() -> None:
    """Also an answer to a question that nobody asked."""
    assert check({}, SETTINGS).errors == {"": NOTHING}
    assert check({"q": ["1"], "helpful": [" "]}, SETTINGS).errors == {"": NOTHING}
    assert "helpful" in check({"helpful": ["1", "2"]}, SETTINGS).errors


def test_what_is_required_is_asked_for() -> None:
    """On the server too."""
    first, *rest = SETTINGS.survey.questions
    questions = (msgspec.structs.replace(first, required=True), *rest)
    asking = msgspec.structs.replace(SETTINGS, survey=msgspec.structs.replace(SETTINGS.survey, questions=questions))
    assert set(check({"why": ["a"]}, asking).errors) == {"helpful"}


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["helpful", "tone", "why", "truth", "more", "name", "x"]), st.lists(st.text())))
def test_no_form_breaks_it(fields: dict[str, list[str]]) -> None:
    """Any text in any field: feedback or errors, and a page without anything of it as markup."""
    found = check(fields, SETTINGS)
    assert found.errors or len(found.feedback) > 1
    page = form_page(SETTINGS, values=found.values, errors=found.errors)
    assert page.count("<script") == 0
    assert page.count("<textarea") == page.count("</textarea>") == 2


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_body_breaks_it(body: bytes) -> None:
    """What is no form is an empty one, or a ValueError."""
    assert isinstance(read_fields(body), dict)


def test_pages_hold_no_scripts_and_only_their_own_style() -> None:
    """The policy names the style by its hash; nothing inline beside it."""
    for page in (form_page(SETTINGS), thanks_page(SETTINGS.survey)):
        assert page.count("<style>") == 1
        assert " style=" not in page
        assert " on" not in page.partition("<body>")[2].replace(" on our", "").replace(" once", "").split("<p")[0]
    assert "sha256-" in page_headers()["Content-Security-Policy"]
