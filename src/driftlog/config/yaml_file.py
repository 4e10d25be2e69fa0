"""Reading driftlog.yml: plain data, and the line of each setting.

Only YAML's safe types are constructed. A key that stands twice in one mapping is an error: YAML would keep the
last one silently.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import yaml

from driftlog.config.origins import Origins, SettingPath, dotted
from driftlog.contract.errors import ConfigError

MAX_FILE_BYTES: Final = 1_048_576
MAX_SETTINGS: Final = 100_000


def read_yaml(path: Path) -> tuple[dict[str, object], Origins]:
    """Content of the file and the origin (file and line) of each setting in it.

    Raises
    ------
    ConfigError
        The file cannot be read, is not UTF-8, is not YAML (with line and column), is not a mapping, repeats a key
        or uses aliases.
    """
    return parse_yaml(_read(path), name=str(path))


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than 1 MiB", remedy="give the path of a driftlog.yml")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path} does not exist", remedy="write one with `driftlog init`, or leave --config and DRIFTLOG_CONFIG out"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text", remedy="save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", remedy="check path and permissions") from error


def parse_yaml(text: str, *, name: str) -> tuple[dict[str, object], Origins]:
    """Like `read_yaml`, from text.

    >>> parse_yaml("prefix: team\\n", name="driftlog.yml")[1].of(("prefix",))
    'driftlog.yml, line 1'
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        origins = _origins(node, name) if node else Origins()
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _translate(error, name) from error
    except (ValueError, OverflowError) as error:  # impossible dates, numbers beyond Python's limit
        raise ConfigError(f"{name} has a value that cannot be read: {error}", remedy="put it in quotes") from error
    except RecursionError as error:
        raise ConfigError(f"{name} is nested too deeply", remedy="see `driftlog init` for the layout") from error
    if content is None:
        return {}, origins
    if not isinstance(content, dict):
        raise ConfigError(
            f"{name} holds a {type(content).__name__} instead of settings", remedy="write lines like `prefix: driftlog`"
        )
    return content, origins


def _origins(node: yaml.Node, name: str) -> Origins:
    lines = list(islice(_walk(node, (), name), MAX_SETTINGS + 1))
    if len(lines) > MAX_SETTINGS:
        raise ConfigError(f"{name} holds more than {MAX_SETTINGS:,} values", remedy="remove YAML aliases (*name)")
    return Origins({path: f"{name}, line {line}" for path, line in lines})


def _walk(
    node: yaml.Node, path: SettingPath, name: str, above: tuple[yaml.Node, ...] = ()
) -> Iterator[tuple[SettingPath, int]]:
    if any(node is parent for parent in above):
        raise ConfigError(f"{name}: {dotted(path)} contains itself", remedy="remove the YAML alias (*name)")
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*path, index), name, (*above, node))
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            text = str(key.value)
            if text in seen:
                raise ConfigError(
                    f"stands twice in {name}: in line {seen[text]} and in line {line}",
                    path=dotted((*path, text)),
                    remedy="keep one of the two",
                )
            seen[text] = line
            for inner, inner_line in _walk(value, (*path, text), name, (*above, node)):
                yield inner, line if inner == (*path, text) else inner_line


def _translate(error: yaml.YAMLError, name: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    where = f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return ConfigError(f"{where}: {problem}", remedy=_remedy(problem))


def _remedy(problem: str) -> str:
    if "\\t" in problem or "tab" in problem:
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in problem or "expected <block end>" in problem:
        return "check the indentation, and put values that contain ': ' in quotes"
    if "could not determine a constructor" in problem:
        return "remove the YAML tag (!name); only plain values are read"
    return "correct the line; values with special characters go in quotes"
