"""One line about every setting: source of the commented driftlog.yml and of the table in docs/configuration.md."""

from __future__ import annotations

import typing
from typing import Any, Final

import msgspec

from driftlog.config.decode import field_types
from driftlog.config.descriptions.alerting import ALERTING
from driftlog.config.descriptions.auditing import AUDITING
from driftlog.config.descriptions.core import CORE
from driftlog.config.descriptions.exporting import EXPORTING
from driftlog.config.descriptions.kibana import KIBANA
from driftlog.config.descriptions.maintaining import MAINTAINING
from driftlog.config.descriptions.notifying import NOTIFYING
from driftlog.config.descriptions.payloads import PAYLOADS
from driftlog.config.descriptions.sources import SOURCES
from driftlog.config.descriptions.surveying import SURVEYING
from driftlog.config.environment import variable_name
from driftlog.config.masked import plain
from driftlog.contract.settings import ModelSettings, Settings

SECTIONS: Final[dict[str, str]] = {
    "elasticsearch": "How to reach Elasticsearch; an API key, or user and password.",
    "local": "The local Elasticsearch of one machine (`driftlog local start`).",
    "intake": "The single-machine stand-in for Logstash (`driftlog intake`).",
    "worker": "The process that evaluates (`driftlog worker`).",
    "notifications": "Who is told of alerts, and how.",
    "feedback": "Survey links.",
    "audit": "The audit trail.",
    "retention": "How long whole periods are kept.",
    "export": "Metrics for other tools (`driftlog export`).",
    "export.prometheus": "The page that Prometheus scrapes (`driftlog export prometheus`).",
    "export.datadog": "Datadog, by its agent or its API (`driftlog export datadog`).",
    "export.statsd": "A StatsD server (`driftlog export statsd`).",
    "export.otlp": "OpenTelemetry metrics (`driftlog export otlp`).",
    "kibana": "Dashboards and rules in Kibana (`driftlog kibana`).",
    "kibana.rules": "When Kibana's rules speak.",
    "janitor": "Who drops and erases (`driftlog janitor`, `driftlog erase`).",
}

DESCRIPTIONS: Final[dict[str, str]] = (
    CORE | ALERTING | NOTIFYING | SURVEYING | MAINTAINING | AUDITING | EXPORTING | SOURCES | PAYLOADS | KIBANA
)


def rows() -> list[tuple[str, str, str, str]]:
    """Setting, default, environment variable and description of every setting, in the file's order."""
    found = []
    for path, default in _walk(Settings, ""):
        found.append((path, written(default), _variable(path), DESCRIPTIONS.get(path, "")))
    return found


def written(default: object) -> str:
    """Default as it is written in the file."""
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return "[" + ", ".join(str(item) for item in default) + "]"
    return '""' if default == "" else f'"{default}"' if default == "1" else str(default)


def _variable(path: str) -> str:
    return "" if "[]" in path else variable_name(tuple(path.split(".")))


def _walk(cls: type[msgspec.Struct], above: str) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for field, (name, kind) in zip(msgspec.structs.fields(cls), field_types(cls).items(), strict=True):
        if cls is ModelSettings and name == "name":
            continue
        path = f"{above}{name}"
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found += _walk(kind, path + ".")
        elif path == "models":
            found += _walk(ModelSettings, "models.<name>.")
        else:
            found.append((path, "required" if field.required else plain(_default(field))))
            listed = _listed(kind)
            if listed is not None:
                found += _walk(listed, path + "[].")
    return found


def _listed(kind: Any) -> type[msgspec.Struct] | None:
    """Type of the groups in a list of groups."""
    inner = next(iter(typing.get_args(kind)), None) if typing.get_origin(kind) is tuple else None
    return inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None


def _default(field: Any) -> object:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
