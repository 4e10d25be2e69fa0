"""Give every event one shape, whichever formatter wrote it.

python-logstash-async's `LogstashFormatter` (and its Flask and Django children) puts what the caller logged below
``extra`` and writes ``host`` as a string, ``error_type`` and ``stack_trace`` flat; without ``extra_prefix`` all is;
`LogstashEcsFormatter` may leave dotted names. What they add of their own (``level``, ``logger_name``, ``req_uri``,
``status_code``...) is kept as it is.
"""

from __future__ import annotations

from typing import Any, Final

from driftlog.intake.fields import GROUPS, OPEN_OBJECTS, refuse

_TRANSPORT_FIELDS: Final = ("@metadata", "@version", "_@timestamp")
_STRING_FORMS: Final = {"host": "name", "service": "name", "error": "message"}
_FLAT_ERROR: Final = {"error_type": "type", "stack_trace": "stack_trace"}
_OPEN_TOP: Final = tuple(name for name in OPEN_OBJECTS if "." not in name)
_OPEN_NESTED: Final = tuple(name + "." for name in OPEN_OBJECTS if "." in name)
_OBJECTS: Final = (*GROUPS, *_OPEN_TOP)


def lift(event: dict[str, Any]) -> dict[str, Any]:
    """`event` with ``extra`` lifted, dotted names expanded and string forms of groups replaced, in place.

    Where a field is given twice, the object form wins over the dotted one, and the top level over ``extra``.

    >>> lift({"host": "web-1", "extra": {"model.name": "churn", "features": {"age": 3}}})
    {'host': {'name': 'web-1'}, 'features': {'age': 3}, 'model': {'name': 'churn'}}
    """
    for name in _TRANSPORT_FIELDS:
        event.pop(name, None)
    _lift_extra(event)
    for key in [key for key in event if "." in key]:
        _expand(event, key)
    for name in _OBJECTS:
        if name in event:
            _as_object(event, name)
    _lift_flat_error(event)
    return event


def _lift_extra(event: dict[str, Any]) -> None:
    extra = event.get("extra")
    if not isinstance(extra, dict):
        return
    del event["extra"]
    for key, value in extra.items():
        present = event.get(key)
        if present is None:
            event[key] = value
        elif isinstance(present, dict) and isinstance(value, dict):
            event[key] = value | present
        elif key in _STRING_FORMS and isinstance(present, str) and isinstance(value, dict):
            event[key] = {_STRING_FORMS[key]: present} | value


def _expand(event: dict[str, Any], key: str) -> None:
    """``model.name`` -> ``model: {name}``; ``prediction.probabilities.a.b`` keeps ``a.b`` as one name."""
    group, _, rest = key.partition(".")
    if group not in _OBJECTS or not rest:
        return
    value = event.pop(key)
    target = event.get(group)
    if target is None:
        target = event[group] = {}
    elif isinstance(target, str) and group in _STRING_FORMS:
        target = event[group] = {_STRING_FORMS[group]: target}
    if not isinstance(target, dict):
        raise refuse(group, target, f"is given both as a value and as {key}")
    for open_name in _OPEN_NESTED:
        if key.startswith(open_name):
            inner, rest = rest.split(".", 1)
            if target.get(inner) is None:
                target[inner] = {}
            target = target[inner]
            if not isinstance(target, dict):
                raise refuse(f"{group}.{inner}", target, f"is given both as a value and as {key}")
            break
    if isinstance(value, dict) and isinstance(target.get(rest), dict):
        target[rest] = value | target[rest]
    else:
        target.setdefault(rest, value)


def _as_object(event: dict[str, Any], name: str) -> None:
    value = event[name]
    if value is None:
        del event[name]
    elif isinstance(value, str) and name in _STRING_FORMS:
        event[name] = {_STRING_FORMS[name]: value}
    elif not isinstance(value, dict) and name != "model":  # any other model is a missing name, as on Logstash
        raise refuse(name, value, "must be an object")


def _lift_flat_error(event: dict[str, Any]) -> None:
    for flat, field in _FLAT_ERROR.items():
        value = event.get(flat)
        if isinstance(value, str) and value:
            error = event.setdefault("error", {})
            if field not in error:
                error[field] = event.pop(flat)
