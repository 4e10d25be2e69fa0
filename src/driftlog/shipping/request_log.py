"""Logging within one web request: it knows when the request began, its trace and its labels."""

from __future__ import annotations

import time
from typing import Any

from driftlog.shipping.logger import PredictionLogger
from driftlog.shipping.tracing import trace_id_of


class RequestLog:
    """Belongs to one request. Durations run from its beginning to the log call."""

    def __init__(self, logger: PredictionLogger, traceparent: str | None, labels: dict[str, str]) -> None:
        self.logger = logger
        self.trace_id = trace_id_of(traceparent)
        self.labels = labels
        self.features: object = None
        """Set it before the model is called, and an error is logged with it."""
        self.event_ids: list[str] = []
        self._started = time.perf_counter_ns()

    def log(self, features: object, prediction: Any = None, **answer: Any) -> str:
        """`PredictionLogger.log_prediction` with duration, trace and labels of the request."""
        self.features = features
        identifier = self.logger.log_prediction(features, prediction, **self._common(answer))
        self.event_ids.append(identifier)
        return identifier

    def log_error(self, error: BaseException, features: object = None, **more: Any) -> str:
        """`PredictionLogger.log_error` likewise."""
        given = features if features is not None else self.features
        return self.logger.log_error(given, error, **self._common(more))

    def _common(self, given: dict[str, Any]) -> dict[str, Any]:
        labels = {**self.labels, **(given.pop("labels", None) or {})}
        common = {"duration_ns": time.perf_counter_ns() - self._started, "trace_id": self.trace_id, "labels": labels}
        return {**common, **given}
