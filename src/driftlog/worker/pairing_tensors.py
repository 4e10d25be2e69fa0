"""Tensors of the V2 inference protocol and of Seldon messages as rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from driftlog.contract.errors import EventRefused


def refuse(message: str, field: str) -> EventRefused:
    """The refusal of a payload of which no prediction can be read."""
    return EventRefused("illegal_payload", message, field=f"payload.body.{field}" if field else "payload.body")


def tensor_rows(tensor: dict[str, Any], where: str) -> list[list[Any]]:
    """Rows of a V2 tensor ``{"name", "shape", "datatype", "data"}``; dimensions behind the first are one row.

    `data` may be flat (row-major) or nested.

    >>> tensor_rows({"shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}, "inputs.0")
    [[1, 2], [3, 4]]
    >>> tensor_rows({"shape": [2], "datatype": "BYTES", "data": ["a", "b"]}, "inputs.0")
    [['a'], ['b']]

    Raises
    ------
    EventRefused
        Binary data (the extension that puts tensors behind the JSON), or a shape that its data do not have.
    """
    parameters = tensor.get("parameters")
    if isinstance(parameters, dict) and "binary_data_size" in parameters:
        raise refuse(f"{where} is binary data, which loggers cut off from its header; have clients send JSON", where)
    return shaped(tensor.get("data"), tensor.get("shape"), where)


def shaped(data: Any, shape: Any, where: str) -> list[list[Any]]:
    """`data` cut into ``shape[0]`` rows.

    >>> shaped([[1, 2], [3, 4]], [2, 2], "x"), shaped([5], [1, 1], "x"), shaped([], [0, 3], "x")
    ([[1, 2], [3, 4]], [[5]], [])
    """
    if not isinstance(data, list):
        raise refuse(f"{where} has no list of data", where)
    flat = list(flattened(data))
    sizes = [size for size in shape if isinstance(size, int) and size >= 0] if isinstance(shape, list) else []
    if not sizes or len(sizes) != len(shape) or math.prod(sizes) != len(flat):
        raise refuse(f"{where} has {len(flat)} values, and the shape {shape!r:.60}", where)
    if not flat:
        return []
    width = math.prod(sizes[1:])
    return [flat[at * width : (at + 1) * width] for at in range(sizes[0])]


def flattened(values: Sequence[Any]) -> Any:
    """The values of nested lists in order."""
    for value in values:
        if isinstance(value, list):
            yield from flattened(value)
        else:
            yield value


def as_rows(values: Any, where: str, *, one_row: bool = False) -> list[Any]:
    """Elements of a list of rows; a flat list is one row where `one_row` says so, else rows of one."""
    if not isinstance(values, list):
        raise refuse(f"{where} is no list", where)
    if values and one_row and not any(isinstance(each, list | dict) for each in values):
        return [values]
    return values
