"""Whose events a query counts: filters of environment, version, variant, segment and time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from driftlog.contract.profile import ProfileKey
from driftlog.contract.segment import Between, Condition, parse_segment
from driftlog.contract.window import Window

DEFAULT_ENVIRONMENT: Final = "production"
"""Events that name no environment belong to this one, which is also the default of a model's settings."""
ANY: Final = "*"
STAR: Final = "%2A"
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


def own_name(found: str | None) -> str:
    """The name in profiles of a version or variant as events give it: one that is ``*`` must not mean any.

    >>> own_name("1.0"), own_name("*"), own_name(None)
    ('1.0', '%2A', '')
    """
    return STAR if found == ANY else found or ""


def equals(field: str, value: str) -> list[Filter]:
    """Events whose `field` is `value`; ``""`` means that the event lacks it or has it empty, ``*`` any, ``%2A`` a star.

    >>> equals("model.version", "7")
    [{'term': {'model.version': '7'}}]
    >>> equals("model.version", own_name("*"))
    [{'terms': {'model.version': ['*', '%2A']}}]
    """
    if value == ANY:
        return []
    if value == STAR:
        return [{"terms": {field: [ANY, STAR]}}]
    if value:
        return [{"term": {field: value}}]
    return [{"bool": {"should": [_lacks(field), {"term": {field: ""}}], "minimum_should_match": 1}}]


def _lacks(field: str) -> Filter:
    return {"bool": {"must_not": [{"exists": {"field": field}}]}}


def in_environment(environment: str) -> list[Filter]:
    """Events of an environment; those that name none belong to ``production``."""
    if environment != DEFAULT_ENVIRONMENT:
        return equals(ENVIRONMENT, environment)
    either = [{"term": {ENVIRONMENT: environment}}, _lacks(ENVIRONMENT)]
    return [{"bool": {"should": either, "minimum_should_match": 1}}]


def in_segment(segment: str) -> list[Filter]:
    """Events of a segment, as `driftlog.contract.segment` writes it; the empty segment is everything.

    Values of numeric fields are compared as numbers, so that ``3`` finds 3.0; zero has two signs.

    >>> in_segment("carrier=UA&distance=[500,)")
    [{'term': {'features.carrier': 'UA'}}, {'range': {'features.distance': {'gte': 500.0}}}]

    Raises
    ------
    UsageError
        It has another form.
    """
    return [_condition(field, condition) for field, condition in parse_segment(segment).items()]


def _condition(field: str, condition: Condition) -> Filter:
    if isinstance(condition, Between):
        ends = (("gte", condition.low), ("lt", condition.high))
        return {"range": {field: {name: end for name, end in ends if end is not None}}}
    return {"terms": {field: ["0", "-0"]}} if condition == "0" else {"term": {field: condition}}


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
