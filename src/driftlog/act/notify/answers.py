"""Answers of receivers in our own words: what is worth another attempt, and what is not."""

from __future__ import annotations

from typing import Final

from driftlog.contract.notification import Sent

_PASSING: Final = frozenset({408, 423, 425, 429})


def by_status(status: int) -> Sent:
    """An HTTP status that is not success: 4xx is final but for 408, 423, 425 and 429.

    >>> by_status(503).final, by_status(404).final, by_status(429).final, by_status(401).reason
    (False, True, False, 'refused with 401: the credentials are not accepted')
    """
    if status in (401, 403):
        return Sent(ok=False, reason=f"refused with {status}: the credentials are not accepted", final=True)
    if 400 <= status < 500 and status not in _PASSING:
        return Sent(ok=False, reason=f"refused with {status}", final=True)
    return Sent(ok=False, reason=f"answered {status}")


def by_smtp_code(code: int, what: str) -> Sent:
    """A mail server's answer: 5xx is final, 4xx (busy, greylisting) is not.

    >>> by_smtp_code(550, "the recipients")
    Sent(ok=False, reason='the mail server refused the recipients with 550', final=True)
    """
    return Sent(ok=False, reason=f"the mail server refused {what} with {code}", final=500 <= code < 600)
