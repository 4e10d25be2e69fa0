"""ASGI middleware, for FastAPI, Starlette, Litestar, Quart and any other ASGI app; imports none of them.

app = DriftlogMiddleware(app, PredictionLogger("churn", version="1.4"))
...
request.scope["driftlog"].log(features, label, score=score)     # in the endpoint
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from driftlog.shipping.logger import PredictionLogger
from driftlog.shipping.request_log import RequestLog
from driftlog.shipping.tracing import current_trace

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class DriftlogMiddleware:
    """Puts a `RequestLog` into ``scope["driftlog"]``, takes over the trace, logs errors and raises them on."""

    def __init__(self, app: App, logger: PredictionLogger) -> None:
        self.app = app
        self.logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("type") != "http":
            await self.app(scope, receive, send)
            return
        log = self._begin(scope)
        token = current_trace.set(log.trace_id)
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            log.log_error(error)
            raise
        finally:
            current_trace.reset(token)

    def _begin(self, scope: Scope) -> RequestLog:
        headers = {bytes(name).lower(): bytes(value) for name, value in scope.get("headers", ())}
        traceparent = headers.get(b"traceparent", b"").decode("latin-1")
        labels = {"http_method": str(scope.get("method", "")), "http_route": str(scope.get("path", ""))}
        log = RequestLog(self.logger, traceparent, labels)
        scope["driftlog"] = log
        return log
