"""Kibana's HTTP API: one request at a time, tried again where that can help, every refusal said in words.

All that is sent may be sent twice (an import overwrites, a POST that succeeded unheard is answered 409), so every
request is tried again after 429, 5xx and lost connections, and never after another 4xx.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote, urlsplit

import msgspec

import driftlog
from driftlog.contract.errors import ConfigError, KibanaAccessDenied, KibanaError, KibanaUnavailable
from driftlog.contract.kibana import KibanaSettings
from driftlog.contract.strict import Secret

if TYPE_CHECKING:
    import requests

log = logging.getLogger("driftlog.kibana")

Method = Literal["GET", "POST", "PUT", "DELETE"]

DEFAULT_SPACE: Final = "default"
_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0)
_LONGEST_PAUSE_S: Final = 30.0
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_TEXT: Final = 500
PRIVILEGES: Final = (
    "it needs the Kibana privileges Stack Rules, Actions and Connectors, and Saved Objects Management (all) in this "
    "space; docs/kibana-rules.md has the role and an API key as JSON"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was expected: `body` is its JSON value, or None where `text` is none."""

    status: int
    body: Any
    text: str


class Kibana:
    """One space of one Kibana.

    Parameters
    ----------
    hidden
        Further secrets that must not appear in a message, whatever Kibana quotes.
    sleep
        Waits between attempts, in seconds.
    """

    def __init__(
        self,
        settings: KibanaSettings,
        *,
        hidden: Sequence[Secret] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.space = settings.space
        self._url = settings.url.rstrip("/")
        self._timeout_s = settings.timeout_s
        self._sleep = sleep
        own = (settings.api_key, settings.password)
        self._hidden = tuple(one.reveal() for one in (*own, *hidden) if one)
        self._session = _session(settings)

    def __enter__(self) -> Kibana:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, path: str, *, params: Mapping[str, Any] | None = None, expect: Sequence[int] = (200,)) -> Answer:
        return self.request("GET", path, params=params, expect=expect)

    def request(
        self,
        method: Method,
        path: str,
        *,
        body: Any = None,
        file: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        expect: Sequence[int] = (200,),
        in_space: bool = True,
    ) -> Answer:
        """Send a request, at most five times.

        Parameters
        ----------
        path
            From ``/api`` on; parts that are not fixed are quoted by `part`.
        body, file
            JSON; or the content of an NDJSON file, sent as multipart form data.
        expect
            Statuses that are no error: 404 and 409 may be answers.
        in_space
            Below ``/s/<space>``.

        Raises
        ------
        KibanaUnavailable
            No answer, 429 or 5xx, at the last attempt too.
        KibanaAccessDenied
            401 or 403.
        KibanaError
            Anything else that was not expected.
        """
        space = f"/s/{part(self.space)}" if in_space and self.space != DEFAULT_SPACE else ""
        url = f"{self._url}{space}{path}"
        failure: KibanaError
        for pause in (*_PAUSES_S, None):
            wait: float | None = None
            try:
                response = self._send(method, url, body, file, params)
            except OSError as error:  # every error of requests is one
                failure = self._unreachable(error)
            else:
                if response.status_code in expect:
                    return Answer(response.status_code, _content(response), response.text)
                failure = self._refusal(method, path, response)
                wait = _retry_after(response.headers.get("Retry-After", ""))
            if pause is None or not isinstance(failure, KibanaUnavailable):
                raise failure
            log.info("%s; tried again", failure.message)
            self._sleep(min(wait if wait is not None else pause, _LONGEST_PAUSE_S))
        raise AssertionError("not reached")

    def _send(
        self, method: Method, url: str, body: Any, file: bytes | None, params: Mapping[str, Any] | None
    ) -> requests.Response:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        return self._session.request(
            method,
            url,
            params=params,
            data=msgspec.json.encode(body) if body is not None else None,
            files={"file": ("driftlog.ndjson", file, "application/ndjson")} if file is not None else None,
            headers=headers,
            timeout=(min(10.0, self._timeout_s), self._timeout_s),
            allow_redirects=False,
        )

    def _unreachable(self, error: OSError) -> KibanaError:
        """Certificates and addresses do not get better by waiting."""
        import requests

        if isinstance(error, requests.exceptions.SSLError):
            return KibanaError(
                f"the certificate of {self._url} cannot be verified: {self._clean(str(error))}",
                remedy="name its certificate authority with --ca, or kibana.ca_certs",
            )
        connection = isinstance(
            error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError
        )
        if not connection:
            return KibanaError(f"{self._url} cannot be asked: {type(error).__name__}", remedy="check kibana.url")
        return KibanaUnavailable(
            f"Kibana at {self._url} does not answer ({type(error).__name__})",
            remedy="check --url (kibana.url), and that Kibana runs",
        )

    def _refusal(self, method: Method, path: str, response: requests.Response) -> KibanaError:
        status = response.status_code
        said = self._clean(_message(response))
        what = f"Kibana answered {status} to {method} {path}" + (f": {said}" if said else "")
        if status == 401:
            return KibanaAccessDenied(
                what, remedy="check the API key (kibana.api_key, --api-key-file), or user name and password", status=401
            )
        if status == 403:
            return KibanaAccessDenied(what, remedy=PRIVILEGES, status=403)
        if status in _AGAIN:
            return KibanaUnavailable(what, remedy="try again; Kibana's own log says more", status=status)
        if 300 <= status < 400:
            return KibanaError(
                what, remedy="is this the address of Kibana itself, with its base path? check --url", status=status
            )
        return KibanaError(what, remedy="Kibana's own log may say more", status=status)

    def _clean(self, text: str) -> str:
        """`text` without secrets, on one line, not longer than people read."""
        for secret in self._hidden:
            text = text.replace(secret, "***")
        text = " ".join(text.split())
        return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."


def part(text: str) -> str:
    """One part of a path.

    >>> part("a/b c")
    'a%2Fb%20c'
    """
    return quote(text, safe="")


def _session(settings: KibanaSettings) -> requests.Session:
    import requests

    session = requests.Session()
    session.headers.update(
        {"User-Agent": f"driftlog/{driftlog.__version__}", "kbn-xsrf": "true", "Accept": "application/json"}
    )
    session.trust_env = urlsplit(settings.url).hostname not in ("127.0.0.1", "localhost", "::1")
    authorization = _authorization(settings)

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if authorization:
            request.headers["Authorization"] = authorization
        return request

    session.auth = sign  # also keeps credentials of a .netrc out
    if settings.ca_certs is not None:
        if not Path(settings.ca_certs).is_file():
            raise ConfigError("there is no such file", path="kibana.ca_certs", value=settings.ca_certs)
        session.verify = settings.ca_certs
        session.trust_env = False  # else a bundle named by the environment would win
    return session


def _authorization(settings: KibanaSettings) -> str:
    if settings.api_key:
        key = settings.api_key.reveal().strip()
        return f"ApiKey {base64.b64encode(key.encode()).decode() if ':' in key else key}"
    if settings.username and settings.password:
        login = f"{settings.username}:{settings.password.reveal()}"
        return f"Basic {base64.b64encode(login.encode()).decode()}"
    return ""


def _content(response: requests.Response) -> Any:
    try:
        return msgspec.json.decode(response.content) if response.content else None
    except msgspec.DecodeError:
        return None


def _message(response: requests.Response) -> str:
    body = _content(response)
    return str(body.get("message", "")) if isinstance(body, dict) else response.text


def _retry_after(text: str) -> float | None:
    """Seconds; a date, which Kibana does not send, counts as nothing."""
    return float(text) if text.isdecimal() else None
