"""Filling in: ``{placeholders}`` of argument lists and JSON, ``${VARIABLES}`` of the environment, a bare environment.

Only the names given are filled in; other braces stay as they are, so that JSON and shell-like text pass through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from driftlog.contract.errors import ActionFailed

ALWAYS: Final = ("PATH", "HOME", "LANG")
"""Variables every command sees."""
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HIDDEN: Final = "***"


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with each ``{name}`` of `values` replaced, once: what was filled in is not looked at again.

    >>> fill("--data={data} {other} ${HOME}", {"data": "{version}", "version": "3"})
    '--data={version} {other} ${HOME}'
    """
    if not values:
        return text
    names = "|".join(re.escape(name) for name in values)
    return re.sub(rf"(?<!\$)\{{({names})\}}", lambda found: values[found.group(1)], text)


def fill_all(arguments: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Every argument filled; one argument stays one argument, whatever is filled in.

    >>> fill_all(["train", "{data}"], {"data": "a file; rm -rf"})
    ['train', 'a file; rm -rf']
    """
    return [fill(argument, values) for argument in arguments]


def fill_json(value: Any, values: Mapping[str, str], environ: Mapping[str, str]) -> Any:
    """The strings in a JSON value filled with `values`, then with ``${VARIABLES}``; its shape cannot change.

    >>> fill_json({"ref": "main", "inputs": {"data": "{data}"}}, {"data": 'x"}'}, {})
    {'ref': 'main', 'inputs': {'data': 'x"}'}}
    """
    if isinstance(value, str):
        return fill_both(value, values, environ)
    if isinstance(value, dict):
        return {key: fill_json(inner, values, environ) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill_json(inner, values, environ) for inner in value]
    return value


def fill_both(text: str, values: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """`text` with variables and placeholders filled in; neither is looked for in what the other put there.

    Raises
    ------
    ActionFailed
        A variable is not set: its name is told, never a value.

    >>> fill_both("Bearer ${TOKEN} {version}", {"version": "${TOKEN}"}, {"TOKEN": "{version}"})
    'Bearer {version} ${TOKEN}'
    """
    parts = _VARIABLE.split(text)
    for index, part in enumerate(parts):
        parts[index] = fill(part, values) if index % 2 == 0 else _variable(part, environ)
    return "".join(parts)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if not environ.get(name):
        raise ActionFailed(
            f"the environment variable {name} is not set, and a request needs it",
            remedy=f"set {name} for the worker, or take ${{{name}}} out of the settings",
        )
    return environ[name]


def variables_in(text: str) -> list[str]:
    """Names of the variables that `text` refers to.

    >>> variables_in("token ${A} ${B}")
    ['A', 'B']
    """
    return _VARIABLE.findall(text)


def bare_environment(names: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables a command may see: PATH, HOME, LANG and `names`, as far as they are set.

    >>> bare_environment(["TOKEN"], {"PATH": "/bin", "TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "s"})
    {'PATH': '/bin', 'TOKEN': 't'}
    """
    return {name: environ[name] for name in (*ALWAYS, *names) if name in environ}


def hide(text: str, names: Sequence[str], environ: Mapping[str, str]) -> str:
    """`text` without the values of the variables `names`; values shorter than 4 characters are no secrets.

    >>> hide("denied for t0ps3cret", ["TOKEN"], {"TOKEN": "t0ps3cret"})
    'denied for ***'
    """
    for value in sorted((environ.get(name, "") for name in names), key=len, reverse=True):
        if len(value) >= 4:
            text = text.replace(value, _HIDDEN)
    return text
