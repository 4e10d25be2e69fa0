"""One line of bytes -> one JSON object, or the reason why not."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

import msgspec

from driftlog.contract.errors import EventRefused

_decode: Final = msgspec.json.Decoder().decode
MAX_NESTING: Final = 101
"""Levels of brackets of what is read: a logged payload of 100 in its envelope. JRuby ended at 300."""
_BOM: Final = b"\xef\xbb\xbf"
_TEXT: Final = re.compile(rb'"(?:[^"\\]+|\\.?)*"?', re.DOTALL)
"""A text of JSON, or what has begun as one: it matches at every quote, so that the time is linear."""
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def decode_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`; of duplicate keys the last wins.

    Numbers beyond the range of a double become the strings ``Infinity`` and ``-Infinity`` (as on Logstash), lone
    surrogates become U+FFFD.

    Raises
    ------
    EventRefused
        ``not_json`` (``NaN`` and ``Infinity`` literals and invalid UTF-8 included) or ``not_an_object``.

    >>> decode_object(b'{"a": 1e400}')
    {'a': 'Infinity'}
    """
    if too_deep(raw, MAX_NESTING):
        raise EventRefused("not_json", "the line is nested too deeply")
    try:
        value = _decode(raw)
    except RecursionError:
        raise EventRefused("not_json", "the line is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        value = _decode_leniently(raw, str(error))
    if not isinstance(value, dict):
        raise EventRefused("not_an_object", f"the line is a JSON {_type_name(value)}, not an object")
    return value


def too_deep(raw: bytes, limit: int) -> bool:
    """Whether `raw` has more than `limit` levels of brackets, those in texts aside; found before it is read.

    >>> too_deep(b"[" * 9 + b"]" * 9, 9), too_deep(b"[" * 10, 9), too_deep(b'["' + b"[" * 20, 9)
    (False, True, False)
    """
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in _TEXT.sub(b"", raw).translate(None, delete=_NO_BRACKETS):
        depth = depth + 1 if bracket in b"[{" else max(depth - 1, 0)
        if depth > limit:
            return True
    return False


def _decode_leniently(raw: bytes, problem: str) -> Any:
    """Second opinion for what the strict decoder refuses and Logstash takes: 1e400, lone surrogates, a BOM."""
    try:
        text = raw.removeprefix(_BOM).decode("utf-8")
        return _storable(json.loads(text, parse_constant=_refuse_constant))
    except EventRefused:
        raise
    except UnicodeDecodeError as error:
        raise EventRefused("not_json", f"the line is not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError):
        raise EventRefused("not_json", f"the line is not JSON: {problem}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise EventRefused("not_json", f"the line is not JSON: it contains the literal {name}")


def _storable(value: Any) -> Any:
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return value


def _type_name(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "number"
