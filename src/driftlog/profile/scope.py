"""Whose events a query counts: filters of environment, version, variant, segment and time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from driftlog.contract.errors import UsageError
from driftlog.contract.profile import ProfileKey
from driftlog.contract.window import Window

DEFAULT_ENVIRONMENT: Final = "production"
"""Events that name no environment belong to this one, which is also the default of a model's settings."""
ANY: Final = "*"
ENVIRONMENT, VERSION, VARIANT = "service.environment", "model.version", "model.variant"

Filter = dict[str, Any]


def instant(when: datetime) -> str:
    """ISO 8601 in UTC, as Elasticsearch reads it.

    >>> instant(datetime(2026, 3, 3, 1, 2, 3, tzinfo=UTC))
    '2026-03-03T01:02:03.000000Z'
    """
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def during(window: Window, field: str = "@timestamp") -> Filter:
    """Events of the half-open interval."""
    return {"range": {field: {"gte": instant(window.start), "lt": instant(window.end)}}}


def equals(field: str, value: str) -> list[Filter]:
    """Events whose `field` is `value`; ``""`` means that the event lacks it, ``*`` any.

    >>> equals("model.version", "")
    [{'bool': {'must_not': [{'exists': {'field': 'model.version'}}]}}]
    """
    if value == ANY:
        return []
    return [{"term": {field: value}}] if value else [_lacks(field)]


def _lacks(field: str) -> Filter:
    return {"bool": {"must_not": [{"exists": {"field": field}}]}}


def in_environment(environment: str) -> list[Filter]:
    """Events of an environment; those that name none belong to ``production``."""
    if environment != DEFAULT_ENVIRONMENT:
        return equals(ENVIRONMENT, environment)
    either = [{"term": {ENVIRONMENT: environment}}, _lacks(ENVIRONMENT)]
    return [{"bool": {"should": either, "minimum_should_match": 1}}]


def in_segment(segment: str) -> list[Filter]:
    """Events of a segment, written ``field=value``; the empty segment is everything.

    >>> in_segment("features.carrier=UA")
    [{'term': {'features.carrier': 'UA'}}]
    """
    if not segment:
        return []
    field, separator, value = segment.partition("=")
    if not (field and separator):
        raise UsageError(f"segment {segment!r} is not of the form field=value", remedy="write features.carrier=UA")
    return [{"term": {field: value}}]


def of_key(key: ProfileKey) -> dict[str, Any]:
    """The query of a profile: model (by its index), time, environment, version, variant, segment."""
    filters = [
        during(key.bucket),
        *in_environment(key.environment),
        *equals(VERSION, key.version),
        *equals(VARIANT, key.variant),
        *in_segment(key.segment),
    ]
    return {"bool": {"filter": filters}}
