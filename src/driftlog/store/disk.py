"""Disk watermarks: how far each node is from the point where Elasticsearch stops taking shards, and then writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from driftlog.contract.records import Finding
from driftlog.store.values import Document

_UNITS: Final = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40, "pb": 2**50}
_PREFIX: Final = "cluster.routing.allocation.disk"


def disk_findings(nodes: Mapping[str, Document], settings: Mapping[str, Any]) -> list[Finding]:
    """One finding a node with data.

    Parameters
    ----------
    nodes
        ``nodes`` of ``GET /_nodes/stats/fs``.
    settings
        Flat cluster settings, defaults included.
    """
    if str(settings.get(f"{_PREFIX}.threshold_enabled", "true")) == "false":
        text = "watermarks are off: a full disk stops Elasticsearch hard"
        return [Finding("disk", "warning", text, f"set {_PREFIX}.threshold_enabled to true")]
    findings = []
    for node in nodes.values():
        total = node.get("fs", {}).get("total", {})
        if total.get("total_in_bytes"):
            name = str(node.get("name", "?"))
            findings.append(_of_node(name, int(total["total_in_bytes"]), int(total["available_in_bytes"]), settings))
    return findings


def _of_node(name: str, total: int, available: int, settings: Mapping[str, Any]) -> Finding:
    text = f"node {name}: {available / 2**30:.1f} of {total / 2**30:.1f} GiB available"
    remedy = "free space, add disk, or drop old periods"
    for stage, status, consequence in _STAGES:
        limit = settings.get(f"{_PREFIX}.watermark.{stage}")
        room = settings.get(f"{_PREFIX}.watermark.{stage}.max_headroom")
        needed = needed_bytes(str(limit), total, str(room) if room else None) if limit else None
        if needed is not None and available < needed:
            return Finding("disk", status, f"{text}, below the {stage} watermark: {consequence}", remedy)
    return Finding("disk", "ok", text)


_STAGES: Final[tuple[tuple[str, Any, str], ...]] = (
    ("flood_stage", "problem", "indices become read-only"),
    ("high", "problem", "shards are moved away"),
    ("low", "warning", "no new shards are placed here"),
)


def needed_bytes(watermark: str, total: int, headroom: str | None = None) -> int | None:
    """Free bytes that `watermark` asks for: a used share (``85%``, ``0.85``) or free space (``500mb``).

    A headroom caps what a share asks for on a large disk. None when the watermark cannot be read.

    >>> needed_bytes("85%", 1000), needed_bytes("0.9", 1000), needed_bytes("1kb", 10_000), needed_bytes("x", 1)
    (150, 100, 1024, None)
    >>> needed_bytes("85%", 10 * 2**40, "200GB") == 200 * 2**30
    True
    """
    share = _share(watermark)
    if share is None:
        return _size(watermark)
    needed = round(total * (1 - share))
    cap = _size(headroom) if headroom else None
    return needed if cap is None or cap < 0 else min(needed, cap)


def _share(text: str) -> float | None:
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def _size(text: str) -> int | None:
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)([kmgtp]?b)?", text.strip().lower())
    return round(float(match[1]) * _UNITS[match[2] or "b"]) if match else None
