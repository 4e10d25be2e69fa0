"""Info, warning, critical: an info is the mildest of the three, and a breach like the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.measurement import LEVELS, SEVERITY, Limit
from driftlog.decide.alerts import advance
from driftlog.decide.past import past_value
from driftlog.decide.verdicts import verdict_of

numbers = st.floats(-1e9, 1e9)


def test_levels_are_in_order_and_everything_else_is_none():
    """The place among the levels is the severity."""
    assert [SEVERITY[level] for level in LEVELS] == [0, 1, 2, 3]
    assert {SEVERITY[verdict] for verdict in set(SEVERITY) - set(LEVELS)} == {0}


@given(value=numbers, farther=st.floats(0, 1e9), limits=st.lists(numbers, min_size=3, max_size=3), above=st.booleans())
def test_farther_out_is_never_milder(value, farther, limits, above):
    """For limits in order, on either side."""
    near, middle, far = sorted(limits, reverse=not above)
    limit = Limit("constant", "above" if above else "below", info=near, warning=middle, critical=far)
    possible = (float("-inf"), float("inf"))
    here = verdict_of(value, limit, possible)
    there = verdict_of(value + (farther if above else -farther), limit, possible)
    assert SEVERITY[there] >= SEVERITY[here]


def test_an_info_opens_an_info_alert_which_a_warning_worsens(make):
    """And it is over as any other."""
    first = make.judged("info", metric="gpu_percent_mean", purpose="resource", value=96.0)
    (alert,) = advance([], {}, [first], {}, first.window.end)
    assert (alert.severity, alert.members[0].severity) == ("info", "info")
    worse = make.judged("warning", metric="gpu_percent_mean", purpose="resource", value=99.0, window=1)
    (alert,) = advance([alert], {alert.key: 1}, [worse], {}, worse.window.end)
    assert alert.severity == "warning"
    well = make.judged("ok", metric="gpu_percent_mean", purpose="resource", value=10.0, window=2)
    (alert,) = advance([alert], {alert.key: 1}, [well], {}, well.window.end)
    assert alert.status == "resolved"


def test_an_info_among_warnings_makes_no_alert_milder(make):
    """The worst member leads."""
    members = [
        make.judged("info", metric="gpu_percent_mean", purpose="resource", value=96.0, field="a"),
        make.judged("warning", metric="gpu_percent_mean", purpose="resource", value=97.0, field="b"),
    ]
    (alert,) = advance([], {}, members, {}, members[0].window.end)
    assert (alert.severity, [member.field for member in alert.members]) == ("warning", ["b", "a"])


def test_an_info_is_part_of_what_is_normal(make):
    """Thresholds that learn from history learn from it; a warning may be an incident."""
    assert not past_value(make.judged("info", value=0.2)).breach
    assert past_value(make.judged("warning")).breach
