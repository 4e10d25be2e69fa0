"""One HTTP request that hands metrics on: compressed, with a time limit, repeated where that does no harm."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import driftlog
from driftlog.contract.errors import DeliveryError, DeliveryRefused

if TYPE_CHECKING:
    import requests

AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may be taken later."""
UNDONE: Final = (425, 429, 503)
"""Those of them that say that nothing was done."""
PAUSES_S: Final = (1.0, 2.0, 4.0)
LONGEST_PAUSE_S: Final = 30.0
MAX_ANSWER_BYTES: Final = 65_536
NEVER_SENT: Final = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "SSLError",
    "ProxyError",
)


@dataclass(frozen=True)
class Posted:
    """What became of a request.

    Attributes
    ----------
    error
        None where it was taken.
    unsure
        Not taken as far as is known, and yet it may have been.
    """

    status: int = 0
    answer: bytes = b""
    attempts: int = 1
    size_bytes: int = 0
    error: DeliveryError | None = None
    unsure: bool = False


@dataclass
class Poster:
    """Posts to one receiver.

    Attributes
    ----------
    headers
        Sent with every request; their values are shown nowhere.
    explain
        What to do about a status that is not success.
    secrets
        Taken out of what is shown of an answer.
    """

    headers: Mapping[str, str]
    explain: Callable[[int], str] = lambda status: ""
    secrets: tuple[str, ...] = ()
    ca_cert: str = ""
    timeout_s: float = 20.0
    sleep: Callable[[float], None] = field(default=time.sleep)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def post(self, url: str, body: bytes, *, repeatable: bool) -> Posted:
        """Send `body`, at most four times.

        Parameters
        ----------
        repeatable
            The receiver bears the same request twice. If not, it is sent again only where it certainly was not taken.
        """
        data = gzip.compress(body, mtime=0)
        attempt = 0
        while True:
            attempt += 1
            done, pause = self._once(url, data, attempt)
            again = done.error is not None and not isinstance(done.error, DeliveryRefused)
            if not again or attempt > len(PAUSES_S) or (done.unsure and not repeatable):
                return done
            self.sleep(min(pause if pause is not None else PAUSES_S[attempt - 1], LONGEST_PAUSE_S))

    def _once(self, url: str, data: bytes, attempt: int) -> tuple[Posted, float | None]:
        import requests

        headers = {"User-Agent": f"driftlog/{driftlog.__version__}", "Content-Encoding": "gzip", **self.headers}
        try:
            with requests.Session() as session:
                session.auth = lambda request: request  # never from a .netrc
                answer = session.post(
                    url,
                    data=data,
                    headers=headers,
                    timeout=(min(10.0, self.timeout_s), self.timeout_s),
                    allow_redirects=False,  # a redirect would take the key elsewhere
                    verify=self.ca_cert or True,
                    stream=True,
                )
                with answer:
                    content = _body(answer)
        except requests.RequestException as error:
            return self._no_answer(url, error, attempt, len(data)), None
        except OSError as error:  # a certificate file that is not there
            return self._no_answer(url, error, attempt, len(data)), None
        if 200 <= answer.status_code < 300:
            return Posted(answer.status_code, content, attempt, len(data)), None
        return self._refusal(url, answer, content, attempt, len(data))

    def _no_answer(self, url: str, error: Exception, attempt: int, size: int) -> Posted:
        inner = error.args[0] if error.args else None
        cause = type(getattr(inner, "reason", inner)).__name__
        sure = cause in NEVER_SENT or type(error).__name__ in ("ConnectTimeout", "SSLError", "FileNotFoundError")
        name = cause if cause in NEVER_SENT else type(error).__name__
        problem = DeliveryError(
            f"{place(url)} gave no answer: {name}", remedy="check the address, and that the receiver runs"
        )
        return Posted(0, b"", attempt, size, problem, unsure=not sure)

    def _refusal(
        self, url: str, answer: requests.Response, content: bytes, attempt: int, size: int
    ) -> tuple[Posted, float | None]:
        status = answer.status_code
        kind = DeliveryError if status in AGAIN else DeliveryRefused
        said = self._shown(content)
        message = f"{place(url)} answered {status}{f': {said}' if said else ''}"
        problem = kind(message, remedy=self.explain(status) or "see the receiver's documentation for that status")
        unsure = status in AGAIN and status not in UNDONE
        return Posted(status, content, attempt, size, problem, unsure), retry_after_s(
            answer.headers.get("Retry-After"), self.now()
        )

    def _shown(self, content: bytes) -> str:
        text = " ".join(content.decode(errors="replace").split())
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return "".join(sign for sign in text if sign.isprintable())[:300]


def _body(answer: requests.Response) -> bytes:
    """The start of the answer's body; none where it stalls, breaks off or is no gzip: the status came before."""
    from urllib3.exceptions import HTTPError

    try:
        return bytes(answer.raw.read(MAX_ANSWER_BYTES, decode_content=True))
    except (HTTPError, OSError):
        return b""


def retry_after_s(text: str | None, now: datetime) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, a number or a date; None where it says nothing that can be done.

    >>> retry_after_s("3", datetime(2026, 3, 1, tzinfo=UTC)), retry_after_s("soon", datetime(2026, 3, 1, tzinfo=UTC))
    (3.0, None)
    """
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000", or no zone at all: UTC
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, OverflowError):
        return None


def place(url: str) -> str:
    """Where a URL leads, without credentials, query and path.

    >>> place("https://u:p@intake.example.org:8443/v1/metrics?k=1")
    'https://intake.example.org:8443'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
