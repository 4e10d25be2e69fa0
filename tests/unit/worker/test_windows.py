"""Which windows a cycle judges: complete, touched or silent, and not frozen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, WEEK, Window
from driftlog.worker.windows import MAX_GAP_WINDOWS, windows_to_judge


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


DAILY = ModelSettings(name="m")


def test_a_window_in_progress_is_left_alone() -> None:
    """It is judged when it has ended."""
    hour = Window(day(3), day(3) + timedelta(hours=1))
    assert windows_to_judge(DAILY, [hour], judged_until=None, as_of=day(3) + timedelta(hours=23)) == []
    assert windows_to_judge(DAILY, [hour], judged_until=None, as_of=day(4)) == [Window(day(3), day(4))]


def test_the_wait_delays_judging() -> None:
    """Clock skew and queues get their time."""
    patient = ModelSettings(name="m", wait=timedelta(hours=2))
    bucket = Window(day(3), day(4))
    assert windows_to_judge(patient, [bucket], judged_until=None, as_of=day(4) + timedelta(hours=1)) == []
    assert len(windows_to_judge(patient, [bucket], judged_until=None, as_of=day(4) + timedelta(hours=2))) == 1


def test_a_late_event_reopens_its_window_and_no_other() -> None:
    """An event of 5 March that arrives on the 20th."""
    late = Window(day(5), day(5) + timedelta(hours=1))
    assert windows_to_judge(DAILY, [late], judged_until=day(20), as_of=day(20)) == [Window(day(5), day(6))]


def test_a_frozen_window_stays_closed() -> None:
    """Older than the look-back."""
    short = ModelSettings(name="m", look_back=timedelta(days=3))
    old = Window(day(5), day(6))
    assert windows_to_judge(short, [old], judged_until=day(20), as_of=day(20)) == []


def test_an_event_of_1970_does_not_make_half_a_million_windows() -> None:
    """Only its own window would be touched, and that is frozen."""
    ancient = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC))
    assert windows_to_judge(DAILY, [ancient], judged_until=day(20), as_of=day(21)) == [Window(day(20), day(21))]


def test_silence_is_judged() -> None:
    """Windows without an event since the last judged one."""
    assert len(windows_to_judge(DAILY, [], judged_until=day(3), as_of=day(10))) == 7


def test_a_long_absence_is_bounded() -> None:
    """A worker that comes back after years does not judge every empty window in between."""
    forever = ModelSettings(name="m", look_back=timedelta(days=36500))
    found = windows_to_judge(forever, [], judged_until=datetime(2010, 1, 1, tzinfo=UTC), as_of=day(10))
    assert MAX_GAP_WINDOWS - 1 <= len(found) <= MAX_GAP_WINDOWS + 1


@given(st.lists(st.integers(0, 24 * 60), max_size=20), st.sampled_from([timedelta(hours=1), DAY, WEEK]))
def test_windows_come_in_order_and_once(hours: list[int], length: timedelta) -> None:
    """However many buckets touch them."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    buckets = [Window(start + timedelta(hours=h), start + timedelta(hours=h + 1)) for h in hours]
    found = windows_to_judge(
        ModelSettings(name="m", window=length), buckets, judged_until=None, as_of=start + timedelta(days=80)
    )
    assert found == sorted(set(found))
    assert all(any(w.overlaps(b) for w in found) for b in buckets)
