"""Settings by environment variable: ``DRIFTLOG_`` + the path in capitals, its parts joined by two underscores.

====================================  =========================================
``DRIFTLOG_PREFIX``                   ``prefix``
``DRIFTLOG_ELASTICSEARCH__URLS``      ``elasticsearch.urls`` (separated by commas)
``DRIFTLOG_WORKER__LEASE``            ``worker.lease``
``DRIFTLOG_MODELS__CHURN_V2__WINDOW`` ``models.churn-v2.window``, or ``models.churn_v2.window``
====================================  =========================================

A model of the file is found whatever its dashes; a name the file does not have makes a new model. An empty variable
is as good as none. Variables win over the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from driftlog.config.decode import field_types
from driftlog.config.origins import SettingPath
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import ModelSettings, Settings

PREFIX: Final = "DRIFTLOG_"
CONFIG_VARIABLE: Final = "DRIFTLOG_CONFIG"
_MODELS: Final = "MODELS__"


def variable_name(path: SettingPath) -> str:
    """Environment variable of a setting.

    >>> variable_name(("models", "churn-v2", "window"))
    'DRIFTLOG_MODELS__CHURN_V2__WINDOW'
    """
    return PREFIX + "__".join(str(part).upper().replace("-", "_") for part in path)


def setting_paths() -> Iterator[tuple[SettingPath, Any]]:
    """Path and type of every setting but those of models, groups within groups included."""
    yield from ((path, kind) for path, kind in _paths_of(Settings) if path != ("models",))


def _paths_of(group: type[msgspec.Struct], path: SettingPath = ()) -> Iterator[tuple[SettingPath, Any]]:
    for name, kind in field_types(group).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from _paths_of(kind, (*path, name))
        else:
            yield (*path, name), kind


def read_environment(environ: Mapping[str, str], models: list[str]) -> dict[SettingPath, tuple[str, str]]:
    """Settings named by `environ`: path -> (variable, text). `models` are the names the file has.

    Raises
    ------
    ConfigError
        A variable with two underscores, or nearly the name of a setting, that names none; or one that fits two models.
    """
    known = {variable_name(path): path for path, _ in setting_paths()}
    found: dict[SettingPath, tuple[str, str]] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE or not environ[variable].strip():
            continue
        if variable in known:
            found[known[variable]] = (variable, environ[variable])
        elif variable.startswith(PREFIX + _MODELS):
            found[_model_path(variable, models)] = (variable, environ[variable])
        else:
            _refuse_near_miss(variable, list(known))
    return found


def _model_path(variable: str, models: list[str]) -> SettingPath:
    name, _, setting = variable.removeprefix(PREFIX + _MODELS).rpartition("__")
    settings = {field.upper(): field for field in ModelSettings.__struct_fields__ if field != "name"}
    if not name or setting not in settings:
        raise ConfigError(
            f"the environment variable {variable} names no setting of a model",
            remedy=(name and _did_you_mean(setting, list(settings)))
            or "write DRIFTLOG_MODELS__<NAME>__WINDOW, for example",
        )
    fitting = [model for model in models if variable_name((model,)) == PREFIX + name]
    if len(fitting) > 1:
        raise ConfigError(
            f"the environment variable {variable} fits {' and '.join(fitting)}", remedy="set it in driftlog.yml instead"
        )
    return ("models", fitting[0] if fitting else name.lower(), settings[setting])


def _refuse_near_miss(variable: str, known: list[str]) -> None:
    near = _did_you_mean(variable, known)
    if "__" in variable or near:
        raise ConfigError(
            f"the environment variable {variable} names no setting",
            remedy=near or "see docs/configuration.md for the names",
        )


def _did_you_mean(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.85 if "__" not in name else 0.6)
    return f"did you mean {near[0]}?" if near else ""
