"""Whom a raw line is about: what can be read of it, however broken it is."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec

_TEXT: Final = r'(?:"((?:[^"\\]|\\.)*)"|(-?\d+(?:\.\d+)?))'


def _pattern(group: str, name: str) -> re.Pattern[str]:
    """``"group": {... "name": VALUE``, or ``"group.name": VALUE``."""
    return re.compile(rf'"{group}(?:"\s*:\s*\{{[^{{}}]*?"{name}"|\.{name}")\s*:\s*{_TEXT}', re.DOTALL)


_BROKEN: Final = {
    ("subject", "id"): _pattern("subject", "id"),
    ("event", "id"): _pattern("event", "id"),
    ("feedback", "prediction_id"): _pattern("feedback", "prediction_id"),
    ("model", "name"): _pattern("model", "name"),
}


class LineNames(NamedTuple):
    """Empty where the line does not say. `event_ids`: its own, and that of the prediction that feedback is on."""

    subject: str = ""
    model: str = ""
    event_ids: tuple[str, ...] = ()


class _Id(msgspec.Struct, gc=False):
    id: str = ""


class _Named(msgspec.Struct, gc=False):
    name: str = ""


class _On(msgspec.Struct, gc=False):
    prediction_id: str = ""


class _Document(msgspec.Struct, gc=False):
    event: _Id | None = None
    subject: _Id | None = None
    model: _Named | None = None
    feedback: _On | None = None


_decode: Final = msgspec.json.Decoder(_Document).decode


def document_names(document: bytes) -> LineNames:
    """The same of a document as the intake stores it: groups are objects, ids are text. Many times faster."""
    try:
        found = _decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return line_names(document)
    ids = (found.event.id if found.event else "", found.feedback.prediction_id if found.feedback else "")
    return LineNames(
        found.subject.id if found.subject else "",
        found.model.name if found.model else "",
        tuple(id for id in ids if id),
    )


def line_names(raw: bytes | str) -> LineNames:
    """Subject, model and ids of one line of JSON; groups as objects or as dotted names.

    What is no JSON (cut off, NaN, a stray quote) is searched for the same names as text.

    >>> line_names(b'{"event":{"id":"e-1"},"model.name":"churn","subject":{"id":42}}')
    LineNames(subject='42', model='churn', event_ids=('e-1',))
    >>> line_names('{"subject":{"id":"4f1a"},"features":{"x":NaN')
    LineNames(subject='4f1a', model='', event_ids=())
    """
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
        values = {key: _search(pattern, text) for key, pattern in _BROKEN.items()}
    else:
        values = {key: _value(found, *key) for key in _BROKEN}
    ids = (values["event", "id"], values["feedback", "prediction_id"])
    return LineNames(values["subject", "id"], values["model", "name"], tuple(id for id in ids if id))


def _value(found: Any, group: str, name: str) -> str:
    if not isinstance(found, dict):
        return ""
    inside = found.get(group)
    value = inside.get(name) if isinstance(inside, dict) else found.get(f"{group}.{name}")
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _search(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    if match is None:
        return ""
    if match[1] is None:
        return match[2]
    try:
        return str(msgspec.json.decode(f'"{match[1]}"'))
    except msgspec.MsgspecError:
        return match[1]
