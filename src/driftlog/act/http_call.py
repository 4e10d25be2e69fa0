"""One HTTP request to a system outside: with a time limit, without redirects, repeated by stated rules."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
import requests

import driftlog
from driftlog.contract.errors import ActionFailed, ActionUnavailable

AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed later."""
REFUSED_UNDONE: Final = (425, 429, 503)
"""Those that say that nothing was done."""
MAX_ANSWER_BYTES: Final = 1 << 20
_PAUSES_S: Final = (1.0, 4.0, 15.0)
_LONGEST_PAUSE_S: Final = 60.0
_CONNECT_S: Final = 10.0
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer; `body` is its JSON value, None where it has none."""

    status: int
    body: Any
    attempts: int


class AnswerLost(ActionUnavailable):
    """The request was sent, and what became of it is not known."""


def call(
    method: Literal["GET", "POST"],
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    repeatable: bool,
    time_limit_s: float = 60.0,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Answer:
    """Send a request, at most four times within `time_limit_s`.

    Parameters
    ----------
    repeatable
        Whether the receiver bears the same request twice (GET, or an idempotency key). If not, it is sent again only
        when it certainly was not carried out: no connection, or 425, 429, 503.

    Raises
    ------
    ActionFailed
        An answer that is not 2xx and would not be another time.
    ActionUnavailable
        No answer, or one of `AGAIN`, at the last attempt too; as `AnswerLost` where it may have been carried out.
    """
    deadline = monotonic() + time_limit_s
    attempt = 0
    while True:
        attempt += 1
        left = max(1.0, deadline - monotonic())
        wait: float | None = None
        try:
            answer = _send(method, url, headers, body, left)
        except (requests.ConnectTimeout, requests.ConnectionError) as error:
            failure: ActionFailed = _no_answer(url, error, sent=not _never_sent(error))
        except requests.Timeout as error:
            failure = _no_answer(url, error, sent=True)
        except requests.RequestException as error:
            raise ActionFailed(
                f"{place(url)} cannot be asked: {type(error).__name__}", remedy="check the URL in the settings"
            ) from error
        else:
            if 200 <= answer.status_code < 300:
                return Answer(answer.status_code, _json(answer), attempt)
            failure, wait = _refusal(url, answer, now)
        again = isinstance(failure, ActionUnavailable) and (repeatable or not isinstance(failure, AnswerLost))
        pause = min(wait if wait is not None else _PAUSES_S[min(attempt, len(_PAUSES_S)) - 1], _LONGEST_PAUSE_S)
        if not again or attempt > len(_PAUSES_S) or monotonic() + pause >= deadline:
            raise failure
        sleep(pause)


def _send(method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit_s: float) -> requests.Response:
    given = {"User-Agent": f"driftlog/{driftlog.__version__}", "Accept": "application/json", **headers}
    with requests.Session() as session:
        session.auth = _no_netrc
        with session.request(
            method,
            url,
            headers=given,
            data=body,
            timeout=(min(_CONNECT_S, limit_s), limit_s),
            allow_redirects=False,  # a redirect would take the credentials elsewhere
            stream=True,
        ) as answer:
            answer._content = _read(answer, time.monotonic() + limit_s)
            return answer


def _read(answer: requests.Response, deadline: float) -> bytes:
    """The body, at most `MAX_ANSWER_BYTES` of it; a receiver that lets it drip is not waited for longer."""
    content = b""
    while len(content) < MAX_ANSWER_BYTES and (part := answer.raw.read1(_CHUNK, decode_content=True)):
        content += part
        if time.monotonic() > deadline:
            raise requests.ReadTimeout("the body came too slowly")
    return content


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Credentials come from the settings alone, never from a .netrc of the worker's account."""
    return request


def _never_sent(error: Exception) -> bool:
    """Whether no connection came about; one that broke may have carried the request."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(error, requests.ConnectTimeout) or type(reason).__name__ in (
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "SSLError",
        "ProxyError",
    )


def _no_answer(url: str, error: Exception, *, sent: bool) -> ActionUnavailable:
    kind = type(error).__name__
    if not sent:
        return ActionUnavailable(f"no connection to {place(url)}: {kind}", remedy="it is tried again at the next look")
    return AnswerLost(
        f"{place(url)} gave no answer ({kind}); whether it did what was asked is not known",
        remedy="look there before asking again",
    )


def _refusal(url: str, answer: requests.Response, now: Callable[[], datetime]) -> tuple[ActionFailed, float | None]:
    """The error of an answer that is not 2xx, and how long it asks to wait. Its text may repeat secrets: not shown."""
    status = answer.status_code
    said = f"{place(url)} answered {status}{f' {answer.reason}' if answer.reason else ''}"
    if status in REFUSED_UNDONE:
        return ActionUnavailable(said, remedy="it is overloaded or away"), _retry_after(answer, now)
    if status in AGAIN:
        return AnswerLost(said, remedy="it failed inside; look there before asking again"), _retry_after(answer, now)
    if status in (401, 403):
        return ActionFailed(said, remedy="check the variable that holds its token, and the token's rights"), None
    if 300 <= status < 400:
        return ActionFailed(said, remedy="give the address it redirects to; redirects are not followed"), None
    return ActionFailed(said, remedy="compare URL, headers and body of the settings with its documentation"), None


def _retry_after(answer: requests.Response, now: Callable[[], datetime]) -> float | None:
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when - now()).total_seconds()) if when.tzinfo else None


def _json(answer: requests.Response) -> Any:
    try:
        return msgspec.json.decode(answer.content) if answer.content else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def place(url: str) -> str:
    """Where a URL leads, without user, query and path: what may be shown.

    >>> place("https://u:p@ci.example.org:8443/trigger?token=t")
    'https://ci.example.org:8443'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def header_pairs(lines: tuple[str, ...]) -> dict[str, str]:
    """``Name: value`` lines as a dictionary.

    Raises
    ------
    ActionFailed
        A line without a colon, or with a line break in it.

    >>> header_pairs(("Authorization: Bearer a:b",))
    {'Authorization': 'Bearer a:b'}
    """
    pairs = {}
    for number, line in enumerate(lines, 1):
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or not line.isprintable():
            raise ActionFailed(f"header {number} is no header", remedy="write Name: value on one line")
        pairs[name.strip()] = value.strip()
    return pairs
