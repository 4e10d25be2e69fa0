"""What the connected cluster is: version, licence, health, disk, indices.

The local server has no ``GET /``; the same is read from the nodes. A managed cluster may withhold the nodes; then
``GET /`` is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from driftlog.contract.errors import StoreAccessDenied, StoreError, StoreNotFound, StoreRejected
from driftlog.store.values import ClusterInfo, Document, IndexInfo


class Request(Protocol):
    """`driftlog.store.client.Store.request`."""

    def __call__(self, method: str, path: str) -> Any: ...


def read_cluster(request: Request) -> ClusterInfo:
    """Ask the cluster about itself; only the health is required, what the account may not see stays empty."""
    health: Document = request("GET", "/_cluster/health")
    total, available = _fullest_disk(_optional(request, "/_nodes/stats/fs?filter_path=nodes.*.fs.total"))
    licence: Document = _optional(request, "/_license").get("license", {})
    return ClusterInfo(
        version=_version(request),
        name=str(health["cluster_name"]),
        licence=_licence_name(licence),
        health=str(health["status"]),
        nodes=int(health["number_of_nodes"]),
        unassigned_shards=int(health["unassigned_shards"]),
        disk_total_bytes=total,
        disk_available_bytes=available,
    )


def _licence_name(licence: Document) -> str:
    kind = str(licence.get("type", "unknown"))
    return kind if licence.get("status", "active") == "active" else f"{kind} (expired)"


def _optional(request: Request, path: str) -> Document:
    try:
        answer: Document = request("GET", path)
    except (StoreNotFound, StoreRejected, StoreAccessDenied):
        return {}
    return answer


def _version(request: Request) -> str:
    nodes = _optional(request, "/_nodes/_local/http?filter_path=nodes.*.version").get("nodes", {})
    for node in nodes.values():
        return str(node["version"])
    try:
        return str(request("GET", "/")["version"]["number"])
    except StoreError:
        return "unknown"


def _fullest_disk(stats: Document) -> tuple[int | None, int | None]:
    """Total and available bytes of the data path with the smallest available share."""
    disks = [node.get("fs", {}).get("total", {}) for node in stats.get("nodes", {}).values()]
    sizes = [(int(d["total_in_bytes"]), int(d["available_in_bytes"])) for d in disks if d.get("total_in_bytes")]
    return min(sizes, key=lambda size: size[1] / size[0], default=(None, None))


def index_info(row: Mapping[str, str | None]) -> IndexInfo:
    """One row of ``GET /_cat/indices`` in JSON with sizes in bytes."""
    return IndexInfo(
        name=str(row["index"]),
        docs=int(row.get("docs.count") or 0),
        size_bytes=int(row.get("store.size") or 0),
        created=datetime.fromtimestamp(int(row.get("creation.date") or 0) / 1000, UTC),
        health=row.get("health") or "",
        status=row.get("status") or "open",
    )
