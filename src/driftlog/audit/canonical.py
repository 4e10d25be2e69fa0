"""Canonical JSON: one text for one value, so that a hash of the text is a hash of the value.

The text is what Python's `json.dumps` writes with these choices, and nothing else:

- keys of objects sorted by code point, no white space, UTF-8, nothing escaped but ``"``, ``\\`` and control characters;
- floats as the shortest text that reads back as the same double (`repr`): ``0.1``, ``1e+16``, ``-0.0``; a whole float
  keeps its ``.0``, so ``1`` and ``1.0`` differ; integers in full, however large;
- NaN and infinity have no text: they are refused.

Two JSON texts that parse to the same value have the same canonical text; two different values have different ones.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Final

import msgspec

_encode: Final = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


def canonical(value: Any) -> str:
    """The canonical text of a JSON value.

    >>> canonical({"b": [1, 1.0, 1e16], "a": "Köln\\n"})
    '{"a":"Köln\\\\n","b":[1,1.0,1e+16]}'

    Raises
    ------
    ValueError
        NaN or infinity.
    TypeError
        Not a JSON value.
    """
    return _encode(value)


def utf8(text: str) -> bytes:
    """`text` as bytes; a half of a surrogate pair, which JSON allows and UTF-8 does not, keeps its own three bytes."""
    return text.encode("utf-8", "surrogatepass")


def sha256(text: str) -> str:
    """SHA-256 of the text's UTF-8, in hexadecimal.

    >>> sha256("")[:16]
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(utf8(text)).hexdigest()


def digest(value: Any) -> str:
    """SHA-256 of a value (JSON, or anything `plain` makes JSON of): what ``before`` and ``after`` of an entry hold."""
    return sha256(canonical(plain(value)))


def plain(value: Any) -> Any:
    """Any value as JSON: structs as objects, times in ISO 8601, keys as text, NaN and infinity as null.

    >>> plain({1: float("nan"), "when": (None, True)})
    {'1': None, 'when': [None, True]}
    """
    return _finite(msgspec.to_builtins(value, str_keys=True, enc_hook=_by_hook))


def _by_hook(value: Any) -> Any:
    """Numbers of numpy as numbers, everything unknown (secrets among it) as its `str`."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "shape", None) == () else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_finite(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return value
