"""The pages of a survey as HTML: one file with its style inside, no scripts, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from driftlog.contract.settings import ModelSettings
from driftlog.contract.surveying import SurveySettings
from driftlog.intake.survey_form import MAX_TEXT_CHARS

FOLDER: Final = Path(__file__).parent / "pages"
TITLE: Final = "Your feedback"


@cache
def _style() -> str:
    return (FOLDER / "survey.css").read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("survey.html")


@cache
def page_headers() -> Mapping[str, str]:
    """Headers of every page: no scripts and no frames, sent to itself only, kept and told nowhere.

    The one style is allowed by its hash. The link is in the address: ``no-referrer`` keeps it from other sites.
    """
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex, nofollow",
    }


def form_page(
    settings: ModelSettings, *, values: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> str:
    """The form; filled in and with what is wrong, where it came back."""
    survey = settings.survey
    return _template().render(
        style=Markup(_style()),  # noqa: S704 - a file of this package, not of a user
        language=survey.language,
        title=survey.title or TITLE,
        text=survey.introduction,
        questions=survey.questions,
        values=defaultdict(str, values or {}),
        errors=defaultdict(str, errors or {}) if errors else defaultdict(str),
        numeric=settings.task == "regression",
        longest=MAX_TEXT_CHARS,
        note=survey.privacy,
        send="Send",
    )


def thanks_page(survey: SurveySettings) -> str:
    """After sending."""
    return _message(survey.title or TITLE, survey.thanks, survey.language, again="Change your answers", done=True)


def problem_page(title: str, text: str) -> str:
    """What went wrong, for whoever followed a link."""
    return _message(title, text, "en")


def _message(title: str, text: str, language: str, *, again: str = "", done: bool = False) -> str:
    return _template().render(
        style=Markup(_style()),  # noqa: S704 - a file of this package, not of a user
        language=language,
        title=title,
        text=text,
        questions=None,
        errors=defaultdict(str),
        again=again,
        done=done,
    )
