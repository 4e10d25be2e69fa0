"""Flask extension.

from driftlog.shipping import PredictionLogger
from driftlog.shipping.flask import Driftlog
driftlog = Driftlog(app, PredictionLogger("churn", version="1.4"))
...
driftlog.log(features, label, score=score)      # in the view
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from driftlog.shipping.logger import PredictionLogger
from driftlog.shipping.request_log import RequestLog
from driftlog.shipping.tracing import current_trace

if TYPE_CHECKING:
    from flask import Flask


class Driftlog:
    """Times requests, takes over the trace of the ``traceparent`` header, logs errors that a view raises.

    Parameters
    ----------
    app
        May be left out; then call `init_app`.
    endpoints
        Flask endpoints whose errors are failed predictions; by default all but ``static``.
    """

    def __init__(
        self, app: Flask | None, logger: PredictionLogger, *, endpoints: Collection[str] | None = None
    ) -> None:
        self.logger = logger
        self._endpoints = endpoints
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        from flask import got_request_exception

        app.extensions["driftlog"] = self
        app.before_request(self._begin)
        got_request_exception.connect(self._failed, app)

    @property
    def request(self) -> RequestLog:
        """The log of the request being served."""
        from flask import g

        if "driftlog" not in g:
            self._begin()
        log: RequestLog = g.driftlog
        return log

    def log(self, features: object, prediction: Any = None, **answer: Any) -> str:
        """Log the prediction of this request; returns its event id. See `PredictionLogger.log_prediction`."""
        try:
            return self.request.log(features, prediction, **answer)
        except Exception as error:  # noqa: BLE001  outside of a request: log without its context
            self.logger.failed("flask", error)
            return self.logger.log_prediction(features, prediction, **answer)

    def log_feedback(self, prediction_id: str, actual: Any = None, **more: Any) -> str:
        return self.logger.log_feedback(prediction_id, actual, **more)

    def _begin(self) -> None:
        from flask import g, request

        try:
            labels = {"http_method": request.method, "http_route": str(request.url_rule or request.path)}
            g.driftlog = log = RequestLog(self.logger, request.headers.get("traceparent"), labels)
            current_trace.set(log.trace_id)
        except Exception as error:  # noqa: BLE001
            self.logger.failed("flask", error)

    def _failed(self, sender: object, exception: BaseException, **_: object) -> None:
        """Flask goes on with the exception by itself."""
        del sender
        from flask import request

        try:
            wanted = (
                request.endpoint in self._endpoints if self._endpoints is not None else request.endpoint != "static"
            )
            if wanted:
                self.request.log_error(exception)
        except Exception as error:  # noqa: BLE001
            self.logger.failed("flask", error)
