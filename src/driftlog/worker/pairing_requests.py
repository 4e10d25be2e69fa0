"""Requests to a model as features by name: V1 and V2 inference protocol, and Seldon's own messages.

=========================================================  =====================================================
payload                                                    instances
=========================================================  =====================================================
``{"instances": [{"age": 41}, ...]}``                      the objects
``{"instances": [[41, 2], ...]}``                          rows, named by ``payloads.feature_names``
``{"inputs": [{"name", "shape", "datatype", "data"}]}``    a tensor of one column has its name; wider: as rows
``{"data": {"names", "ndarray" or "tensor"}}``             rows, named by ``names`` where they are given
``{"jsonData": ...}``                                      an object is one instance, a list several
``{"strData": "text"}``                                    one instance of one feature (default name ``text``)
=========================================================  =====================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from driftlog.contract.errors import EventRefused
from driftlog.contract.payloads import PayloadSettings
from driftlog.worker.pairing_tensors import as_rows, refuse, shaped, tensor_rows

Features = dict[str, Any]
TEXT: Final = "text"


def instances_of(body: dict[str, Any], settings: PayloadSettings) -> list[Features]:
    """Features of each instance of a request, in order.

    >>> instances_of({"instances": [[41, "DE"]]}, PayloadSettings(feature_names=("age", "country")))
    [{'age': 41, 'country': 'DE'}]
    >>> instances_of({"data": {"names": ["age"], "ndarray": [[41], [42]]}}, PayloadSettings())
    [{'age': 41}, {'age': 42}]

    Raises
    ------
    EventRefused
        ``missing_feature_names``, or ``illegal_payload`` with what is wrong.
    """
    if "instances" in body:
        found = _of_rows(
            as_rows(body["instances"], "instances", settings.max_instances), settings.feature_names, "instances"
        )
    elif "inputs" in body:
        found = _of_tensors(body["inputs"], settings)
    elif "data" in body:
        found = _of_seldon(body["data"], settings)
    elif "jsonData" in body:
        data = body["jsonData"]
        rows = data if isinstance(data, list) else [data]
        found = _of_rows(
            as_rows(rows, "jsonData", settings.max_instances, one_row=True), settings.feature_names, "jsonData"
        )
    elif "strData" in body:
        found = [{(settings.feature_names or (TEXT,))[0]: body["strData"]}]
    else:
        found_keys = ", ".join(sorted(body))[:80] or "nothing"
        raise refuse(f"none of instances, inputs, data, jsonData, strData is in it, but {found_keys}", "")
    if not found:
        raise refuse("the request holds no instance", "")
    return [_kept(features, settings.leave_out) for features in found]


def _kept(features: Features, leave_out: Sequence[str]) -> Features:
    return {name: value for name, value in features.items() if name not in leave_out} if leave_out else features


def _of_rows(rows: list[Any], names: Sequence[str], where: str) -> list[Features]:
    return [_features(row, names, f"{where}.{number}") for number, row in enumerate(rows)]


def _features(row: Any, names: Sequence[str], where: str) -> Features:
    if isinstance(row, dict):
        return dict(row)
    values = row if isinstance(row, list) else [row]
    if not names:
        raise EventRefused(
            "missing_feature_names",
            f"the {len(values)} columns of the request have no names; set models.<name>.payloads.feature_names "
            "to them, in order",
            field=f"payload.body.{where}",
        )
    if len(names) != len(values):
        raise refuse(f"{where} has {len(values)} columns, and there are {len(names)} names of features", where)
    return dict(zip(names, values, strict=True))


def _of_tensors(inputs: Any, settings: PayloadSettings) -> list[Features]:
    if not isinstance(inputs, list) or not inputs or not all(isinstance(each, dict) for each in inputs):
        raise refuse("inputs is no list of tensors", "inputs")
    columns = [tensor_rows(tensor, f"inputs.{number}", settings.max_instances) for number, tensor in enumerate(inputs)]
    counts = {len(rows) for rows in columns}
    if len(counts) > 1:
        raise refuse(f"the inputs have {', '.join(map(str, sorted(counts)))} rows", "inputs")
    joined = [[value for rows in columns for value in rows[at]] for at in range(counts.pop())]
    width = len(joined[0]) if joined else 0
    names: Sequence[str] = settings.feature_names
    if len(names) != width and width == len(inputs):
        names = [str(tensor.get("name", "")) for tensor in inputs]
    return _of_rows(joined, names, "inputs")


def _of_seldon(data: Any, settings: PayloadSettings) -> list[Features]:
    if not isinstance(data, dict):
        raise refuse("data is no object", "data")
    given = data.get("names")
    names = [str(name) for name in given] if isinstance(given, list) and given else settings.feature_names
    if "ndarray" in data:
        one_row = bool(names) and isinstance(data["ndarray"], list) and len(data["ndarray"]) == len(names)
        rows = as_rows(data["ndarray"], "data.ndarray", settings.max_instances, one_row=one_row)
        return _of_rows(rows, names, "data.ndarray")
    tensor = data.get("tensor")
    if isinstance(tensor, dict):
        rows = shaped(tensor.get("values"), tensor.get("shape"), "data.tensor", settings.max_instances)
        return _of_rows(rows, names, "data.tensor")
    raise refuse("data has neither ndarray nor tensor (tftensor and binData cannot be read)", "data")
