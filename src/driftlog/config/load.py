"""Settings from driftlog.yml and the environment: the one place that reads either.

The file is the first of ``--config``, ``DRIFTLOG_CONFIG`` and ``./driftlog.yml``; without one the defaults hold.
Environment variables win over the file (see `driftlog.config.environment`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from driftlog.config.decode import SettingRefused, decode_models, decode_struct
from driftlog.config.environment import CONFIG_VARIABLE, read_environment
from driftlog.config.interpolate import interpolate
from driftlog.config.origins import Origins
from driftlog.config.rules import check_rules
from driftlog.config.yaml_file import read_yaml
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import Settings

DEFAULT_FILE: Final = "driftlog.yml"


def find_config(path: Path | None, environ: Mapping[str, str], folder: Path | None = None) -> Path | None:
    """The file that `load_settings` reads, or None for the defaults."""
    if path is not None:
        return path
    if environ.get(CONFIG_VARIABLE, "").strip():
        return Path(environ[CONFIG_VARIABLE]).expanduser()
    default = (folder or Path.cwd()) / DEFAULT_FILE
    return default if default.is_file() else None


def load_settings(path: Path | None, environ: Mapping[str, str], *, folder: Path | None = None) -> Settings:
    """Settings of this run.

    Parameters
    ----------
    path
        The file named on the command line; None searches.
    environ
        Environment variables; nothing is read from the process's own.
    folder
        Where ``driftlog.yml`` is looked for; the working directory by default.

    Raises
    ------
    ConfigError
        The file cannot be read, or a setting cannot be used.
    """
    file = find_config(path, environ, folder)
    raw, origins = read_yaml(file) if file is not None else ({}, Origins())
    content = interpolate(raw, environ)
    if not isinstance(content, dict):  # read_yaml gives a mapping, interpolate keeps it
        raise TypeError(type(content))
    return build_settings(content, environ, origins)


def build_settings(content: dict[str, object], environ: Mapping[str, str], origins: Origins | None = None) -> Settings:
    """Settings from plain data and environment variables."""
    origins = Origins() if origins is None else origins
    try:
        _overlay(content, environ, origins)
        models = decode_models(content.pop("models", None))
        settings = decode_struct(Settings, content, (), models=models)
        check_rules(settings)
    except SettingRefused as error:
        origin = origins.of(error.at)
        raise ConfigError(
            f"{error.text}, in {origin}" if origin else error.text,
            path=error.path,
            value=error.value,
            remedy=error.remedy,
        ) from error
    return settings


def _overlay(content: dict[str, object], environ: Mapping[str, str], origins: Origins) -> None:
    models = content.get("models")
    names = [str(name) for name in models] if isinstance(models, dict) else []
    for path, (variable, text) in read_environment(environ, names).items():
        target: dict[str, object] = content
        for depth, part in enumerate(path[:-1]):
            inner = target.get(str(part))
            if inner is None:
                inner = target[str(part)] = {}
            if not isinstance(inner, dict):
                raise SettingRefused(
                    "must be a group of settings", path[: depth + 1], remedy="write its settings below it"
                )
            target = inner
        target[str(path[-1])] = text
        origins.by_path[path] = f"environment variable {variable}"
