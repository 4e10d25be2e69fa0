"""A field mapping that could not be read is refused, with the line that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from driftlog.config.load import build_settings
from driftlog.config.yaml_file import parse_yaml
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import Settings
from driftlog.contract.source import FieldSource

TIME = {"@timestamp": "ts"}


def settings(source: dict[str, Any]) -> Settings:
    parsed, origins = parse_yaml(json.dumps({"models": {"churn": {"source": source}}}), name="driftlog.yml")
    return build_settings(parsed, {}, origins)


def test_a_mapping_is_written_one_field_a_line() -> None:
    """A path, or a group with the path and what it means."""
    fields = TIME | {"features.*": "body.*", "event.duration": {"path": "took", "unit": "ms"}}
    [model] = settings({"index": "flask-*,-flask-old", "fields": fields}).models
    assert model.source.fields == (
        FieldSource(name="@timestamp", path="ts"),
        FieldSource(name="features.*", path="body.*"),
        FieldSource(name="event.duration", path="took", unit="ms"),
    )


@pytest.mark.parametrize(
    "index", ["driftlog-state", "driftlog-*", "driftlog*", "driftlo*", "d*", "flask-*,d*og-alerts", "driftlog-x*,a"]
)
def test_a_pattern_that_reaches_what_driftlog_writes_is_refused(index: str) -> None:
    """Its own notes would count as predictions."""
    with pytest.raises(ConfigError, match="names driftlog's own indices") as error:
        settings({"index": index, "fields": TIME})
    assert "source.index" in str(error.value)
    assert index in str(error.value)
    assert "leave the source out" in error.value.remedy


@pytest.mark.parametrize("index", [".security*", ".kibana_1", ".*", "flask-*,.security-7", "other:.security*"])
def test_system_indices_are_refused(index: str) -> None:
    """They hold other people's accounts, and no predictions."""
    with pytest.raises(ConfigError, match="names system or hidden indices") as error:
        settings({"index": index, "fields": TIME})
    assert "source.index" in str(error.value)
    assert index in str(error.value)
    assert "begins with a dot" in error.value.remedy


@pytest.mark.parametrize("index", ["d", "driftlog", "driftlogs-*", "dr-*", "flask-*,-driftlog-*,-.kibana*"])
def test_what_only_resembles_them_is_read(index: str) -> None:
    """A name without a star is that one index; what is left out may be anything."""
    [model] = settings({"index": index, "fields": TIME}).models
    assert model.source.index == index


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"fields": TIME}, "source.index: is missing"),
        ({"index": "*", "fields": TIME}, "is no pattern of indices"),
        ({"index": "a/_doc", "fields": TIME}, "is no pattern of indices"),
        ({"index": "driftlog-predictions.churn.*", "fields": TIME}, "names driftlog's own indices"),
        ({"index": "a", "fields": {"prediction.score": "p"}}, "does not say where @timestamp is"),
        ({"index": "a", "fields": TIME | {"score": "p"}}, "is no field of an event"),
        ({"index": "a", "fields": TIME | {"features.*": "body"}}, "has a star on one side"),
        ({"index": "a", "fields": TIME | {"features.a": "b..c"}}, "is no field name"),
        ({"index": "a", "fields": TIME | {"features.a": {"path": "b", "unit": "ms"}}}, "has no unit"),
        ({"index": "a", "fields": TIME | {"features.a": {"path": "b", "failure": ["1"]}}}, "has no failures"),
        ({"index": "a", "fields": TIME, "query": "status:200"}, "source.query: is no query"),
        ({"index": "a", "fields": TIME | {"features.a": {"path": "b", "kind": "x"}}}, "is not a setting"),
    ],
)
def test_what_cannot_be_read_is_refused(source: dict[str, Any], words: str) -> None:
    """With the setting and what is wrong with it."""
    with pytest.raises(ConfigError) as error:
        settings(source)
    assert words in str(error.value)
    assert error.value.remedy
