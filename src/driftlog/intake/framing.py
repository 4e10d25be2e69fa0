"""Bytes -> lines: one line an event, whatever the framing.

A JSON array is as many lines as it has elements. A bad element of an array is a line of its own here, while on a real
Logstash it takes its whole batch with it; so senders ship NDJSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import msgspec

_raw_elements: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_raw_value: Final = msgspec.json.Decoder(msgspec.Raw).decode
_scanner: Final = json.JSONDecoder()
_WHITESPACE: Final = b" \t\r\n"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One event as it came."""

    raw: bytes
    position: int | str
    """Line number in its batch (element number after a dot), or byte offset in its file."""
    size_bytes: int = 0
    """Full length when `raw` is only the beginning of a line that was too large to keep."""


def split_body(body: bytes, content_type: str, *, first: int = 1) -> Iterator[Line]:
    """Lines of an HTTP body: a JSON object, a JSON array, or NDJSON.

    NDJSON sent as ``application/json`` is recognised. `first` is the number of the first line.

    >>> [line.raw for line in split_body(b'[{"a":1}, {"b":2}]', "application/json")]
    [b'{"a":1}', b'{"b":2}']
    >>> [line.raw for line in split_body(b'{"a":1}\\n\\n{"b":2}', "application/x-ndjson")]
    [b'{"a":1}', b'{"b":2}']
    """
    if "ndjson" not in content_type:
        body = body.strip(_WHITESPACE)
        if b"\n" not in body or body.startswith(b"[") or _is_one_value(body):
            yield from split_line(body, str(first))
            return
    yield from split_lines(body, first=first)


def split_lines(body: bytes, *, first: int = 1) -> Iterator[Line]:
    """Lines of NDJSON; blank ones vanish."""
    for number, raw in enumerate(body.split(b"\n"), first):
        if raw[:1] == b"{":
            yield Line(raw if raw[-1:] == b"}" else raw.rstrip(_WHITESPACE), number)
        else:
            yield from split_line(raw.strip(_WHITESPACE), str(number))


def split_line(raw: bytes, position: str) -> Iterator[Line]:
    """One stripped line: nothing when blank, the elements when an array, else itself."""
    if raw[:1] != b"[":
        if raw:
            yield Line(raw, position)
        return
    for number, element in enumerate(elements(raw), 1):
        yield Line(element, f"{position}.{number}")


def elements(raw: bytes) -> list[bytes]:
    """Elements of a JSON array, also where one of them is not strict JSON; `raw` itself where it is no array."""
    try:
        return [bytes(element) for element in _raw_elements(raw)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _elements_apart(raw) or [raw]


def _elements_apart(raw: bytes) -> list[bytes]:
    """Elements of an array of which one has a NaN literal; empty when it is no array at all."""
    try:
        text = raw.decode("utf-8")
        found: list[bytes] = []
        at = 1
        while True:
            while text[at] in " \t\r\n,":
                at += 1
            if text[at] == "]":
                return found if not text[at + 1 :].strip() else []
            _, end = _scanner.raw_decode(text, at)
            found.append(text[at:end].encode())
            at = end
    except (ValueError, IndexError, RecursionError):
        return []


def _is_one_value(body: bytes) -> bool:
    try:
        _raw_value(body)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True
