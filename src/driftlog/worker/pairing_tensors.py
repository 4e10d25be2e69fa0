"""Tensors of the V2 inference protocol and of Seldon messages as rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from driftlog.contract.errors import EventRefused

MAX_DIMENSIONS: Final = 32
"""Of a tensor: as many as NumPy had for long."""


def refuse(message: str, field: str) -> EventRefused:
    """The refusal of a payload of which no prediction can be read."""
    return EventRefused("illegal_payload", message, field=f"payload.body.{field}" if field else "payload.body")


def check_instances(n: int, limit: int, where: str) -> None:
    """Refuse more than `limit` instances: before anything is made of them."""
    if n > limit:
        raise refuse(f"{where} has {n} instances, more than models.<name>.payloads.max_instances ({limit})", where)


def tensor_rows(tensor: dict[str, Any], where: str, limit: int) -> list[list[Any]]:
    """Rows of a V2 tensor ``{"name", "shape", "datatype", "data"}``; dimensions behind the first are one row.

    `data` may be flat (row-major) or nested.

    >>> tensor_rows({"shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}, "inputs.0", 9)
    [[1, 2], [3, 4]]
    >>> tensor_rows({"shape": [2], "datatype": "BYTES", "data": ["a", "b"]}, "inputs.0", 9)
    [['a'], ['b']]

    Raises
    ------
    EventRefused
        Binary data (the extension that puts tensors behind the JSON), a shape that its data do not have, or more than
        `limit` rows.
    """
    parameters = tensor.get("parameters")
    if isinstance(parameters, dict) and "binary_data_size" in parameters:
        raise refuse(f"{where} is binary data, which loggers cut off from its header; have clients send JSON", where)
    return shaped(tensor.get("data"), tensor.get("shape"), where, limit)


def shaped(data: Any, shape: Any, where: str, limit: int) -> list[list[Any]]:
    """`data` cut into ``shape[0]`` rows, `limit` at most.

    >>> shaped([[1, 2], [3, 4]], [2, 2], "x", 9), shaped([5], [1, 1], "x", 9), shaped([], [0, 3], "x", 9)
    ([[1, 2], [3, 4]], [[5]], [])
    """
    if not isinstance(data, list):
        raise refuse(f"{where} has no list of data", where)
    flat = list(flattened(data))
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
        told = f"{len(shape)} dimensions" if isinstance(shape, list) else "no list"
        raise refuse(f"{where} has {len(flat)} values, and the shape has {told}", where)
    if not _fits(shape, len(flat)):
        raise refuse(f"{where} has {len(flat)} values, and the shape {shape!r:.60}", where)
    if not flat:
        return []
    check_instances(shape[0], limit, where)
    width = math.prod(shape[1:])
    return [flat[at * width : (at + 1) * width] for at in range(shape[0])]


def _fits(shape: Sequence[Any], n: int) -> bool:
    """Whether `shape` is that of `n` values. Sizes beyond `n` are not multiplied: they may have thousands of digits."""
    if not shape or any(type(size) is not int or size < 0 for size in shape):
        return False
    if n == 0:
        return 0 in shape
    return all(size <= n for size in shape) and math.prod(shape) == n


def flattened(values: Sequence[Any]) -> Iterator[Any]:
    """The values of nested lists in order, however deep.

    >>> list(flattened([1, [[2], 3], []]))
    [1, 2, 3]
    """
    open_lists = [iter(values)]
    while open_lists:
        for value in open_lists[-1]:
            if isinstance(value, list):
                open_lists.append(iter(value))
                break
            yield value
        else:
            open_lists.pop()


def as_rows(values: Any, where: str, limit: int, *, one_row: bool = False) -> list[Any]:
    """Elements of a list of rows, `limit` at most; a flat list is one row where `one_row` says so, else rows of one."""
    if not isinstance(values, list):
        raise refuse(f"{where} is no list", where)
    if values and one_row and not any(isinstance(each, list | dict) for each in values):
        return [values]
    check_instances(len(values), limit, where)
    return values
