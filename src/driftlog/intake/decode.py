"""One line of bytes -> one JSON object, or the reason why not."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

import msgspec

from driftlog.contract.errors import EventRefused

_decode: Final = msgspec.json.Decoder().decode
_BOM: Final = b"\xef\xbb\xbf"
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
    try:
        value = _decode(raw)
    except RecursionError:
        raise EventRefused("not_json", "the line is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        value = _decode_leniently(raw, str(error))
    if not isinstance(value, dict):
        raise EventRefused("not_an_object", f"the line is a JSON {_type_name(value)}, not an object")
    return value


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
