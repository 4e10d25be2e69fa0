"""Times and windows as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.api.comparing import is_window
from driftlog.api.times import as_moment, as_window, parse_window, resolve
from driftlog.contract.errors import UsageError
from driftlog.contract.window import Window

LATEST = datetime(2026, 3, 20, tzinfo=UTC)


def window(text: str) -> str:
    return parse_window(text, lambda: LATEST, option="--current").label()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02/2026-03-09", "2026-03-02/2026-03-09"),
        ("2026-03-02 / 7d", "2026-03-02/2026-03-09"),
        ("2026-03-02", "2026-03-02/2026-03-03"),
        ("2026-03-02T10:30/90m", "2026-03-02T10:30:00Z/2026-03-02T12:00:00Z"),
        ("2026-03-02T10:00+02:00/1h", "2026-03-02T08:00:00Z/2026-03-02T09:00:00Z"),
        ("2026-03-02T10:00", "2026-03-02T10:00:00Z/2026-03-20"),
        ("7d", "2026-03-13/2026-03-20"),
        ("14d/7d", "2026-03-06/2026-03-13"),
        ("14d/2026-03-10", "2026-03-06/2026-03-10"),
    ],
)
def test_a_window_is_read(text: str, expected: str) -> None:
    """Two ends, a start and a length, a day, or back from the latest data."""
    assert window(text) == expected


@pytest.mark.parametrize(
    "text", ["", "/", "a/b", "2026-03-09/2026-03-02", "7d/14d", "2026-03-02/0s", "2026-13-01", "7"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    """And the remedy shows all forms."""
    with pytest.raises(UsageError) as refused:
        window(text)
    assert "2026-03-01/7d" in refused.value.remedy


def test_without_data_nothing_counts_back() -> None:
    """A duration needs an end."""
    with pytest.raises(UsageError, match="there is none"):
        parse_window("7d", lambda: None, option="--current")
    assert parse_window("2026-03-02/7d", lambda: pytest.fail("asked"), option="x").length == timedelta(days=7)


@given(
    st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1)), st.timedeltas(timedelta(seconds=1), timedelta(days=90))
)
def test_a_window_written_in_iso_is_itself(start: datetime, length: timedelta) -> None:
    """Whatever its ends."""
    ours = Window(start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + length)
    text = f"{ours.start.isoformat()}/{ours.end.isoformat()}"
    assert parse_window(text, lambda: None, option="x") == ours == as_window(ours, lambda: None, option="x")


def test_times_of_python_are_taken_as_they_are() -> None:
    """Aware ones in their zone, naive ones and dates in UTC."""
    berlin = timezone(timedelta(hours=2))
    assert as_moment(datetime(2026, 3, 2, 2, tzinfo=berlin), option="since") == datetime(2026, 3, 2, tzinfo=UTC)
    assert as_moment(date(2026, 3, 2), option="since") == datetime(2026, 3, 2, tzinfo=UTC)
    assert as_moment(timedelta(days=1), option="since") == timedelta(days=1)
    assert as_window((date(2026, 3, 2), "7d"), lambda: LATEST, option="x").label() == "2026-03-02/2026-03-09"
    for wrong in (7, object(), (1,), None):
        with pytest.raises(UsageError):
            as_window(wrong, lambda: LATEST, option="x")  # type: ignore[arg-type]


def test_messages_name_what_the_caller_wrote() -> None:
    """Keywords in Python, options on the command line."""
    with pytest.raises(UsageError, match=r"^since .* is not before until"):
        resolve(LATEST, LATEST, None, names=("since", "until"))


@pytest.mark.parametrize(
    ("text", "expected"), [("active", False), ("6244aa2f", False), ("20260302", True), ("7d", True)]
)
def test_a_window_is_told_from_the_id_of_a_reference(text: str, expected: bool) -> None:
    """Ids are hexadecimal digits; eight decimal ones are a date."""
    assert is_window(text) is expected
