"""Plain data into the contract's settings, with messages that name path, value and remedy.

Values from the environment and from ``${...}`` are strings, so every type is also read from its text form:
``9280``, ``true``, ``a,b``, ``[a, b]``, ``none``.
"""

from __future__ import annotations

import contextlib
import difflib
import math
import types
import typing
from datetime import date, timedelta
from typing import Any, Final, TypeVar

import msgspec
import yaml

from driftlog.config.durations import parse_duration
from driftlog.config.origins import SettingPath, dotted
from driftlog.contract.errors import ConfigError, DriftlogError
from driftlog.contract.settings import ModelSettings, Secret
from driftlog.contract.source import FieldSource

S = TypeVar("S", bound=msgspec.Struct)

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_NONE: Final = frozenset({"none", "null", "~"})


class SettingRefused(ConfigError):
    """A ConfigError that still knows the path as a tuple, so that the origin can be added."""

    def __init__(self, message: str, at: SettingPath, *, value: object = None, remedy: str = "") -> None:
        super().__init__(message, path=dotted(at), value=_short(value), remedy=remedy)
        self.at = at
        self.text = message
        self.shown = value


def _short(value: object) -> object:
    text = value if isinstance(value, str) else repr(value)
    return value if len(text) <= 80 else text[:77] + "..."


def decode_struct(cls: type[S], raw: object, path: SettingPath, **given: object) -> S:
    """`raw` (a mapping) as a `cls`; `given` are fields that the mapping does not hold.

    Raises
    ------
    ConfigError
        An unknown key (with "did you mean"), or a value of the wrong type.
    """
    if raw is None:
        raw = {}
    if isinstance(raw, str) and path:
        raw = _flow(raw, path)
    if not isinstance(raw, dict):
        shown = None if Secret in _inner_types(cls) else raw  # it may hold one
        raise SettingRefused("must be a group of settings", path, value=shown, remedy=f"write {_keys(cls)} below it")
    hints = field_types(cls)
    values: dict[str, object] = dict(given)
    for key, item in raw.items():
        if key not in hints or key in given:
            raise unknown_key(key, [name for name in hints if name not in given], path)
        values[key] = decode(hints[key], item, (*path, key))
    missing = [f.name for f in msgspec.structs.fields(cls) if f.required and f.name not in values]
    if missing:
        raise SettingRefused(f"{missing[0]} is missing", path, remedy=f"add a line `{missing[0]}: ...`")
    try:
        return cls(**values)
    except DriftlogError as error:  # names refused by the contract itself
        raise SettingRefused(error.message, path, remedy=error.remedy) from error


def field_types(cls: type[msgspec.Struct]) -> dict[str, Any]:
    """Type of each setting of `cls`."""
    hints = typing.get_type_hints(cls)
    return {name: hints[name] for name in cls.__struct_fields__}


def _inner_types(cls: type[msgspec.Struct]) -> set[Any]:
    return {inner for hint in field_types(cls).values() for inner in (hint, *typing.get_args(hint))}


def unknown_key(key: object, known: list[str], path: SettingPath) -> SettingRefused:
    """Error for a key that is no setting, with the nearest one that is."""
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]}?" if near else "known here: " + ", ".join(known)
    return SettingRefused("is not a setting", (*path, str(key)), remedy=remedy)


def _keys(cls: type[msgspec.Struct]) -> str:
    return ", ".join(cls.__struct_fields__[:3]) + ", ..."


def decode(kind: Any, raw: object, path: SettingPath) -> object:
    """`raw` as a value of the type `kind`."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _decode_optional(kind, raw, path)
    if raw is None and not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        raise SettingRefused("has no value", path, remedy="give a value, or remove the line for the default")
    if origin is typing.Literal:
        return _decode_choice(typing.get_args(kind), raw, path)
    if origin is tuple:
        return _decode_tuple(typing.get_args(kind), raw, path)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return decode_struct(kind, raw, path)
    return _SCALARS[kind](raw, path)


def _decode_optional(kind: Any, raw: object, path: SettingPath) -> object:
    (inner,) = (arg for arg in typing.get_args(kind) if arg is not type(None))
    if raw is None or (isinstance(raw, str) and raw.strip().lower() in _NONE):
        return None
    return decode(inner, raw, path)


def _decode_choice(choices: tuple[object, ...], raw: object, path: SettingPath) -> object:
    if raw is False and "off" in choices:  # YAML reads off as a truth value
        return "off"
    if raw in choices:
        return raw
    near = difflib.get_close_matches(str(raw), [str(c) for c in choices], n=1)
    remedy = f"did you mean {near[0]}? " if near else ""
    raise SettingRefused(
        "is none of the choices", path, value=raw, remedy=f"{remedy}use {' or '.join(map(str, choices))}"
    )


def _decode_tuple(args: tuple[Any, ...], raw: object, path: SettingPath) -> tuple[object, ...]:
    if typing.get_origin(args[0]) is tuple and isinstance(raw, list):  # [carrier, [origin, carrier]]
        raw = [item if isinstance(item, list) else [item] for item in raw]
    struct_items = isinstance(args[0], type) and issubclass(args[0], msgspec.Struct)
    if args[0] is FieldSource and isinstance(raw, dict):
        raw = [_field_source(name, item) for name, item in raw.items()]
    if isinstance(raw, str):
        text = raw.strip()
        raw = (
            _flow(text, path)
            if text.startswith("[") or struct_items
            else [p.strip() for p in text.split(",") if p.strip()]
        )
    if not isinstance(raw, list):
        shown = None if args[0] is Secret or struct_items else raw  # it may hold one
        raise SettingRefused("must be a list", path, value=shown, remedy="write [a, b], or one `- item` a line")
    if args[-1] is Ellipsis:
        return tuple(decode(args[0], item, (*path, index)) for index, item in enumerate(raw))
    if len(raw) != len(args):
        raise SettingRefused(f"must have {len(args)} values", path, value=raw, remedy=f"write a list of {len(args)}")
    return tuple(decode(kind, item, (*path, index)) for index, (kind, item) in enumerate(zip(args, raw, strict=True)))


def _field_source(name: object, item: object) -> object:
    """One line of a field mapping, ``prediction.score: out.score``, as a group of settings."""
    return {"name": name} | (item if isinstance(item, dict) else {"path": item})


def _flow(text: str, path: SettingPath) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingRefused("cannot be read as YAML or JSON", path, remedy="write [a, b] or {key: value}") from error


def _text(raw: object, path: SettingPath) -> str:
    if isinstance(raw, bool):
        raise SettingRefused(
            "is true or false to YAML, and must be text",
            path,
            value=raw,
            remedy="put it in quotes, spelled as in the events",
        )
    if isinstance(raw, str | int | float):
        return str(raw)
    if isinstance(raw, date):  # 2026-03-01 without quotes is a date, or an instant, to YAML
        return raw.isoformat()
    raise SettingRefused(
        "must be text", path, value=raw, remedy="write one value, in quotes where it has special characters"
    )


def _whole(raw: object, path: SettingPath) -> int:
    if isinstance(raw, str):
        try:
            return int(raw.strip().replace("_", ""))
        except ValueError:
            pass
    elif isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise SettingRefused("must be a whole number", path, value=raw, remedy="write digits only, such as 9280")


def _number(raw: object, path: SettingPath) -> float:
    number = math.nan
    if isinstance(raw, str):
        with contextlib.suppress(ValueError):
            number = float(raw)
    elif isinstance(raw, int | float) and not isinstance(raw, bool):
        number = float(raw)
    if not math.isfinite(number):
        raise SettingRefused("must be a finite number", path, value=raw, remedy="write a number such as 0.05")
    return number


def _truth(raw: object, path: SettingPath) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise SettingRefused("must be true or false", path, value=raw, remedy="write true or false")


def _duration(raw: object, path: SettingPath) -> timedelta:
    if isinstance(raw, bool | dict | list):
        raise SettingRefused("must be a duration", path, value=raw, remedy="write 30s, 15m, 1h, 1d or 1w")
    try:
        return parse_duration(str(raw))
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        raise SettingRefused(problem, path, value=raw, remedy=remedy or "write 30s, 15m, 1h, 1d or 1w") from error


def _secret(raw: object, path: SettingPath) -> Secret:
    if isinstance(raw, str | int) and not isinstance(raw, bool):
        text = str(raw).rstrip("\r\n")  # as files and secret stores add it
        if any(ord(character) < 32 or ord(character) == 127 for character in text):
            raise SettingRefused("holds a line break or a control character", path, remedy="copy it again, on one line")
        return Secret(text)
    raise SettingRefused("must be text", path, remedy="put it in quotes, or use ${VARIABLE}")


_SCALARS: Final[dict[Any, Any]] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _truth,
    timedelta: _duration,
    Secret: _secret,
}


def decode_models(raw: object, path: SettingPath = ("models",)) -> tuple[ModelSettings, ...]:
    """Models, a mapping from name to settings."""
    if raw is None:
        return ()
    if not isinstance(raw, dict):
        raise SettingRefused(
            "must be a mapping from model name to settings",
            path,
            remedy="write `models:`, below it `churn:`, below it its settings",
        )
    return tuple(decode_struct(ModelSettings, item, (*path, str(name)), name=str(name)) for name, item in raw.items())
