"""The target of an experiment: the field behind its name, and a unit's values in an answer of Elasticsearch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from driftlog.contract.errors import UsageError
from driftlog.profile.experiment_scope import RATING, ExperimentScope, Source
from driftlog.store.values import Document

_POSITIVE: Final = ("true", "1", "yes")
_NEGATIVE: Final = ("false", "0", "no")
_LABELS: Final = ("prediction.label", "outcome.actual", "outcome.predicted")
_OUTCOMES: Final = (
    "outcome.correct",
    "outcome.actual_value",
    "outcome.predicted_value",
    "outcome.absolute_error",
    "outcome.squared_error",
    "outcome.error",
    "outcome.log_loss",
    "outcome.score",
    "outcome.delay_s",
)
_NUMBERS: Final = {"double", "float", "half_float", "long", "integer", "short", "byte", "boolean"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a unit's value is read.

    Attributes
    ----------
    positive, negative
        Of a field of words: the words that mean 1 and 0; no `negative`: every other word means 0. Both empty: numbers.
    """

    field: str
    source: Source
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


def resolve_target(scope: ExperimentScope, target: str, where: str) -> Target:
    """The field behind a target, and how its values become numbers.

    Raises
    ------
    UsageError
        No such field was ever logged, or it holds something else than numbers or true and false.
    """
    if target == RATING:
        return Target(RATING, "ratings")
    if target == "accuracy" or target in _OUTCOMES:
        return Target("outcome.correct" if target == "accuracy" else target, "outcomes")
    if target in _LABELS:
        source: Source = "outcomes" if target.startswith("outcome.") else "predictions"
        return Target(target, source, positive=(scope.settings.positive_label,))
    if not target.startswith(("features.", "prediction.")):
        known = ", ".join(("accuracy", *_OUTCOMES, RATING))
        raise UsageError(f"target {target} is not known", remedy=f"use {known}, features.NAME or prediction.NAME")
    path = f"/{scope.pattern('predictions')}/_field_caps"
    params = {"fields": target, "ignore_unavailable": "true", "allow_no_indices": "true"}
    types = set(scope.store.request("GET", path, params=params).get("fields", {}).get(target, {})) - {"unmapped"}
    if not types:
        raise UsageError(f"no prediction has a field {target}", remedy=f"correct {where}.target, or log the field")
    if types <= _NUMBERS:
        return Target(target, "predictions")
    if types == {"keyword"}:
        return Target(target, "predictions", _POSITIVE, _NEGATIVE)
    raise UsageError(
        f"target {target} is {' and '.join(sorted(types))}: neither a number nor true or false throughout",
        remedy=f"choose another {where}.target",
    )


def value_aggregations(target: Target, kind: str) -> Document:
    if target.source == "ratings":
        return {}
    if not target.positive:
        return {"value": {kind: {"field": target.field}}}
    exists = {"exists": {"field": target.field}}
    known = {"terms": {target.field: [*target.positive, *target.negative]}} if target.negative else exists
    positive = {"terms": {target.field: list(target.positive)}}
    return {"positive": {"filter": positive}, "known": {"filter": known}, "any": {"filter": exists}}


def values_of(bucket: Document) -> tuple[int, float, float, float, int]:
    """(n, sum, low, high, unreadable) of a bucket's target."""
    if "value" in bucket:
        stats = bucket["value"]
        if not stats["count"]:
            return 0, 0.0, math.inf, -math.inf, 0
        return stats["count"], number_of(stats["sum"]), number_of(stats["min"]), number_of(stats["max"]), 0
    if "known" not in bucket:
        return 0, 0.0, math.inf, -math.inf, 0
    n, positive = bucket["known"]["doc_count"], bucket["positive"]["doc_count"]
    return n, float(positive), float(n == positive), float(positive > 0), bucket["any"]["doc_count"] - n


def number_of(value: object) -> float:
    """Elasticsearch writes what is not finite as text."""
    return float(value) if isinstance(value, int | float | str) else math.nan
