"""``${VAR}`` and ``${VAR:default}`` inside the file, for secrets and for what differs between machines.

References are replaced in values after the YAML was read, so no content of a variable can change the structure.
``$${`` writes a literal ``${``. Requests of the maintenance loop (`READ_LATER`) keep their references: they are read
when the request is sent, so that no secret of theirs ever is a setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from driftlog.config.origins import SettingPath, dotted
from driftlog.contract.errors import ConfigError

_REFERENCE: Final = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}|(\$\{)")

READ_LATER: Final = re.compile(
    r"models\.[^.]+\.maintain\.(executor\.(url|status_url|headers|body)|promotion\.(url|headers))(\[\d+\])?\Z"
)
"""Settings whose references are kept."""


def interpolate(value: object, environ: Mapping[str, str], path: SettingPath = ()) -> object:
    """Copy of `value` with the references in its strings replaced.

    Raises
    ------
    ConfigError
        A variable is not set and has no default, or a reference is malformed.

    >>> interpolate({"password": "${SECRET}", "port": "${PORT:9280}"}, {"SECRET": "x"})
    {'password': 'x', 'port': '9280'}
    """
    if isinstance(value, dict):
        return {key: interpolate(item, environ, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, environ, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, str) and READ_LATER.match(dotted(path)):
        return value
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _replacement(match, environ, path), value)
    return value


def _replacement(match: re.Match[str], environ: Mapping[str, str], path: SettingPath) -> str:
    escaped, name, default, malformed = match.groups()
    if escaped:
        return "${"
    if malformed:
        raise ConfigError(
            "has a reference to an environment variable that cannot be read",
            path=dotted(path),
            remedy="write ${NAME} or ${NAME:default}; a literal ${ is written $${",
        )
    if name in environ:
        return environ[name]
    if default is not None:
        return str(default)
    raise ConfigError(
        f"needs the environment variable {name}, which is not set",
        path=dotted(path),
        remedy=f"export {name}=..., or write ${{{name}:default}}",
    )
