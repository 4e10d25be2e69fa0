"""Searches in driftlog's names become searches in a user's, and answers come back; nothing is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftlog.contract.errors import ConfigError, UsageError
from driftlog.contract.settings import ModelSettings
from driftlog.contract.source import FieldSource, SourceSettings
from driftlog.store.mapped_answer import AnswerReader, read_value
from driftlog.store.mapped_check import _usable
from driftlog.store.mapped_fields import SourceFields
from driftlog.store.mapped_query import QueryWriter

NOW = datetime(2026, 3, 3, tzinfo=UTC)
LINES = (
    FieldSource(name="@timestamp", path="ts"),
    FieldSource(name="event.duration", path="took", unit="ms"),
    FieldSource(name="event.outcome", path="status", failure=(">=500", "418")),
    FieldSource(name="model.version", path="build"),
    FieldSource(name="prediction.label", path="cls"),
    FieldSource(name="features.*", path="body.*"),
)
TYPES = {
    "ts": "date",
    "took": "float",
    "status": "short",
    "build": "integer",
    "cls": "boolean",
    "body": "object",
    "body.age": "long",
    "body.plan": "text",
    "body.plan.keyword": "keyword",
    "body.note": "text",
}


def fields(**types: str) -> SourceFields:
    stored = TYPES | types
    source = SourceSettings(index="logs-*", query='{"term": {"route": "p"}}', fields=LINES, late=timedelta(hours=2))
    return SourceFields(
        ModelSettings(name="churn", source=source), {name: {type_: {}} for name, type_ in stored.items()}
    )


def outcome_in(wanted: str, failure: tuple[str, ...] = (">=500",), path: str = "status", **types: str) -> Any:
    """The query for an outcome, and what is read from the documents for it."""
    lines = (LINES[0], FieldSource(name="event.outcome", path=path, failure=failure))
    source = SourceSettings(index="logs-*", fields=lines)
    stored = {name.replace("__", "."): {type_: {}} for name, type_ in types.items()}
    writer = QueryWriter(SourceFields(ModelSettings(name="churn", source=source), stored))
    asked = {"bool": {"filter": [{"term": {"event.outcome": wanted}}, {"exists": {"field": "event.outcome"}}]}}
    body = writer.body({"size": 0, "query": asked})
    return body["query"]["bool"]["filter"][0], body.get("runtime_mappings")


def query(asked: dict[str, Any]) -> dict[str, Any]:
    return QueryWriter(fields()).query(asked)


def test_a_failure_is_what_the_mapping_says() -> None:
    """Values and comparisons; success is what has the field and none of them."""
    failed = {"bool": {"should": [{"range": {"status": {"gte": 500.0}}}, {"term": {"status": "418"}}]}}
    failed["bool"]["minimum_should_match"] = 1  # type: ignore[assignment]
    assert query({"term": {"event.outcome": "failure"}}) == failed
    assert query({"term": {"event.outcome": "success"}}) == {
        "bool": {"filter": [{"exists": {"field": "status"}}], "must_not": [failed]}
    }


@pytest.mark.parametrize("path", ["status", "status.keyword"])
def test_a_status_that_is_text_is_compared_as_a_number(path: str) -> None:
    """Under its name in the documents: compared with its keyword, "500" would be sorted as signs, and be no failure."""
    types = {"status": "text", "status__keyword": "keyword"}
    failed, read = outcome_in("failure", path=path, **types)
    assert (failed, read) == ({"range": {"status": {"gte": 500.0}}}, {"status": {"type": "double"}})
    fine, _ = outcome_in("success", path=path, **types)
    assert fine["bool"] == {"filter": [{"exists": {"field": "status.keyword"}}], "must_not": [failed]}
    both, _ = outcome_in("failure", failure=(">=500", "timeout"), path=path, **types)
    assert both["bool"]["should"] == [failed, {"term": {"status.keyword": "timeout"}}]


@pytest.mark.parametrize(
    ("types", "path"),
    [({"status": "text"}, "status"), ({"status": "keyword"}, "status"), ({"http": "flattened"}, "http.status")],
)
def test_a_status_stays_a_number_whatever_else_is_asked_of_it(types: dict[str, str], path: str) -> None:
    """What comes later in the same search does not turn it into words again; and words it can then not be."""
    assert outcome_in("failure", path=path, **types) == (
        {"range": {path: {"gte": 500.0}}},
        {path: {"type": "double"}},
    )
    with pytest.raises(ConfigError, match="as a number and as a word") as error:
        outcome_in("failure", failure=(">=500", "timeout"), path=path, **types)
    assert "name numbers only" in error.value.remedy


def test_the_check_of_a_source_names_failures_that_cannot_be_searched_for() -> None:
    """Before a worker meets them."""
    lines = (LINES[0], FieldSource(name="event.outcome", path="status", failure=(">=500", "timeout")))
    model = ModelSettings(name="churn", source=SourceSettings(index="logs-*", fields=lines))
    usable, broken = _usable(SourceFields(model, {"ts": {"date": {}}, "status": {"keyword": {}}}))
    assert [line.name for line in usable] == ["@timestamp"]
    assert [(found.check, found.status) for found in broken] == [("event.outcome", "problem")]


def test_several_outcomes_are_told_apart_as_one_is() -> None:
    """Not looked for as words in a field that holds numbers."""
    assert query({"terms": {"event.outcome": ["failure"]}}) == query({"term": {"event.outcome": "failure"}})


def test_what_a_field_cannot_be_is_found_nowhere() -> None:
    """Elasticsearch would refuse to compare a whole number with an empty text."""
    assert query({"term": {"model.version": ""}}) == {"match_none": {}}
    assert query({"term": {"model.version": "7"}}) == {"terms": {"build": ["7"]}}
    assert query({"term": {"model.variant": "b"}}) == {"terms": {"driftlog.not_mapped.model.variant": ["b"]}}


def test_a_source_is_of_one_environment() -> None:
    """Of the model's, where the mapping does not say."""
    assert query({"term": {"service.environment": "production"}}) == {"match_all": {}}
    assert query({"term": {"service.environment": "test"}}) == {"match_none": {}}


def test_new_documents_are_looked_for_that_much_earlier() -> None:
    """By their time stamp, where they have no time of arrival; a stretch with an end stays as it is."""
    found = query({"range": {"event.ingested": {"gte": "2026-03-02T10:00:00.000000Z"}}})
    assert found["range"]["ts"]["gte"] == "2026-03-02T08:00:00.000000Z"
    both = query({"range": {"event.ingested": {"gte": "2026-03-02T10:00:00Z", "lt": "2026-03-02T11:00:00Z"}}})
    assert both["range"]["ts"]["gte"] == "2026-03-02T10:00:00Z"


def test_text_is_counted_by_its_keyword_or_read_from_the_documents() -> None:
    """As a runtime field where it has none."""
    aggs = {"a": {"terms": {"field": "features.plan"}}, "b": {"terms": {"field": "features.note"}}}
    body = QueryWriter(fields()).body({"size": 0, "aggs": aggs})
    assert body["aggs"] == {"a": {"terms": {"field": "body.plan.keyword"}}, "b": {"terms": {"field": "body.note"}}}
    assert body["runtime_mappings"] == {"body.note": {"type": "keyword"}}
    assert body["query"] == {"bool": {"must": [{"match_all": {}}], "filter": [{"term": {"route": "p"}}]}}


def test_a_global_aggregation_stays_inside_the_source() -> None:
    """And its answer looks as if there had been no filter."""
    asked = {"size": 0, "aggs": {"all": {"global": {}, "aggs": {"n": {"filter": {"match_all": {}}}}}}}
    sent = QueryWriter(fields()).body(asked)["aggs"]["all"]
    assert sent["aggs"]["within_source"]["filter"] == {"term": {"route": "p"}}
    answer = {"aggregations": {"all": {"doc_count": 9, "within_source": {"doc_count": 3, "n": {"doc_count": 3}}}}}
    assert AnswerReader(fields(), asked, NOW).read(answer)["aggregations"]["all"]["n"] == {"doc_count": 3}


def test_durations_are_asked_in_their_unit_and_told_in_nanoseconds() -> None:
    """Edges are divided, sums multiplied."""
    asked = {
        "size": 0,
        "aggs": {
            "latency": {"range": {"field": "event.duration", "ranges": [{"to": 2e6}, {"from": 2e6}]}},
            "total": {"sum": {"field": "event.duration"}},
        },
    }
    sent = QueryWriter(fields()).body(asked)["aggs"]
    assert sent["latency"]["range"] == {"field": "took", "ranges": [{"to": 2.0}, {"from": 2.0}]}
    told = AnswerReader(fields(), asked, NOW).read({"aggregations": {"total": {"value": 7.5}}})
    assert told["aggregations"]["total"]["value"] == 7.5e6


def test_labels_and_versions_come_back_as_words() -> None:
    """Booleans and whole numbers, in buckets and in composite keys."""
    sources = [{"version": {"terms": {"field": "model.version", "missing_bucket": True}}}]
    asked = {
        "size": 0,
        "aggs": {"l": {"terms": {"field": "prediction.label"}}, "c": {"composite": {"sources": sources}}},
    }
    answer = {
        "l": {"buckets": [{"key": 1, "key_as_string": "true", "doc_count": 2}]},
        "c": {"buckets": [{"key": {"version": 7}, "doc_count": 1}, {"key": {"version": None}, "doc_count": 1}]},
    }
    told = AnswerReader(fields(), asked, NOW).read({"aggregations": answer})["aggregations"]
    assert told["l"]["buckets"][0]["key"] == "true"
    assert [bucket["key"]["version"] for bucket in told["c"]["buckets"]] == ["7", None]


@pytest.mark.parametrize("text", ["NaN", "inf", "-Infinity", "1e400"])
def test_a_duration_that_is_no_amount_of_time_is_left_as_it_is(text: str) -> None:
    """One such document does not end the search; it counts as missing wherever times are summed."""
    found = fields().find("event.duration")
    assert read_value("event.duration", found, text) == text
    assert read_value("event.duration", found, "1.5") == 1_500_000
    assert read_value("event.duration", found, 1e308) == 1e308


def test_an_event_of_the_future_does_not_move_the_clock() -> None:
    """Without a time of arrival the newest time stamp counts, and at most now."""
    asked = {"size": 0, "aggs": {"newest": {"max": {"field": "event.ingested"}}}}
    answer = {"aggregations": {"newest": {"value": 4e12}}}
    told = AnswerReader(fields(), asked, NOW).read(answer)["aggregations"]["newest"]["value"]
    assert told == NOW.timestamp() * 1000


def test_a_query_that_is_not_known_is_refused() -> None:
    """Rather than sent half translated."""
    with pytest.raises(UsageError, match="is not translated"):
        query({"geo_shape": {"features.place": {}}})
