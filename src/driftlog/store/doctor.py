"""The doctor: what the connected cluster can and cannot do for driftlog, and what to do about it.

Each check is one function from raw answers to findings; what the account may not ask is a finding, never a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftlog.contract.errors import StoreAccessDenied, StoreError, StoreUnavailable, TemplatesMissing
from driftlog.contract.records import Finding
from driftlog.store.client import Store
from driftlog.store.disk import disk_findings
from driftlog.store.templates import check as check_templates
from driftlog.store.values import Document

MIN_BUCKETS: Final = 65_536
MAX_SKEW: Final = timedelta(seconds=5)
GRAVE_SKEW: Final = timedelta(minutes=2)
HEAP_WARNING_PERCENT: Final = 85


def diagnose(store: Store, now: datetime) -> list[Finding]:
    """All findings, in the order in which a person would look; only the first when there is no connection.

    Parameters
    ----------
    now
        This machine's clock, compared with the cluster's.
    """
    try:
        info = store.info()
    except StoreError as error:
        return [Finding("connection", "problem", error.message, error.remedy)]
    where = ", ".join(store.urls)
    findings = [Finding("connection", "ok", f"{where}: cluster {info.name!r}, {info.nodes} node(s)")]
    findings += [version_finding(info.version), licence_finding(info.licence)]
    checks: tuple[Callable[[Store], list[Finding]], ...] = (
        _templates,
        _mapped_by_templates,
        _security,
        _health,
        _blocks,
        _settings,
        _nodes,
    )
    for check in checks:
        try:
            findings += check(store)
        except StoreAccessDenied as error:
            findings.append(
                Finding(check.__name__[1:], "warning", f"not allowed to look: {error.message}", error.remedy)
            )
        except StoreError as error:
            findings.append(Finding(check.__name__[1:], "warning", error.message, error.remedy))
    findings += _clock(store, now)
    return findings


def version_finding(version: str) -> Finding:
    """Elasticsearch 9 is what driftlog is built and tested for.

    >>> version_finding("9.5.3").status, version_finding("8.19.0").status, version_finding("7.17.0").status
    ('ok', 'warning', 'problem')
    """
    major = int(version.partition(".")[0]) if version.partition(".")[0].isdigit() else 0
    if major >= 9:
        return Finding("version", "ok", f"Elasticsearch {version}")
    if major == 0:
        return Finding("version", "warning", "the version cannot be read", "give this account the privilege `monitor`")
    status: Any = "warning" if major == 8 else "problem"
    return Finding("version", status, f"Elasticsearch {version}", "driftlog is tested with 9.x; upgrade")


def licence_finding(licence: str) -> Finding:
    """Everything of driftlog runs on the Basic licence."""
    if licence.endswith("(expired)"):
        return Finding("licence", "problem", f"the licence is {licence}", "renew it, or go back to basic")
    if licence == "basic":
        text = "basic: roles work by index, there is no field or document security"
        return Finding("licence", "ok", text)
    return Finding("licence", "ok", licence)


def _templates(store: Store) -> list[Finding]:
    try:
        check_templates(store)
    except TemplatesMissing as error:
        return [Finding("templates", "problem", error.message, error.remedy)]
    return [Finding("templates", "ok", f"installed for the prefix {store.names.prefix!r}")]


def _mapped_by_templates(store: Store) -> list[Finding]:
    """An index that was created before the templates has guessed mappings; it shows as ``dynamic`` not being false."""
    own = {info.name for info in store.list_indices() if info.status == "open"}
    params = {"ignore_unavailable": "true", "filter_path": "*.mappings.dynamic"}
    answer = store.request("GET", f"/{store.names.everything}/_mapping", params=params) if own else {}
    guessed = sorted(own - {name for name, found in answer.items() if found["mappings"].get("dynamic") == "false"})
    if not guessed:
        return []
    return [
        Finding(
            "mappings",
            "problem",
            f"created without the templates: {_some(guessed)}",
            "run `driftlog setup`, then import these indices' documents into new ones and drop them",
        )
    ]


def _security(store: Store) -> list[Finding]:
    params = {"filter_path": "nodes.*.settings.xpack.security"}
    nodes = store.request("GET", "/_nodes/_local/settings", params=params).get("nodes", {})
    node: Document = next(iter(nodes.values()), {})
    settings = node.get("settings", {}).get("xpack", {}).get("security", {})
    plain = [url for url in store.urls if url.startswith("http://")]
    local = all("//127.0.0.1" in url or "//localhost" in url or "//[::1]" in url for url in store.urls)
    if str(settings.get("enabled", "true")) == "false":
        status: Any = "ok" if local else "problem"
        text = "off: anyone who reaches the port may read and delete everything"
        remedy = "fine for one user on one machine; elsewhere enable xpack.security and TLS"
        return [Finding("security", status, text, remedy)]
    if plain and not local:
        text = f"on, but credentials and events travel unencrypted to {_some(plain)}"
        return [Finding("security", "problem", text, "use https:// and elasticsearch.ca_certs")]
    return [Finding("security", "ok", "on")]


def _health(store: Store) -> list[Finding]:
    """Red and yellow indices of this installation, and shards without a node in the whole cluster."""
    own = store.list_indices()
    red = [info.name for info in own if info.health == "red"]
    yellow = [info.name for info in own if info.health == "yellow"]
    findings = []
    if red:
        remedy = "bring the lost node back, or restore a snapshot: searches over these indices are refused"
        findings.append(Finding("health", "problem", f"red: {_some(red)}", remedy))
    if yellow:
        remedy = "add a node, or wait while replicas are copied; nothing is lost now"
        findings.append(Finding("health", "warning", f"without replicas (yellow): {_some(yellow)}", remedy))
    if not findings:
        findings.append(Finding("health", "ok", f"{len(own)} indices, all green"))
    cluster = store.request("GET", "/_cluster/health")
    if cluster["unassigned_shards"] and not red and not yellow:
        text = f"{cluster['unassigned_shards']} shards of other indices have no node"
        findings.append(Finding("shards", "warning", text, "see GET /_cluster/allocation/explain"))
    return findings


def _blocks(store: Store) -> list[Finding]:
    params = {"ignore_unavailable": "true", "filter_path": "*.settings.index.blocks"}
    answer = store.request("GET", f"/{store.names.everything}/_settings", params=params)
    blocked = sorted(name for name, found in answer.items() if _is_blocked(found["settings"]["index"]["blocks"]))
    if not blocked:
        return []
    remedy = "free disk space; or remove index.blocks with PUT /<index>/_settings"
    return [Finding("blocks", "problem", f"writes are blocked: {_some(blocked)}", remedy)]


def _is_blocked(blocks: Mapping[str, Any]) -> bool:
    return any(str(blocks.get(name, "false")) == "true" for name in ("read_only_allow_delete", "read_only", "write"))


def _settings(store: Store) -> list[Finding]:
    """Limits of the cluster: buckets of a search, disk watermarks."""
    params = {"include_defaults": "true", "flat_settings": "true", "filter_path": _SETTINGS}
    answer = store.request("GET", "/_cluster/settings", params=params)
    merged = answer.get("defaults", {}) | answer.get("persistent", {}) | answer.get("transient", {})
    findings = [buckets_finding(int(merged.get("search.max_buckets", MIN_BUCKETS)))]
    stats = store.request("GET", "/_nodes/stats/fs", params={"filter_path": "nodes.*.name,nodes.*.fs.total"})
    return findings + disk_findings(stats.get("nodes", {}), merged)


_SETTINGS: Final = ",".join(
    f"{group}.{name}"
    for group in ("defaults", "persistent", "transient")
    for name in ("search.max_buckets", "cluster.routing.allocation.disk*")
)


def buckets_finding(limit: int) -> Finding:
    """One search of a wide model uses tens of thousands of buckets.

    >>> buckets_finding(10_000).status
    'warning'
    """
    if limit >= MIN_BUCKETS:
        return Finding("max_buckets", "ok", f"search.max_buckets is {limit}")
    text = f"search.max_buckets is {limit}: wide models need {MIN_BUCKETS}"
    return Finding("max_buckets", "warning", text, f"raise search.max_buckets to {MIN_BUCKETS}")


def _nodes(store: Store) -> list[Finding]:
    params = {"filter_path": "nodes.*.name,nodes.*.jvm.mem.heap_used_percent,nodes.*.jvm.mem.heap_max_in_bytes"}
    nodes = store.request("GET", "/_nodes/stats/jvm", params=params).get("nodes", {})
    findings = []
    for node in nodes.values():
        memory = node["jvm"]["mem"]
        used, size = int(memory["heap_used_percent"]), int(memory["heap_max_in_bytes"]) / 2**30
        full = used >= HEAP_WARNING_PERCENT
        remedy = "give Elasticsearch more memory, or fewer shards" if full else ""
        text = f"node {node['name']}: {used} % of {size:.1f} GiB used"
        findings.append(Finding("heap", "warning" if full else "ok", text, remedy))
    return findings


def _clock(store: Store, now: datetime) -> list[Finding]:
    try:
        stats: Document = store.request(
            "GET", "/_nodes/_local/stats/process", params={"filter_path": "nodes.*.timestamp"}
        )
    except (StoreAccessDenied, StoreUnavailable) as error:
        return [Finding("clock", "warning", f"not allowed to look: {error.message}", error.remedy)]
    except StoreError as error:
        return [Finding("clock", "warning", error.message, error.remedy)]
    return [
        clock_finding(datetime.fromtimestamp(node["timestamp"] / 1000, UTC), now)
        for node in list(stats.get("nodes", {}).values())[:1]
    ]


def clock_finding(server: datetime, now: datetime) -> Finding:
    """Difference of the cluster's clock from this machine's.

    >>> noon = datetime(2026, 3, 3, 12, tzinfo=UTC)
    >>> clock_finding(noon + timedelta(minutes=3), noon).message
    "the cluster's clock is 180 s ahead of this machine's"
    """
    skew = server - now
    if abs(skew) <= MAX_SKEW:
        return Finding("clock", "ok", f"agrees with this machine's within {MAX_SKEW.total_seconds():g} s")
    direction = "ahead of" if skew > timedelta(0) else "behind"
    text = f"the cluster's clock is {abs(skew).total_seconds():.0f} s {direction} this machine's"
    status: Any = "problem" if abs(skew) > GRAVE_SKEW else "warning"
    return Finding("clock", status, text, "run NTP on both: late events are found by time of arrival")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
