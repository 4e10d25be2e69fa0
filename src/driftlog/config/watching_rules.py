"""Rules of what else is watched of a model: segments, metrics of the user's own, values, joint drift, detectors."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Final

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.names import INSTALLATION
from driftlog.contract.settings import ModelSettings, UserMetricSettings

_METRIC_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_FUNCTION: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*\Z")
_NEEDS: Final = {"profile": "function", "frame": "function", "aggregation": "aggregation"}


def check_watching(model: ModelSettings, path: SettingPath) -> None:
    """Raise `SettingRefused` for the first setting that cannot be used."""
    if model.name == INSTALLATION:
        raise SettingRefused(
            "is kept for alerts about driftlog itself", path, value=model.name, remedy="give the model another name"
        )
    _check_segments(model, path)
    if model.quantile is not None and not 0 < model.quantile < 1:
        raise SettingRefused(
            "must lie between 0 and 1", (*path, "quantile"), value=model.quantile, remedy="write 0.9 for the 90 % point"
        )
    if model.quantile is not None and model.task != "regression":
        raise SettingRefused(
            f"is for regression, not {model.task}", (*path, "quantile"), remedy="remove it, or write task: regression"
        )
    if model.business_value and model.task == "regression":
        raise SettingRefused("needs labels", (*path, "business_value"), remedy="remove it: a regression has no cells")
    for name in ("joint_rows", "max_segments", "min_segment_rows"):
        if getattr(model, name) < 1:
            raise SettingRefused("must be positive", (*path, name), value=getattr(model, name), remedy="write 100, say")
    for name in ("cpu_hour", "gpu_hour", "memory_gb_hour", "cores"):
        if getattr(model.cost, name) < 0:
            raise SettingRefused(
                "must not be negative", (*path, "cost", name), value=getattr(model.cost, name), remedy="write 0 or more"
            )
    _check_metrics(model, path)


def _check_segments(model: ModelSettings, path: SettingPath) -> None:
    seen = Counter(tuple(sorted(_bare(name) for name in fields)) for fields in model.segments)
    for index, fields in enumerate(model.segments):
        at = (*path, "segments", index)
        if not fields or not all(fields):
            raise SettingRefused("names no feature", at, remedy="write carrier, or [origin, carrier] for a crossing")
        if len({_bare(name) for name in fields}) < len(fields):
            raise SettingRefused("names a feature twice", at, value=list(fields), remedy="name each once")
        if seen[tuple(sorted(_bare(name) for name in fields))] > 1:
            raise SettingRefused("stands there twice", at, value=list(fields), remedy="remove one of the two")
    single = {_bare(fields[0]) for fields in model.segments if len(fields) == 1}
    for index, name in enumerate(model.protected):
        if _bare(name) not in single:
            raise SettingRefused(
                "is not among the segments", (*path, "protected", index), value=name, remedy=f"add {name} to segments"
            )


def _bare(name: str) -> str:
    return name.removeprefix("features.")


def _check_metrics(model: ModelSettings, path: SettingPath) -> None:
    names = Counter(metric.name for metric in model.metrics)
    for index, metric in enumerate(model.metrics):
        at = (*path, "metrics", index)
        if not _METRIC_NAME.match(metric.name):
            raise SettingRefused(
                "is no name of a metric",
                (*at, "name"),
                value=metric.name,
                remedy="use a-z, 0-9 and _, as in late_share",
            )
        if names[metric.name] > 1:
            raise SettingRefused("stands there twice", (*at, "name"), value=metric.name, remedy="rename one of the two")
        _check_source(metric, at)


def _check_source(metric: UserMetricSettings, at: SettingPath) -> None:
    needed = _NEEDS[metric.over]
    for name in ("function", "aggregation"):
        if bool(getattr(metric, name)) != (name == needed):
            problem = "is missing" if name == needed else f"is not for metrics over {metric.over}"
            raise SettingRefused(problem, (*at, name), remedy=f"a metric over {metric.over} has {needed}")
    if metric.over != "aggregation":
        if not _FUNCTION.match(metric.function):
            raise SettingRefused(
                "names no function", (*at, "function"), value=metric.function, remedy="write module:function"
            )
        if metric.rows < 1:
            raise SettingRefused("must be positive", (*at, "rows"), value=metric.rows, remedy="write 10000, say")
        return
    try:
        aggregation = json.loads(metric.aggregation)
    except ValueError as error:
        raise SettingRefused(
            f"is not JSON: {error}",
            (*at, "aggregation"),
            remedy='write {"late": {"filter": {"term": {...}}}} in quotes',
        ) from error
    if not isinstance(aggregation, dict) or not aggregation:
        raise SettingRefused("holds no aggregation", (*at, "aggregation"), remedy='write {"late": {"filter": ...}}')
    if not metric.path:
        names = ", ".join(aggregation)
        raise SettingRefused("is missing", (*at, "path"), remedy=f"write where its number is, such as {names}.value")
