"""Measurements, alerts and run records become documents and come back exactly; nothing in them is unmapped."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.alert import Alert, AlertMember, Contribution, Decomposition
from driftlog.contract.handling import TRANSITION_KINDS, Delivery, Transition
from driftlog.contract.measurement import PURPOSES, Chunks, Limit, Measurement, Verdict
from driftlog.contract.records import RunRecord
from driftlog.contract.window import Window
from driftlog.store.documents import (
    alert_document,
    alert_of,
    document_id,
    measurement_document,
    measurement_of,
    run_document,
    run_of,
)
from driftlog.store.template_files import composed_mappings, load
from driftlog.store.values import Document

finite = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none() | finite
instants = st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
windows = st.builds(lambda start, hours: Window(start, start + timedelta(hours=hours)), instants, st.integers(1, 900))
text = st.text(max_size=20)
texts = st.lists(text, max_size=2).map(tuple)
counts = st.integers(0, 2**53)

limits = st.builds(
    Limit,
    kind=text,
    direction=st.sampled_from(["above", "below"]),
    warning=maybe,
    critical=maybe,
    smallest_detectable=maybe,
    of_windows=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    reason=text,
)
measurements = st.builds(
    Measurement,
    model=text,
    environment=text,
    metric=text,
    purpose=st.sampled_from(PURPOSES),
    window=windows,
    value=maybe,
    field=text,
    version=text,
    variant=text,
    segment=text,
    lower=maybe,
    upper=maybe,
    p_value=maybe,
    p_adjusted=maybe,
    n_reference=counts,
    n_current=counts,
    maturity=maybe,
    method=text,
    unit=text,
    reference_id=text,
    reference_value=maybe,
    chunks=st.none() | st.builds(Chunks, k=st.integers(0, 60), mean=finite, sd=finite),
    details=st.dictionaries(text, finite, max_size=3),
    marks=texts,
    note=text,
    limit=st.none() | limits,
    verdict=st.sampled_from(get_args(Verdict)),
    revision=st.integers(1, 99),
    computed=st.none() | instants,
    run_id=text,
)
members = st.builds(
    AlertMember,
    metric=text,
    field=text,
    value=maybe,
    limit=maybe,
    severity=st.sampled_from(["warning", "critical"]),
)
alerts = st.builds(
    Alert,
    key=text,
    episode=st.integers(1, 99),
    model=text,
    environment=text,
    purpose=text,
    metric=text,
    status=st.sampled_from(["open", "acknowledged", "resolved"]),
    severity=st.sampled_from(["info", "warning", "critical"]),
    title=text,
    message=text,
    opened=instants,
    updated=instants,
    evidence=measurements,
    latest=measurements,
    members=st.lists(members, max_size=2).map(tuple),
    windows=st.integers(1, 99),
    first_window=windows,
    last_window=windows,
    resolved=st.none() | instants,
    resolution=text,
    field=text,
    version=text,
    variant=text,
    segment=text,
    marks=texts,
    decompositions=st.lists(
        st.builds(
            Decomposition,
            name=text,
            by=texts,
            total=finite,
            mix=finite,
            within=finite,
            mix_share=finite,
            largest=st.lists(st.builds(Contribution, segment=text, value=finite), max_size=2).map(tuple),
        ),
        max_size=1,
    ).map(tuple),
    history=st.lists(
        st.builds(
            Transition,
            number=st.integers(1, 99),
            kind=st.sampled_from(TRANSITION_KINDS),
            at=instants,
            by=text,
            text=text,
            until=st.none() | instants,
            request=text,
            severity=text,
        ),
        max_size=2,
    ).map(tuple),
    deliveries=st.lists(
        st.builds(
            Delivery,
            transition=st.integers(1, 99),
            channel=text,
            status=st.sampled_from(["waiting", "sent", "failed", "suppressed"]),
            at=instants,
            reason=text,
        ),
        max_size=2,
    ).map(tuple),
    suggested=texts,
    objectives=texts,
    runbook=text,
    assignee=text,
    acknowledged=st.none() | instants,
    acknowledged_by=text,
    snoozed_until=st.none() | instants,
    muted_by=text,
    silenced_by=text,
    escalations=counts,
    escalated=st.none() | instants,
    resolved_by=text,
    cause=text,
    lesson=text,
    false_alarm=st.none() | st.booleans(),
    settled=st.none() | instants,
)
runs = st.builds(
    RunRecord,
    id=text,
    worker=text,
    model=text,
    environment=text,
    started=instants,
    finished=instants,
    as_of=instants,
    status=st.sampled_from(["ok", "failed", "skipped"]),
    error=text,
    term=counts,
    buckets=counts,
    outcomes=counts,
    windows=counts,
    measurements=counts,
    alerts_opened=counts,
    alerts_updated=counts,
    alerts_resolved=counts,
    event_to_result_s=maybe,
    durations_ms=st.dictionaries(text, finite, max_size=3),
    windows_evaluated=st.lists(windows, max_size=2).map(tuple),
)


def stored(document: Document) -> Document:
    """What Elasticsearch gives back: the same JSON."""
    decoded: Document = msgspec.json.decode(msgspec.json.encode(document))
    return decoded


ROUND_TRIPS: list[tuple[str, st.SearchStrategy[Any], Callable[[Any], Document], Callable[[Document], Any]]] = [
    ("results", measurements, lambda value: measurement_document(value, term=3), measurement_of),
    ("alerts", alerts, lambda value: alert_document(value, term=3), alert_of),
    ("runs", runs, run_document, run_of),
]
KINDS = [case[0] for case in ROUND_TRIPS]


@pytest.mark.parametrize(("kind", "values", "write", "read"), ROUND_TRIPS, ids=KINDS)
def test_what_is_written_is_read_back_exactly(
    kind: str, values: st.SearchStrategy[Any], write: Callable[[Any], Document], read: Callable[[Document], Any]
) -> None:
    """For every finite value, empty and odd text included."""

    @given(values)
    def law(value: Any) -> None:
        assert read(stored(write(value))) == value

    law()


@pytest.mark.parametrize(("kind", "values", "write", "read"), ROUND_TRIPS, ids=KINDS)
def test_every_field_of_the_documents_is_mapped(
    kind: str, values: st.SearchStrategy[Any], write: Callable[[Any], Document], read: Callable[[Document], Any]
) -> None:
    """A field that is written but not mapped could not be found, sorted or drawn."""
    templates = load("driftlog")
    (template,) = (t for t in templates if t.name == f"driftlog-{kind}")
    mappings = composed_mappings(template, templates)

    @given(values)
    def law(value: Any) -> None:
        assert unmapped(stored(write(value)), mappings) == []

    law()


def test_the_check_for_unmapped_fields_finds_one() -> None:
    """The test above can fail."""
    mappings = {"properties": {"a": {"properties": {"b": {"type": "long"}}}, "open": {"dynamic": True}}}

    assert unmapped({"a": [{"b": 1}, {"c": 2}], "open": {"x": 1}, "d": 1}, mappings) == ["a.c", "d"]


def unmapped(document: Document, mappings: Document, parent: str = "") -> list[str]:
    """Dotted names in `document` that `mappings` does not know; open and disabled objects know everything."""
    names: list[str] = []
    for name, value in document.items():
        mapping = mappings.get("properties", {}).get(name)
        if mapping is None:
            names.append(f"{parent}{name}")
        elif "properties" in mapping:
            for item in value if isinstance(value, list) else [value]:
                names += unmapped(item, mapping, f"{parent}{name}.")
    return names


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_left_out(bad: float) -> None:
    """They would refuse the whole document; null is a value that was not found."""
    day = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    measurement = Measurement(
        model="churn",
        environment="production",
        metric="roc_auc",
        purpose="performance",
        window=day,
        value=bad,
        lower=bad,
        details={"good": 1.0, "bad": bad},
        chunks=Chunks(k=3, mean=0.1, sd=bad),
        limit=Limit("constant", "below", warning=bad, critical=0.5),
    )

    read = measurement_of(stored(measurement_document(measurement, term=1)))

    assert (read.value, read.lower, read.details, read.chunks) == (None, None, {"good": 1.0}, None)
    assert read.limit == Limit("constant", "below", warning=None, critical=0.5)


def test_ids_too_long_for_elasticsearch_become_digests_that_differ() -> None:
    """512 bytes is the limit, and a feature name can have 256 characters of four bytes."""
    long = ["ü" * 257 + end for end in "ab"]

    assert document_id("ü" * 256) == "ü" * 256
    assert len({document_id(text) for text in long} | set(long)) == 4
