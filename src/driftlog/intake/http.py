"""HTTP: events in, acknowledged when stored.

``POST /`` (any path) takes a JSON object, a JSON array or NDJSON, gzip or not. 200 with
``{"stored": n, "duplicates": n, "quarantined": n}`` when every event is in Elasticsearch; 429 when too much is pending,
503 when Elasticsearch cannot take it: then nothing is accepted and the sender keeps it.

CloudEvents (``POST /cloudevents``, or by their headers on any path) are the payloads of a serving platform, see
`cloud_events`.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from typing import Final

import msgspec
from aiohttp import hdrs, web

from driftlog.contract.errors import StoreError
from driftlog.contract.settings import IntakeSettings
from driftlog.intake.access import is_authorised
from driftlog.intake.availability import Availability
from driftlog.intake.capacity import Capacity
from driftlog.intake.cloud_events import is_cloud_event, read_half, split_events
from driftlog.intake.framing import Line, split_body
from driftlog.intake.receiver import Receiver
from driftlog.intake.stats import Stats, rss_bytes
from driftlog.intake.survey import SurveyPages

log = logging.getLogger(__name__)

BUSY_RETRY_AFTER_S: Final = 1
ORIGIN: Final = "X-Driftlog-Origin"
"""``NAME:ROW``: the sender's spool file and its row in the first line. The identity of lines that have no id: it stays
the same when a re-send cuts the rows into other batches, which a hash of the body would not."""
_ORIGIN: Final = re.compile(r"([A-Za-z0-9_.-]{1,128}):([0-9]{1,15})")


class HttpIntake:
    """The request handlers.

    Parameters
    ----------
    settings
        Limits and credentials.
    receiver
        Takes the lines.
    capacity
        Bytes pending over all receivers.
    availability
        Whether Elasticsearch takes anything now.
    stats
        Counters to keep.
    survey
        Served beside it, without credentials: its links are signed.
    """

    def __init__(
        self,
        settings: IntakeSettings,
        receiver: Receiver,
        capacity: Capacity,
        availability: Availability,
        stats: Stats,
        survey: SurveyPages | None = None,
    ) -> None:
        self._survey = survey
        self._settings = settings
        self._receiver = receiver
        self._capacity = capacity
        self._availability = availability
        self._stats = stats

    def application(self) -> web.Application:
        app = web.Application(client_max_size=self._settings.max_body_bytes)
        app.router.add_get("/health", self._health)
        app.router.add_get("/stats", self._show_stats)
        if self._survey is not None:
            self._survey.add_routes(app)
        app.router.add_route("POST", "/{path:.*}", self._events)
        app.router.add_route("PUT", "/{path:.*}", self._events)
        return app

    async def _events(self, request: web.Request) -> web.Response:
        self._stats.requests += 1
        if not is_authorised(request.headers.get(hdrs.AUTHORIZATION), self._settings):
            return _answer(401, {"error": "credentials are missing or wrong"}, {"WWW-Authenticate": "Basic, ApiKey"})
        if not self._availability.is_up:
            return self._unavailable(self._availability.problem)
        size = min(request.content_length or 0, self._settings.max_body_bytes)
        if not self._capacity.try_reserve(size):
            return self._busy()
        try:
            body = await request.read()
            more = max(len(body) - size, 0)  # compressed, or sent in chunks
            if not self._capacity.try_extend(size, more):
                return self._busy()
            size += more
            return await self._store(body, request)
        finally:
            self._capacity.release(size)

    async def _store(self, body: bytes, request: web.Request) -> web.Response:
        headers = request.headers
        named = _ORIGIN.fullmatch(headers.get(ORIGIN, ""))

        lines: Iterable[Line]
        read, what = None, body
        lower = {name.lower(): value for name, value in headers.items()}
        if is_cloud_event(request.path, lower):
            lines, read = split_events(request.path, lower, body), read_half
            what = repr((request.path, sorted(lower.items()))).encode() + body
        else:
            lines = split_body(body, headers.get(hdrs.CONTENT_TYPE, ""), first=int(named[2]) if named else 1)

        def batch() -> str:
            return named[1] if named else hashlib.blake2b(what, digest_size=16).hexdigest()

        try:
            outcome = await self._receiver.receive(lines, source="http", batch=batch, read=read)
        except StoreError as error:
            self._availability.report(error)
            return self._unavailable(error.message)
        return _answer(200, outcome)

    def _busy(self) -> web.Response:
        self._stats.refused_busy += 1
        return _answer(
            429,
            {"error": f"more than max_pending_bytes ({self._capacity.limit_bytes}) are waiting for Elasticsearch"},
            {"Retry-After": str(BUSY_RETRY_AFTER_S)},
        )

    def _unavailable(self, problem: str) -> web.Response:
        self._stats.refused_unavailable += 1
        return _answer(
            503,
            {"error": f"nothing was accepted, send again later: {problem}"},
            {"Retry-After": str(self._availability.retry_after_s)},
        )

    async def _health(self, _request: web.Request) -> web.Response:
        if self._availability.is_up:
            return _answer(200, {"status": "ok"})
        return _answer(503, {"status": "unavailable", "problem": self._availability.problem})

    async def _show_stats(self, request: web.Request) -> web.Response:
        if not is_authorised(request.headers.get(hdrs.AUTHORIZATION), self._settings):
            return _answer(401, {"error": "credentials are missing or wrong"})
        counted = msgspec.to_builtins(self._stats)
        return _answer(
            200,
            counted.pop("outcome")
            | counted
            | {"pending_bytes": self._capacity.pending_bytes, "rss_bytes": rss_bytes(), "up": self._availability.is_up},
        )


def _answer(status: int, body: object, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers or {}
    )
