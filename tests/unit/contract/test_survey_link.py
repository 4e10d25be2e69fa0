"""Links to a survey: what is signed is what is read, and nobody else can sign."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.errors import NameRefused
from driftlog.contract.strict import Secret
from driftlog.contract.survey_link import LinkRefused, SurveyLink, sign, verify

KEY = Secret("0123456789abcdef0123456789abcdef")
OTHER = Secret("fedcba9876543210fedcba9876543210")
EXPIRES = datetime(2026, 3, 3, tzinfo=UTC)
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120)


@settings(deadline=None)
@given(id=IDS, seconds=st.integers(0, 4_000_000_000))
def test_what_is_signed_is_read_back(id: str, seconds: int) -> None:
    """Any id, any time, by any of the keys."""
    link = SurveyLink("churn", id, datetime.fromtimestamp(seconds, UTC))
    token = sign(link, KEY)
    assert verify(token, [OTHER, KEY]) == link
    assert token.isascii()
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()


@settings(deadline=None)
@given(position=st.integers(0, 10_000), replacement=st.characters(min_codepoint=33, max_codepoint=126))
def test_no_character_can_be_changed(position: int, replacement: str) -> None:
    """Payload, dot or signature."""
    token = sign(SurveyLink("churn", "p-1", EXPIRES), KEY)
    at = position % len(token)
    changed = token[:at] + replacement + token[at + 1 :]
    if changed != token:
        with pytest.raises(LinkRefused):
            verify(changed, [KEY])


@settings(deadline=None)
@given(st.text(max_size=300))
def test_anything_else_is_refused(text: str) -> None:
    """Whatever stands in an address."""
    with pytest.raises(LinkRefused):
        verify(text, [KEY])


def test_a_key_of_somebody_else_or_none_opens_nothing() -> None:
    """Also where no key is set at all."""
    token = sign(SurveyLink("churn", "p-1", EXPIRES), KEY)
    for keys in ([OTHER], []):
        with pytest.raises(LinkRefused):
            verify(token, keys)


def test_what_cannot_be_signed() -> None:
    """No id, one that is too long, a short key, no model's name."""
    for id in ("", "x" * 513, "ü" * 257):
        with pytest.raises(ValueError, match="bytes"):
            sign(SurveyLink("churn", id, EXPIRES), KEY)
    with pytest.raises(ValueError, match="shorter"):
        sign(SurveyLink("churn", "p", EXPIRES), Secret("short"))
    with pytest.raises(NameRefused):
        sign(SurveyLink("No Model", "p", EXPIRES), KEY)


def test_a_link_holds_no_more_than_it_needs() -> None:
    """Model, id, expiry, and the name of the key, which is none of its characters."""
    payload = sign(SurveyLink("churn", "p-1", EXPIRES), KEY).partition(".")[0]
    content = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert set(content) == {"m", "p", "e", "k"}
    assert content["k"] not in KEY.reveal()
