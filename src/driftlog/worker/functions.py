"""Functions of the user, named ``module:function`` in the configuration or on the command line, never in a document."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driftlog.contract.errors import ConfigError


def load_function(name: str, *, path: str) -> Callable[..., Any]:
    """The function `name` names, imported; modules of the working directory are found as well.

    Parameters
    ----------
    path
        Setting or option the name comes from, for messages.

    Raises
    ------
    ConfigError
        The name has another form, the module cannot be imported (its own error is quoted), or there is no such
        function in it.

    >>> load_function("math:sqrt", path="--predict")(9)
    3.0
    """
    module_name, separator, function_name = name.partition(":")
    parts = [*module_name.split("."), *function_name.split(".")]
    if not separator or not all(part.isidentifier() for part in parts):
        raise ConfigError(
            "names no function", path=path, value=name, remedy="write module:function, as in scoring:late"
        )
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"cannot be imported: {type(error).__name__}: {error}",
            path=path,
            value=name,
            remedy=f"run it where `python -c 'import {module_name}'` works, with its packages installed",
        ) from error
    for part in function_name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigError(
            f"is no function of {module_name}", path=path, value=name, remedy=f"define it in {module_name}.py"
        )
    function: Callable[..., Any] = found
    return function
