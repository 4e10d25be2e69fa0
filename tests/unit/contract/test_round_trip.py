"""What crosses a room or the wire comes back as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.alert import Alert, AlertMember
from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.events import (
    ErrorGroup,
    EventGroup,
    FeedbackEvent,
    FeedbackGroup,
    ModelGroup,
    PredictionEvent,
    PredictionGroup,
    ResourceEvent,
    ResourceGroup,
    ServiceGroup,
)
from driftlog.contract.measurement import Chunks, Limit, Measurement
from driftlog.contract.profile import FieldCounts, PredictionProfile, ProfileKey, total
from driftlog.contract.records import RunRecord
from driftlog.contract.window import Window

finite = st.floats(allow_nan=False, allow_infinity=False)
instants = st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
text = st.text(max_size=40)
maybe_text = st.none() | text
windows = st.builds(lambda start, hours: Window(start, start + timedelta(hours=hours)), instants, st.integers(1, 900))

prediction_events = st.builds(
    PredictionEvent,
    timestamp=instants,
    event=st.builds(
        EventGroup, id=text, duration=st.integers(0, 10**12), outcome=st.sampled_from(["success", "failure"])
    ),
    service=st.none() | st.builds(ServiceGroup, name=maybe_text, environment=maybe_text),
    model=st.builds(ModelGroup, name=text, version=maybe_text),
    labels=st.none() | st.dictionaries(text, text, max_size=3),
    features=st.dictionaries(
        text, finite | text | st.booleans() | st.none() | st.integers(-(2**53), 2**53), max_size=5
    ),
    prediction=st.builds(
        PredictionGroup,
        label=maybe_text,
        score=st.none() | finite,
        probabilities=st.none() | st.dictionaries(text, finite),
    ),
    error=st.none() | st.builds(ErrorGroup, type=text, message=text),
)
feedback_events = st.builds(
    FeedbackEvent,
    timestamp=instants,
    feedback=st.builds(FeedbackGroup, prediction_id=text, actual=maybe_text, rating=st.none() | finite),
)
resource_events = st.builds(
    ResourceEvent,
    timestamp=instants,
    resource=st.builds(ResourceGroup, cpu_percent=finite, memory_bytes=st.integers(0, 2**50)),
)
measurements = st.builds(
    Measurement,
    model=text,
    environment=text,
    metric=text,
    purpose=st.sampled_from(["data_drift", "performance", "quality"]),
    window=windows,
    value=st.none() | finite,
    field=text,
    lower=st.none() | finite,
    p_value=st.none() | st.floats(0, 1),
    details=st.dictionaries(text, finite, max_size=3),
    marks=st.lists(text, max_size=2).map(tuple),
    chunks=st.none() | st.builds(Chunks, k=st.integers(0, 60), mean=finite, sd=finite),
    limit=st.none()
    | st.builds(Limit, kind=text, direction=st.sampled_from(["above", "below"]), warning=st.none() | finite),
    verdict=st.sampled_from(["ok", "warning", "critical", "insufficient_data", "cannot_alarm", "not_judged"]),
    computed=st.none() | instants,
)
alerts = st.builds(
    Alert,
    key=text,
    episode=st.integers(1, 9),
    model=text,
    environment=text,
    purpose=text,
    metric=text,
    status=st.sampled_from(["open", "resolved"]),
    severity=st.sampled_from(["warning", "critical"]),
    title=text,
    message=text,
    opened=instants,
    updated=instants,
    evidence=measurements,
    latest=measurements,
    members=st.lists(
        st.builds(AlertMember, metric=text, field=text, value=finite, limit=finite, severity=st.just("warning")),
        max_size=2,
    ).map(tuple),
    first_window=windows,
    last_window=windows,
)
runs = st.builds(
    RunRecord,
    id=text,
    worker=text,
    model=text,
    started=instants,
    finished=instants,
    as_of=instants,
    status=st.sampled_from(["ok", "failed", "skipped"]),
    windows_evaluated=st.lists(windows, max_size=2).map(tuple),
)
binnings = st.builds(
    Binning,
    id=text,
    model=text,
    environment=text,
    created=instants,
    fields=st.dictionaries(
        text,
        st.builds(CategoricalBins, values=st.lists(text, max_size=4).map(tuple))
        | st.builds(NumericBins, edges=st.lists(finite, max_size=4).map(tuple), coarse=st.just((0,))),
        max_size=3,
    ),
)


@pytest.mark.parametrize(
    "values", [prediction_events, feedback_events, resource_events, measurements, alerts, runs, binnings], ids=str
)
def test_a_value_survives_json(values: st.SearchStrategy[msgspec.Struct]) -> None:
    """Encoded and decoded, it is equal."""

    @given(values)
    @settings(max_examples=60, deadline=None)
    def law(value: msgspec.Struct) -> None:
        assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value

    law()


def test_an_event_is_encoded_under_its_ecs_names() -> None:
    """``@timestamp`` and nested groups; what is not set is left out."""
    event = PredictionEvent(
        timestamp=datetime(2026, 3, 3, tzinfo=UTC), model=ModelGroup(name="churn"), event=EventGroup(id="a")
    )
    assert msgspec.json.decode(msgspec.json.encode(event)) == {
        "@timestamp": "2026-03-03T00:00:00Z",
        "event": {"id": "a"},
        "model": {"name": "churn"},
    }


counts = st.lists(st.integers(0, 10**12), min_size=3, max_size=3).map(lambda xs: np.array(xs, dtype=np.int64))
fields = st.builds(
    FieldCounts, counts=counts, missing=st.integers(0, 99), unseen=st.integers(0, 99), minimum=st.none() | finite
)


@given(st.lists(fields, min_size=1, max_size=5))
def test_sums_of_profiles_do_not_depend_on_the_order(parts: list[FieldCounts]) -> None:
    """Rows are neither lost nor counted twice, whichever way buckets are added."""
    day = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    key = ProfileKey("m", "e", "1", "", "", "b", day)
    profiles = [PredictionProfile(key, n=f.present, fields={"features.x": f}, latency=f.counts) for f in parts]
    forward, backward = total(profiles), total(profiles[::-1])
    assert forward is not None and backward is not None
    assert forward.n == backward.n == sum(f.present for f in parts)
    assert np.array_equal(forward.fields["features.x"].counts, backward.fields["features.x"].counts)
    assert forward.fields["features.x"].minimum == backward.fields["features.x"].minimum


def test_the_sum_of_nothing_is_none() -> None:
    """An empty window has no profile."""
    assert total([]) is None
