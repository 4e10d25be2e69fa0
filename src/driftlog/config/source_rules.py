"""Rules of `models.<name>.source`."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Final

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.settings import Settings
from driftlog.contract.source import (
    DURATION,
    INDEX_PART,
    KINDS,
    OUTCOME,
    TIMESTAMP,
    FieldSource,
    SourceSettings,
    can_be_mapped,
)

_REMEDY: Final = f"use {', '.join(KINDS)}, features.*, prediction.probabilities.* or prediction.attributions.*"


def check_sources(settings: Settings) -> None:
    """Raise `SettingRefused` for the first source that cannot be read."""
    for model in settings.models:
        if model.source != SourceSettings():
            _check_source(model.source, settings.prefix, ("models", model.name, "source"))


def _check_source(source: SourceSettings, prefix: str, path: SettingPath) -> None:
    if not source.index:
        raise SettingRefused("is missing", (*path, "index"), remedy="write index: flask-logs-*, for example")
    for part in source.index.split(","):
        if not INDEX_PART.match(part) or part != part.lower():
            raise SettingRefused(
                "is no pattern of indices",
                (*path, "index"),
                value=source.index,
                remedy="write flask-logs-* or a-*,b-*, in lower case and not beginning with a star",
            )
        if not part.startswith("-"):  # what is left out may be anything
            _check_part(part, source.index, prefix, (*path, "index"))
    _check_query(source.query, (*path, "query"))
    if source.late < timedelta(0):
        raise SettingRefused("must not be negative", (*path, "late"), remedy="write 0s or more")
    times = Counter(field.name for field in source.fields)
    for field in source.fields:
        _check_field(field, times[field.name], (*path, "fields", field.name))
    if TIMESTAMP not in times:
        raise SettingRefused(
            f"does not say where {TIMESTAMP} is", (*path, "fields"), remedy=f'add a line "{TIMESTAMP}": ts'
        )


def _check_part(part: str, index: str, prefix: str, path: SettingPath) -> None:
    """Refuse what reaches system indices, or those that driftlog writes."""
    if any(name.startswith(".") for name in part.split(":")):
        raise SettingRefused(
            "names system or hidden indices",
            path,
            value=index,
            remedy="write the index, data stream or alias the predictions are in; none of them begins with a dot",
        )
    own, (start, star, _) = f"{prefix}-", part.partition("*")
    if start.startswith(own) or (star and own.startswith(start)):
        raise SettingRefused(
            "names driftlog's own indices",
            path,
            value=index,
            remedy=f"leave the source out: they are read without one; or write more of the name than {part}"
            if star
            else "leave the source out: they are read without one",
        )


def _check_query(text: str, path: SettingPath) -> None:
    if not text:
        return
    try:
        query = json.loads(text)
    except ValueError:
        query = None
    if not isinstance(query, dict) or len(query) != 1:
        raise SettingRefused(
            "is no query", path, value=text, remedy="""write '{"term": {"route": "/predict"}}', in single quotes"""
        )


def _check_field(field: FieldSource, times: int, path: SettingPath) -> None:
    if not can_be_mapped(field.name):
        raise SettingRefused("is no field of an event", path, remedy=_REMEDY)
    if times > 1:
        raise SettingRefused("is given twice", path, remedy="keep one line")
    if field.name.endswith(".*") != field.path.endswith(".*") or "*" in field.name[:-1] + field.path[:-1]:
        raise SettingRefused(
            "has a star on one side", path, value=field.path, remedy="write features.*: body.*, a whole object each"
        )
    if not all(part.strip() for part in field.path.split(".")) or field.path.startswith("_"):
        raise SettingRefused("is no field name", path, value=field.path, remedy="write its dotted name: body.age")
    if field.unit != "ns" and field.name != DURATION:
        raise SettingRefused("has no unit", path, remedy=f"only {DURATION} has one")
    if field.failure != ("failure",) and field.name != OUTCOME:
        raise SettingRefused("has no failures", path, remedy=f"only {OUTCOME} has them")
    if not field.failure:
        raise SettingRefused("names no value that means failure", path, remedy="write failure: ['>=500']")
