"""Canonical JSON: one text for one value, the same text for every way to write it."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.audit import offline
from driftlog.audit.canonical import canonical, digest, plain, sha256, utf8

TEXTS = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers(-(2**200), 2**200) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def same(a: Any, b: Any) -> bool:
    """Equal and of the same types: 1 is not 1.0, 0.0 is not -0.0, True is not 1."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    return bool(a == b)


@given(VALUES)
def test_it_reads_back_as_the_same_value(value: Any) -> None:
    """By Python's reader and by msgspec's, which the store uses; and its text is its own canonical text."""
    text = canonical(value)
    assert same(json.loads(text), value)
    assert same(msgspec.json.decode(utf8(text)), value)
    assert canonical(json.loads(text)) == text


@given(VALUES)
def test_it_does_not_depend_on_how_the_value_was_written(value: Any) -> None:
    """White space, escapes, the order of keys."""
    other = json.dumps(value, indent=3, ensure_ascii=True, separators=(" , ", " : "))
    turned = json.loads(other, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert canonical(turned) == canonical(value)


@given(VALUES, VALUES)
def test_different_values_have_different_texts(a: Any, b: Any) -> None:
    """And equal ones the same."""
    assert (canonical(a) == canonical(b)) == same(a, b)


@given(VALUES)
def test_the_offline_verifier_agrees(value: Any) -> None:
    """It has its own few lines for it."""
    assert offline.canonical(value) == canonical(value)
    assert offline.sha256(canonical(value)) == sha256(canonical(value))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1, {"a": math.nan}]])
def test_what_has_no_json_is_refused(value: Any) -> None:
    """Where a hash is at stake nothing is replaced in silence."""
    with pytest.raises(ValueError, match="Out of range"):
        canonical(value)


def test_details_become_json_first() -> None:
    """NaN is null, half a surrogate pair a question mark, times are ISO 8601, keys are text."""
    when = datetime(2026, 3, 3, 12, tzinfo=UTC)
    assert plain({1: math.nan, "when": when, "half": "a\udc80", "set": {1}}) == {
        "1": None,
        "when": "2026-03-03T12:00:00Z",
        "half": "a?",
        "set": [1],
    }
    assert digest({"a": when}) == digest({"a": "2026-03-03T12:00:00Z"})
