"""Durations read back as they were written, and what is none is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.config.durations import MAX_DURATION, UNITS, format_duration, parse_duration


@given(st.integers(min_value=0, max_value=MAX_DURATION // timedelta(milliseconds=1)))
def test_every_duration_in_milliseconds_survives_writing_and_reading(milliseconds: int) -> None:
    """parse(format(d)) == d."""
    duration = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(duration)) == duration


@given(st.integers(min_value=1, max_value=5_000), st.sampled_from(list(UNITS)))
def test_a_count_and_a_unit_is_that_many_units(count: int, unit: str) -> None:
    """15m is fifteen minutes."""
    assert parse_duration(f"{count}{unit}") == count * UNITS[unit]


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    """Nothing else is raised, and nothing negative or endless comes out."""
    try:
        duration = parse_duration(text)
    except ValueError as error:
        assert str(error)
    else:
        assert timedelta(0) <= duration <= MAX_DURATION


@pytest.mark.parametrize(
    "text", ["", "1x", "-1h", "1.5h", "1h 30m", "30m1h", "1h1h", "h", "1H", "١h", "nan", "inf", "9" * 400]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Wrong unit, sign, fraction, order, repetition, foreign digits, far too long."""
    with pytest.raises(ValueError, match=r"is not a duration|has no unit"):
        parse_duration(text)


def test_more_than_a_century_is_refused() -> None:
    """A typing error, not a wish."""
    with pytest.raises(ValueError, match="longer than 100 years"):
        parse_duration("99999999999w")


def test_a_bare_number_says_how_to_write_a_unit() -> None:
    """The remedy repeats the number."""
    with pytest.raises(ValueError, match="write 90s, 90m, 90h, 90d or 90w"):
        parse_duration("90")
