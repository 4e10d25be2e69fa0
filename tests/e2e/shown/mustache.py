"""Mustache as far as rules use it, stricter than Kibana: an unknown variable is an error, not an empty string."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TAG = re.compile(r"\{\{([#/]?)([A-Za-z0-9_.]+)\}\}")


def variables(template: Any) -> Iterator[str]:
    """Names of all variables and sections in all texts of `template`."""
    if isinstance(template, str):
        yield from (match[2] for match in _TAG.finditer(template))
    elif isinstance(template, dict):
        for value in template.values():
            yield from variables(value)
    elif isinstance(template, list):
        for value in template:
            yield from variables(value)


def render(template: Any, *context: Any) -> Any:
    """`template` with its variables filled in; the last context that has a name wins."""
    if isinstance(template, dict):
        return {key: render(value, *context) for key, value in template.items()}
    if isinstance(template, list):
        return [render(value, *context) for value in template]
    return _text(template, context) if isinstance(template, str) else template


def _text(template: str, context: tuple[Any, ...]) -> str:
    out, position = "", 0
    while match := _TAG.search(template, position):
        out += template[position : match.start()]
        position = match.end()
        value = _value(match[2], context)
        if match[1] == "#":
            close = f"{{{{/{match[2]}}}}}"
            end = template.index(close, position)
            items = value if isinstance(value, list) else [value] if value else []
            out += "".join(_text(template[position:end], (*context, item)) for item in items)
            position = end + len(close)
        else:
            out += str(value)
    rest = template[position:]
    assert "{{" not in rest and "}}" not in rest, f"broken template: {template}"
    return out + rest


def _value(name: str, context: tuple[Any, ...]) -> Any:
    first, *rest = name.split(".")
    for frame in reversed(context):
        if isinstance(frame, dict) and first in frame:
            value = frame[first]
            for part in rest:
                assert isinstance(value, dict) and part in value, f"there is no {name}"
                value = value[part]
            return value
    raise AssertionError(f"there is no {name}")
