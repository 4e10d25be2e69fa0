"""Metrics of the user's own: a function over a window's profile or rows, or an aggregation of Elasticsearch."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from driftlog.contract.errors import ConfigError, DriftlogError, StoreError, StoreRejected
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import OutcomeProfile, PredictionProfile, ProfileKey, total
from driftlog.contract.settings import ModelSettings, UserMetricSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.profile.scope import of_key
from driftlog.store.client import Store
from driftlog.worker.functions import load_function

log = logging.getLogger("driftlog.worker")

Answer = float | tuple[float, float | None, float | None] | None


@dataclass(frozen=True, slots=True)
class WindowData:
    """What metrics of one series in one window can read."""

    key: ProfileKey
    predictions: PredictionProfile
    outcomes: Sequence[OutcomeProfile]


@dataclass(slots=True)
class UserMetrics:
    """The metrics of one model; functions are imported once.

    A function over a profile is called with a `PredictionProfile` and an `OutcomeProfile` (the sum of the window's, or
    None), one over a frame with a pandas DataFrame of dotted columns. It returns a number, ``(value, lower, upper)``,
    or None where there is nothing to say. An exception in it, or a call of ``sys.exit``, becomes a measurement without
    value whose note quotes it: one broken metric stops no other. What it prints goes to standard error. It runs in the
    worker's own thread, without a time limit. Elasticsearch being away is no fault of the metric's: it is raised, the
    cycle fails and the next one measures the window.
    """

    store: Store
    settings: ModelSettings
    _functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    _told: set[tuple[str, str]] = field(default_factory=set)

    def measurements(self, data: WindowData, context: SeriesContext) -> list[Measurement]:
        """One measurement (purpose ``custom``) for each metric of the settings."""
        return [self._measure(index, metric, data, context) for index, metric in enumerate(self.settings.metrics)]

    def _measure(self, index: int, metric: UserMetricSettings, data: WindowData, context: SeriesContext) -> Measurement:
        path = f"models.{self.settings.name}.metrics[{index}]"
        note, answer = "", None
        try:
            answer = self._answer(metric, data, path)
        except StoreError as error:
            if not isinstance(error, StoreRejected):  # the next cycle measures it; a note would stay for good
                raise
            note = error.message
            log.warning("%s (%s): %s", path, metric.name, note)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the user's code; the others go on
            note = f"{error.message if isinstance(error, DriftlogError) else f'{type(error).__name__}: {error}'}"
            if (path, note) not in self._told:  # once, not for every window and segment
                self._told.add((path, note))
                log.warning("%s (%s): %s", path, metric.name, note)
        value, lower, upper = _parts(answer)
        if value is None and not note:
            note = "the metric had nothing to say" if answer is None else f"the metric returned {answer!r}"
        return context.measurement(
            metric.name,
            "custom",
            value,
            lower=lower,
            upper=upper,
            n_current=data.predictions.n,
            unit=metric.unit,
            method=f"over {metric.over}: {metric.function or metric.path}",
            note=note[:500],
        )

    def _answer(self, metric: UserMetricSettings, data: WindowData, path: str) -> object:
        if metric.over == "aggregation":
            return self._aggregated(metric, data, path)
        arguments = self._arguments(metric, data)
        with redirect_stdout(sys.stderr):  # standard output is the command's, JSON maybe
            function = self._functions.get(metric.function)
            if function is None:
                function = self._functions[metric.function] = load_function(metric.function, path=f"{path}.function")
            return function(*arguments)

    def _arguments(self, metric: UserMetricSettings, data: WindowData) -> tuple[Any, ...]:
        if metric.over == "profile":
            return data.predictions, total(data.outcomes)
        from driftlog.profile.reference_window import sample_frame

        share = min(1.0, metric.rows / max(1, data.predictions.n))
        return (sample_frame(self.store, data.key, share=share).head(metric.rows),)

    def _aggregated(self, metric: UserMetricSettings, data: WindowData, path: str) -> float | None:
        query = of_key(data.key)
        pattern = self.store.names.all_predictions(data.key.model)
        if metric.of == "outcomes":
            query["bool"]["filter"].insert(0, {"term": {"model.name": data.key.model}})
            pattern = self.store.names.every("outcomes")
        aggs = parse_aggregation(metric.aggregation, path=f"{path}.aggregation")
        body = {"size": 0, "track_total_hits": True, "query": query, "aggs": aggs}
        return read_path(self.store.search(pattern, body), metric.path, path=f"{path}.path")


def parse_aggregation(text: str, *, path: str) -> dict[str, Any]:
    """The aggregations of a setting, by name.

    Raises
    ------
    ConfigError
        It is not a JSON object of aggregations.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"is not JSON: {error}", path=path, value=text[:80], remedy='write {"late": {"filter": {"term": {...}}}}'
        ) from error
    if not isinstance(found, dict) or not found:
        raise ConfigError(
            "is not an object of aggregations", path=path, value=text[:80], remedy='write {"late": {"filter": ...}}'
        )
    return found


def read_path(answer: Mapping[str, Any], path_in: str, *, path: str) -> float | None:
    """The number at a path of the aggregations, ``n`` for the documents, or a quotient of two; None where it is null.

    >>> answer = {"hits": {"total": {"value": 8}}, "aggregations": {"late": {"doc_count": 2}}}
    >>> read_path(answer, "late.doc_count / n", path="models.m.metrics[0].path")
    0.25

    Raises
    ------
    ConfigError
        There is nothing at the path.
    """
    numbers = [_number_at(answer, part.strip(), path) for part in path_in.split("/")]
    if len(numbers) > 2:
        raise ConfigError("has more than one /", path=path, value=path_in, remedy="write a.value or a.value / b.value")
    if len(numbers) == 1:
        return numbers[0]
    above, below = numbers
    return None if above is None or not below else above / below


def _number_at(answer: Mapping[str, Any], steps: str, path: str) -> float | None:
    if steps == "n":
        return float(answer["hits"]["total"]["value"])
    found: Any = answer.get("aggregations")
    if found is None:  # no index yet
        return None
    for step in steps.split("."):
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, ValueError, TypeError):
            known = ", ".join(found) if isinstance(found, Mapping) else "nothing"
            raise ConfigError(
                f"leads to nothing at {step!r}", path=path, value=steps, remedy=f"there is {known}"
            ) from None
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise ConfigError("leads to no number", path=path, value=steps, remedy="end it with value or doc_count")
    return float(found)


def _parts(answer: object) -> tuple[float | None, float | None, float | None]:
    """Value, lower and upper end of what a metric returned; numbers that are not finite are no numbers."""
    parts = tuple(answer) if isinstance(answer, (tuple, list)) and len(answer) == 3 else (answer, None, None)
    numbers = []
    for part in parts:
        try:
            number = math.nan if part is None or isinstance(part, str) else float(part)
        except (TypeError, ValueError):
            number = math.nan
        numbers.append(number if math.isfinite(number) else None)
    return numbers[0], numbers[1], numbers[2]
