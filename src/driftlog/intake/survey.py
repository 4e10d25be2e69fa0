"""The survey served beside the intake: ``GET /survey/TOKEN`` shows the form, ``POST`` stores what was filled in.

The signed link is all the authority there is: it names one prediction and expires. Nothing else of the visitor is known
or asked for, no cookie is set; so there is no session that a foreign page could ride on, and a form needs no token
against that. Feedback is stored as every event is, by way of the `Receiver`; a second sending of the same link is a
newer statement of the same source, and takes the place of the first wherever feedback is read.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from driftlog.contract.errors import StoreError
from driftlog.contract.events import DATASET_FEEDBACK
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.contract.survey_link import PATH, LinkRefused, SurveyLink, verify
from driftlog.intake.availability import Availability
from driftlog.intake.framing import Line
from driftlog.intake.rate_limit import RateLimit
from driftlog.intake.receiver import Receiver
from driftlog.intake.survey_form import check, read_fields
from driftlog.intake.survey_page import form_page, page_headers, problem_page, thanks_page
from driftlog.intake.timestamps import format_timestamp

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 131_072
READ_S: Final = 20.0
SENDINGS_A_MINUTE: Final = 10
"""Of one link."""
FORM: Final = "application/x-www-form-urlencoded"

_REFUSED: Final = (
    "This link does not work",
    "It is not complete, or not one of ours. Please open it again from the message it came in; a link that was broken "
    "over two lines has to be copied whole.",
)
_EXPIRED: Final = ("This link has expired", "It is too late to answer here. Thank you for wanting to.")
_GONE: Final = ("There are no questions any more", "The survey that this link belongs to has ended.")
_BUSY: Final = ("One moment, please", "There were many requests just now. Please try again in a minute.")
_AWAY: Final = (
    "That did not work, and it is our fault",
    "Your answers could not be stored. Please go back and send them again in a few minutes.",
)
_TOO_LARGE: Final = ("That is too long", "Please go back and shorten your answers.")
_UNREADABLE: Final = ("That could not be read", "Please go back and send the form again.")


class SurveyPages:
    """The request handlers.

    Parameters
    ----------
    settings
        Keys of the links, and the models' questions.
    receiver
        Takes the feedback.
    availability
        Whether Elasticsearch takes anything now.
    now
        Clock of expiry and of the feedback's time.
    """

    def __init__(
        self, settings: Settings, receiver: Receiver, availability: Availability, *, now: Callable[[], datetime]
    ) -> None:
        feedback = settings.feedback
        self._keys = [key for key in (feedback.key, *feedback.old_keys) if key]
        self._models = {model.name: model for model in settings.models}
        self._receiver = receiver
        self._availability = availability
        self._now = now
        self._visits = RateLimit(feedback.requests_per_minute)
        self._sendings = RateLimit(SENDINGS_A_MINUTE)

    def add_routes(self, app: web.Application) -> None:
        """Before the catch-all of events; ``HEAD`` is answered as ``GET``."""
        app.router.add_get(PATH + "{token}", self._show)
        app.router.add_post(PATH + "{token}", self._take)

    async def _show(self, request: web.Request) -> web.Response:
        found = self._admit(request)
        if isinstance(found, web.Response):
            return found
        settings, _ = found
        return _page(200, thanks_page(settings.survey) if "done" in request.query else form_page(settings))

    async def _take(self, request: web.Request) -> web.Response:
        found = self._admit(request)
        if isinstance(found, web.Response):
            return found
        settings, link = found
        if request.content_type != FORM:
            return _problem(415, _UNREADABLE)
        wait = self._sendings.wait_s(f"{link.model}\0{link.prediction_id}")
        if wait:
            return _problem(429, _BUSY, {hdrs.RETRY_AFTER: str(wait)})
        try:
            fields = read_fields(await _read(request))
        except _TooLarge:
            return _problem(413, _TOO_LARGE)
        except (ValueError, TimeoutError):
            return _problem(400, _UNREADABLE)
        submission = check(fields, settings)
        if submission.errors:
            return _page(422, form_page(settings, values=submission.values, errors=submission.errors))
        if not await self._store(link, settings, submission.feedback):
            return _problem(503, _AWAY, {hdrs.RETRY_AFTER: "60"})
        return web.Response(status=303, headers={**page_headers(), hdrs.LOCATION: "?done=1"})

    def _admit(self, request: web.Request) -> tuple[ModelSettings, SurveyLink] | web.Response:
        """The form that a request may see, and what it is about; or the page that says why not."""
        wait = self._visits.wait_s(request.remote or "")
        if wait:
            return _problem(429, _BUSY, {hdrs.RETRY_AFTER: str(wait)})
        try:
            link = verify(request.match_info["token"], self._keys)
        except LinkRefused:
            return _problem(403, _REFUSED)
        if link.expires <= self._now():
            return _problem(410, _EXPIRED)
        settings = self._models.get(link.model)
        if settings is None or not settings.survey.questions:
            return _problem(404, _GONE)
        return settings, link

    async def _store(self, link: SurveyLink, settings: ModelSettings, feedback: dict[str, Any]) -> bool:
        if not self._availability.is_up:
            return False
        id = secrets.token_hex(16)
        event = {
            "@timestamp": format_timestamp(self._now()),
            "event": {"id": id, "dataset": DATASET_FEEDBACK},
            "service": {"environment": settings.environment},
            "model": {"name": link.model},
            "feedback": {"prediction_id": link.prediction_id, **feedback},
        }
        line = Line(msgspec.json.encode(event), 1)
        try:
            outcome = await self._receiver.receive([line], source="survey", batch=lambda: id)
        except StoreError as error:
            self._availability.report(error)
            return False
        if outcome.quarantined:
            log.error("an answer to the survey of %s was quarantined; see the quarantine for the reason", link.model)
        return not outcome.quarantined


class _TooLarge(Exception):
    """A form larger than `MAX_BODY_BYTES`."""


async def _read(request: web.Request) -> bytes:
    """The body, unpacked, as far as it may go."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _TooLarge
    body = bytearray()
    async with asyncio.timeout(READ_S):
        async for chunk in request.content.iter_chunked(16_384):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise _TooLarge
    return bytes(body)


def _page(status: int, html: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        text=html,
        content_type="text/html",
        charset="utf-8",
        headers={**page_headers(), **(headers or {})},
    )


def _problem(status: int, said: tuple[str, str], headers: Mapping[str, str] | None = None) -> web.Response:
    return _page(status, problem_page(*said), headers)
