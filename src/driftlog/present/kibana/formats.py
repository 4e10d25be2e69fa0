"""How Kibana writes numbers and words of a field: bytes, durations, shares, and words for what is stored as a code."""

from __future__ import annotations

from typing import Any, Final

Format = dict[str, Any]

BYTES: Final[Format] = {"id": "bytes", "params": {}}
SHARE: Final[Format] = {"id": "percent", "params": {"pattern": "0,0.[00]%"}}
"""Of numbers between 0 and 1."""
NUMBER: Final[Format] = {"id": "number", "params": {"pattern": "0,0.[0000]"}}
WHOLE: Final[Format] = {"id": "number", "params": {"pattern": "0,0"}}
NANOSECONDS: Final[Format] = {
    "id": "duration",
    "params": {
        "inputFormat": "nanoseconds",
        "outputFormat": "asMilliseconds",
        "outputPrecision": 2,
        "includeSpaceWithSuffix": True,
        "useShortSuffix": True,
    },
}
SECONDS: Final[Format] = {
    "id": "duration",
    "params": {
        "inputFormat": "seconds",
        "outputFormat": "humanizePrecise",
        "outputPrecision": 1,
        "includeSpaceWithSuffix": True,
        "useShortSuffix": True,
    },
}


def words(known: dict[str, str]) -> Format:
    """Words for stored values; others are shown as they are.

    >>> words({"*": "all versions"})["params"]["lookupEntries"]
    [{'key': '*', 'value': 'all versions'}]
    """
    entries = [{"key": key, "value": value} for key, value in known.items()]
    return {"id": "static_lookup", "params": {"lookupEntries": entries, "unknownKeyValue": None}}


SEGMENT: Final = words({"": "whole model"})
VERSION: Final = words({"*": "all versions"})
VARIANT: Final = words({"*": "all variants"})
SEVERITY: Final = words({"0": "ok", "1": "info", "2": "warning", "3": "critical"})


def column_share(decimals: int = 1) -> Format:
    """Format of a Lens column that holds a share."""
    return {"id": "percent", "params": {"decimals": decimals}}


def column_percent(decimals: int = 0) -> Format:
    """Format of a Lens column that holds 0 to 100."""
    return {"id": "number", "params": {"decimals": decimals, "suffix": " %"}}


def column_number(decimals: int = 3) -> Format:
    """Format of a Lens column with that many decimals."""
    return {"id": "number", "params": {"decimals": decimals}}
