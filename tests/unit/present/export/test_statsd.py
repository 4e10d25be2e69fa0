"""Lines of StatsD and DogStatsD: values, tags, names, rates, and datagrams that fit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.present.export.pushed import MINUTE, NOW, alert, counter, gauge, latency

from driftlog.present.export.event import MAX_TEXT, datagram, event_of
from driftlog.present.export.ledger import Ledger
from driftlog.present.export.reading import Reading
from driftlog.present.export.statsd import (
    UDP_BYTES,
    Line,
    dogstatsd_lines,
    packets,
    path_name,
    plain,
    statsd_lines,
    tags_of,
)

DOGSTATSD = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z0-9_.]{0,199}):(?P<value>-?\d+(?:\.\d+)?)\|(?P<kind>c|g|d)"
    r"(?:\|@(?P<rate>[01](?:\.\d+)?))?(?:\|#(?P<tags>[^|,\s]{1,200}(?:,[^|,\s]{1,200})*))?\Z"
)
STATSD = re.compile(
    r"(?P<name>[A-Za-z0-9_.-]+):(?P<value>-?\d+(?:\.\d+)?)\|(?P<kind>c|g|ms)(?:\|@(?P<rate>[01](?:\.\d+)?))?\Z"
)


def changes_of(*before_and_after: Reading):
    """Growth between the first half of the readings and the second."""
    half = len(before_and_after) // 2
    ledger = Ledger(None, unsure="at_most_once")
    ledger.begin(before_and_after[:half], now=NOW)
    ledger.confirm()
    return ledger.begin(before_and_after[half:], now=NOW + MINUTE)


def test_lines_for_datadogs_agent():
    """Gauges as they are, growth of counters, labels as tags; what did not grow is left out."""
    readings = [gauge(-0.25, metric="mcc", variant=""), counter(7), counter(3, "driftlog_errors")]
    changes = changes_of(counter(2), counter(3, "driftlog_errors"), *readings[1:])
    found = [line.text for line in dogstatsd_lines(readings, changes, namespace="ml", tags=["team:risk"])]
    assert found == [
        "ml.performance:-0.25|g|#team:risk,metric:mcc,model:churn",
        "ml.predictions:5|c|#team:risk,model:churn",
    ]


def test_lines_for_a_plain_server():
    """Labels in the name; below zero a gauge is set to 0 first, for a sign would add."""
    readings = [gauge(-0.25, metric="mcc"), gauge(0.5, environment="prod", version="*")]
    found = [line.text for line in statsd_lines(readings, changes_of(counter(2), counter(7)), prefix="driftlog")]
    assert found == [
        "driftlog.churn.performance.metric.mcc:0|g\ndriftlog.churn.performance.metric.mcc:-0.25|g",
        "driftlog.churn.prod.performance.version.all:0.5|g",
        "driftlog.churn.predictions:5|c",
    ]


@pytest.mark.parametrize(("tagged", "scale"), [(True, 1), (False, 1000)])
def test_a_histogram_is_counted_as_often_as_it_was_seen(tagged, scale):
    """Value x 1/rate: the receiver gets the counts of the buckets, and nothing of those that did not grow."""
    after = latency(1001, 1004, 1005)
    changes = changes_of(latency(1, 2, 3), after)
    lines = dogstatsd_lines([], changes, namespace="d") if tagged else statsd_lines([], changes, prefix="d")
    found = {}
    for line in lines:
        parsed = (DOGSTATSD if tagged else STATSD).match(line.text)
        assert parsed is not None, line.text
        found[float(parsed["value"])] = round(1 / float(parsed["rate"] or 1), 6)
    assert found == {0.1 * scale: 1000, 0.2 * scale: 2}


LABEL = st.text(st.characters(exclude_categories=["Cs"]), max_size=130)


@given(value=st.floats(-1e18, 1e18), label=LABEL, name=st.sampled_from(["driftlog_quality", "driftlog_größe-x"]))
def test_any_label_and_value_makes_a_line_that_is_read(value, label, name):
    """Unicode, separators, empty text; the value comes back as it was."""
    reading = gauge(value, name, feature=label)
    (line,) = dogstatsd_lines([reading], [], namespace="driftlog")
    parsed = DOGSTATSD.match(line.text)
    assert parsed is not None
    assert float(parsed["value"]) == value
    for each in next(iter(statsd_lines([reading], [], prefix="driftlog"))).text.split("\n"):
        assert STATSD.match(each)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_have_no_exponent(value):
    """And are the same number."""
    assert float(plain(value)) == value
    assert re.fullmatch(r"-?\d+(\.\d+)?", plain(value))


def test_tags_and_names_are_bounded():
    """At most 200 characters each; path names have one part a label."""
    tags = tags_of({"feature": "x" * 500, "version": "*", "empty": ""})
    assert [len(tag) for tag in tags] == [200, len("version:all")]
    assert path_name(gauge(1.0, feature="a.b c/ü"), "d") == "d.churn.performance.feature.a_b_c_"


@given(st.lists(st.integers(1, 400), max_size=40), st.integers(50, 300))
def test_datagrams_hold_every_line_that_fits(sizes, most):
    """In order, none above the limit, none left out but those that are longer than a datagram."""
    lines = [Line("x" * size, counter(number)) for number, size in enumerate(sizes)]
    found = list(packets(lines, most))
    assert all(0 < len(packet.data) <= most for packet in found)
    assert [len(part) for packet in found for part in packet.data.split(b"\n")] == [s for s in sizes if s <= most]
    assert [one.value for packet in found for one in packet.readings] == [n for n, s in enumerate(sizes) if s <= most]


@pytest.mark.parametrize("most", [400, UDP_BYTES])
def test_an_event_is_a_datagram_that_fits(most):
    """Its lengths are bytes; separators do not break it; a long text is cut."""
    found = event_of(alert("opened"), alert("opened").history[0], now=NOW)
    found = found._replace(title="größer | a\nb", text=found.text + "ü\n" * MAX_TEXT)
    data = datagram(found, most=most)
    assert len(data) <= most
    head = re.match(rb"_e\{(\d+),(\d+)\}:", data)
    title_end = head.end() + int(head[1])
    assert data[head.end() : title_end].decode() == "größer / a b"
    assert data[title_end : title_end + 1] == b"|"
    text = data[title_end + 1 : title_end + 1 + int(head[2])].decode()
    assert text.startswith("roc_auc 0.6 | limit 0.7\\nsince Monday\\n2013-04-01/2013-04-08, alert ")
    rest = data[title_end + 1 + int(head[2]) :].decode()
    assert rest.startswith(f"|d:{int(NOW.timestamp())}|k:driftlog-") and "|t:error|s:driftlog|#" in rest
    assert b"\n" not in data


def test_events_of_long_ago_go_under_the_present_time():
    """Datadog refuses what is older than 18 hours; the window is in the text."""
    opened = alert("opened")
    assert event_of(opened, opened.history[0], now=NOW + 20 * 60 * MINUTE).at == NOW + 20 * 60 * MINUTE
    assert event_of(opened, opened.history[0], now=NOW + MINUTE).at == NOW
