"""Links to a survey: signed, so that nobody can make one; expiring; and naming nothing but what they are about.

A token is ``payload.signature``, both in base64url. The payload is JSON: ``m`` model, ``p`` prediction id, ``e`` expiry
(seconds since 1970), ``k`` id of the key. The signature is HMAC-SHA256 over the payload as it is sent. Whoever holds
the link may answer; it can be read, so the id of a prediction must not tell anything about a person. Standard library
only: serving apps make links.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from driftlog.contract.events import MAX_ID_BYTES
from driftlog.contract.names import MODEL_NAME, check_model_name
from driftlog.contract.strict import Secret

PATH: Final = "/survey/"
SHORTEST_KEY: Final = 32
LONGEST: Final = timedelta(days=3650)
MAX_TOKEN_CHARS: Final = 6000
"""Of an id of 512 bytes, each of which JSON may write as six characters."""
_CONTEXT: Final = b"driftlog survey link 1\0"


@dataclass(frozen=True, slots=True)
class SurveyLink:
    """What a link is about and until when it is good."""

    model: str
    prediction_id: str
    expires: datetime


class LinkRefused(ValueError):
    """A token that nobody with a key of ours has made."""


def key_id(key: Secret) -> str:
    """Name of a key, which tells nothing about it.

    >>> key_id(Secret("0123456789abcdef0123456789abcdef"))
    '4fa541db'
    """
    return hmac.new(key.reveal().encode(), _CONTEXT + b"key", hashlib.sha256).hexdigest()[:8]


def sign(link: SurveyLink, key: Secret) -> str:
    """The token of a link.

    Raises
    ------
    NameRefused
        The model has no model's name.
    ValueError
        An empty or too long prediction id, a key that is too short, or no UTF-8 text.

    >>> link = SurveyLink("churn", "p-1", datetime(2026, 3, 3, tzinfo=UTC))
    >>> key = Secret("0123456789abcdef0123456789abcdef")
    >>> verify(sign(link, key), [key]) == link
    True
    """
    check_model_name(link.model)
    if not link.prediction_id or len(link.prediction_id.encode()) > MAX_ID_BYTES:
        raise ValueError(f"a prediction id has 1 to {MAX_ID_BYTES} bytes")
    if len(key.reveal()) < SHORTEST_KEY:
        raise ValueError(f"the key is shorter than {SHORTEST_KEY} characters")
    content = {
        "m": link.model,
        "p": link.prediction_id,
        "e": int(link.expires.timestamp()),
        "k": key_id(key),
    }
    payload = _encoded(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode())
    return f"{payload}.{_encoded(_signature(payload, key))}"


def verify(token: str, keys: Sequence[Secret]) -> SurveyLink:
    """What a token is about. Whether it has expired is for the caller to say, who knows the time.

    Every key is tried in full whatever the others said, and signatures are compared in constant time.

    Raises
    ------
    LinkRefused
        It was not signed by any of `keys`, or is no token at all; which of the two is not said.
    """
    payload, dot, given = token.partition(".")
    if not dot or len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise LinkRefused("no survey link")
    signed = [hmac.compare_digest(_encoded(_signature(payload, key)), given) for key in keys]
    if not any(signed):
        raise LinkRefused("no survey link of ours")
    try:
        content = json.loads(_decoded(payload))
        model, prediction_id, expires = str(content["m"]), str(content["p"]), int(content["e"])
        found = SurveyLink(model, prediction_id, datetime.fromtimestamp(expires, UTC))
    except (ValueError, KeyError, TypeError, OverflowError, binascii.Error) as error:
        raise LinkRefused("a signed link that cannot be read") from error
    if not MODEL_NAME.match(model):
        raise LinkRefused("a signed link to no model")
    return found


def _signature(payload: str, key: Secret) -> bytes:
    return hmac.new(key.reveal().encode(), _CONTEXT + payload.encode(), hashlib.sha256).digest()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
