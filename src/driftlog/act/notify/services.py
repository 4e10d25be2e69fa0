"""apprise behind one function: one message to one address, and what became of it, in our own words."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import apprise
from apprise.attachment.memory import AttachMemory
from apprise.plugins.base import NotifyBase
from apprise.plugins.custom_form import NotifyForm
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.custom_xml import NotifyXML
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.pagerduty import NotifyPagerDuty

from driftlog.act.notify import mail, pagerduty
from driftlog.act.notify.answers import by_status
from driftlog.contract.notification import Message, Sent
from driftlog.contract.strict import Secret

TELEPHONE_CHARS: Final = 1600
"""Services without titles whose messages are no longer than this speak to telephones."""
_STATUS: Final = re.compile(r"error=(\d{3})\b")
_TYPES: Final = {
    "info": apprise.NotifyType.INFO,
    "warning": apprise.NotifyType.WARNING,
    "critical": apprise.NotifyType.FAILURE,
    "resolved": apprise.NotifyType.SUCCESS,
}


def open_address(url: Secret, *, timeout_s: float) -> NotifyBase | None:
    """The service behind an address; None where apprise cannot use it."""
    asset = apprise.AppriseAsset(app_id="driftlog", app_desc="driftlog", async_mode=False, storage_mode="memory")
    with captured():
        service = apprise.Apprise.instantiate(url.reveal().strip(), asset=asset)
    if service is not None:
        service.socket_connect_timeout = timeout_s
        service.socket_read_timeout = timeout_s
    return service


def describe_address(url: Secret) -> str:
    """Name of the service, such as ``E-Mail`` or ``Slack``; nothing of the address itself."""
    service = open_address(url, timeout_s=1.0)
    return str(service.service_name) if service is not None else "unknown"


def deliver(
    url: Secret, message: Message, *, timeout_s: float, short: bool = False, attach_chart: bool = False
) -> Sent:
    """One attempt; network errors are answers, not exceptions.

    Parameters
    ----------
    timeout_s
        Of each wait for the network; the caller limits the whole.
    """
    service = open_address(url, timeout_s=timeout_s)
    if service is None:
        return Sent(ok=False, reason="its address cannot be used", final=True)
    with captured() as said:
        if isinstance(service, NotifyEmail) and service.pgp_mode == "no":
            return mail.send(service, message, short=short)
        if isinstance(service, NotifyPagerDuty):
            return pagerduty.send(service, message)
        return _generic(service, message, said, short=short, attach_chart=attach_chart)


def _generic(service: NotifyBase, message: Message, said: list[str], *, short: bool, attach_chart: bool) -> Sent:
    _add_facts(service, message)
    server = apprise.Apprise(asset=service.asset)
    server.add(service)
    limit = int(service.body_maxlen)
    telephone = int(service.title_maxlen) == 0 and limit <= TELEPHONE_CHARS
    text = message.short if short or telephone else message.text
    title = "" if short or telephone else message.title
    ok = server.notify(
        body=cut(text, limit - (len(title) + 2 if not service.title_maxlen else 0)),
        title=title,
        notify_type=_TYPES[message.tone],
        body_format=apprise.NotifyFormat.TEXT,
        attach=_picture(message) if attach_chart and service.attachment_support else None,
    )
    return Sent(ok=True) if ok else _failure(said)


def _add_facts(service: NotifyBase, message: Message) -> None:
    """Webhooks get the key, for receivers that drop repetitions, and the facts as fields."""
    if isinstance(service, NotifyJSON | NotifyForm | NotifyXML):
        service.headers.setdefault("Idempotency-Key", message.key)
    if isinstance(service, NotifyJSON | NotifyForm):
        own = {"key": message.key, "thread": message.thread, "kind": message.kind}
        for name, value in {**own, **message.facts}.items():
            service.payload_extras.setdefault(name, value)


def _picture(message: Message) -> Any:
    if message.picture is None:
        return None
    picture = AttachMemory(message.picture, name="chart.png", mimetype="image/png")  # type: ignore[no-untyped-call]
    return apprise.AppriseAttachment([picture])


def _failure(said: list[str]) -> Sent:
    statuses = [int(found) for line in said for found in _STATUS.findall(line)]
    if statuses:
        return by_status(statuses[-1])
    if any("onnection error" in line for line in said):
        timed_out = any("timed out" in line.lower() for line in said)
        return Sent(ok=False, reason="no answer in time" if timed_out else "no connection")
    return Sent(ok=False, reason="the service did not take it")


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters.

    >>> cut("too many words", 9)
    'too many…'
    """
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"


_THREAD: Final = threading.local()


class _Capture(logging.Handler):
    """Keeps what apprise says in this thread, and nobody else sees it: addresses and answers stand in its lines."""

    def emit(self, record: logging.LogRecord) -> None:
        said: list[str] | None = getattr(_THREAD, "said", None)
        if said is not None:
            said.append(record.getMessage()[:500])


def _not_while_sending(_record: logging.LogRecord) -> bool:
    return getattr(_THREAD, "said", None) is None


def _mute_libraries() -> None:
    """apprise logs to us alone; what HTTP libraries log of a request that is a notification is dropped."""
    logger = logging.getLogger("apprise")
    logger.handlers = [_Capture()]
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    for name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "requests"):
        other = logging.getLogger(name)
        if _not_while_sending not in other.filters:
            other.addFilter(_not_while_sending)


@contextmanager
def captured() -> Iterator[list[str]]:
    """What the libraries say in this thread meanwhile; it must not leave this module."""
    _mute_libraries()
    before = getattr(_THREAD, "said", None)
    said: list[str] = []
    _THREAD.said = said
    try:
        yield said
    finally:
        _THREAD.said = before
