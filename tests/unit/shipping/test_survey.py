"""Links made by serving apps: light, from environment or arguments, refused with what to do."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from driftlog.contract.errors import ConfigError
from driftlog.contract.strict import Secret
from driftlog.contract.survey_link import SurveyLink, verify
from driftlog.shipping.survey import survey_link

KEY = "0123456789abcdef0123456789abcdef"
URL = "https://feedback.example.com/x/"
NOW = datetime(2026, 3, 3, tzinfo=UTC)


def test_key_and_address_come_from_the_environment() -> None:
    """As the intake's settings do; arguments win."""
    environ = {"DRIFTLOG_FEEDBACK__KEY": KEY, "DRIFTLOG_FEEDBACK__URL": URL}
    link = survey_link("p-1", model="churn", expires=timedelta(days=2), environ=environ, now=lambda: NOW)
    base, _, token = link.rpartition("/")
    assert base == "https://feedback.example.com/x/survey"
    assert verify(token, [Secret(KEY)]) == SurveyLink("churn", "p-1", NOW + timedelta(days=2))
    other = survey_link("p-1", model="churn", key="k" * 32, url="http://h", environ=environ)
    assert verify(other.rpartition("/")[2], [Secret("k" * 32)]).prediction_id == "p-1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "feedback.key: is missing"),
        ({"key": "short", "url": URL}, "shorter than 32"),
        ({"key": KEY}, "feedback.url: is no http"),
        ({"key": KEY, "url": "javascript:alert(1)"}, "feedback.url: is no http"),
        ({"key": KEY, "url": URL, "expires": timedelta(0)}, "expires: must lie"),
        ({"key": KEY, "url": URL, "expires": timedelta(days=9999)}, "expires: must lie"),
    ],
)
def test_what_is_missing_is_named(arguments: dict[str, object], words: str) -> None:
    """And the key is not told."""
    with pytest.raises(ConfigError) as caught:
        survey_link("p-1", model="churn", environ={}, **arguments)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "short'" not in str(caught.value)


def test_nothing_heavy_is_imported() -> None:
    """A serving app makes links without pandas, jinja2, aiohttp or elasticsearch."""
    code = "import sys, driftlog.shipping.survey; print([m for m in sys.modules if '.' not in m])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert not {"pandas", "numpy", "jinja2", "aiohttp", "elasticsearch", "scipy"} & set(eval(answer.stdout))
